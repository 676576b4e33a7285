//! Outputs over a way that becomes too narrow for the program, and wide again.

use sm_common::layer::Pattern;
use sm_common::output::{AdaptiveState, OutputCounters, OutputStatus, SrtMode};
use sm_common::program::ProgramFormat;
use sm_media_protocol::{AdaptiveTerms, Command, LayerContent, Report, WantedOutput, WantedScene};

use crate::matrix::Beside;
use crate::narrow::{TcpWay, UdpWay};
use crate::outputs::{STEP_TOLERANCE_S, assert_delivered};
use crate::peers::{RtmpServer, free_udp_port, rtmp, srt, srt_listener};
use crate::recording::Recording;
use crate::scene::{layer, scene};
use crate::worker::{Worker, small};

/// The bitrate of the program's picture, all of which is used.
const PROGRAM_KBPS: u32 = 3000;
/// What the narrow way carries.
const NARROW_KBPS: u64 = 1200;
/// What the wide way carries.
const WIDE_KBPS: u64 = 100_000;
const FLOOR_KBPS: u32 = 200;

fn program() -> ProgramFormat {
    ProgramFormat {
        video_bitrate_kbps: PROGRAM_KBPS,
        ..small()
    }
}

/// A picture that is as large as its bitrate allows.
fn noise() -> WantedScene {
    let snow = LayerContent::TestPattern {
        pattern: Pattern::Snow,
    };
    scene(1, &[layer(snow, [0, 0, 320, 180])])
}

fn adapting(mut output: WantedOutput) -> WantedOutput {
    output.adaptive.enabled = true;
    output.adaptive.min_kbps = FLOOR_KBPS;
    output
}

/// As the default, and soon up again.
fn impatient() -> AdaptiveTerms {
    AdaptiveTerms {
        step_percent: 25.try_into().unwrap(),
        calm_ms: 500,
        calm_longest_ms: 1000,
        ..AdaptiveTerms::default()
    }
}

fn on_air(outputs: &[WantedOutput]) -> Worker {
    let mut worker = Worker::start();
    worker.adaptive = impatient();
    worker.configure_with(program(), noise(), outputs.to_vec(), 0);
    worker.wait_for_scene(1);
    worker
}

/// How the output adapts as soon as that is wanted: as it was told last, or as it will be told.
fn wait_for_state(
    worker: &mut Worker,
    output: &WantedOutput,
    wanted: impl Fn(&AdaptiveState) -> bool,
) -> AdaptiveState {
    let told = |report: &Report| match report {
        Report::Output(report) if report.output == output.id => report.adaptive.clone(),
        _ => None,
    };
    if let Some(now) = worker.newest(told).filter(&wanted) {
        return now;
    }
    worker.wait_for_next("report on how the output adapts", |report| {
        told(report).filter(&wanted)
    })
}

/// Measurements now, and when this many more frames were delivered.
fn frames_more(worker: &mut Worker, output: &WantedOutput, more: u64) -> [OutputCounters; 2] {
    let now = worker.wait_for_output_stats(&output.id, |_any| true);
    let then = worker.wait_for_output_stats(&output.id, |counters| {
        counters.frames_total > now.frames_total.map(|frames| frames + more)
    });
    [now, then]
}

/// What was sent for a second of the program between two measurements, on average. What a probe
/// upwards sends for a moment says nothing.
fn average_kbps([from, to]: &[OutputCounters; 2]) -> u64 {
    let frames = to.frames_total.unwrap() - from.frames_total.unwrap();
    let bits = (to.bytes_total - from.bytes_total) * 8;
    bits * u64::from(program().framerate) / frames / 1000
}

#[test]
fn an_rtmp_target_on_a_narrow_way_gets_less_without_a_gap_and_all_of_it_when_it_is_wide() {
    let server = RtmpServer::start();
    let way = TcpWay::to(server.port());
    way.set_kbps(WIDE_KBPS);
    let mut narrow = rtmp(way.port(), "narrow");
    let beside = Beside::new();
    let mut outputs = vec![narrow.clone()];
    outputs.extend(beside.outputs());
    let mut worker = on_air(&outputs);
    let live = worker.wait_for_output(&narrow.id, OutputStatus::Live);
    assert_eq!(live.adaptive, None);
    // No new beginning: the server sees one connection.
    narrow = adapting(narrow);
    outputs[0] = narrow.clone();
    worker.send(&Command::ApplyOutputs { outputs });
    let before = wait_for_state(&mut worker, &narrow, |_any| true);
    assert_eq!((before.reduced, before.video_kbps), (false, PROGRAM_KBPS));
    beside.wait(&mut worker);
    frames_more(&mut worker, &narrow, 60);

    way.set_kbps(NARROW_KBPS);
    let reduced = wait_for_state(&mut worker, &narrow, |state| state.reduced);
    assert!(reduced.video_kbps < PROGRAM_KBPS, "{reduced:?}");
    assert!(reduced.video_kbps >= FLOOR_KBPS, "{reduced:?}");
    assert!(reduced.since >= before.since);
    let counters = frames_more(&mut worker, &narrow, 180);
    assert!(average_kbps(&counters) < 2000, "{counters:?}");

    way.set_kbps(WIDE_KBPS);
    let back = wait_for_state(&mut worker, &narrow, |state| !state.reduced);
    assert_eq!((back.video_kbps, back.code), (PROGRAM_KBPS, None));
    let full = f64::from(PROGRAM_KBPS) * 0.8;
    worker.wait_for_output_stats(&narrow.id, |counters| counters.bitrate_kbps > Some(full));
    let [_, counters] = frames_more(&mut worker, &narrow, 30);
    assert_eq!(counters.frames_dropped, Some(0));

    beside.stop(&mut worker);
    let [received] = &server.recordings()[..] else {
        panic!("one connection for all of it");
    };
    assert_delivered(received);
    let headers = sequence_headers(&std::fs::read(received).unwrap());
    let [first, own, .., last] = &headers[..] else {
        panic!("the program's, the own encoding's and the program's: {headers:?}");
    };
    assert!(first != own && first == last, "{headers:?}");
}

/// What an FLV file says of how to decode the picture, each time that it does.
fn sequence_headers(mut flv: &[u8]) -> Vec<Vec<u8>> {
    let mut headers = Vec::new();
    flv = &flv[13..];
    while let [kind, a, b, c, _, _, _, _, _, _, _, rest @ ..] = flv {
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
        let (tag, after) = rest.split_at(length);
        if let (9, [0x17, 0, header @ ..]) = (kind, tag) {
            headers.push(header.to_vec());
        }
        flv = &after[4..];
    }
    headers
}

/// What SRT loses before it is sent less, nobody can bring back; from then on all arrives.
#[test]
fn an_srt_target_on_a_narrow_way_gets_less_and_all_of_it_when_it_is_wide() {
    let folder = tempfile::tempdir().unwrap();
    let received = folder.path().join("received.ts");
    let port = free_udp_port();
    let mut listener = srt_listener(port, &received, "");
    let way = UdpWay::to(port);
    way.set_kbps(WIDE_KBPS);
    let narrow = adapting(srt(way.port(), SrtMode::Caller, None));
    let beside = Beside::new();
    let mut outputs = vec![narrow.clone()];
    outputs.extend(beside.outputs());
    let mut worker = on_air(&outputs);
    worker.wait_for_output(&narrow.id, OutputStatus::Live);
    beside.wait(&mut worker);
    frames_more(&mut worker, &narrow, 60);

    way.set_kbps(NARROW_KBPS);
    let reduced = wait_for_state(&mut worker, &narrow, |state| state.reduced);
    assert!((FLOOR_KBPS..PROGRAM_KBPS).contains(&reduced.video_kbps));
    frames_more(&mut worker, &narrow, 180);

    way.set_kbps(WIDE_KBPS);
    let back = wait_for_state(&mut worker, &narrow, |state| !state.reduced);
    assert_eq!((back.video_kbps, back.code), (PROGRAM_KBPS, None));
    let full = f64::from(PROGRAM_KBPS) * 0.8;
    worker.wait_for_output_stats(&narrow.id, |counters| counters.bitrate_kbps > Some(full));
    frames_more(&mut worker, &narrow, 60);

    beside.stop(&mut worker);
    listener.wait();
    let steps = Recording::of(received).steps("v");
    let last = &steps[steps.len() - 60..];
    let regular = |step: &&f64| (**step - 1.0 / 30.0).abs() < STEP_TOLERANCE_S;
    assert_eq!(last.iter().filter(regular).count(), last.len(), "{last:?}");
}
