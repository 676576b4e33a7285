//! Layers that are fetched from elsewhere, and the stream that goes on whatever they do.

use std::fs;

use sm_common::address::NetworkPolicy;
use sm_common::id::LayerId;
use sm_common::layer::{NetworkSource, OnLoss};
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, LayerReport, Report, SceneLayer, WantedScene};

use crate::continuity::assert_regular;
use crate::network_servers::{
    Origin, TONE, color, free_tcp_port, free_udp_port, publish, rtmp, srt, until_up, write_hls,
};
use crate::recording::{Recording, make};
use crate::scene::{color as background, layer, scene};
use crate::sound::{TONE_RMS, loudness};
use crate::worker::{Worker, small};

pub(crate) const RED: [u8; 3] = [255, 0, 0];
pub(crate) const BLUE: [u8; 3] = [0, 0, 255];
pub(crate) const GREEN: [u8; 3] = [0, 128, 0];
const WHITE: [u8; 3] = [255, 255, 255];

/// How far apart a flash and its beep may be, in seconds.
pub(crate) const APART_S_MAX: f64 = 0.06;

pub(crate) fn network(url: &str, on_loss: OnLoss) -> SceneLayer {
    let source = NetworkSource {
        url: url.to_owned(),
        stream_id: None,
        user: None,
        has_password: false,
        has_passphrase: false,
        key_length: None,
        secret: None,
        password: None,
        passphrase: None,
        latency_ms: NetworkSource::LATENCY_MS,
        on_loss,
    };
    let content = LayerContent::Network {
        source,
        secret: None,
    };
    layer(content, [0, 0, 320, 180])
}

/// A worker that may fetch from this host, with these layers over green.
pub(crate) fn on_air(layers: &[SceneLayer]) -> Worker {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    on_air_with(layers, NetworkPolicy { allow })
}

fn on_air_with(layers: &[SceneLayer], network: NetworkPolicy) -> Worker {
    let mut worker = Worker::start();
    worker.network = network;
    worker.configure(small(), over_green(layers));
    worker.wait_for_scene(1);
    worker
}

/// The first scene: these layers over green.
pub(crate) fn over_green(layers: &[SceneLayer]) -> WantedScene {
    let mut all = vec![layer(background("#008000"), [0, 0, 320, 180])];
    all.extend_from_slice(layers);
    scene(1, &all)
}

pub(crate) fn next(worker: &mut Worker, layer: LayerId, state: LayerState) -> LayerReport {
    worker.wait_for_next("report on the layer", |report| match report {
        Report::Layer(report) => {
            (report.layer == layer && report.state == state).then(|| report.clone())
        }
        _ => None,
    })
}

pub(crate) fn next_segments(worker: &mut Worker, count: usize) {
    for _ in 0..count {
        worker.wait_for_next("segment", |report| {
            matches!(report, Report::SegmentWritten(_)).then_some(())
        });
    }
}

/// The colours of the picture's middle, one letter for each that stays.
pub(crate) fn colors(recording: &Recording) -> String {
    let mut colors = String::new();
    for frame in recording.frames() {
        let color = match frame {
            frame if frame.is(160, 90, RED) => 'r',
            frame if frame.is(160, 90, BLUE) => 'b',
            frame if frame.is(160, 90, GREEN) => 'g',
            _ => '?',
        };
        if !colors.ends_with(color) {
            colors.push(color);
        }
    }
    colors
}

#[track_caller]
pub(crate) fn assert_tone(recording: &Recording) {
    let loud = loudness(&recording.samples());
    let windows = loud.iter().filter(|rms| TONE_RMS.contains(rms)).count();
    assert!(windows >= 10, "half a second of the tone: {loud:?}");
}

#[test]
fn an_rtmp_source_may_be_late_die_and_come_back_while_its_last_frame_stays() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_tcp_port();
    let url = format!("rtmp://127.0.0.1:{port}/live/camera");
    let source = network(&url, OnLoss::Hold);
    let mut worker = on_air(std::slice::from_ref(&source));
    let missing = worker.wait_for_layer(source.id, LayerState::Failing);
    assert_eq!(missing.code.as_deref(), Some("layer.source.unreachable"));
    let reason = missing.reason.unwrap();
    assert!(
        !reason.contains("camera") && !reason.contains("127"),
        "{reason}"
    );

    let _server = rtmp(folder.path(), port);
    let camera = publish_when_up(port, "red");
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    drop(camera);
    next(&mut worker, source.id, LayerState::Failing);
    next_segments(&mut worker, 1);
    let _camera = publish_when_up(port, "blue");
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "grb");
    assert_tone(&recording);
    assert_regular(&recording, 30);
}

/// A publisher that finds its server.
fn publish_when_up(port: u16, name: &str) -> crate::network_servers::Running {
    until_up(port);
    publish(port, &color(name))
}

#[test]
fn a_flash_and_its_beep_arrive_together() {
    let port = free_udp_port();
    let picture = "color=black:s=160x90:r=30,drawbox=c=white:t=fill:enable='gte(mod(t,2),1)'";
    let sound = "sine=1000:r=48000,volume='gte(mod(t,2),1)':eval=frame";
    let _camera = srt(port, picture, sound);
    let source = network(&format!("srt://127.0.0.1:{port}"), OnLoss::Hide);
    let mut worker = on_air(std::slice::from_ref(&source));
    worker.wait_for_layer(source.id, LayerState::Ok);
    next_segments(&mut worker, 5);
    let recording = worker.stop();
    let apart = flash_after_beep(&recording);
    assert!(
        apart.iter().any(|apart| apart.abs() <= APART_S_MAX),
        "the flash comes so long after a beep: {apart:?}"
    );
    assert_regular(&recording, 30);
}

/// How long the last flash comes after each beep, in seconds.
pub(crate) fn flash_after_beep(recording: &Recording) -> Vec<f64> {
    let frames = recording.frames();
    let flash = (1..frames.len())
        .filter(|n| frames[*n].is(160, 90, WHITE) && frames[n - 1].is(160, 90, [0, 0, 0]))
        .map(|n| f64::from(u32::try_from(n).unwrap()) / 30.0)
        .next_back()
        .expect("a flash");
    let samples = recording.samples();
    let beeps = (4800..samples.len()).filter(|n| {
        samples[*n].abs() > 0.05 && samples[n - 4800..*n].iter().all(|s| s.abs() <= 0.05)
    });
    beeps
        .map(|n| flash - f64::from(u32::try_from(n).unwrap()) / 48_000.0)
        .collect()
}

pub(crate) fn file(
    folder: &std::path::Path,
    name: &str,
    picture: Option<&str>,
    seconds: &str,
) -> Vec<u8> {
    let path = folder.join(name);
    let mut arguments = Vec::new();
    if let Some(picture) = picture {
        arguments.extend(["-f", "lavfi", "-i", picture]);
    }
    arguments.extend([
        "-f", "lavfi", "-i", TONE, "-t", seconds, "-pix_fmt", "yuv420p",
    ]);
    arguments.extend([
        "-c:v",
        "libx264",
        "-g",
        "15",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
    ]);
    make(&path, &arguments);
    fs::read(path).unwrap()
}

#[test]
fn a_file_is_played_to_its_end_followed_through_another_size_and_its_last_frame_stays() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    let small_one = file(folder.path(), "a.ts", Some(&color("red")), "1.5");
    let large = file(
        folder.path(),
        "b.ts",
        Some("color=blue:s=320x180:r=25"),
        "1.5",
    );
    origin.put("both.ts", &[small_one, large].concat());
    file(folder.path(), "whole.mp4", Some(&color("red")), "1");
    let stream = network(&origin.url("both.ts"), OnLoss::Hide);
    let mut whole = network(&origin.url("whole.mp4"), OnLoss::Hide);
    whole.transform.width = 20;
    // What is behind them is on air before they are asked for.
    let mut worker = on_air(&[]);
    worker.wait_for_segments(1);
    let back = layer(background("#008000"), [0, 0, 320, 180]);
    worker.apply(scene(2, &[back, stream.clone(), whole.clone()]));
    worker.wait_for_layer(stream.id, LayerState::Ok);
    worker.wait_for_layer(whole.id, LayerState::Ok);
    next_segments(&mut worker, 6);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "grb");
    recording.last_frame().assert_is(10, 90, RED);
    assert_tone(&recording);
    assert_regular(&recording, 30);
}

#[test]
fn sound_alone_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    file(folder.path(), "sound.ts", None, "4");
    let source = network(&origin.url("sound.ts"), OnLoss::Hide);
    let mut worker = on_air(std::slice::from_ref(&source));
    worker.wait_for_layer(source.id, LayerState::Ok);
    next_segments(&mut worker, 3);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "g");
    assert_tone(&recording);
}

#[test]
fn live_hls_may_be_late_is_followed_and_survives_a_restart_of_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    origin.put(
        "master.m3u8",
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=160x90\nlive.m3u8\n",
    );
    let source = network(&origin.url("master.m3u8"), OnLoss::Hide);
    let mut worker = on_air(std::slice::from_ref(&source));
    let missing = worker.wait_for_layer(source.id, LayerState::Failing);
    assert_eq!(
        missing.reason.as_deref(),
        Some("the server answers with status 404")
    );
    let camera = write_hls(folder.path(), &color("red"));
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 3);
    drop(camera);
    let _camera = write_hls(folder.path(), &color("blue"));
    let frames_blue = |worker: &mut Worker| next_segments(worker, 12);
    frames_blue(&mut worker);
    let recording = worker.stop();
    let colors = colors(&recording);
    assert!(
        colors.starts_with("gr") && colors.ends_with('b'),
        "{colors}"
    );
    assert_tone(&recording);
    assert_regular(&recording, 30);
}

#[test]
fn garbage_and_forbidden_addresses_have_their_codes_and_hurt_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    origin.put("page", b"<!doctype html><title>Sign in</title>");
    origin.put("picture", b"\x89PNG\r\n\x1a\n and so on");
    origin.put("noise.ts", &[0x47, 0xff, 0x13, 0x9a].repeat(5000));
    let mut packet = [0xff_u8; 188];
    packet[0] = 0x47;
    origin.put("packets.ts", &packet.repeat(50));
    origin.put(
        "encrypted.m3u8",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n\
        #EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n",
    );
    origin.redirect("loop", "/loop");
    origin.redirect("inside", "http://10.0.0.1/a.ts");
    origin.put(
        "inside.m3u8",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n\
        http://169.254.169.254/a.ts\n#EXT-X-ENDLIST\n",
    );
    let port = free_tcp_port();
    let cases = [
        (origin.url("page"), "layer.source.unsupported"),
        (origin.url("picture"), "layer.source.unsupported"),
        (origin.url("noise.ts"), "layer.source.unsupported"),
        (origin.url("packets.ts"), "layer.source.unsupported"),
        (origin.url("encrypted.m3u8"), "layer.source.unsupported"),
        (origin.url("none"), "layer.source.unreachable"),
        (origin.url("loop"), "layer.source.unsupported"),
        (origin.url("inside"), "layer.source.forbidden"),
        (origin.url("inside.m3u8"), "layer.source.forbidden"),
        (
            format!("http://127.0.0.1:{port}/a"),
            "layer.source.unreachable",
        ),
        (
            "http://does-not-exist.invalid/a".to_owned(),
            "layer.source.unreachable",
        ),
        ("gopher://127.0.0.1/a".to_owned(), "layer.source.address"),
    ];
    let layers: Vec<_> = cases
        .iter()
        .map(|(url, _)| network(url, OnLoss::Hide))
        .collect();
    let mut worker = on_air(&layers);
    for (layer, (url, code)) in layers.iter().zip(&cases) {
        let failing = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(failing.code.as_deref(), Some(*code), "{url}: {failing:?}");
    }
    let recording = worker.stop();
    assert_eq!(colors(&recording), "g");
    assert_regular(&recording, 30);
}

#[test]
fn a_name_that_leads_to_this_host_is_forbidden_unless_the_operator_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    file(folder.path(), "a.ts", Some(&color("red")), "2");
    let port = origin.port;
    let urls = [
        format!("http://localhost:{port}/a.ts"),
        format!("rtmp://localhost:{port}/a/b"),
        format!("srt://localhost:{port}"),
    ];
    let layers: Vec<_> = urls.iter().map(|url| network(url, OnLoss::Hide)).collect();
    let mut worker = on_air_with(&layers, NetworkPolicy::default());
    for layer in &layers {
        let failing = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(failing.code.as_deref(), Some("layer.source.forbidden"));
    }
    worker.stop();
    let mut worker = on_air(&layers[..1]);
    worker.wait_for_layer(layers[0].id, LayerState::Ok);
    worker.stop();
}
