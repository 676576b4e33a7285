//! What crop, fit, anchor, rotation, round corners and blends look like.

use sm_common::layer::{Anchor, Blend, Crop, Fit};
use sm_common::stream::LayerState;
use sm_media_protocol::SceneLayer;

use crate::recording::{Frame, make};
use crate::scene::{color, image, layer, scene, video};
use crate::worker::{Worker, small};

const BLACK: [u8; 3] = [0, 0, 0];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

fn picture(layers: &[SceneLayer]) -> Frame {
    let mut worker = Worker::on_air(small(), scene(1, layers));
    for layer in layers {
        worker.wait_for_layer(layer.id, LayerState::Ok);
    }
    worker.wait_for_segments(2);
    worker.stop().last_frame()
}

/// Twice as wide as high: red on the left, blue on the right.
const HALVES: &str = "color=red:s=64x64[a];color=blue:s=64x64[b];[a][b]hstack,format=yuv444p";

/// The halves, cropped and fitted in every way.
fn fitted(halves: &dyn Fn() -> sm_media_protocol::LayerContent) -> Frame {
    let mut cropped = layer(halves(), [0, 0, 40, 40]);
    cropped.transform.crop = Crop {
        right: 0.5,
        ..Crop::default()
    };
    let mut contained = layer(halves(), [50, 0, 40, 40]);
    contained.transform.fit = Fit::Contain;
    let mut covering = layer(halves(), [100, 0, 40, 40]);
    covering.transform.fit = Fit::Cover;
    let mut right = layer(halves(), [150, 0, 40, 40]);
    right.transform.fit = Fit::Cover;
    right.transform.anchor = Anchor::Right;
    let mut natural = layer(halves(), [200, 0, 80, 80]);
    natural.transform.fit = Fit::None;
    natural.transform.anchor = Anchor::BottomLeft;
    let mut turned = layer(halves(), [40, 110, 80, 40]);
    turned.transform.rotation = 90.0;
    let mut round = layer(halves(), [200, 100, 80, 60]);
    round.transform.corner_radius = 24.0;
    picture(&[cropped, contained, covering, right, natural, turned, round])
}

#[track_caller]
fn assert_fitted(frame: &Frame) {
    // Cropped: the right half is gone.
    frame.assert_is(4, 20, RED);
    frame.assert_is(35, 20, RED);
    // Contained: bars above and below.
    frame.assert_is(70, 4, BLACK);
    frame.assert_is(70, 35, BLACK);
    frame.assert_is(60, 20, RED);
    frame.assert_is(80, 20, BLUE);
    // Covering: no bar, and nothing beyond the box.
    frame.assert_is(106, 4, RED);
    frame.assert_is(134, 36, BLUE);
    frame.assert_is(96, 20, BLACK);
    frame.assert_is(144, 20, BLACK);
    // Covering from the right: only what is there.
    frame.assert_is(154, 20, BLUE);
    frame.assert_is(186, 20, BLUE);
    // In its own size, at the lower left.
    frame.assert_is(230, 8, BLACK);
    frame.assert_is(230, 24, RED);
    frame.assert_is(256, 70, RED);
    frame.assert_is(274, 70, BLUE);
    frame.assert_is(284, 70, BLACK);
    // Turned clockwise around its middle: the left is above.
    frame.assert_is(80, 98, RED);
    frame.assert_is(66, 110, RED);
    frame.assert_is(80, 160, BLUE);
    frame.assert_is(48, 130, BLACK);
    frame.assert_is(110, 130, BLACK);
    // Round: corners are clear, edges are not.
    frame.assert_is(203, 103, BLACK);
    frame.assert_is(276, 157, BLACK);
    frame.assert_is(228, 104, RED);
    frame.assert_is(204, 130, RED);
    frame.assert_is(275, 130, BLUE);
}

#[test]
fn an_image_is_cropped_fitted_turned_and_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halves.png");
    make(&path, &["-filter_complex", HALVES, "-frames:v", "1"]);
    assert_fitted(&fitted(&|| image(&path)));
}

#[test]
fn a_video_is_cropped_fitted_turned_and_rounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halves.mp4");
    let halves = format!("{HALVES},format=yuv420p");
    make(&path, &["-filter_complex", &halves, "-t", "1"]);
    assert_fitted(&fitted(&|| video(&path, true)));
}

#[test]
fn a_colour_is_turned_by_any_angle_around_its_anchor() {
    let mut diamond = layer(color("#ffffff"), [40, 40, 80, 80]);
    diamond.transform.rotation = 45.0;
    let mut swung = layer(color("#ff0000"), [200, 60, 60, 20]);
    swung.transform.rotation = -90.0;
    swung.transform.anchor = Anchor::TopLeft;
    let frame = picture(&[diamond, swung]);
    for (x, y) in [(80, 30), (80, 130), (30, 80), (130, 80), (80, 80)] {
        frame.assert_is(x, y, WHITE);
    }
    for (x, y) in [(44, 44), (116, 44), (44, 116), (116, 116)] {
        frame.assert_is(x, y, BLACK);
    }
    // Anticlockwise around its upper left corner: it stands above it.
    frame.assert_is(210, 8, RED);
    frame.assert_is(210, 54, RED);
    frame.assert_is(230, 70, BLACK);
    frame.assert_is(194, 30, BLACK);
}

#[test]
fn blends_are_computed_in_red_green_and_blue() {
    const BELOW: [u8; 3] = [200, 100, 50];
    const ABOVE: [u8; 3] = [100, 150, 220];
    let expected = |blend, below: u8, above: u8| {
        let (b, a) = (f64::from(below), f64::from(above));
        let value = match blend {
            Blend::Normal => a,
            Blend::Multiply => a * b / 255.0,
            Blend::Screen => a + b - a * b / 255.0,
            Blend::Add => (a + b).min(255.0),
            Blend::Darken => a.min(b),
            Blend::Lighten => a.max(b),
        };
        (0..=255_u8)
            .find(|&byte| f64::from(byte) + 0.5 >= value)
            .unwrap()
    };
    let blends = [
        Blend::Normal,
        Blend::Multiply,
        Blend::Screen,
        Blend::Add,
        Blend::Darken,
        Blend::Lighten,
    ];
    let mut layers = vec![layer(color("#c86432"), [0, 0, 320, 180])];
    for (x, blend) in (0..).step_by(50).zip(blends) {
        let mut above = layer(color("#6496dc"), [x, 20, 40, 40]);
        above.blend = blend;
        layers.push(above.clone());
        let mut half = above;
        half.id = sm_common::id::LayerId::generate();
        half.transform.y = 100;
        half.opacity = 0.5;
        layers.push(half);
    }
    let frame = picture(&layers);
    frame.assert_is(45, 40, BELOW);
    for (x, blend) in (20..).step_by(50).zip(blends) {
        let mut whole = [0; 3];
        let mut half = [0; 3];
        for (index, (below, above)) in BELOW.into_iter().zip(ABOVE).enumerate() {
            whole[index] = expected(blend, below, above);
            half[index] = whole[index].midpoint(below);
        }
        frame.assert_is(x, 40, whole);
        frame.assert_is(x, 120, half);
    }
}

#[test]
fn what_is_behind_a_round_or_turned_or_blended_layer_is_drawn() {
    let back = layer(color("#0000ff"), [0, 0, 320, 180]);
    let mut round = layer(color("#ff0000"), [0, 0, 320, 180]);
    round.transform.corner_radius = 40.0;
    let frame = picture(&[back.clone(), round]);
    frame.assert_is(3, 3, BLUE);
    frame.assert_is(160, 90, RED);
    let mut turned = layer(color("#ff0000"), [0, 0, 320, 180]);
    turned.transform.rotation = 90.0;
    let frame = picture(&[back.clone(), turned]);
    frame.assert_is(20, 90, BLUE);
    frame.assert_is(160, 90, RED);
    let mut added = layer(color("#ff0000"), [0, 0, 320, 180]);
    added.blend = Blend::Add;
    picture(&[back, added]).assert_is(160, 90, [255, 0, 255]);
}
