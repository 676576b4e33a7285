//! The clock shows the host's time, and ticks.

use std::process::Command;

use sm_media_protocol::LayerContent;

use crate::recording::difference;
use crate::scene::{layer, scene, style, text};
use crate::worker::{Worker, small};

/// Frames that the program needs to get going: before, it may show what was drawn for its start.
const FIRST_FRAMES: usize = 30;

fn clock(format: &str) -> LayerContent {
    LayerContent::Clock {
        format: format.to_owned(),
        timezone: None,
        style: style(30),
        font: None,
    }
}

#[test]
fn a_clock_shows_the_date_of_the_host() {
    let today = || {
        let output = Command::new("date").arg("+%Y-%m-%d").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let before = today();
    let shown = layer(clock("%Y-%m-%d"), [0, 0, 320, 60]);
    let expected = layer(text(&before, style(30)), [0, 60, 320, 60]);
    let other = layer(text("1999-01-01", style(30)), [0, 120, 320, 60]);
    let mut worker = Worker::on_air(small(), scene(1, &[shown, expected, other]));
    worker.wait_for_segments(1);
    let frame = worker.stop().last_frame();
    if today() == before {
        let [shown, expected, other] = [0, 60, 120].map(|y| frame.part([0, y, 320, 60]));
        assert!(difference(&shown, &expected) < 1.0);
        assert!(
            difference(&shown, &other) > 2.0,
            "the comparison means something"
        );
    }
}

#[test]
fn a_clock_ticks_with_the_second() {
    let mut worker = Worker::on_air(small(), scene(1, &[layer(clock("%S"), [0, 0, 320, 180])]));
    worker.wait_for_segments(4);
    let recording = worker.stop();
    let frames = recording.frames();
    let ink: Vec<_> = frames
        .iter()
        .map(|frame| frame.part([0, 60, 80, 60]))
        .collect();
    let ticks: Vec<usize> = (FIRST_FRAMES..ink.len())
        .filter(|&n| difference(&ink[n - 1], &ink[n]) > 3.0)
        .collect();
    let seconds = (ink.len() - FIRST_FRAMES) / 30;
    assert!(
        ticks.len().abs_diff(seconds) <= 1,
        "{ticks:?} in {seconds} s"
    );
    let first = recording.segments[0].starts_at.as_unix_millis();
    for tick in ticks {
        let at = first + i64::try_from(tick).unwrap() * 1000 / 30;
        // A frame may be stamped a little early, but time is never shown before it has come.
        let into_its_second = at.rem_euclid(1000);
        assert!(
            !(900..960).contains(&into_its_second),
            "the tick at frame {tick} comes before its second"
        );
    }
}
