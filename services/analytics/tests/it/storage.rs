use sm_bus::{Bus, Commit, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::event::StreamInterrupted;
use sm_common::id::StreamId;
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_common::stream::{Interruption, StreamStatus};

use crate::harness::Harness;

async fn lifetime(bus: &Bus, key: String) -> i64 {
    bus.query(redis::cmd("TTL").arg(key)).await.unwrap()
}

#[tokio::test]
async fn what_is_kept_expires() {
    let harness = Harness::new();
    let settings = [
        ("retention.seconds_s", "7200"),
        ("retention.minutes_s", "172800"),
        ("retention.timeline_max", "3"),
    ];
    let _service = harness.replica(&settings);
    harness.samples(0..3).await;
    for second in 0..5 {
        let interruption = Interruption {
            at: harness.at(second),
            length_ms: 1,
            cause: "worker.killed".to_owned(),
        };
        harness.publish(&StreamInterrupted(interruption)).await;
    }
    harness.status(0, StreamStatus::Live, Some(0)).await;
    harness.until_read().await;

    let stream = StreamId::default();
    let second = harness.start.as_unix_seconds();
    let seconds = lifetime(
        &harness.bus,
        keys::seconds(&stream, second.div_euclid(3600)),
    )
    .await;
    assert!((7200..=7200 + 3600).contains(&seconds), "{seconds}");
    let minutes = lifetime(
        &harness.bus,
        keys::minutes(&stream, second.div_euclid(86_400)),
    )
    .await;
    assert!((172_800..=172_800 + 86_400).contains(&minutes), "{minutes}");
    let kept: u64 = harness
        .bus
        .query(redis::cmd("ZCARD").arg(keys::timeline(&stream)))
        .await
        .unwrap();
    assert_eq!(kept, 3);
}

/// Publishes `count` samples with every metric, noisy as an encoder's, in few steps.
async fn noisy_samples(harness: &Harness, count: u32) {
    let stream = StreamId::default();
    // A deterministic noise between 0 and 1.
    let noise = |second: u32, column: u32| {
        let mixed = (second * 31 + column * 7 + 1).wrapping_mul(2_654_435_761);
        f64::from(mixed >> 8) / f64::from(1_u32 << 24)
    };
    let sample = |second: u32| MetricsSample {
        stream: stream.clone(),
        at: harness.at(u64::from(second)),
        performance: Performance {
            fps: Some(30.0),
            frames_total: Some(u64::from(second) * 30),
            frames_dropped: Some(u64::from(second / 100)),
            frames_duplicated: Some(u64::from(second / 70)),
            bytes_total: Some(u64::from(second) * 312_500 + u64::from(second % 7) * 1000),
            bitrate_kbps: Some(2500.0 + 200.0 * noise(second, 1)),
            encode_ms_p50: Some(4.0 + noise(second, 2)),
            encode_ms_p99: Some(9.0 + 6.0 * noise(second, 3)),
            frame_interval_ms_max: Some(34.0 + 5.0 * noise(second, 4)),
            keyframe_interval_ms: Some(1000.0),
            cpu_cores: Some(0.6 + 0.1 * noise(second, 5)),
            memory_bytes: Some(180_000_000 + u64::from(second % 11) * 4096),
            audio_peak_dbfs: Some(-6.0 * noise(second, 6)),
            audio_rms_dbfs: Some(-23.0 + 4.0 * noise(second, 7)),
            layer_change_to_air_ms: Some(41.237),
            ..Performance::default()
        },
        viewers: Viewers {
            current: u64::from(40 + second % 5),
            peak: 44,
            ..Viewers::default()
        },
    };
    for start in (0..count).step_by(100) {
        let events = (start..start + 100)
            .map(|second| harness.bus.event(&stream, &sample(second), None).unwrap())
            .collect();
        harness.bus.commit(Commit::new(), events).await.unwrap();
    }
}

/// Holds the README to what it says about memory.
#[tokio::test]
async fn a_value_takes_no_more_memory_than_the_readme_says() {
    const SECONDS: u32 = 600;
    const METRICS: f64 = 17.0;
    let mut harness = Harness::new();
    // Within one hour and one day.
    let hour = harness.start.as_unix_seconds().div_euclid(3600);
    harness.start = Timestamp::from_unix_millis((hour * 3600 - 3600) * 1000);
    noisy_samples(&harness, SECONDS).await;
    let _service = harness.replica(&[]);
    harness.until_read().await;

    let stream = StreamId::default();
    let bus = &harness.bus;
    let measure = |key: String| {
        let mut command = redis::cmd("MEMORY");
        command.arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        async move { bus.query::<f64>(&command).await.unwrap() }
    };
    let day = (hour - 1).div_euclid(24);
    let second = measure(keys::seconds(&stream, hour - 1)).await / f64::from(SECONDS);
    let minute = measure(keys::minutes(&stream, day)).await / f64::from(SECONDS / 60);
    println!("a second {second:.0} B, {:.1} B a value", second / METRICS);
    println!("a minute {minute:.0} B, {:.1} B a value", minute / METRICS);
    assert!(second / METRICS < 11.0);
    assert!(minute / METRICS < 34.0);
}
