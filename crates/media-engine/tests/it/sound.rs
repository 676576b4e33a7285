//! What is heard.

use std::path::Path;

use sm_common::stream::LayerState;
use sm_media_protocol::Report;

use crate::recording::make;
use crate::scene::{layer, scene, video};
use crate::worker::{Worker, small};

/// A tone at full volume has this power; coding takes little of it.
pub(crate) const TONE_RMS: std::ops::Range<f32> = 0.06..0.12;
const SILENCE_RMS_MAX: f32 = 0.003;

/// How far apart a flash and its beep may be, in seconds: the picture of a layer is moved by less
/// than a frame, and a frame shows what was due up to a frame before.
const APART_S_MAX: f64 = 0.05;

/// RMS of every twentieth of a second.
pub(crate) fn loudness(samples: &[f32]) -> Vec<f32> {
    samples
        .chunks_exact(2400)
        .map(|window| {
            let squares: f32 = window.iter().map(|sample| sample * sample).sum();
            (squares / 2400.0).sqrt()
        })
        .collect()
}

/// A file with one second of a tone at an eighth of full scale.
fn tone(path: &Path, hertz: u32) {
    make(
        path,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=black:s=32x32:r=30",
            "-f",
            "lavfi",
            "-i",
            &format!("sine={hertz}:r=44100"),
            "-t",
            "1",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
}

#[test]
fn a_looping_tone_is_heard_without_a_gap_until_it_is_muted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.mp4");
    tone(&path, 500);
    let mut clip = layer(video(&path, true), [0, 0, 32, 32]);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.wait_for_segments(4);
    let level = worker.wait_for("level", |report| match report {
        Report::Stats(stats) => stats.audio_rms_dbfs.filter(|level| *level > -60.0),
        _ => None,
    });
    assert!((-30.0..-10.0).contains(&level), "{level} dBFS");
    clip.muted = true;
    worker.apply(scene(2, &[clip]));
    worker.wait_for_segments(7);
    let loudness = loudness(&worker.stop().samples());
    let first = loudness
        .iter()
        .position(|rms| TONE_RMS.contains(rms))
        .unwrap();
    let last = loudness
        .iter()
        .rposition(|rms| TONE_RMS.contains(rms))
        .unwrap();
    assert!(last - first > 40, "two seconds at least: {loudness:?}");
    // Around the seam of a loop, an encoder's own silence may take a part of a window.
    let quiet = loudness[first..=last]
        .iter()
        .filter(|rms| **rms < 0.03)
        .count();
    assert_eq!(quiet, 0, "{:?}", &loudness[first..=last]);
    let after = &loudness[last + 2..loudness.len() - 1];
    assert!(after.iter().all(|rms| *rms < SILENCE_RMS_MAX), "{after:?}");
}

/// A file that is dark and silent for half a second, and then bright and loud.
fn flash_and_beep(path: &Path) {
    let streams = "color=black:s=32x32:r=30:d=0.5[a];color=white:s=32x32:r=30:d=0.5[b];\
                   [a][b]concat[v];\
                   sine=1000:r=48000:d=1,volume='if(lt(t,0.5),0,1)':eval=frame[s]";
    make(
        path,
        &[
            "-filter_complex",
            streams,
            "-map",
            "[v]",
            "-map",
            "[s]",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
}

/// How long the flash comes after the beep, in seconds, of a layer with this file.
fn apart(audio_delay_ms: u32) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.mp4");
    flash_and_beep(&path);
    let mut clip = layer(video(&path, false), [0, 0, 320, 180]);
    clip.audio_delay_ms = audio_delay_ms;
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.wait_for_segments(3);
    let recording = worker.stop();
    let flash = recording
        .frames()
        .iter()
        .position(|frame| frame.is(160, 90, [255, 255, 255]))
        .expect("a flash");
    let beep = recording
        .samples()
        .iter()
        .position(|sample| sample.abs() > 0.05)
        .expect("a beep");
    let seconds =
        |count: usize, per_second: f64| f64::from(u32::try_from(count).unwrap()) / per_second;
    seconds(flash, 30.0) - seconds(beep, 48_000.0)
}

#[test]
fn a_flash_and_its_beep_stay_together() {
    let apart = apart(0);
    assert!(
        apart.abs() <= APART_S_MAX,
        "the flash comes {apart} s after the beep"
    );
}

#[test]
fn a_delayed_sound_comes_as_much_later_as_it_should() {
    let apart = apart(400);
    assert!(
        (apart + 0.4).abs() <= APART_S_MAX,
        "the flash comes {apart} s after the beep"
    );
}

#[test]
fn two_sounds_that_are_too_loud_together_are_limited_and_not_clipped() {
    let folder = tempfile::tempdir().unwrap();
    // Two pitches: the same one twice could come half a period apart, and be silence.
    let [low, high] = [500, 700].map(|hertz| {
        let path = folder.path().join(format!("{hertz}.mp4"));
        tone(&path, hertz);
        path
    });
    let mut clips = [
        layer(video(&low, true), [0, 0, 32, 32]),
        layer(video(&high, true), [32, 0, 32, 32]),
    ];
    for clip in &mut clips {
        clip.volume = 20.0;
    }
    let mut worker = Worker::on_air(small(), scene(1, &clips));
    for clip in &clips {
        worker.wait_for_layer(clip.id, LayerState::Ok);
    }
    let stats = worker.wait_for("a loud second", |report| match report {
        Report::Stats(stats)
            if stats
                .loudness_short_term_lufs
                .is_some_and(|lufs| lufs > -6.0) =>
        {
            Some(stats.clone())
        }
        _ => None,
    });
    let peak = stats.audio_peak_dbfs.unwrap();
    assert!((-3.0..=-0.99).contains(&peak), "{peak} dBFS");
    // By itself each of them is at two and a half times full scale.
    for clip in &clips {
        let own = stats.layers.iter().find(|own| own.layer == clip.id);
        let peak = own.unwrap().audio_peak_dbfs.unwrap();
        assert!(peak > 6.0, "{peak} dBFS");
    }
    worker.stop();
}
