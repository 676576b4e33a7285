//! Sound without a picture, as internet radios send it.

use sm_common::layer::OnLoss;
use sm_common::stream::LayerState;

use crate::continuity::assert_regular;
use crate::network::{assert_tone, colors, network, next, next_segments, on_air};
use crate::network_servers::{Origin, TONE};
use crate::recording::make;

fn sound(name: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut all = vec!["-f", "lavfi", "-i", TONE, "-t", "12"];
    all.extend_from_slice(arguments);
    make(&path, &all);
    std::fs::read(path).unwrap()
}

#[test]
fn radios_are_heard_wherever_they_are_begun() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    let mp3 = sound("a.mp3", &["-c:a", "libmp3lame", "-b:a", "128k"]);
    let aac = sound("a.aac", &["-c:a", "aac", "-f", "adts"]);
    let ogg = sound("a.ogg", &["-c:a", "libopus", "-f", "ogg"]);
    let wav = sound("a.wav", &[]);
    // As when one comes in the middle of a programme.
    origin.stream("radio", "audio/mpeg", &mp3[1001..]);
    origin.stream("aacp", "audio/aacp", &aac[333..]);
    origin.stream("ogg", "application/ogg", &ogg);
    origin.put("a.mp3", &mp3);
    origin.put("a.wav", &wav);
    for path in ["radio", "aacp", "ogg", "a.mp3", "a.wav"] {
        let source = network(&origin.url(path), OnLoss::Hide);
        let mut worker = on_air(std::slice::from_ref(&source));
        worker.wait_for_layer(source.id, LayerState::Ok);
        next_segments(&mut worker, 2);
        let recording = worker.stop();
        assert_eq!(colors(&recording), "g", "{path}");
        assert_tone(&recording);
        assert_regular(&recording, 30);
    }
}

#[test]
fn a_radio_may_be_late_fall_silent_and_come_back_and_a_page_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(folder.path());
    let source = network(&origin.url("radio"), OnLoss::Hide);
    let page = network(&origin.url("page"), OnLoss::Hide);
    origin.stream(
        "page",
        "text/html",
        b"<!doctype html><title>Not on air</title>",
    );
    let mut worker = on_air(&[source.clone(), page.clone()]);
    let missing = worker.wait_for_layer(source.id, LayerState::Failing);
    assert_eq!(missing.code.as_deref(), Some("layer.source.unreachable"));
    let none = worker.wait_for_layer(page.id, LayerState::Failing);
    assert_eq!(none.code.as_deref(), Some("layer.source.unsupported"));
    let mp3 = sound("a.mp3", &["-c:a", "libmp3lame"]);
    // A second of it, and then nothing more.
    origin.stream("radio", "audio/mpeg", &mp3[700..17_000]);
    next(&mut worker, source.id, LayerState::Ok);
    let lost = next(&mut worker, source.id, LayerState::Failing);
    assert_eq!(lost.code.as_deref(), Some("layer.source.lost"));
    next(&mut worker, source.id, LayerState::Ok);
    let recording = worker.stop();
    assert_regular(&recording, 30);
}
