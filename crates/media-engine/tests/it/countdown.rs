//! A countdown changes with its own seconds and does at zero what it is told.

use std::time::Duration;

use sm_common::clock::{SystemClock, Timestamp};
use sm_common::layer::AtZero;
use sm_common::stream::LayerState;
use sm_media_protocol::{Countdown, LayerContent, SceneLayer};

use crate::recording::{Frame, difference};
use crate::scene::{layer, scene, style, text};
use crate::worker::{Worker, small};

fn countdown(to: Timestamp, at_zero: AtZero, place: [i32; 4]) -> SceneLayer {
    let content = LayerContent::Countdown(Countdown {
        to,
        format: Some("%S".to_owned()),
        at_zero,
        before: String::new(),
        after: String::new(),
        style: style(40),
        font: None,
    });
    layer(content, place)
}

#[test]
fn a_countdown_crosses_zero_on_its_second() {
    let to = SystemClock::shared()
        .now()
        .plus(Duration::from_millis(3700));
    let layers = [
        countdown(to, AtZero::Stop, [0, 0, 100, 60]),
        countdown(to, AtZero::Hide, [100, 0, 100, 60]),
        countdown(to, AtZero::CountUp, [200, 0, 100, 60]),
        layer(text("00", style(40)), [0, 60, 100, 60]),
        layer(text("01", style(40)), [100, 60, 100, 60]),
        layer(text("+01", style(40)), [200, 60, 100, 60]),
    ];
    let ids = [layers[4].id, layers[5].id];
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for id in ids {
        worker.wait_for_layer(id, LayerState::Ok);
    }
    worker.wait_for_segments(6);
    let recording = worker.stop();
    let frames = recording.frames();
    let part = |frame: &Frame, x, y| frame.part([x, y, 100, 60]);
    let says = |frame: &Frame, x, sample: (usize, usize)| {
        difference(&part(frame, x, 0), &part(frame, sample.0, sample.1)) < 2.0
    };
    let is_clear = |frame: &Frame| part(frame, 100, 0).iter().all(|pixel| pixel[0] < 40);
    let zero = frames
        .iter()
        .position(|frame| says(frame, 0, (0, 60)))
        .expect("it reaches zero");
    // Before, the last second; after, what each is told.
    assert!(says(&frames[zero - 2], 0, (100, 60)), "one second is left");
    assert!(says(&frames[zero - 2], 100, (100, 60)));
    assert!(!is_clear(&frames[zero - 2]));
    assert!(
        frames[zero + 2..]
            .iter()
            .all(|frame| says(frame, 0, (0, 60)))
    );
    assert!(frames[zero + 2..].iter().all(is_clear));
    let one = frames[zero..]
        .iter()
        .position(|frame| says(frame, 200, (200, 60)))
        .expect("it counts on");
    assert!(one.abs_diff(30) <= 15, "{one} frames after zero");
    // Zero is never shown before it has come.
    let shown =
        recording.segments[0].starts_at.as_unix_millis() + i64::try_from(zero).unwrap() * 1000 / 30;
    assert!(shown - to.as_unix_millis() >= -60, "{shown} before {to}");
}
