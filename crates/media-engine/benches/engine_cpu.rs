//! CPU of the worker for a second of stream, against the `ffmpeg` command line on the same
//! composition: 720p30, a looping 720p video, a looping 480x270 clip, a picture with alpha, and
//! text; x264 superfast at 2.5 Mbit/s, AAC, HLS of 1 s segments. The runs take turns, so that
//! both meet the same machine. Prints one JSON document.
//!
//! Both numbers are CPU time of the whole process, start included, as the kernel counted it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context as _, ensure};
use sm_common::id::LayerId;
use sm_common::layer::{TextStyle, Transform};
use sm_common::program::ProgramFormat;
use sm_media_protocol::{
    Command, HlsSettings, LayerContent, RecordingSettings, Report, SceneLayer, WantedScene, decode,
    encode,
};

const RUNS: usize = 5;
/// Long enough for the start, which both pay, to weigh little.
const SECONDS: u32 = 20;
const FRAMERATE: u32 = 30;
const GOAL: f64 = 1.03;

/// CPU seconds for a second of stream.
type Cost = f64;

/// One of our runs.
struct Run {
    cost: Cost,
    frames_dropped: u64,
}

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let media = Media::make(folder.path())?;
    let mut ours = Vec::new();
    let mut peers = Vec::new();
    let mut frames_dropped = 0;
    for run in 0..RUNS {
        let our_run = our_run(&media, &folder.path().join(format!("ours-{run}")))?;
        ours.push(our_run.cost);
        frames_dropped += our_run.frames_dropped;
        peers.push(peer_cost(
            &media,
            &folder.path().join(format!("peer-{run}")),
        )?);
    }
    let ratios: Vec<f64> = ours
        .iter()
        .zip(&peers)
        .map(|(ours, peer)| ours / peer)
        .collect();
    let (ours, peer) = (median(&ours), median(&peers));
    let document = serde_json::json!({
        "name": "engine-cpu-720p30",
        "unit": "cpu_s_per_stream_s",
        "ours": rounded(ours),
        "peer": rounded(peer),
        "peer_name": "ffmpeg",
        "ratio": rounded(ours / peer),
        "goal": GOAL,
        "runs": RUNS,
        "spread": [
            rounded(ratios.iter().copied().fold(f64::INFINITY, f64::min)),
            rounded(ratios.iter().copied().fold(0.0, f64::max)),
        ],
        "note": format!(
            "medians of interleaved runs of {SECONDS} s, whole processes; spread is of the \
             ratios; frames the worker left out: {frames_dropped}"
        ),
    });
    let mut output = std::io::stdout().lock();
    writeln!(output, "{document}")?;
    Ok(())
}

/// The files that both compose.
struct Media {
    background: PathBuf,
    clip: PathBuf,
    logo: PathBuf,
}

impl Media {
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let media = Self {
            background: folder.join("background.mp4"),
            clip: folder.join("clip.mp4"),
            logo: folder.join("logo.png"),
        };
        ffmpeg(
            "-f lavfi -i testsrc2=s=1280x720:r=30 -f lavfi -i sine=440:r=48000 -t 6 \
             -c:v libx264 -crf 23 -pix_fmt yuv420p -colorspace bt709 -color_range tv -c:a aac",
            &media.background,
        )?;
        ffmpeg(
            "-f lavfi -i mandelbrot=s=480x270:r=30 -f lavfi -i sine=880:r=48000 -t 5 \
             -c:v libx264 -crf 23 -pix_fmt yuv420p -colorspace bt709 -color_range tv -c:a aac",
            &media.clip,
        )?;
        ffmpeg(
            "-f lavfi -i color=red:s=320x180,format=rgba,geq=r=X/2:g=Y:b=128:a=255*X/320 \
             -frames:v 1",
            &media.logo,
        )?;
        Ok(media)
    }

    fn scene(&self) -> WantedScene {
        let video = |path: &Path| LayerContent::Video {
            path: path.to_owned(),
            looping: true,
        };
        let text = LayerContent::Text {
            text: "Hello, stream".to_owned(),
            style: TextStyle::default(),
        };
        let image = LayerContent::Image {
            path: self.logo.clone(),
        };
        WantedScene {
            revision: 1,
            layers: vec![
                layer(video(&self.background), (0, 0), (1280, 720)),
                layer(video(&self.clip), (760, 40), (480, 270)),
                layer(image, (40, 40), (320, 180)),
                layer(text, (40, 620), (600, 80)),
            ],
        }
    }
}

fn layer(content: LayerContent, (x, y): (i32, i32), (width, height): (u32, u32)) -> SceneLayer {
    SceneLayer {
        id: LayerId::generate(),
        content,
        transform: Transform {
            x,
            y,
            width,
            height,
        },
        opacity: 1.0,
        visible: true,
        volume: 1.0,
        muted: false,
    }
}

fn our_run(media: &Media, folder: &Path) -> anyhow::Result<Run> {
    fs::create_dir(folder)?;
    let before = cpu_of_children()?;
    let mut worker = Process::new(env!("CARGO_BIN_EXE_media-worker"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("the worker does not start")?;
    let mut input = worker.stdin.take().context("the worker has an input")?;
    let output = worker.stdout.take().context("the worker has an output")?;
    let configure = Command::Configure {
        program: ProgramFormat::default(),
        hls: HlsSettings {
            directory: folder.to_owned(),
            run: "bench".to_owned(),
            part_frames: 0,
        },
        recordings: RecordingSettings {
            directory: folder.to_owned(),
            reserve_bytes: 0,
        },
        scene: media.scene(),
        outputs: Vec::new(),
    };
    input.write_all(&encode(&configure)?)?;
    let mut stream_s = 0.0;
    let mut stopped = false;
    let mut frames_dropped = 0;
    for line in BufReader::new(output).split(b'\n') {
        match decode(&line?)? {
            Report::SegmentWritten(segment) => {
                stream_s += segment.duration_s;
                if !stopped && stream_s >= f64::from(SECONDS) {
                    input.write_all(&encode(&Command::Stop)?)?;
                    stopped = true;
                }
            }
            Report::Stats(stats) => frames_dropped = stats.frames_dropped,
            Report::Ready { .. }
            | Report::StateChanged { .. }
            | Report::SceneApplied { .. }
            | Report::Layer(_)
            | Report::Output(_)
            | Report::PartWritten(_)
            | Report::InitWritten { .. }
            | Report::Snapshot { .. }
            | Report::Fault { .. }
            | Report::Finished { .. } => {}
        }
    }
    ensure!(worker.wait()?.success(), "the worker failed");
    // Frames that were left out cost nothing, and count for nothing.
    let left_out_s = f64::from(u32::try_from(frames_dropped)?) / f64::from(FRAMERATE);
    Ok(Run {
        cost: (cpu_of_children()? - before) / (stream_s - left_out_s),
        frames_dropped,
    })
}

fn peer_cost(media: &Media, folder: &Path) -> anyhow::Result<Cost> {
    fs::create_dir(folder)?;
    let before = cpu_of_children()?;
    let layers = "[0:v][1:v]overlay=760:40[a];[a][2:v]overlay=40:40[b];\
                  [b]drawtext=text='Hello, stream':fontsize=48:fontcolor=white:x=40:y=632[v];\
                  [0:a][1:a]amix[s]";
    let status = Process::new("ffmpeg")
        .args("-v error -re -stream_loop -1 -i".split(' '))
        .arg(&media.background)
        .args("-re -stream_loop -1 -i".split(' '))
        .arg(&media.clip)
        .arg("-i")
        .arg(&media.logo)
        .args(["-filter_complex", layers])
        .args("-map [v] -map [s] -t".split(' '))
        .arg(SECONDS.to_string())
        .args("-c:v libx264 -preset superfast -tune zerolatency -threads 2".split(' '))
        .args("-b:v 2500k -maxrate 2500k -bufsize 2500k -g 30 -sc_threshold 0".split(' '))
        .args("-c:a aac -b:a 128k -f hls -hls_time 1 -hls_list_size 0".split(' '))
        .args("-hls_segment_type fmp4".split(' '))
        .arg(folder.join("index.m3u8"))
        .stdin(Stdio::null())
        .status()
        .context("ffmpeg does not start")?;
    ensure!(status.success(), "ffmpeg failed");
    Ok((cpu_of_children()? - before) / f64::from(SECONDS))
}

/// CPU seconds of all child processes that have ended and were waited for.
fn cpu_of_children() -> anyhow::Result<f64> {
    let stat = procfs::process::Process::myself()?.stat()?;
    let ticks = u32::try_from(stat.cutime + stat.cstime)?;
    let per_second = u32::try_from(procfs::ticks_per_second())?;
    Ok(f64::from(ticks) / f64::from(per_second))
}

fn ffmpeg(arguments: &str, file: &Path) -> anyhow::Result<()> {
    let status = Process::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(file)
        .status()
        .context("ffmpeg does not start")?;
    ensure!(status.success(), "ffmpeg cannot make a test file");
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
