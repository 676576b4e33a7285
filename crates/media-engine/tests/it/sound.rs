//! What is heard.

use sm_common::stream::LayerState;
use sm_media_protocol::Report;

use crate::recording::make;
use crate::scene::{layer, scene, video};
use crate::worker::{Worker, small};

/// A tone at full volume has this power; coding takes little of it.
const TONE_RMS: std::ops::Range<f32> = 0.06..0.12;
const SILENCE_RMS_MAX: f32 = 0.003;

/// RMS of every twentieth of a second.
fn loudness(samples: &[f32]) -> Vec<f32> {
    samples
        .chunks_exact(2400)
        .map(|window| {
            let squares: f32 = window.iter().map(|sample| sample * sample).sum();
            (squares / 2400.0).sqrt()
        })
        .collect()
}

#[test]
fn a_looping_tone_is_heard_without_a_gap_until_it_is_muted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.mp4");
    // The sine source plays at an eighth of full scale.
    make(
        &path,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=black:s=32x32:r=30",
            "-f",
            "lavfi",
            "-i",
            "sine=500:r=44100",
            "-t",
            "1",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
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
