//! A ticker moves by the same distance on every frame, without a seam.

use sm_common::layer::{TextStyle, TickerDirection};
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, SceneLayer};

use crate::recording::{Frame, difference};
use crate::scene::{layer, scene, style};
use crate::worker::{Worker, small};

/// Seconds of text that are looked at: more than one round of each ticker here.
const SEGMENTS: u64 = 6;

fn ticker(text: &str, speed: u32, direction: TickerDirection, style: TextStyle) -> LayerContent {
    LayerContent::Ticker {
        text: text.to_owned(),
        speed,
        direction,
        style,
        font: None,
    }
}

/// Frames with a ticker, each with its number in the program.
fn frames_of(ticker: SceneLayer) -> Vec<(i64, Frame)> {
    let id = ticker.id;
    let mut worker = Worker::on_air(small(), scene(1, &[ticker]));
    worker.wait_for_layer(id, LayerState::Ok);
    worker.wait_for_segments(SEGMENTS);
    let recording = worker.stop();
    let mut times = recording.packet_times("v");
    times.sort_unstable();
    let interval = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .min()
        .unwrap();
    let numbers = times.iter().map(|time| (time - times[0]) / interval);
    let frames: Vec<_> = numbers.zip(recording.frames()).collect();
    // From the second second on, the ticker is there.
    frames.into_iter().skip(30).collect()
}

/// How much a frame differs from an earlier one whose picture moved by so many pixels.
fn jump(before: &Frame, after: &Frame, shift: i64) -> f64 {
    const WIDTH: usize = 320;
    let distance = usize::try_from(shift.abs()).unwrap();
    let (from, to) = if shift < 0 {
        (distance, 0)
    } else {
        (0, distance)
    };
    let part = |frame: &Frame, x| frame.part([x, 60, WIDTH - distance, 60]);
    difference(&part(before, from), &part(after, to))
}

fn assert_even(frames: &[(i64, Frame)], pixels_per_frame: i64) {
    let mut other = f64::MAX;
    for pair in frames.windows(2) {
        let [(before, earlier), (after, later)] = pair else {
            panic!("two frames");
        };
        let shift = (after - before) * pixels_per_frame;
        let off = jump(earlier, later, shift);
        assert!(off < 3.0, "frame {after} is {off} off its place");
        other = other.min(jump(earlier, later, shift + pixels_per_frame.signum()));
    }
    assert!(other > 4.0, "the comparison means something: {other}");
}

#[test]
fn every_frame_moves_equally_far_and_the_end_joins_the_beginning() {
    // A round of 12 letters takes about two seconds.
    let frames = frames_of(layer(
        ticker("█ ▌ █▌ ▐ ▌", 90, TickerDirection::Left, style(30)),
        [0, 60, 320, 60],
    ));
    assert_even(&frames, -3);
}

/// Where the middle of the only letter is, by how red each column is; `None` if it is cut.
fn middle_of_red(frame: &Frame) -> Option<f64> {
    let reds = frame.part([0, 90, 160, 1]);
    let weights: Vec<f64> = reds.iter().map(|pixel| f64::from(pixel[0])).collect();
    let at_edges = weights[..8].iter().chain(&weights[152..]);
    if at_edges.fold(0.0_f64, |most, weight| most.max(*weight)) > 30.0 {
        return None;
    }
    let (sum, moment) = (0_u32..)
        .zip(weights)
        .filter(|(_, weight)| *weight > 30.0)
        .fold((0.0, 0.0), |(sum, moment), (x, weight)| {
            (sum + weight, weight.mul_add(f64::from(x), moment))
        });
    (sum > 0.0).then_some(moment / sum)
}

#[test]
fn a_slow_ticker_to_the_right_keeps_its_colours() {
    let red = TextStyle {
        color: "#ff0000".parse().unwrap(),
        ..style(30)
    };
    // One pixel a frame: on every other frame the letter begins between two samples of colour.
    let frames = frames_of(layer(
        ticker("█         ", 30, TickerDirection::Right, red),
        [1, 60, 319, 60],
    ));
    let places = frames
        .iter()
        .map(|(number, frame)| (*number, middle_of_red(frame)));
    let places: Vec<_> = places.collect();
    let mut compared = 0;
    for pair in places.windows(2) {
        if let [(before, Some(from)), (after, Some(to))] = *pair {
            let moved = to - from;
            let expected = f64::from(i32::try_from(after - before).unwrap());
            let off = (moved - expected).abs();
            assert!(off < 0.3, "frame {after} is {off} pixels off");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared} frames show a whole letter");
}

#[test]
fn a_ticker_stays_in_its_box() {
    let frames = frames_of(layer(
        ticker("██████", 60, TickerDirection::Left, style(40)),
        [101, 60, 100, 60],
    ));
    for (_, frame) in &frames {
        let inside = frame.part([101, 90, 100, 1]);
        let bright = inside.iter().filter(|pixel| pixel[0] > 200).count();
        assert!(bright > 80, "{bright} pixels of letters");
        for x in [97, 204] {
            assert!(frame.part([x, 0, 1, 180]).iter().all(|pixel| pixel[0] < 40));
        }
    }
}

#[test]
fn text_that_would_take_too_much_memory_is_refused_and_long_text_is_not() {
    let long = "W".repeat(2000);
    let fine = layer(
        ticker(&long, 60, TickerDirection::Left, style(48)),
        [0, 0, 320, 60],
    );
    let too_large = layer(
        ticker(&long, 60, TickerDirection::Left, style(1000)),
        [0, 60, 320, 100],
    );
    let mut worker = Worker::on_air(small(), scene(1, &[fine.clone(), too_large.clone()]));
    worker.wait_for_layer(fine.id, LayerState::Ok);
    let refused = worker.wait_for_layer(too_large.id, LayerState::Failing);
    assert_eq!(refused.code.as_deref(), Some("layer.ticker.too-large"));
    worker.wait_for_segments(2);
    let frame = worker.stop().last_frame();
    assert!(
        frame
            .part([0, 0, 320, 60])
            .iter()
            .any(|pixel| pixel[0] > 200)
    );
}
