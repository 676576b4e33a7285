use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::case::Case;
use crate::contender::{Cost, SECONDS, cpu_of_children};
use crate::media::{Media, Piece, TEXT, TEXT_SIZE};

/// The whole process, its start included.
pub(crate) fn run(case: &Case, media: &Media, folder: &Path) -> anyhow::Result<Cost> {
    let before = cpu_of_children()?;
    let rate = format!("{}k", case.video_kbps);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error"]);
    for (piece, _) in case.pieces() {
        match piece {
            Piece::Background => loops(&mut command, &media.background),
            Piece::Clip => loops(&mut command, &media.clip),
            Piece::Picture => {
                command.arg("-i").arg(&media.picture);
            }
            Piece::Text => {}
        }
    }
    let status = command
        .args(["-filter_complex", &graph(case)])
        .args("-map [v] -map [s] -t".split(' '))
        .arg(SECONDS.to_string())
        .args(["-c:v", "libx264", "-preset", case.preset_name()])
        .args("-tune zerolatency -threads 2 -g 30 -sc_threshold 0".split(' '))
        .args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate])
        .args("-c:a aac -b:a 128k -f hls -hls_time 1 -hls_list_size 0".split(' '))
        .args("-hls_segment_type fmp4".split(' '))
        .arg(folder.join("index.m3u8"))
        .stdin(Stdio::null())
        .status()
        .context("ffmpeg does not start")?;
    ensure!(status.success(), "ffmpeg failed");
    Ok((cpu_of_children()? - before) / f64::from(SECONDS))
}

fn loops(command: &mut Command, file: &Path) {
    command.args("-re -stream_loop -1 -i".split(' ')).arg(file);
}

/// One filter over the other, from the background to the front.
fn graph(case: &Case) -> String {
    let mut graph = String::new();
    let mut below = "0:v".to_owned();
    let mut sounds = String::from("[0:a]");
    let mut inputs = 1;
    for (number, (piece, (x, y))) in case.pieces().into_iter().enumerate().skip(1) {
        // Writing to a String cannot fail.
        let _ = match piece {
            Piece::Background => Ok(()),
            Piece::Clip | Piece::Picture => {
                if piece == Piece::Clip {
                    let _ = write!(sounds, "[{inputs}:a]");
                }
                inputs += 1;
                write!(
                    graph,
                    "[{below}][{}:v]overlay={x}:{y}[l{number}];",
                    inputs - 1
                )
            }
            Piece::Text => write!(
                graph,
                "[{below}]drawtext=text='{TEXT}':fontsize={TEXT_SIZE}:fontcolor=white:\
                 x={x}:y={y}[l{number}];"
            ),
        };
        below = format!("l{number}");
    }
    let count = sounds.matches('[').count();
    let _ = write!(graph, "[{below}]null[v];{sounds}amix=inputs={count}[s]");
    graph
}
