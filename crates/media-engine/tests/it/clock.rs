//! The clock shows the host's time, and ticks.

use std::process::Command;

use sm_media_protocol::LayerContent;

use crate::recording::difference;
use crate::scene::{layer, scene, style, text};
use crate::worker::{Worker, small};

/// How long after the second the new time is on air: drawing it takes a moment, and a busy machine
/// takes longer. In milliseconds.
const TICK_LATE_MS_MAX: i64 = 400;

fn clock(format: &str) -> LayerContent {
    LayerContent::Clock {
        format: format.to_owned(),
        style: style(30),
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
    let ticks: Vec<usize> = (1..ink.len())
        .filter(|&n| difference(&ink[n - 1], &ink[n]) > 3.0)
        .collect();
    assert!(ticks.len() >= 3, "{ticks:?}");
    for pair in ticks.windows(2) {
        assert!((pair[1] - pair[0]).abs_diff(30) <= 12, "{ticks:?}");
    }
    let first = recording.segments[0].starts_at.as_unix_millis();
    for tick in ticks {
        let at = first + i64::try_from(tick).unwrap() * 1000 / 30;
        let late = at.rem_euclid(1000);
        // A frame may be stamped up to half a frame early.
        assert!(
            !(TICK_LATE_MS_MAX..=960).contains(&late),
            "the tick at frame {tick} is {late} ms after the second"
        );
    }
}
