use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use anyhow::{Context as _, ensure};
use sm_common::address::NetworkPolicy;
use sm_common::id::LayerId;
use sm_common::layer::{Blend, TextStyle, Transform, Transition};
use sm_common::target::TargetPolicy;
use sm_media_protocol::{
    Clip, Command, ENVIRONMENT, HlsSettings, Hosting, LayerContent, LeaseTerms, RecordingSettings,
    Report, RetryTerms, SceneLayer, WantedScene, decode, encode,
};

use crate::case::Case;
use crate::contender::{Cost, SECONDS, cpu_of_children};
use crate::media::{Media, Piece, TEXT, TEXT_SIZE};

/// The whole process, its start included.
pub(crate) fn run(case: &Case, media: &Media, folder: &Path) -> anyhow::Result<Cost> {
    let before = cpu_of_children()?;
    let socket = folder.join("socket");
    let listener = UnixListener::bind(&socket)?;
    let mut worker = Process::new(env!("CARGO_BIN_EXE_media-worker"))
        .envs(ENVIRONMENT)
        .stdin(OwnedFd::from(listener))
        .stderr(Stdio::null())
        .spawn()
        .context("the worker does not start")?;
    let mut input = UnixStream::connect(&socket).context("the worker takes no host")?;
    let output = input.try_clone()?;
    let lease = Command::Lease(LeaseTerms {
        token: 1,
        valid_until_ms: u64::MAX,
    });
    input.write_all(&encode(&lease)?)?;
    let program = case.program();
    let framerate = program.framerate;
    let configure = Command::Configure {
        program,
        ladder: Vec::new(),
        hls: HlsSettings {
            directory: folder.to_owned(),
            run: "bench".to_owned(),
            part_frames: 0,
        },
        recordings: RecordingSettings {
            directory: folder.to_owned(),
            reserve_bytes: 0,
        },
        scene: scene(case, media),
        outputs: Vec::new(),
        hosting: Hosting {
            generation: 1,
            orphan_ms: 0,
        },
        network: NetworkPolicy::default(),
        sprite: None,
        adaptive: Box::default(),
        targets: TargetPolicy::default(),
        retry: RetryTerms::default(),
        web: None,
        feeds: None,
    };
    input.write_all(&encode(&configure)?)?;
    let mut stream_s = 0.0;
    let mut stopped = false;
    let mut frames_dropped = 0;
    for line in BufReader::new(output).split(b'\n') {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "only two reports matter here"
        )]
        match decode(&line?)? {
            Report::SegmentWritten(segment) => {
                stream_s += segment.duration_s;
                if !stopped && stream_s >= f64::from(SECONDS) {
                    input.write_all(&encode(&Command::Stop)?)?;
                    stopped = true;
                }
            }
            Report::Stats(stats) => frames_dropped = stats.frames_dropped,
            _ => {}
        }
    }
    ensure!(worker.wait()?.success(), "the worker failed");
    // Frames that were left out cost nothing, and count for nothing.
    let left_out_s = f64::from(u32::try_from(frames_dropped)?) / f64::from(framerate);
    Ok((cpu_of_children()? - before) / (stream_s - left_out_s))
}

fn scene(case: &Case, media: &Media) -> WantedScene {
    let video = |path: &Path| LayerContent::Video {
        path: path.to_owned(),
        looping: true,
        clip: Clip::default(),
    };
    let layers = case.pieces().into_iter().map(|(piece, (x, y))| {
        let (content, size) = match piece {
            Piece::Background => (video(&media.background), case.size),
            Piece::Clip => (video(&media.clip), (480, 270)),
            Piece::Picture => {
                let path = media.picture.clone();
                (LayerContent::Image { path }, (320, 180))
            }
            Piece::Text => {
                let content = LayerContent::Text {
                    text: TEXT.to_owned(),
                    style: TextStyle {
                        size: TEXT_SIZE,
                        ..TextStyle::default()
                    },
                    font: None,
                };
                (content, (piece.width(), 80))
            }
        };
        layer(content, (x, y), size)
    });
    WantedScene {
        revision: 1,
        layers: layers.collect(),
        ..WantedScene::default()
    }
}

fn layer(content: LayerContent, (x, y): (u32, u32), (width, height): (u32, u32)) -> SceneLayer {
    SceneLayer {
        id: LayerId::generate(),
        content,
        transform: Transform::plain(x.cast_signed(), y.cast_signed(), width, height),
        opacity: 1.0,
        blend: Blend::default(),
        transition: Transition::default(),
        visible: true,
        volume: 1.0,
        muted: false,
        audio_delay_ms: 0,
        playback: None,
    }
}
