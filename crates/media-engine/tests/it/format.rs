//! The program in another format, while it is on air.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use sm_common::layer::Pattern;
use sm_common::output::{FileFormat, OutputStatus};
use sm_common::program::{EncoderPreset, ProgramFormat, VideoEncoder, VideoProfile};
use sm_media_protocol::{Command, HlsSettings, LayerContent, Report, Segment, WantedScene};

use crate::continuity::assert_regular;
use crate::peers::{RtmpServer, file, files};
use crate::recording::{Recording, make};
use crate::scene::{color, layer, scene, video};
use crate::sound::{TONE_RMS, loudness};
use crate::worker::{WORKER, Worker, small};

const ORANGE: [u8; 3] = [255, 128, 0];
/// What a track of the picture counts in a frame.
const FRAME: i64 = 1000;

fn hls(worker: &Worker, run: &str) -> HlsSettings {
    HlsSettings {
        directory: worker.path().to_owned(),
        run: run.to_owned(),
        part_frames: 0,
    }
}

/// An orange picture of this size.
fn still(revision: u64, width: i32, height: i32) -> WantedScene {
    scene(revision, &[layer(color("#ff8000"), [0, 0, width, height])])
}

/// Tells it to go on in this format, and waits until it does.
fn rebuild(worker: &mut Worker, run: &str, program: &ProgramFormat, scene: WantedScene) {
    let hls = hls(worker, run);
    worker.send(&Command::Rebuild {
        program: program.clone(),
        hls,
        scene,
    });
    worker.wait_for_next("other format", |report| match report {
        Report::ProgramChanged { program: now, hls } => {
            (now == program && hls.run == run).then_some(())
        }
        _ => None,
    });
}

fn segments(worker: &Worker, run: &str) -> Vec<Segment> {
    let written = worker.reports.iter().filter_map(|report| match report {
        Report::SegmentWritten(segment) => Some(segment.clone()),
        _ => None,
    });
    written
        .filter(|segment| segment.file.starts_with(&format!("{run}-")))
        .collect()
}

fn wait_for_segment(worker: &mut Worker, run: &str, number: u64) {
    let file = format!("{run}-{number}.m4s");
    worker.wait_for("segment", |report| match report {
        Report::SegmentWritten(segment) => (segment.file == file).then_some(()),
        _ => None,
    });
}

/// What a player gets of a run.
fn played(worker: &Worker, run: &str) -> Recording {
    let mut files = vec![format!("init-{run}.mp4")];
    files.extend(segments(worker, run).into_iter().map(|one| one.file));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    Recording::of_files(worker.path(), &files)
}

/// What ffprobe says of the picture's track.
fn probe(path: &Path, entry: &str) -> String {
    let output = Process::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries"])
        .arg(format!("stream={entry}"))
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Noise, which takes all bits that it is given, and a tone.
fn noise(folder: &Path) -> WantedScene {
    let tone = folder.join("tone.mp4");
    let arguments = "-f lavfi -i color=s=64x64:r=30 -f lavfi -i sine=frequency=500:sample_rate=48000 \
                     -t 2 -c:v libx264 -g 30 -pix_fmt yuv420p -c:a aac";
    make(&tone, &arguments.split_whitespace().collect::<Vec<_>>());
    let snow = LayerContent::TestPattern {
        pattern: Pattern::Snow,
    };
    scene(
        1,
        &[
            layer(snow, [0, 0, 320, 180]),
            layer(video(&tone, true), [0, 0, 16, 16]),
        ],
    )
}

/// How much of a tone of 500 Hz is not that tone: clicks and gaps are in all of the spectrum.
fn distortion(samples: &[f32]) -> f32 {
    // The sum of a sine and the same half a period later is nothing.
    let half = 48;
    let rest: f32 = samples
        .windows(half + 1)
        .map(|window| (window[0] + window[half]).powi(2))
        .sum();
    let all: f32 = samples.iter().map(|sample| sample.powi(2)).sum();
    rest / all
}

#[test]
fn rates_change_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let program = small();
    let mut worker = Worker::on_air(program.clone(), noise(folder.path()));
    worker.wait_for_segments(3);
    let slower = ProgramFormat {
        video_bitrate_kbps: 500,
        audio_bitrate_kbps: 64,
        ..program
    };
    worker.send(&Command::ChangeRates {
        program: slower.clone(),
    });
    let run = worker.wait_for("other rates", |report| match report {
        Report::ProgramChanged { program, hls } => (*program == slower).then(|| hls.run.clone()),
        _ => None,
    });
    assert_eq!(run, "test", "the segments go on");
    let reached = u64::try_from(segments(&worker, "test").len()).unwrap();
    worker.wait_for_segments(reached + 4);
    let recording = worker.stop();
    assert_regular(&recording, 30);
    let begun = |report: &&Report| matches!(report, Report::InitWritten { .. });
    assert_eq!(worker.reports.iter().filter(begun).count(), 1);
    let (_last, whole) = recording.segments.split_last().unwrap();
    assert!(
        whole.iter().all(|one| (one.duration_s - 1.0).abs() < 1e-6),
        "no keyframe comes of it: {whole:?}"
    );
    let bytes = |index: usize| recording.segments[index].bytes;
    let last = recording.segments.len() - 2;
    assert!(
        bytes(last) * 2 < bytes(1),
        "{} of {} bytes",
        bytes(last),
        bytes(1)
    );
    // Without its beginning, where the tone comes, and its end.
    let samples = recording.samples();
    let tone = &samples[48_000..samples.len() - 24_000];
    let loud = loudness(tone);
    assert!(loud.iter().all(|rms| TONE_RMS.contains(rms)), "{loud:?}");
    assert!(distortion(tone) < 0.01, "{}", distortion(tone));
}

#[test]
fn the_picture_of_openh264_needs_another_encoder_for_another_bitrate() {
    let program = ProgramFormat {
        encoder: VideoEncoder::Openh264,
        ..small()
    };
    let mut worker = Worker::on_air(program.clone(), still(1, 320, 180));
    let slower = ProgramFormat {
        video_bitrate_kbps: 500,
        ..program
    };
    worker.send(&Command::ChangeRates {
        program: slower.clone(),
    });
    worker.wait_for("refusal", |report| match report {
        Report::ProgramRefused { code, .. } => (code == "program.rebuild-needed").then_some(()),
        _ => None,
    });
    rebuild(&mut worker, "slower", &slower, still(2, 320, 180));
    wait_for_segment(&mut worker, "slower", 0);
    worker.stop();
    assert_eq!(played(&worker, "slower").complaints(), "");
}

#[test]
fn another_encoder_takes_over_from_one_frame_to_the_next() {
    let program = small();
    let mut worker = Worker::on_air(program.clone(), still(1, 320, 180));
    worker.wait_for_segments(1);
    let other = ProgramFormat {
        encoder: VideoEncoder::Openh264,
        keyframe_interval_ms: 500,
        profile: VideoProfile::Baseline,
        ..program
    };
    rebuild(&mut worker, "other", &other, still(2, 320, 180));
    wait_for_segment(&mut worker, "other", 2);
    worker.wait_for_scene(2);
    worker.stop();
    let (before, after) = (played(&worker, "test"), segments(&worker, "other"));
    let last_before = *before.packet_times("v").last().unwrap();
    let complaints = before.complaints();
    let after_recording = played(&worker, "other");
    let times = after_recording.packet_times("v");
    // The very next frame, in the same count.
    assert_eq!(times[0] - last_before, FRAME);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == FRAME));
    assert_eq!(after[1].duration_s.to_string(), "0.5");
    assert_eq!(
        (complaints, after_recording.complaints()),
        (String::new(), String::new())
    );
    for frame in after_recording.frames() {
        frame.assert_is(160, 90, ORANGE);
    }
    let profile = probe(&worker.path().join("recording.mp4"), "profile");
    assert_eq!(profile, "Constrained Baseline");
    let dropped = worker.reports.iter().rev().find_map(|report| match report {
        Report::Stats(stats) => Some((stats.frames_dropped, stats.frames_duplicated)),
        _ => None,
    });
    assert_eq!(dropped, Some((0, 0)));
}

#[test]
fn size_and_frame_rate_change_while_layers_keep_their_sources() {
    let mut clip = layer(
        LayerContent::TestPattern {
            pattern: Pattern::Snow,
        },
        [0, 0, 160, 180],
    );
    let back = |width, height| layer(color("#ff8000"), [0, 0, width, height]);
    let program = small();
    let first = scene(1, &[back(320, 180), clip.clone()]);
    let mut worker = Worker::on_air(program.clone(), first);
    worker.wait_for_segments(1);
    let larger = ProgramFormat {
        width: 640,
        height: 360,
        framerate: 25,
        preset: EncoderPreset::Ultrafast,
        ..program
    };
    (clip.transform.width, clip.transform.height) = (320, 360);
    let second = scene(2, &[back(640, 360), clip.clone()]);
    let reports = worker.reports.len();
    rebuild(&mut worker, "larger", &larger, second);
    wait_for_segment(&mut worker, "larger", 1);
    worker.stop();
    let reopened = worker.reports[reports..]
        .iter()
        .filter(|report| matches!(report, Report::Layer(report) if report.layer == clip.id));
    assert_eq!(reopened.count(), 0, "its source stays open");
    let before = played(&worker, "test").packet_times("v");
    let after = played(&worker, "larger");
    let end_s = (before.last().unwrap() + FRAME)
        .to_string()
        .parse::<f64>()
        .unwrap()
        / 30_000.0;
    let start_s = after.packet_times("v")[0]
        .to_string()
        .parse::<f64>()
        .unwrap()
        / 25_000.0;
    assert!(
        (0.0..0.04).contains(&(start_s - end_s)),
        "{end_s} to {start_s}: less than a frame"
    );
    assert_eq!(after.complaints(), "");
    let path = worker.path().join("recording.mp4");
    assert_eq!(probe(&path, "width,height,r_frame_rate"), "640,360,25/1");
    for frame in after.frames() {
        frame.assert_is(480, 180, ORANGE);
    }
}

#[test]
fn outputs_go_on_with_what_the_new_encoders_make() {
    let server = RtmpServer::start();
    let outputs = [server.output("key"), file(FileFormat::Mp4)];
    let mut worker = Worker::sending(still(1, 320, 180), &outputs, 0);
    for output in &outputs {
        worker.wait_for_output(&output.id, OutputStatus::Live);
    }
    worker.wait_for_segments(2);
    let larger = ProgramFormat {
        width: 640,
        height: 360,
        ..small()
    };
    rebuild(&mut worker, "larger", &larger, still(2, 640, 360));
    let given = worker
        .wait_for_output_stats(&outputs[1].id, |_| true)
        .frames_total;
    for output in &outputs {
        worker.wait_for_output_stats(&output.id, |counters| {
            counters.frames_total > given.map(|frames| frames + 60)
        });
    }
    worker.stop();
    let folder = worker
        .path()
        .join("recordings")
        .join(outputs[1].id.as_str());
    let recorded = files(&folder, "mp4");
    assert_eq!(recorded.len(), 2, "a file for each format");
    let received = server.recordings();
    for files in [&recorded, &received] {
        let mut widths: Vec<String> = files.iter().map(|file| probe(file, "width")).collect();
        widths.sort();
        assert_eq!(widths, ["320", "640"], "{files:?}");
    }
    for file in recorded {
        assert_eq!(Recording::of(file).complaints(), "");
    }
}

#[test]
fn the_next_host_finds_the_format_that_is_on_air() {
    let mut worker = Worker::on_air(small(), still(1, 320, 180));
    worker.wait_for_segments(2);
    let slower = ProgramFormat {
        framerate: 20,
        ..small()
    };
    rebuild(&mut worker, "slower", &slower, still(2, 320, 180));
    wait_for_segment(&mut worker, "slower", 0);
    worker.go_away();
    let on_air = worker.connect(2).expect("it stays on air");
    assert_eq!(
        (on_air.program, on_air.hls.run.as_str()),
        (slower, "slower")
    );
    assert_eq!(on_air.revision, 2);
    let foreign = on_air
        .segments
        .iter()
        .filter(|segment| !segment.file.starts_with("slower-"));
    assert_eq!(foreign.count(), 0);
    worker.stop();
}

/// GStreamer without the plugin of openh264.
fn without_openh264(folder: &Path) -> Process {
    let output = Process::new("pkg-config")
        .args(["--variable=pluginsdir", "gstreamer-1.0"])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let plugins = String::from_utf8(output.stdout).unwrap();
    let needed = [
        "coreelements",
        "app",
        "libav",
        "x264",
        "videoparsersbad",
        "videoconvertscale",
        "jpeg",
    ];
    for name in needed {
        let library = format!("libgst{name}.so");
        symlink(
            Path::new(plugins.trim()).join(&library),
            folder.join(library),
        )
        .unwrap();
    }
    let mut worker = Process::new(WORKER);
    worker
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", folder)
        .env("GST_REGISTRY", folder.join("registry"));
    worker
}

#[test]
fn an_encoder_that_is_not_installed_is_refused_and_the_program_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = Worker::start_as(&mut without_openh264(folder.path()));
    worker.configure(small(), still(1, 320, 180));
    worker.wait_for_segments(1);
    let wanted = ProgramFormat {
        encoder: VideoEncoder::Openh264,
        ..small()
    };
    let hls = hls(&worker, "other");
    worker.send(&Command::Rebuild {
        program: wanted.clone(),
        hls,
        scene: still(2, 320, 180),
    });
    let (code, message) = worker.wait_for("refusal", |report| match report {
        Report::ProgramRefused {
            program,
            code,
            message,
        } => (*program == wanted).then(|| (code.clone(), message.clone())),
        _ => None,
    });
    assert_eq!(code, "program.encoder.missing");
    assert!(message.contains("openh264"), "{message}");
    // What is no change of rates alone is no change of rates.
    worker.send(&Command::ChangeRates { program: wanted });
    worker.wait_for("refusal", |report| match report {
        Report::ProgramRefused { code, .. } => (code == "program.rebuild-needed").then_some(()),
        _ => None,
    });
    let reached = u64::try_from(segments(&worker, "test").len()).unwrap();
    worker.wait_for_segments(reached + 2);
    assert_regular(&worker.stop(), 30);
}
