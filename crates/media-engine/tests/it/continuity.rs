//! Nothing that is done to the scene disturbs the stream.

use sm_common::layer::Color;
use sm_common::program::ProgramFormat;
use sm_media_protocol::SceneLayer;

use crate::recording::Recording;
use crate::scene::{color, layer, scene, style, text};
use crate::worker::{Worker, small};

/// A packet of AAC, in samples.
const AAC_PACKET: i64 = 1024;

/// Every packet follows the one before at the same distance.
#[track_caller]
pub(crate) fn assert_regular(recording: &Recording, framerate: u32) {
    let video = recording.packet_times("v");
    let audio = recording.packet_times("a");
    // A track's unit is a thousandth of a frame.
    assert_eq!(irregular(&video, 1000), 0, "at {framerate} frames a second");
    assert_eq!(irregular(&audio, AAC_PACKET), 0);
    assert_eq!((video[0], audio[0]), (0, 0));
    let picture = i64::try_from(video.len()).unwrap() * 1000 / i64::from(framerate);
    let sound = i64::try_from(audio.len()).unwrap() * AAC_PACKET * 1000 / 48_000;
    assert!(
        (picture - sound).abs() < 250,
        "{picture} ms of picture, {sound} ms of sound"
    );
    assert_eq!(recording.complaints(), "");
}

fn irregular(times: &[i64], step: i64) -> usize {
    assert!(times.len() > 10);
    times
        .windows(2)
        .filter(|pair| pair[1] - pair[0] != step)
        .count()
}

#[test]
fn three_hundred_changes_leave_no_irregular_packet() {
    let program = ProgramFormat {
        framerate: 60,
        ..small()
    };
    let back = layer(color("#203040"), [0, 0, 320, 180]);
    let mut box_ = layer(color("#ff8000"), [0, 0, 80, 60]);
    let mut label = layer(text("0", style(40)), [100, 60, 160, 60]);
    let mut worker = Worker::on_air(program.clone(), scene(1, &[back.clone(), box_.clone()]));
    for change in 0..300_u16 {
        change_one_thing(change, &mut box_, &mut label);
        let mut layers = vec![back.clone(), box_.clone(), label.clone()];
        match change % 7 {
            5 => layers.swap(1, 2),
            6 => layers.truncate(usize::from(change % 2 == 0)),
            _ => {}
        }
        worker.apply(scene(2 + u64::from(change), &layers));
    }
    assert_regular(&worker.stop(), program.framerate);
}

fn change_one_thing(change: u16, box_: &mut SceneLayer, label: &mut SceneLayer) {
    let step = i32::from(change);
    match change % 7 {
        0 => box_.transform.x = step % 300 - 20,
        1 => box_.transform.width = 20 + u32::from(change % 200),
        2 => box_.opacity = f64::from(change % 100) / 100.0,
        3 => {
            label.content = text(
                &format!("{change}\nchange"),
                style(20 + u32::from(change % 30)),
            );
        }
        4 => {
            let [_, red] = change.to_be_bytes();
            box_.content = crate::scene::color(
                &Color {
                    red,
                    ..Color::WHITE
                }
                .to_string(),
            );
        }
        _ => label.visible = !label.visible,
    }
}

#[test]
fn segments_are_of_equal_length_start_with_a_keyframe_and_come_at_once() {
    let program = ProgramFormat {
        keyframe_interval_ms: 500,
        ..small()
    };
    let mut worker = Worker::on_air(program, scene(1, &[]));
    worker.wait_for_segments(4);
    let recording = worker.stop();
    let (last, whole) = recording.segments.split_last().unwrap();
    for (index, segment) in whole.iter().enumerate() {
        assert_eq!(segment.number, u64::try_from(index).unwrap());
        assert!((segment.duration_s - 0.5).abs() < 1e-9);
        assert!(segment.independent);
        assert_eq!(segment.file, format!("test-{index}.m4s"));
    }
    assert!(last.duration_s <= 0.5);
    assert_regular(&recording, 30);
}
