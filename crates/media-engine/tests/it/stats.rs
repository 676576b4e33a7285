//! What is measured.

use sm_media_protocol::{Report, Stats};

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
}
