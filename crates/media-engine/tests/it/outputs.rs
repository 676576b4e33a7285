//! Where the program goes beside HLS: real servers, players and files.

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use sm_common::layer::Pattern;
use sm_common::output::{FileFormat, FileTarget, OutputStatus, OutputTarget, SrtMode};
use sm_common::program::ProgramFormat;
use sm_common::target::TargetPolicy;
use sm_media_protocol::{Command, LayerContent, Report, WantedOutput, WantedScene};

use crate::continuity::assert_regular;
use crate::peers::{
    RtmpServer, file, files, free_udp_port, rtmp, srt, srt_caller, srt_listener, wait_until,
};
use crate::recording::{Recording, make};
use crate::scene::{color, layer, scene, video};
use crate::sound::loudness;
use crate::worker::{Worker, lease_until, small};

pub(crate) const ORANGE: [u8; 3] = [255, 128, 0];

/// How far a packet may be from its moment in containers that count milliseconds.
pub(crate) const STEP_TOLERANCE_S: f64 = 0.0011;

/// An orange picture and a tone.
fn program(folder: &Path) -> WantedScene {
    let tone = folder.join("tone.mp4");
    let arguments = "-f lavfi -i color=s=64x64:r=30 -f lavfi -i sine=frequency=440:sample_rate=48000 \
                     -t 2 -c:v libx264 -g 30 -pix_fmt yuv420p -c:a aac";
    make(&tone, &arguments.split_whitespace().collect::<Vec<_>>());
    let mut voice = layer(video(&tone, true), [0, 0, 16, 16]);
    voice.volume = 4.0;
    scene(1, &[voice, layer(color("#ff8000"), [0, 0, 320, 180])])
}

/// An orange picture.
pub(crate) fn still() -> WantedScene {
    scene(1, &[layer(color("#ff8000"), [0, 0, 320, 180])])
}

/// Whether it plays without a complaint, and has packets at regular times.
#[track_caller]
pub(crate) fn assert_delivered(path: &Path) -> Recording {
    let received = Recording::of(path.to_owned());
    assert_eq!(received.complaints(), "", "{}", path.display());
    for (track, step) in [("v", 1.0 / 30.0), ("a", 1024.0 / 48_000.0)] {
        let steps = received.steps(track);
        let irregular = steps
            .iter()
            .filter(|found| (*found - step).abs() > STEP_TOLERANCE_S)
            .count();
        assert_eq!(irregular, 0, "{track} of {}: {steps:?}", path.display());
    }
    received
}

/// The same, and whether it has the picture; returns its frames.
#[track_caller]
pub(crate) fn assert_plays(path: &Path) -> usize {
    let frames = assert_delivered(path).frames();
    assert!(!frames.is_empty(), "{}", path.display());
    for frame in &frames {
        frame.assert_is(160, 90, ORANGE);
    }
    frames.len()
}

#[track_caller]
fn assert_sounds(path: &Path) {
    let loud = loudness(&Recording::of(path.to_owned()).samples());
    let sounding = loud.iter().filter(|loud| **loud > 0.05).count();
    assert!(sounding * 2 > loud.len(), "{}: {loud:?}", path.display());
}

pub(crate) fn recordings(worker: &Worker, output: &WantedOutput, extension: &str) -> Vec<PathBuf> {
    let folder = worker.path().join("recordings").join(output.id.as_str());
    files(&folder, extension)
}

fn send(worker: &mut Worker, outputs: &[&WantedOutput]) {
    let outputs = outputs.iter().map(|output| (*output).clone()).collect();
    worker.send(&Command::ApplyOutputs { outputs });
}

#[test]
fn what_a_name_leads_to_may_be_forbidden_and_hurts_nobody() {
    let server = RtmpServer::start();
    let mut by_name = server.output("key");
    if let OutputTarget::Rtmp(target) = &mut by_name.target {
        target.url = target.url.replace("127.0.0.1", "localhost");
    }
    let mut by_number = srt(server.port(), SrtMode::Caller, None);
    if let OutputTarget::Srt(target) = &mut by_number.target {
        target.url = target.url.replace("127.0.0.1", "localhost");
    }
    let mut worker = Worker::start();
    worker.targets = TargetPolicy {
        allow_private: false,
    };
    let outputs = [by_name, by_number, file(FileFormat::Mp4)];
    worker.configure_with(small(), still(), outputs.to_vec(), 0);
    for output in &outputs[..2] {
        let refused = worker.wait_for_output(&output.id, OutputStatus::Reconnecting);
        assert_eq!(refused.code.as_deref(), Some("output.forbidden"));
        assert!(!refused.reason.unwrap().contains("localhost"));
    }
    worker.wait_for_output(&outputs[2].id, OutputStatus::Live);
    worker.wait_for_segments(3);
    assert_regular(&worker.stop(), 30);
    assert!(server.recordings().is_empty());
}

#[test]
fn every_kind_of_output_brings_picture_and_sound_at_regular_times() {
    let folder = tempfile::tempdir().unwrap();
    let server = RtmpServer::start();
    let (called, read) = (
        folder.path().join("called.ts"),
        folder.path().join("calling.ts"),
    );
    let (caller_port, listener_port) = (free_udp_port(), free_udp_port());
    let mut listener = srt_listener(caller_port, &called, "");
    let outputs = [
        server.output("key-that-is-secret"),
        srt(caller_port, SrtMode::Caller, None),
        srt(listener_port, SrtMode::Listener, None),
        file(FileFormat::Mp4),
        file(FileFormat::Mkv),
    ];
    let mut worker = Worker::sending(program(folder.path()), &outputs, 0);
    for output in &outputs {
        let report = worker.wait_for_output(&output.id, OutputStatus::Live);
        assert_eq!(
            (report.attempts, report.reconnects, report.code),
            (0, 0, None)
        );
    }
    let mut reader = srt_caller(listener_port, &read);
    let [to_rtmp, to_srt, from_srt, to_mp4, _] = &outputs;
    worker.wait_for_output_stats(&from_srt.id, |counters| {
        counters.srt.and_then(|srt| srt.readers) == Some(1)
    });
    let counters = worker.wait_for_output_stats(&to_srt.id, |counters| {
        counters.srt.is_some_and(|srt| srt.rtt_ms.is_some())
    });
    assert!(counters.bytes_total > 0 && counters.frames_total > Some(0));
    assert_eq!(counters.frames_dropped, Some(0));
    let counters = worker.wait_for_output_stats(&to_rtmp.id, |counters| {
        counters.bitrate_kbps.is_some_and(|rate| rate > 0.0)
    });
    assert!(counters.acked_bytes_total.is_some() && counters.srt.is_none());
    worker.wait_for_output_stats(&to_mp4.id, |counters| counters.frames_total > Some(60));

    let hls = worker.stop();
    assert_regular(&hls, 30);
    for output in &outputs {
        worker.wait_for_output(&output.id, OutputStatus::Stopped);
    }
    listener.wait();
    reader.wait();
    let mut received = vec![called.clone()];
    received.extend(server.recordings());
    received.extend(recordings(&worker, &outputs[3], "mp4"));
    received.extend(recordings(&worker, &outputs[4], "mkv"));
    assert_eq!(received.len(), 4, "{received:?}");
    for path in &received {
        assert!(assert_plays(path) > 50);
        assert_sounds(path);
    }
    let frames = Recording::of(read).frames();
    frames.last().unwrap().assert_is(160, 90, ORANGE);
    let log = std::fs::read_to_string(worker.path().join("log")).unwrap();
    assert!(!log.contains("key-that-is-secret"), "{log}");
}

#[test]
fn a_peer_that_says_nothing_and_one_that_refuses_have_their_codes() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let guarded_port = free_udp_port();
    let received = folder.path().join("guarded.ts");
    let _guarded = srt_listener(guarded_port, &received, "&passphrase=the-right-one");
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut nonsense = rtmp(1, "key");
    if let OutputTarget::Rtmp(target) = &mut nonsense.target {
        "http://example.com/app".clone_into(&mut target.url);
    }
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let reconnecting = OutputStatus::Reconnecting;
    let cases = [
        (
            rtmp(silent.local_addr().unwrap().port(), "key"),
            reconnecting,
            "output.unreachable",
        ),
        (
            srt(port(&mute), SrtMode::Caller, None),
            reconnecting,
            "output.unreachable",
        ),
        (
            srt(guarded_port, SrtMode::Caller, Some("the-wrong-one")),
            reconnecting,
            "output.authentication",
        ),
        (
            srt(guarded_port, SrtMode::Caller, None),
            reconnecting,
            "output.refused",
        ),
        (
            srt(port(&taken), SrtMode::Listener, None),
            reconnecting,
            "output.unbindable",
        ),
        (nonsense, OutputStatus::Failed, "output.address"),
    ];
    let outputs: Vec<WantedOutput> = cases.iter().map(|(output, ..)| output.clone()).collect();
    let mut worker = Worker::sending(still(), &outputs, 0);
    for (output, status, code) in &cases {
        let report = worker.wait_for("failure", |report| match report {
            Report::Output(report) => {
                (report.output == output.id && report.status == *status).then(|| report.clone())
            }
            _ => None,
        });
        assert_eq!(report.code.as_deref(), Some(*code), "{report:?}");
        let reason = report.reason.unwrap();
        assert!(
            !reason.contains("127.0.0.1") && !reason.contains("one"),
            "{reason}"
        );
    }
    assert_regular(&worker.stop(), 30);
}

#[test]
fn outputs_come_go_and_change_one_by_one_and_leave_the_others_alone() {
    let (first, second) = (RtmpServer::start(), RtmpServer::start());
    let stays = file(FileFormat::Mkv);
    let mut worker = Worker::sending(still(), std::slice::from_ref(&stays), 0);
    worker.wait_for_output(&stays.id, OutputStatus::Live);
    let mut moves = first.output("a");
    send(&mut worker, &[&stays, &moves]);
    worker.wait_for_output(&moves.id, OutputStatus::Live);
    worker.wait_for_output_stats(&moves.id, |counters| counters.frames_total > Some(30));
    moves.target = second.output("b").target;
    send(&mut worker, &[&stays, &moves]);
    worker.wait_for_next("move", |report| match report {
        Report::Output(report) => {
            (report.output == moves.id && report.status == OutputStatus::Live).then_some(())
        }
        _ => None,
    });
    let counters =
        worker.wait_for_output_stats(&moves.id, |counters| counters.frames_total > Some(60));
    assert!(counters.bytes_total > 0);
    moves.generation += 1;
    send(&mut worker, &[&stays, &moves]);
    worker.wait_for_next("new beginning", |report| match report {
        Report::Output(report) => {
            (report.output == moves.id && report.status == OutputStatus::Live).then_some(())
        }
        _ => None,
    });
    send(&mut worker, &[&stays]);
    worker.wait_for_output(&moves.id, OutputStatus::Stopped);
    assert_regular(&worker.stop(), 30);
    let [recorded] = &recordings(&worker, &stays, "mkv")[..] else {
        panic!("one recording that nothing disturbed");
    };
    assert_plays(recorded);
    for server in [&first, &second] {
        assert_plays(&server.recordings()[0]);
    }
    let reports = worker
        .reports
        .iter()
        .filter(|report| matches!(report, Report::Output(report) if report.output == stays.id));
    assert_eq!(reports.count(), 3, "connecting, live, stopped");
}

#[test]
fn a_server_that_stops_reading_loses_frames_and_is_called_again_and_nobody_else_notices() {
    let (frozen, other) = (RtmpServer::start(), RtmpServer::start());
    let (stuck, fine) = (frozen.output("a"), other.output("a"));
    // What the system keeps for a connection must fill soon.
    let program = ProgramFormat {
        video_bitrate_kbps: 40_000,
        ..small()
    };
    let snow = LayerContent::TestPattern {
        pattern: Pattern::Snow,
    };
    let outputs = [stuck.clone(), fine.clone()];
    let noise = scene(1, &[layer(snow, [0, 0, 320, 180])]);
    let mut worker = Worker::sending_as(program, noise, &outputs, 0);
    for output in &outputs {
        worker.wait_for_output(&output.id, OutputStatus::Live);
    }
    frozen.freeze();
    let counters =
        worker.wait_for_output_stats(&stuck.id, |counters| counters.frames_dropped > Some(0));
    assert!(counters.queue_ms > Some(1000.0), "{counters:?}");
    let report = worker.wait_for_output(&stuck.id, OutputStatus::Reconnecting);
    assert_eq!(report.code.as_deref(), Some("output.stalled"));
    let counters = worker.wait_for_output_stats(&fine.id, |_any| true);
    assert_eq!(counters.frames_dropped, Some(0));
    assert_regular(&worker.stop(), 30);
    let received = Recording::of(other.recordings()[0].clone());
    assert_eq!(received.complaints(), "");
}

#[test]
fn recordings_of_a_worker_that_was_killed_play_to_their_last_fragment() {
    let outputs = [file(FileFormat::Mp4), file(FileFormat::Mkv)];
    let mut worker = Worker::sending(still(), &outputs, 0);
    for output in &outputs {
        worker.wait_for_output(&output.id, OutputStatus::Live);
        worker.wait_for_output_stats(&output.id, |counters| counters.frames_total > Some(60));
    }
    worker.kill();
    for (output, extension) in outputs.iter().zip(["mp4", "mkv"]) {
        let written = recordings(&worker, output, extension);
        let frames = assert_plays(&written[0]);
        assert!(frames >= 60);
        half_write_the_last_fragment(&written[0]);
        let left = assert_plays(&written[0]);
        assert!((frames - 31..frames).contains(&left), "{left} of {frames}");
    }
}

/// Leaves the file as a kill in the middle of its last fragment does: a gap with half of it.
fn half_write_the_last_fragment(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let last = |bytes: &[u8], what: &[u8]| {
        let length = what.len();
        bytes.windows(length).rposition(|found| found == what)
    };
    let start = if let Some(styp) = last(&bytes, b"styp") {
        let length = u32::try_from(bytes.len() - (styp - 4)).unwrap();
        bytes[styp - 4..styp].copy_from_slice(&length.to_be_bytes());
        bytes[styp..styp + 4].copy_from_slice(b"free");
        styp - 4
    } else {
        let cluster = last(&bytes, &[0x1f, 0x43, 0xb6, 0x75]).unwrap();
        let length = u64::try_from(bytes.len() - cluster - 9).unwrap();
        bytes[cluster] = 0xec;
        bytes[cluster + 1..cluster + 9].copy_from_slice(&(length | 1 << 56).to_be_bytes());
        cluster
    };
    let half = start.midpoint(bytes.len());
    bytes[half..].fill(0);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_recording_ends_rather_than_use_the_reserve_and_everything_else_goes_on() {
    let server = RtmpServer::start();
    let (to_file, to_rtmp) = (file(FileFormat::Mp4), server.output("a"));
    let outputs = [to_file.clone(), to_rtmp.clone()];
    let mut worker = Worker::sending(still(), &outputs, u64::MAX);
    let report = worker.wait_for_output(&to_file.id, OutputStatus::Reconnecting);
    assert_eq!(report.code.as_deref(), Some("output.disk-full"));
    assert!(report.next_attempt_at.is_some());
    worker.wait_for_output(&to_rtmp.id, OutputStatus::Live);
    worker.wait_for_segments(2);
    assert_regular(&worker.stop(), 30);
    assert_eq!(recordings(&worker, &to_file, "mp4"), Vec::<PathBuf>::new());
}

#[test]
fn a_recording_goes_on_when_its_folder_can_be_written_again() {
    let to_file = file(FileFormat::Mkv);
    let mut worker = Worker::start();
    let folder = worker.path().join("recordings");
    std::fs::write(&folder, b"in the way").unwrap();
    worker.configure(small(), still());
    worker.wait_for_scene(1);
    send(&mut worker, &[&to_file]);
    let report = worker.wait_for_output(&to_file.id, OutputStatus::Reconnecting);
    assert_eq!(report.code.as_deref(), Some("output.unwritable"));
    assert!(!report.reason.unwrap().contains('/'));
    std::fs::remove_file(&folder).unwrap();
    worker.wait_for_output(&to_file.id, OutputStatus::Live);
    assert_regular(&worker.stop(), 30);
    assert_plays(&recordings(&worker, &to_file, "mkv")[0]);
}

#[test]
fn a_recording_is_split_at_keyframes_and_the_oldest_files_are_deleted() {
    let mut output = file(FileFormat::Mp4);
    output.target = OutputTarget::File(FileTarget {
        // Every fragment is larger: each begins a new file.
        split_bytes: Some(1),
        keep_files: Some(2),
        ..FileTarget::default()
    });
    let mut worker = Worker::sending(still(), std::slice::from_ref(&output), 0);
    worker.wait_for_segments(5);
    worker.stop();
    let written = recordings(&worker, &output, "mp4");
    assert_eq!(written.len(), 2, "{written:?}");
    assert_eq!(assert_plays(&written[0]), 30);
    wait_until("nothing half written", || {
        files(written[0].parent().unwrap(), "part").is_empty()
    });
}

#[test]
fn without_a_lease_nothing_leaves_the_host_and_recordings_go_on() {
    let server = RtmpServer::start();
    let (pushes, records) = (server.output("a"), file(FileFormat::Mp4));
    let mut worker = Worker::sending(still(), &[pushes.clone(), records.clone()], 0);
    worker.wait_for_output(&pushes.id, OutputStatus::Live);
    worker.wait_for_output(&records.id, OutputStatus::Live);
    // A moment of the host's clock that has passed.
    worker.send(&lease_until(1, 1));
    worker.wait_for_output(&pushes.id, OutputStatus::Stopped);
    let frames = worker
        .wait_for_output_stats(&records.id, |counters| counters.frames_total > Some(0))
        .frames_total;
    worker.wait_for_output_stats(&records.id, |counters| counters.frames_total > frames);
    worker.send(&lease_until(1, u64::MAX));
    worker.wait_for_next("push that begins anew", |report| match report {
        Report::Output(report) => {
            (report.output == pushes.id && report.status == OutputStatus::Live).then_some(())
        }
        _ => None,
    });
    assert_regular(&worker.stop(), 30);
    assert_eq!(recordings(&worker, &records, "mp4").len(), 1);
}
