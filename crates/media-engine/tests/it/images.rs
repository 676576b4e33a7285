//! Drawings and animations.

use std::path::Path;

use sm_common::stream::LayerState;
use sm_media_protocol::SceneLayer;

use crate::recording::{Frame, make};
use crate::scene::{color, image, layer, scene};
use crate::worker::{Worker, small};

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

fn write(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
}

/// Left half red, right half blue; clear below.
fn halves() -> &'static str {
    r##"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">
        <rect width="4" height="4" fill="#f00"/><rect x="4" width="4" height="4" fill="#00f"/></svg>"##
}

/// One picture of each colour for so many hundredths of a second.
fn flashing(path: &Path, red: u32, blue: u32, options: &[&str]) {
    let filter = format!(
        "color=red:s=32x32:r=100:d=0.01,settb=1/100[a];color=blue:s=32x32:r=100:d=0.01,settb=1/100[b];\
         [a][b]concat=n=2,setpts='if(eq(N,0),0,{red})/100/TB'"
    );
    let last = blue.to_string();
    let mut arguments = vec!["-filter_complex", &filter, "-fps_mode", "passthrough"];
    arguments.extend(["-pix_fmt", "bgr8", "-final_delay", &last]);
    arguments.extend(options);
    make(path, &arguments);
}

fn runs(frames: &[Frame]) -> Vec<(char, usize)> {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for frame in frames {
        let name = if frame.is(160, 90, RED) {
            'r'
        } else if frame.is(160, 90, BLUE) {
            'b'
        } else {
            '?'
        };
        match runs.last_mut() {
            Some((last, count)) if *last == name => *count += 1,
            _ => runs.push((name, 1)),
        }
    }
    runs
}

fn shown(layer: &SceneLayer, segments: u64) -> Vec<(char, usize)> {
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(layer)));
    worker.wait_for_layer(layer.id, LayerState::Ok);
    worker.wait_for_segments(segments);
    runs(&worker.stop().frames())
}

#[test]
fn a_drawing_is_sharp_also_after_its_size_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halves.svg");
    write(&path, halves());
    let mut drawing = layer(image(&path), [0, 0, 16, 16]);
    let back = layer(color("#ffffff"), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, &[back.clone(), drawing.clone()]));
    worker.wait_for_layer(drawing.id, LayerState::Ok);
    worker.wait_for_segments(1);
    (drawing.transform.width, drawing.transform.height) = (320, 180);
    worker.apply(scene(2, &[back, drawing]));
    worker.wait_for_segments(3);
    let frames = worker.stop().frames();
    let small = frames.iter().position(|frame| frame.is(4, 4, RED)).unwrap();
    frames[small].assert_is(12, 4, BLUE);
    frames[small].assert_is(4, 12, WHITE);
    let last = &frames[frames.len() - 1];
    for y in [2, 45, 86] {
        last.assert_is(157, y, RED);
        last.assert_is(162, y, BLUE);
    }
    last.assert_is(80, 94, WHITE);
    // No frame shows the small one stretched, or nothing.
    for frame in &frames[small..] {
        assert!(frame.is(4, 4, RED));
        assert!(
            frame.is(40, 40, RED) == frame.is(157, 45, RED),
            "sharp at once"
        );
    }
}

#[test]
fn an_animation_keeps_its_delays_and_goes_round() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flashing.gif");
    flashing(&path, 20, 40, &["-loop", "0"]);
    let runs = shown(&layer(image(&path), [0, 0, 320, 180]), 4);
    assert!(runs.len() >= 6, "{runs:?}");
    // The first and the last are cut by the start and the end of the program.
    for (name, frames) in &runs[2..runs.len() - 1] {
        let expected: usize = if *name == 'r' { 6 } else { 12 };
        assert!(frames.abs_diff(expected) <= 1, "{runs:?}");
    }
}

#[test]
fn animations_in_webp_and_png_are_shown_as_well_and_as_often_as_they_say() {
    let folder = tempfile::tempdir().unwrap();
    for (name, palette, options) in [
        (
            "once.gif",
            ",split[c][d];[c]palettegen[p];[d][p]paletteuse",
            "-loop -1",
        ),
        (
            "once.webp",
            "",
            "-pix_fmt bgra -c:v libwebp_anim -lossless 1 -loop 1",
        ),
        ("once.png", "", "-pix_fmt rgba -f apng -plays 1"),
    ] {
        let path = folder.path().join(name);
        let filter = format!(
            "color=red:s=32x32:r=10:d=0.3[a];color=blue:s=32x32:r=10:d=0.3[b];[a][b]concat=n=2{palette}"
        );
        let mut arguments = vec!["-filter_complex", filter.as_str()];
        arguments.extend(options.split(' '));
        make(&path, &arguments);
        let runs = shown(&layer(image(&path), [0, 0, 320, 180]), 3);
        let names: String = runs.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.trim_start_matches('?'), "rb", "{name}: {runs:?}");
        assert!(runs[runs.len() - 1].1 > 30, "{name} stays: {runs:?}");
    }
}

#[test]
fn hostile_pictures_are_failures_that_say_why_and_disturb_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let laughs = folder.path().join("laughs.svg");
    write(
        &laughs,
        r#"<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&b;</text></svg>"#,
    );
    let bomb = folder.path().join("bomb.gif");
    std::fs::write(
        &bomb,
        b"GIF89a\x08\0\x04\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0\x3b",
    )
    .unwrap();
    let large = folder.path().join("large.gif");
    std::fs::write(
        &large,
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x08\0\x04\0\0\x02\x02\x44\x01\0\x3b",
    )
    .unwrap();
    let cut = folder.path().join("cut.gif");
    flashing(&cut, 20, 20, &["-loop", "0"]);
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..40]).unwrap();

    let back = layer(color("#ff0000"), [0, 0, 320, 180]);
    let mut layers = vec![back];
    layers.extend([&laughs, &bomb, &large, &cut].map(|path| layer(image(path), [0, 0, 320, 180])));
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for (layer, code) in layers[1..].iter().zip([
        "layer.source.undecodable",
        "layer.source.undecodable",
        "layer.source.too-large",
        "layer.source.undecodable",
    ]) {
        let failing = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(failing.code.as_deref(), Some(code), "{failing:?}");
    }
    worker.wait_for_segments(2);
    let last = worker.stop().last_frame();
    last.assert_is(160, 90, RED);
}
