//! What still layers look like.

use sm_common::layer::{Color, GradientShape, GradientStop, Pattern, TextStyle};
use sm_media_protocol::{LayerContent, SceneLayer, WantedScene};

use crate::recording::{Frame, difference, make};
use crate::scene::{color, image, layer, scene, style, text};
use crate::worker::{Worker, small};

const BLACK: [u8; 3] = [0, 0, 0];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

/// The picture of these layers, once all of them are loaded.
pub(crate) fn picture(layers: &[SceneLayer]) -> Frame {
    picture_of(scene(1, layers))
}

fn picture_of(scene: WantedScene) -> Frame {
    let layers: Vec<_> = scene.layers.iter().map(|layer| layer.id).collect();
    let mut worker = Worker::on_air(small(), scene);
    for layer in layers {
        worker.wait_for_layer(layer, sm_common::stream::LayerState::Ok);
    }
    worker.wait_for_segments(2);
    worker.stop().last_frame()
}

#[test]
fn colour_layers_lie_where_they_are_put_with_their_opacity_and_order() {
    let mut half = layer(color("#ff0000"), [100, 40, 60, 60]);
    half.opacity = 0.5;
    let mut hidden = layer(color("#ffffff"), [0, 0, 320, 180]);
    hidden.visible = false;
    let frame = picture(&[
        layer(color("#0000ff"), [20, 20, 61, 41]),
        layer(color("#ff0000"), [60, 40, 30, 30]),
        half,
        layer(color("#ffffff80"), [200, 100, 400, 400]),
        layer(color("#ff0000"), [-30, 150, 40, 60]),
        hidden,
    ]);
    frame.assert_is(10, 10, BLACK);
    frame.assert_is(22, 22, BLUE);
    // The red one is in front.
    frame.assert_is(65, 45, RED);
    frame.assert_is(88, 68, RED);
    frame.assert_is(84, 30, BLACK);
    // Half opacity, by the layer and by the colour; half in luma is half in light here.
    frame.assert_is(130, 70, [128, 0, 0]);
    frame.assert_is(250, 140, [128, 128, 128]);
    // Cut off at the edges.
    frame.assert_is(4, 170, RED);
    frame.assert_is(16, 170, BLACK);
}

#[test]
fn an_image_keeps_its_transparency_and_is_stretched_over_its_layer() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.png");
    // Left half: red at half alpha. Right half: clear green, which must not show anywhere.
    make(
        &logo,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=black:s=64x64,format=rgba,geq=\
         r='if(lt(X,32),255,0)':g='if(lt(X,32),0,255)':b=0:a='if(lt(X,32),128,0)'",
            "-frames:v",
            "1",
        ],
    );
    let photo = folder.path().join("photo.jpg");
    make(
        &photo,
        &["-f", "lavfi", "-i", "color=blue:s=48x48", "-frames:v", "1"],
    );
    let web = folder.path().join("web.webp");
    make(
        &web,
        &["-f", "lavfi", "-i", "color=white:s=48x48", "-frames:v", "1"],
    );

    let frame = picture(&[
        layer(color("#ffffff"), [0, 0, 160, 180]),
        layer(image(&logo), [20, 20, 128, 128]),
        layer(image(&photo), [200, 20, 40, 40]),
        layer(image(&web), [260, 20, 40, 40]),
    ]);
    frame.assert_is(40, 80, [255, 128, 128]);
    frame.assert_is(78, 80, [255, 128, 128]);
    frame.assert_is(96, 80, WHITE);
    frame.assert_is(140, 80, WHITE);
    frame.assert_is(220, 40, BLUE);
    frame.assert_is(280, 40, WHITE);
}

#[test]
fn text_shows_its_letters_its_lines_its_colours_and_its_background() {
    let background = TextStyle {
        background: Some("#0000ff".parse().unwrap()),
        color: Color::WHITE,
        bold: true,
        ..style(40)
    };
    let right = TextStyle {
        align: sm_common::layer::TextAlign::Right,
        color: "#ff0000".parse().unwrap(),
        ..style(40)
    };
    let frame = picture(&[
        layer(text("██", background), [20, 10, 200, 60]),
        layer(text("█\n█", right), [20, 80, 200, 100]),
        // Markup is text, and empty text is nothing.
        layer(text("<b>&amp;", style(20)), [230, 10, 90, 60]),
        layer(text("  ", style(20)), [230, 80, 90, 60]),
    ]);
    // Background to the edges, letters away from them.
    frame.assert_is(22, 12, BLUE);
    frame.assert_is(217, 67, BLUE);
    frame.assert_is(50, 40, WHITE);
    frame.assert_is(150, 40, BLUE);
    // Two lines at the right edge.
    frame.assert_is(212, 105, RED);
    frame.assert_is(212, 152, RED);
    frame.assert_is(60, 105, BLACK);
    let ink = |part: [usize; 4]| {
        frame
            .part(part)
            .iter()
            .filter(|pixel| pixel[0] > 128)
            .count()
    };
    assert!(ink([230, 10, 90, 60]) > 50, "letters are there");
    assert_eq!(ink([230, 80, 90, 60]), 0, "nothing is there");
}

#[test]
fn text_stands_in_the_vertical_middle_of_its_box() {
    let frame = picture(&[layer(text("██", style(40)), [0, 0, 200, 180])]);
    let rows: Vec<usize> = (0..180).filter(|&y| frame.is(20, y, WHITE)).collect();
    let (first, last) = (rows[0], rows[rows.len() - 1]);
    let middle = first.midpoint(last);
    assert!(middle.abs_diff(90) <= 4, "ink from {first} to {last}");
}

#[test]
fn a_gradient_has_its_colours_where_they_belong() {
    let stop = |offset, color: &str| GradientStop {
        offset,
        color: color.parse().unwrap(),
    };
    let stops = [
        stop(0, "#ff0000"),
        stop(50, "#ffffff"),
        stop(100, "#0000ff"),
    ];
    let gradient = |angle| LayerContent::Gradient {
        stops: stops.to_vec(),
        angle,
        shape: GradientShape::Linear,
    };
    let fading = LayerContent::Gradient {
        stops: vec![stop(0, "#ffffff00"), stop(100, "#ffffff")],
        angle: 0,
        shape: GradientShape::Linear,
    };
    let frame = picture(&[
        layer(gradient(0), [0, 0, 320, 60]),
        layer(gradient(270), [0, 60, 160, 100]),
        layer(fading, [160, 60, 160, 100]),
    ]);
    frame.assert_is(1, 30, RED);
    frame.assert_is(160, 30, WHITE);
    frame.assert_is(318, 30, BLUE);
    frame.assert_is(80, 30, [255, 128, 128]);
    // From the bottom to the top.
    frame.assert_is(80, 158, RED);
    frame.assert_is(80, 110, WHITE);
    frame.assert_is(80, 61, BLUE);
    frame.assert_is(240, 110, [128, 128, 128]);
}

#[test]
fn a_radial_gradient_runs_from_the_middle_to_the_corners() {
    let stop = |offset, color: &str| GradientStop {
        offset,
        color: color.parse().unwrap(),
    };
    let radial = LayerContent::Gradient {
        stops: vec![stop(0, "#ff0000"), stop(50, "#ff0000"), stop(50, "#0000ff")],
        angle: 0,
        shape: GradientShape::Radial,
    };
    let frame = picture(&[layer(radial, [0, 0, 320, 180])]);
    frame.assert_is(160, 90, RED);
    // Half the way to the corners is 0.71 of the way to the edges.
    for (x, y) in [
        (160 + 105, 90),
        (160 - 105, 90),
        (160, 90 + 58),
        (160, 90 - 58),
    ] {
        frame.assert_is(x, y, RED);
    }
    for (x, y) in [
        (160 + 121, 90),
        (160 - 121, 90),
        (160, 90 + 69),
        (3, 3),
        (316, 176),
    ] {
        frame.assert_is(x, y, BLUE);
    }
}

#[test]
fn test_patterns_are_what_they_are_called() {
    let pattern = |pattern| LayerContent::TestPattern { pattern };
    let frame = picture(&[
        layer(pattern(Pattern::Bars), [0, 0, 140, 80]),
        layer(pattern(Pattern::Ball), [160, 0, 160, 80]),
        layer(pattern(Pattern::Snow), [0, 90, 140, 90]),
    ]);
    // The first bar is white, the second yellow.
    frame.assert_is(8, 20, WHITE);
    frame.assert_is(30, 20, [255, 255, 0]);
    let white = |part: [usize; 4]| frame.part(part).iter().filter(|p| p[0] > 200).count();
    let ball = white([160, 0, 160, 80]);
    assert!((100..4000).contains(&ball), "{ball} pixels of a ball");
    let snow = frame.part([0, 90, 140, 90]);
    let moved = difference(&snow[140..], &snow[..snow.len() - 140]);
    assert!(moved > 20.0, "neighbouring rows of noise differ");
}

#[test]
fn a_change_shows_as_a_whole_on_the_frame_that_is_reported() {
    /// The composer may run this late on a busy machine while the moment is taken.
    const FRAMES_LATE_MAX: usize = 6;

    let mut left = layer(color("#ff0000"), [0, 0, 160, 180]);
    let mut right = layer(color("#ff0000"), [160, 0, 160, 180]);
    let label = layer(text("██", style(60)), [100, 60, 80, 60]);
    let mut worker = Worker::on_air(small(), scene(1, &[left.clone(), right.clone()]));
    worker.wait_for_segments(1);
    left.content = color("#0000ff");
    right.transform.x = 260;
    worker.apply(scene(2, &[left, right, label]));
    let at = worker.wait_for("moment", |report| match report {
        sm_media_protocol::Report::SceneApplied { revision: 2, at } => Some(*at),
        _ => None,
    });
    worker.wait_for_segments(3);
    let recording = worker.stop();
    let frames = recording.frames();
    let before = |frame: &Frame| {
        frame.is(10, 10, RED) && frame.is(200, 10, RED) && !frame.is(120, 90, WHITE)
    };
    let after = |frame: &Frame| {
        frame.is(10, 10, BLUE) && frame.is(200, 10, BLACK) && frame.is(120, 90, WHITE)
    };
    let change = frames.iter().position(after).expect("the change shows");
    assert!(frames[..change].iter().all(before), "all or nothing before");
    assert!(frames[change..].iter().all(after), "all of it afterwards");
    let reported = recording.frame_at(at, 30.0);
    assert!(
        reported.abs_diff(change) <= FRAMES_LATE_MAX,
        "shown on frame {change}, reported for {reported}"
    );
}
