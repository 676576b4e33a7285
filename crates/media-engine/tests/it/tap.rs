//! Readers of the tap.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use sm_common::layer::Pattern;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{
    Command, Introduction, LayerContent, Report, TapHeader, TapKind, TapTerms, encode,
};

use crate::recording::Recording;
use crate::scene::{color, layer, scene};
use crate::worker::{PATIENCE, Worker, small};

/// From a frame to the next, and from a packet of sound to the next.
const FRAME_NS: std::ops::RangeInclusive<u64> = 33_333_333..=33_333_334;
const PACKET_NS: u64 = 20_000_000;

struct Unit {
    kind: TapKind,
    moment_ns: u64,
    data: Vec<u8>,
}

fn connect(worker: &Worker, token: u64) -> UnixStream {
    let mut line = worker.dial();
    let introduction = Introduction::Tap(TapTerms { token });
    line.write_all(&encode(&introduction).unwrap()).unwrap();
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    line
}

/// The next unit; `None` at the end.
fn read(line: &mut UnixStream) -> Option<Unit> {
    let mut header = [0; TapHeader::BYTES];
    match line.read_exact(&mut header) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the tap stands still"),
        Err(_) => return None,
        Ok(()) => {}
    }
    let header = TapHeader::from_bytes(header).unwrap();
    let mut data = vec![0; usize::try_from(header.bytes).unwrap()];
    line.read_exact(&mut data).ok()?;
    Some(Unit {
        kind: header.kind,
        moment_ns: header.moment_ns,
        data,
    })
}

fn of(units: &[Unit], kinds: &[TapKind]) -> Vec<u64> {
    let wanted = units.iter().filter(|unit| kinds.contains(&unit.kind));
    wanted.map(|unit| unit.moment_ns).collect()
}

#[test]
fn a_reader_has_picture_and_sound_from_a_keyframe_to_the_end_of_the_program() {
    let green = layer(color("#00ff00"), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, &[green]));
    let mut line = connect(&worker, 1);
    let mut units = Vec::new();
    while units.len() < 150 {
        units.push(read(&mut line).expect("the program goes on"));
    }
    worker.send(&Command::Stop);
    while let Some(unit) = read(&mut line) {
        units.push(unit);
    }
    assert_eq!(units[0].kind, TapKind::Parameters);
    let picture = [TapKind::Keyframe, TapKind::Frame];
    let first = units.iter().find(|unit| picture.contains(&unit.kind));
    assert_eq!(first.unwrap().kind, TapKind::Keyframe);
    let frames = of(&units, &picture);
    let steps = frames.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(steps.clone().all(|step| FRAME_NS.contains(&step)));
    let sounds = of(&units, &[TapKind::Sound]);
    assert!(sounds.len() > 60, "{}", sounds.len());
    // Where the program begins, the first packet is shorter by what the encoder looks ahead.
    let steps = sounds[1..].windows(2).map(|pair| pair[1] - pair[0]);
    let odd: Vec<_> = steps
        .enumerate()
        .filter(|(_, step)| step.abs_diff(PACKET_NS) > 1)
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    // What belongs together comes together.
    let apart = frames[0].abs_diff(sounds[0]);
    assert!(apart < 100_000_000, "{apart}");

    let video: Vec<u8> = units
        .iter()
        .filter(|unit| picture.contains(&unit.kind))
        .flat_map(|unit| unit.data.iter().copied())
        .collect();
    let file = worker.path().join("tapped.h264");
    std::fs::write(&file, video).unwrap();
    let seen = Recording::of(file);
    assert_eq!(seen.complaints(), "");
    let [red, green, blue] = seen.last_frame().pixel(160, 90);
    assert!(red < 12 && green > 243 && blue < 12, "{red} {green} {blue}");
}

#[test]
fn a_reader_that_stands_still_loses_whole_groups_and_holds_nothing_up() {
    // So much that a socket holds only a part of a second of it.
    let program = ProgramFormat {
        video_bitrate_kbps: 20_000,
        ..ProgramFormat::default()
    };
    let noise = LayerContent::TestPattern {
        pattern: Pattern::Snow,
    };
    let noise = layer(noise, [0, 0, 1280, 720]);
    let mut worker = Worker::on_air(program, scene(1, &[noise]));
    let mut slow = connect(&worker, 1);
    assert!(read(&mut slow).is_some());
    let written = |worker: &mut Worker, more| {
        let last = worker.wait_for_next("segment", |report| match report {
            Report::SegmentWritten(segment) => Some(segment.number),
            _ => None,
        });
        worker.wait_for_segments(last + more);
    };
    written(&mut worker, 3);
    let mut last: Option<u64> = None;
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "no gap");
        let unit = read(&mut slow).expect("the reader is still served");
        if !matches!(unit.kind, TapKind::Keyframe | TapKind::Frame) {
            continue;
        }
        let step = last
            .replace(unit.moment_ns)
            .map(|last| unit.moment_ns - last);
        if step.is_some_and(|step| !FRAME_NS.contains(&step)) {
            assert_eq!(unit.kind, TapKind::Keyframe, "after a gap of {step:?}");
            break;
        }
    }
    let segments = worker.stop().segments;
    let numbers: Vec<u64> = segments.iter().map(|segment| segment.number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn nobody_but_the_holder_reads_and_not_before_there_is_a_program() {
    let mut worker = Worker::start();
    assert!(
        read(&mut connect(&worker, 1)).is_none(),
        "nothing is on air"
    );
    worker.configure(small(), scene(1, &[]));
    worker.wait_for_scene(1);
    worker.connect(5);
    assert!(read(&mut connect(&worker, 4)).is_none(), "an older token");
    let readers: Vec<UnixStream> = (0..4)
        .map(|_| {
            let mut line = connect(&worker, 5);
            assert!(read(&mut line).is_some());
            line
        })
        .collect();
    assert!(read(&mut connect(&worker, 5)).is_none(), "one too many");
    drop(readers);
    let start = Instant::now();
    while read(&mut connect(&worker, 5)).is_none() {
        assert!(start.elapsed() < PATIENCE, "{}", worker.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    worker.stop();
}
