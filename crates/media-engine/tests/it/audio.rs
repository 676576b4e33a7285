//! Sounds without a picture.

use std::path::Path;

use sm_common::layer::{Playback, PlaybackAction};
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, Report, SceneLayer};

use crate::recording::make;
use crate::scene::{audio, layer, scene};
use crate::sound::{TONE_RMS, loudness};
use crate::worker::{Worker, small};

/// One second of a tone.
fn tone(path: &Path, codec: &[&str]) {
    let mut arguments = vec!["-f", "lavfi", "-i", "sine=500:r=44100", "-t", "1"];
    arguments.extend(codec);
    make(path, &arguments);
}

fn heard(worker: &mut Worker) -> Vec<bool> {
    loudness(&worker.stop().samples())
        .iter()
        .map(|rms| TONE_RMS.contains(rms))
        .collect()
}

#[test]
fn every_form_of_sound_is_heard_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("a.mp3", &["-c:a", "libmp3lame"][..]),
        ("a.aac", &["-c:a", "aac"]),
        ("a.m4a", &["-c:a", "aac"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.opus", &["-c:a", "libopus"]),
        ("a.flac", &["-c:a", "flac"]),
        ("a.wav", &["-c:a", "pcm_s16le"]),
    ];
    let mut layers: Vec<SceneLayer> = files
        .iter()
        .map(|(name, codec)| {
            let path = folder.path().join(name);
            tone(&path, codec);
            layer(audio(&path, true), [0, 0, 32, 32])
        })
        .collect();
    // Each is measured by itself; the mix only has the first.
    for layer in &mut layers[1..] {
        layer.muted = false;
        layer.volume = 0.01;
    }
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for layer in &layers {
        worker.wait_for_layer(layer.id, LayerState::Ok);
    }
    for (layer, (name, _)) in layers.iter().zip(&files) {
        worker.wait_for(&format!("sound of {name}"), |report| match report {
            Report::Stats(stats) => {
                let own = stats.layers.iter().find(|own| own.layer == layer.id)?;
                let expected = -21.0 + 20.0 * layer.volume.log10();
                let rms = own.audio_rms_dbfs?;
                assert!(own.frames_total.is_none(), "it has no picture");
                ((rms - expected).abs() < 2.0).then_some(())
            }
            _ => None,
        });
    }
    worker.wait_for_segments(5);
    let heard = heard(&mut worker);
    let first = heard.iter().position(|loud| *loud).unwrap();
    let quiet = heard[first..].iter().filter(|loud| !**loud).count();
    // A coded file is a little longer than a second, and its edges are softer.
    assert!(quiet <= heard.len() / 10, "{heard:?}");
}

#[test]
fn a_sound_is_paused_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.flac");
    tone(&path, &["-c:a", "flac"]);
    let mut sound = layer(audio(&path, false), [0, 0, 32, 32]);
    sound.playback = Some(Playback {
        number: 1,
        action: PlaybackAction::Pause,
        paused: true,
        position_ms: None,
        item: None,
    });
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&sound)));
    worker.wait_for_layer(sound.id, LayerState::Ok);
    worker.wait_for_segments(2);
    for number in [2, 3] {
        sound.playback = Some(Playback {
            number,
            action: PlaybackAction::Restart,
            paused: false,
            position_ms: None,
            item: None,
        });
        worker.apply(scene(number, std::slice::from_ref(&sound)));
        worker.wait_for_segments(2 * number + 1);
    }
    let heard = heard(&mut worker);
    let mut beeps = Vec::new();
    for run in heard.chunk_by(|a, b| a == b) {
        if run[0] {
            beeps.push(run.len());
        }
    }
    assert!(!heard[0] && beeps.len() == 2, "{heard:?}");
    assert!(beeps.iter().all(|beep| beep.abs_diff(20) <= 3), "{beeps:?}");
}

#[test]
fn files_without_a_sound_are_failures_that_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("silent.mp4");
    make(
        &silent,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=red:s=32x32:d=1",
            "-pix_fmt",
            "yuv420p",
        ],
    );
    let picture = folder.path().join("picture.png");
    make(
        &picture,
        &["-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1"],
    );
    let garbage = folder.path().join("garbage.mp3");
    std::fs::write(&garbage, [b"ID3".as_slice(), &[0x5a; 5_000]].concat()).unwrap();
    let missing = folder.path().join("missing.mp3");
    let layers = [&silent, &picture, &garbage, &missing]
        .map(|path| layer(audio(path, true), [0, 0, 32, 32]));
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for (layer, code) in layers.iter().zip([
        "layer.source.undecodable",
        "layer.source.unsupported",
        "",
        "layer.source.missing",
    ]) {
        let failing = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert!(
            code.is_empty() || failing.code.as_deref() == Some(code),
            "{failing:?}"
        );
    }
    assert!(matches!(layers[0].content, LayerContent::Audio { .. }));
    worker.stop();
}
