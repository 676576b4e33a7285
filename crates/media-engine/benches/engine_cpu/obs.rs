//! OBS on a virtual screen, recording what it composes. Its cost is taken while it records, its
//! start and the virtual screen apart: both would only make it dearer.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::case::Case;
use crate::contender::{Cost, SECONDS, cpu_of};
use crate::media::{Media, Piece, TEXT, TEXT_SIZE};

/// Longest time until the recording grows.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes after which the recording counts as begun.
const BEGUN_BYTES: u64 = 500_000;

/// Whether both programs can be found.
pub(crate) fn is_installed() -> bool {
    let found = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    found("obs") && found("Xvfb")
}

pub(crate) fn run(case: &Case, media: &Media, folder: &Path) -> anyhow::Result<Cost> {
    let recordings = folder.join("recordings");
    fs::create_dir(&recordings)?;
    configure(case, media, folder, &recordings)?;
    let (_screen, display) = screen()?;
    let log = fs::File::create(folder.join("log"))?;
    let obs = Command::new("obs")
        .args("--multi --disable-updater --profile bench --collection bench".split(' '))
        .arg("--startrecording")
        .env("DISPLAY", display)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("QT_QPA_PLATFORM", "xcb")
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("OBS does not start")?;
    let obs = Running(obs);
    wait_for_recording(&recordings)?;
    let (before, began) = (cpu_of(obs.0.id())?, Instant::now());
    sleep(Duration::from_secs(SECONDS.into()));
    let cost = (cpu_of(obs.0.id())? - before) / began.elapsed().as_secs_f64();
    ensure!(
        size_of_recording(&recordings) > u64::from(SECONDS) * 100_000,
        "OBS recorded next to nothing"
    );
    Ok(cost)
}

/// A process that is ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, perhaps.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A virtual screen, and its name.
fn screen() -> anyhow::Result<(Running, String)> {
    let mut screen = Command::new("Xvfb")
        .args("-displayfd 1 -screen 0 1280x800x24 -nolisten tcp".split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("Xvfb does not start")?;
    let output = screen.stdout.take().context("Xvfb has an output")?;
    let screen = Running(screen);
    let mut number = String::new();
    BufReader::new(output).read_line(&mut number)?;
    Ok((screen, format!(":{}", number.trim())))
}

fn wait_for_recording(recordings: &Path) -> anyhow::Result<()> {
    let until = Instant::now() + START_TIMEOUT;
    while size_of_recording(recordings) < BEGUN_BYTES {
        ensure!(Instant::now() < until, "OBS does not record");
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn size_of_recording(recordings: &Path) -> u64 {
    let files = fs::read_dir(recordings).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

fn configure(case: &Case, media: &Media, folder: &Path, recordings: &Path) -> anyhow::Result<()> {
    let basic = folder.join("obs-studio/basic");
    let profile = basic.join("profiles/bench");
    let scenes = basic.join("scenes");
    fs::create_dir_all(&profile)?;
    fs::create_dir_all(&scenes)?;
    fs::write(folder.join("obs-studio/global.ini"), GLOBAL)?;
    fs::write(profile.join("basic.ini"), settings(case, recordings))?;
    fs::write(
        scenes.join("bench.json"),
        collection(case, media).to_string(),
    )?;
    Ok(())
}

const GLOBAL: &str = "[General]\nFirstRun=true\nEnableAutoUpdates=false\n\
    [Basic]\nProfile=bench\nProfileDir=bench\nSceneCollection=bench\nSceneCollectionFile=bench\n\
    [BasicWindow]\nPreviewEnabled=false\n";

fn settings(case: &Case, recordings: &Path) -> String {
    let (width, height) = case.size;
    let (kbps, preset) = (case.video_kbps, case.preset_name());
    let folder = recordings.display();
    format!(
        "[General]\nName=bench\n[Output]\nMode=Simple\n[SimpleOutput]\nFilePath={folder}\n\
         RecFormat=mkv\nRecQuality=Stream\nVBitrate={kbps}\nABitrate=128\nUseAdvanced=true\n\
         StreamEncoder=x264\nRecEncoder=x264\nPreset={preset}\n\
         x264Settings=tune=zerolatency threads=2 keyint=30 scenecut=0\n\
         [Video]\nBaseCX={width}\nBaseCY={height}\nOutputCX={width}\nOutputCY={height}\n\
         FPSType=0\nFPSCommon=30\n[Audio]\nSampleRate=48000\nChannelSetup=Stereo\n"
    )
}

/// A scene collection with every piece at its place.
fn collection(case: &Case, media: &Media) -> Value {
    let mut sources = Vec::new();
    let mut items = Vec::new();
    for (number, (piece, (x, y))) in case.pieces().into_iter().enumerate() {
        let name = format!("piece {number}");
        sources.push(source(&name, piece, media));
        items.push(json!({
            "name": name, "id": number + 1, "visible": true, "align": 5,
            "pos": {"x": f64::from(x), "y": f64::from(y)}, "scale": {"x": 1.0, "y": 1.0},
            "rot": 0.0, "bounds_type": 0, "scale_filter": "disable",
        }));
    }
    sources.push(json!({
        "id": "scene", "versioned_id": "scene", "name": "Scene", "enabled": true, "mixers": 0,
        "settings": {"custom_size": false, "id_counter": items.len(), "items": items},
    }));
    json!({
        "name": "bench", "current_scene": "Scene", "current_program_scene": "Scene",
        "scene_order": [{"name": "Scene"}], "sources": sources,
        "current_transition": "Cut", "transition_duration": 300,
    })
}

fn source(name: &str, piece: Piece, media: &Media) -> Value {
    let video = |file: &PathBuf| {
        (
            "ffmpeg_source",
            json!({"local_file": file, "looping": true}),
        )
    };
    let (id, settings) = match piece {
        Piece::Background => video(&media.background),
        Piece::Clip => video(&media.clip),
        Piece::Picture => ("image_source", json!({"file": media.picture})),
        Piece::Text => {
            let font = json!({
                "face": "DejaVu Sans", "size": TEXT_SIZE, "flags": 0, "style": "Book"
            });
            ("text_ft2_source_v2", json!({"text": TEXT, "font": font}))
        }
    };
    json!({
        "id": id, "versioned_id": id, "name": name, "enabled": true, "muted": false,
        "volume": 1.0, "mixers": 255, "settings": settings,
    })
}
