//! What is measured.

use sm_common::layer::Pattern;
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, Report, Stats};

use crate::scene::{color, layer, scene};
use crate::worker::{Worker, small};

#[test]
fn every_second_is_measured() {
    let back = layer(color("#406080"), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, &[back]));
    let stats: Stats = worker.wait_for("second in full", |report| match report {
        Report::Stats(stats) if stats.frames_total > 60 => Some(Stats::clone(stats)),
        _ => None,
    });
    let known = |value: Option<f64>| value.expect("measured");
    assert!((known(stats.fps) - 30.0).abs() < 3.0, "{stats:?}");
    assert!((known(stats.keyframe_interval_ms) - 1000.0).abs() < 1e-6);
    assert!(known(stats.bitrate_kbps) > 0.0);
    assert!(stats.bytes_total > 0);
    assert!(known(stats.encode_ms_p50) <= known(stats.encode_ms_p99));
    assert!(known(stats.frame_interval_ms_max) > 20.0);
    assert!(known(stats.cpu_cores) > 0.0);
    assert!(stats.memory_bytes.expect("measured") > 10_000_000);
    assert!(known(stats.audio_rms_dbfs) < -100.0, "silence");
    assert_eq!((stats.frames_dropped, stats.frames_duplicated), (0, 0));
    assert_eq!(stats.black_s, Some(0));
    worker.wait_for("a frozen and silent second", |report| match report {
        Report::Stats(stats) => {
            (stats.frozen_s >= Some(1) && stats.silent_s >= Some(1)).then_some(())
        }
        _ => None,
    });
    assert_eq!(stats.layers, [], "nothing moves or sounds");
}

#[test]
fn a_black_picture_is_noticed_and_a_moving_layer_is_measured() {
    let ball = layer(
        LayerContent::TestPattern {
            pattern: Pattern::Ball,
        },
        [0, 0, 320, 180],
    );
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&ball)));
    worker.wait_for_layer(ball.id, LayerState::Ok);
    let measured = worker.wait_for("a second of the ball", |report| match report {
        Report::Stats(stats) => stats
            .layers
            .first()
            .cloned()
            .filter(|layer| layer.frames_total > Some(20)),
        _ => None,
    });
    assert_eq!(measured.layer, ball.id);
    assert!(measured.frame_age_ms.unwrap() < 1000.0, "{measured:?}");
    assert_eq!(measured.audio_peak_dbfs, None, "it makes no sound");
    worker.apply(scene(2, &[]));
    worker.wait_for("black", |report| match report {
        Report::Stats(stats) => stats.black_s.filter(|seconds| *seconds >= 1),
        _ => None,
    });
    worker.stop();
}
