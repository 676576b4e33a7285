//! What every member of a text's style does to its picture. Blocks stand for letters: they fill
//! their line from edge to edge.

use sm_common::layer::{
    Color, TextAlign, TextOutline, TextShadow, TextStyle, TextWrap, VerticalAlign,
};
use sm_common::stream::LayerState;
use sm_media_protocol::LayerContent;

use crate::pictures::picture;
use crate::recording::Frame;
use crate::scene::{color, layer, scene, style, text};
use crate::worker::{Worker, small};

const BLACK: [u8; 3] = [0, 0, 0];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

fn red() -> Color {
    "#ff0000".parse().unwrap()
}

/// First and last column and row of the ink in a part of the frame: left, top, right, bottom.
fn ink(frame: &Frame, [x, y, width, height]: [usize; 4]) -> [usize; 4] {
    let bright = |&(x, y): &(usize, usize)| frame.pixel(x, y).iter().any(|&part| part > 128);
    let places = (y..y + height).flat_map(|y| (x..x + width).map(move |x| (x, y)));
    places.filter(bright).fold(
        [usize::MAX, usize::MAX, 0, 0],
        |[left, top, right, bottom], (x, y)| [left.min(x), top.min(y), right.max(x), bottom.max(y)],
    )
}

#[track_caller]
fn assert_near(actual: usize, expected: usize) {
    assert!(
        actual.abs_diff(expected) <= 3,
        "{actual}, expected {expected}"
    );
}

#[test]
fn an_outline_lies_around_the_letters_and_a_shadow_behind_them() {
    let outlined = TextStyle {
        outline: Some(TextOutline {
            color: red(),
            width: 6,
        }),
        ..style(40)
    };
    let shadowed = TextStyle {
        shadow: Some(TextShadow {
            color: "#0000ff".parse().unwrap(),
            x: 12,
            y: 8,
            blur: 0,
        }),
        ..style(40)
    };
    let soft = TextStyle {
        shadow: Some(TextShadow {
            color: red(),
            x: 0,
            y: 0,
            blur: 12,
        }),
        ..style(40)
    };
    let padded = |style| TextStyle {
        padding: Some(20),
        ..style
    };
    let frame = picture(&[
        layer(text("█", padded(outlined)), [0, 0, 100, 90]),
        layer(text("█", padded(shadowed)), [100, 0, 100, 90]),
        layer(text("█", padded(soft)), [200, 0, 100, 90]),
    ]);
    // The block starts at 20 and is about 31 wide and 47 high, in the middle of 90.
    frame.assert_is(35, 45, WHITE);
    frame.assert_is(16, 45, RED);
    frame.assert_is(10, 45, BLACK);
    frame.assert_is(35, 18, RED);
    frame.assert_is(135, 45, WHITE);
    frame.assert_is(156, 50, BLUE);
    frame.assert_is(140, 72, BLUE);
    frame.assert_is(122, 72, BLACK);
    frame.assert_is(235, 45, WHITE);
    let red_at = |x: usize| frame.pixel(x, 45)[0];
    let fades = [217, 213, 209, 204].map(red_at);
    assert!(fades.is_sorted_by(|near, far| near > far), "{fades:?}");
    assert!(fades[0] > 60 && fades[3] < 20, "{fades:?}");
}

#[test]
fn lines_stand_at_the_top_in_the_middle_or_at_the_bottom() {
    let at = |vertical_align| TextStyle {
        vertical_align,
        align: TextAlign::Center,
        ..style(30)
    };
    let frame = picture(&[
        layer(text("█", at(VerticalAlign::Top)), [0, 0, 100, 180]),
        layer(text("█", at(VerticalAlign::Middle)), [100, 0, 100, 180]),
        layer(text("█", at(VerticalAlign::Bottom)), [200, 0, 100, 180]),
    ]);
    let [left, top, right, _] = ink(&frame, [0, 0, 100, 180]);
    assert_near(top, 0);
    assert_near(left.midpoint(right), 50);
    let [_, top, _, bottom] = ink(&frame, [100, 0, 100, 180]);
    assert_near(top.midpoint(bottom), 90);
    let [.., bottom] = ink(&frame, [200, 0, 100, 180]);
    assert_near(bottom, 179);
}

#[test]
fn long_lines_are_wrapped_cut_off_or_shrunk() {
    let words = "██ ██ ██ ██";
    let wrap = |wrap, shrink| TextStyle {
        wrap,
        shrink,
        vertical_align: VerticalAlign::Top,
        ..style(20)
    };
    let frame = picture(&[
        layer(text(words, wrap(TextWrap::Word, false)), [0, 0, 80, 90]),
        layer(text(words, wrap(TextWrap::None, false)), [100, 0, 80, 90]),
        layer(text(words, wrap(TextWrap::None, true)), [200, 0, 80, 90]),
        layer(text(words, wrap(TextWrap::Word, true)), [0, 100, 80, 30]),
    ]);
    let [_, _, right, bottom] = ink(&frame, [0, 0, 100, 100]);
    assert!(right < 80, "{right}");
    assert_near(bottom, 46);
    let [_, _, right, bottom] = ink(&frame, [100, 0, 100, 100]);
    assert_near(right, 179);
    assert_near(bottom, 23);
    let [_, _, right, bottom] = ink(&frame, [200, 0, 120, 100]);
    assert!((265..280).contains(&right), "all of it fits: {right}");
    assert!(bottom < 16, "smaller letters: {bottom}");
    let [_, top, right, bottom] = ink(&frame, [0, 95, 200, 80]);
    assert!(
        right < 80 && top >= 99 && bottom < 130,
        "{right} {top} {bottom}"
    );
    assert!(bottom > 112, "two lines, as large as they fit: {bottom}");
}

#[test]
fn spacing_padding_and_corners_are_kept() {
    let spaced = TextStyle {
        letter_spacing: 20,
        line_spacing: 200,
        vertical_align: VerticalAlign::Top,
        ..style(20)
    };
    let rounded = TextStyle {
        background: Some(red()),
        background_radius: 30,
        padding: Some(25),
        vertical_align: VerticalAlign::Top,
        ..style(20)
    };
    let frame = picture(&[
        layer(text("██\n█", spaced), [0, 0, 150, 180]),
        layer(text("█", rounded), [160, 20, 120, 120]),
    ]);
    // A block of this size is 15 wide: two of them, and 20 between.
    let [_, _, right, _] = ink(&frame, [0, 0, 150, 40]);
    assert_near(right, 51);
    let [_, top, _, bottom] = ink(&frame, [0, 45, 150, 100]);
    assert_near(top.midpoint(bottom), 70);
    frame.assert_is(163, 23, BLACK);
    frame.assert_is(277, 137, BLACK);
    frame.assert_is(220, 22, RED);
    frame.assert_is(162, 80, RED);
    frame.assert_is(180, 56, RED);
    frame.assert_is(190, 56, WHITE);
    frame.assert_is(190, 42, RED);
}

#[test]
fn scripts_are_shaped_and_unknown_fonts_replaced() {
    let unknown = TextStyle {
        font: "No Such Font".to_owned(),
        ..style(40)
    };
    let frame = picture(&[
        // Joined letters take less room than the same letters apart.
        layer(text("ببب", style(40)), [0, 0, 150, 60]),
        layer(text("ب ب ب", style(40)), [160, 0, 160, 60]),
        layer(text("Text", unknown), [0, 60, 150, 60]),
        layer(
            text(
                "Text",
                TextStyle {
                    italic: true,
                    ..style(40)
                },
            ),
            [160, 60, 160, 60],
        ),
    ]);
    let width = |part| {
        let [left, _, right, _] = ink(&frame, part);
        right - left
    };
    assert!(width([0, 0, 150, 60]) > 20, "there are letters");
    let gaps = |x: usize| {
        let clear = |x: usize| (0..60).all(|y| frame.pixel(x, y)[0] < 60);
        let [left, _, right, _] = ink(&frame, [x, 0, 150, 60]);
        (left..right).filter(|&x| clear(x)).count()
    };
    assert_eq!(gaps(0), 0, "the letters are joined");
    assert!(gaps(160) > 10, "spaces part them");
    assert!(width([0, 60, 150, 60]) > 50, "another font stands in");
    assert_ne!(
        frame.part([0, 60, 150, 60]),
        frame.part([160, 60, 150, 60]),
        "italic looks different"
    );
}

#[test]
fn text_that_changes_with_its_scene_shows_on_the_same_frame() {
    let mut back = layer(color("#000000"), [0, 0, 320, 180]);
    let mut label = layer(text("█", style(100)), [100, 20, 100, 140]);
    let mut worker = Worker::on_air(small(), scene(1, &[back.clone(), label.clone()]));
    worker.wait_for_layer(label.id, LayerState::Ok);
    worker.wait_for_segments(1);
    back.content = color("#0000ff");
    label.content = text(
        "█",
        TextStyle {
            color: red(),
            ..style(100)
        },
    );
    worker.apply(scene(2, &[back, label]));
    worker.wait_for_segments(3);
    let frames = worker.stop().frames();
    let change = frames
        .iter()
        .position(|frame| frame.is(10, 10, BLUE))
        .unwrap();
    assert!(change > 0);
    assert!(frames[change - 1].is(130, 90, WHITE));
    assert!(frames[change..].iter().all(|frame| frame.is(130, 90, RED)));
}

#[test]
fn an_uploaded_font_is_used_and_a_broken_one_falls_back_and_says_so() {
    const MONO: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf";
    let folder = tempfile::tempdir().unwrap();
    let uploaded = folder.path().join("uploaded");
    std::fs::copy(MONO, &uploaded).unwrap();
    let broken = folder.path().join("broken");
    std::fs::write(&broken, [b"\0\x01\0\0".as_slice(), &[9; 3_000]].concat()).unwrap();
    let missing = folder.path().join("missing");
    let written = |font: Option<&std::path::Path>, y| {
        let content = LayerContent::Text {
            text: "iiiiiiii".to_owned(),
            style: style(30),
            font: font.map(std::path::Path::to_owned),
        };
        layer(content, [0, y, 320, 40])
    };
    let layers = [
        written(None, 0),
        written(Some(&uploaded), 45),
        written(Some(&broken), 90),
        written(Some(&missing), 135),
    ];
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for layer in &layers[..2] {
        worker.wait_for_layer(layer.id, LayerState::Ok);
    }
    for layer in &layers[2..] {
        let failing = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(failing.code.as_deref(), Some("layer.font.failed"));
    }
    worker.wait_for_segments(2);
    let frame = worker.stop().last_frame();
    let width = |y: usize| {
        let inked = |x: &usize| {
            let column = frame.part([*x, y, 1, 40]);
            column.iter().any(|pixel| pixel[0] > 128)
        };
        (0..320).filter(inked).max().unwrap()
    };
    let usual = width(0);
    // In a font of fixed width, eight of the narrowest letters are as wide as of any other.
    assert!(width(45) > usual * 3 / 2, "{} and {usual}", width(45));
    assert_eq!(
        (width(90), width(135)),
        (usual, usual),
        "they are written all the same"
    );
}
