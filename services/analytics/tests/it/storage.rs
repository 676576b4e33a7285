use sm_bus::{Bus, Commit, keys, redis};
use sm_common::event::StreamInterrupted;
use sm_common::id::StreamId;
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_common::stream::{Interruption, StreamStatus};

use crate::harness::{Harness, fps, viewers};

async fn lifetime(bus: &Bus, key: String) -> i64 {
    bus.query(redis::cmd("TTL").arg(key)).await.unwrap()
}

#[tokio::test]
async fn what_is_kept_expires() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    let settings = [
        ("retention.seconds_s", "10800"),
        ("retention.minutes_s", "172800"),
        ("retention.timeline_max", "3"),
        ("packing.interval_ms", "50"),
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
    harness.until_packed().await;

    let stream = StreamId::default();
    for (tier, kept, chunk) in [
        ("1s", 10_800, 3600),
        ("10s", 259_200, 21_600),
        ("1m", 172_800, 86_400),
        ("1h", 63_072_000, 2_592_000),
    ] {
        let left = lifetime(&harness.bus, keys::chunks(&stream, "fps", tier)).await;
        assert!((kept..=kept + chunk).contains(&left), "{tier}: {left}");
    }
    let kept: u64 = harness
        .bus
        .query(redis::cmd("ZCARD").arg(keys::timeline(&stream)))
        .await
        .unwrap();
    assert_eq!(kept, 3);
}

/// What was kept longer than it is to be goes when something is packed.
#[tokio::test]
async fn chunks_that_are_too_old_are_removed() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(3);
    let often = ("packing.interval_ms", "50");
    let long = harness.replica(&[often]);
    harness.samples(0..3).await;
    harness.until_packed().await;
    long.stop();
    let service = harness.replica(&[often, ("retention.seconds_s", "3600")]);
    harness.samples(7200..7203).await;
    harness.until_packed().await;
    let chunks: Vec<i64> = harness
        .bus
        .query(redis::cmd("HKEYS").arg(keys::chunks(&StreamId::default(), "fps", "1s")))
        .await
        .unwrap();
    assert_eq!(chunks, [harness.at(7200).as_unix_seconds() / 3600]);
    let api = harness.operator(&service);
    let minutes = harness.series(&api, "fps", 0..60, "1m").await;
    assert!(minutes[0][0].is_some(), "coarser rows are kept longer");
}

/// What a series says in every resolution, of the first `seconds`.
async fn told(
    harness: &Harness,
    api: &sm_test_kit::Api,
    seconds: u64,
) -> Vec<Vec<[Option<f64>; 3]>> {
    let mut told = Vec::new();
    for metric in ["fps", "viewers", "chat_messages"] {
        for step in ["1s", "10s", "1m", "1h"] {
            told.push(harness.series(api, metric, 0..seconds, step).await);
        }
    }
    told
}

/// The mean, lowest and highest of what `seconds` say.
fn ledger(seconds: impl Iterator<Item = f64> + Clone) -> [Option<f64>; 3] {
    let count = f64::from(u32::try_from(seconds.clone().count()).unwrap());
    [
        Some(seconds.clone().sum::<f64>() / count),
        seconds.clone().reduce(f64::min),
        seconds.reduce(f64::max),
    ]
}

/// Over two blocks, and with samples that come again and late: to blocks that are open, and to
/// blocks that are packed.
#[tokio::test]
async fn a_series_reads_the_same_before_and_after_it_is_packed() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    harness.reconnect(5000);
    let never = ("packing.interval_ms", "3600000");
    let often = ("packing.interval_ms", "50");
    let reader = harness.replica(&[never]);
    let api = harness.operator(&reader);
    harness.samples(0..590).await;
    harness.samples(595..700).await;
    harness.chat(3).await;
    harness.chat(650).await;
    harness.until_read().await;
    let open = told(&harness, &api, 700).await;

    let packer = harness.replica(&[often]);
    harness.until_packed().await;
    packer.stop();
    assert_eq!(told(&harness, &api, 700).await, open);

    // The gap is filled late, a second is repeated with another value, and one more message came.
    harness.samples(590..595).await;
    let repeated = Performance::default();
    harness.sample(650, repeated, 1000).await;
    harness.chat_late(3).await;
    harness.until_read().await;
    let reopened = told(&harness, &api, 700).await;
    let packer = harness.replica(&[often]);
    harness.until_packed().await;
    packer.stop();
    assert_eq!(told(&harness, &api, 700).await, reopened);

    let watched = |second: u64| {
        let watching = if second == 650 { 1000 } else { viewers(second) };
        f64::from(u32::try_from(watching).unwrap())
    };
    let hour = harness.series(&api, "viewers", 0..700, "1h").await;
    assert_eq!(hour, [ledger((0..700).map(watched))]);
    let minutes = harness.series(&api, "viewers", 600..700, "1m").await;
    let expected = [
        ledger((600..660).map(watched)),
        ledger((660..700).map(watched)),
    ];
    assert_eq!(minutes, expected);
    let seconds = harness.series(&api, "fps", 590..700, "1s").await;
    for (second, point) in (590..).zip(seconds) {
        let expected = (second != 650).then(|| fps(second));
        assert_eq!(point[0], expected, "second {second}");
    }
    let messages = harness.series(&api, "chat_messages", 3..4, "1s").await;
    assert_eq!(messages[0][0], Some(2.0));
}

/// Replicas that pack at once, while samples still arrive, leave each sample once.
#[tokio::test]
async fn replicas_that_pack_at_the_same_time_lose_and_double_nothing() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    let often = [("packing.interval_ms", "10"), ("ingest.page_max", "7")];
    let replicas = [(); 3].map(|()| harness.replica(&often));
    for second in 0..300 {
        harness.samples(second * 4..second * 4 + 1).await;
    }
    harness.until_packed().await;
    let api = harness.operator(&replicas[0]);
    let hour = harness.series(&api, "viewers", 0..1200, "1h").await;
    let watched = (0..300).map(|second| f64::from(u32::try_from(viewers(second * 4)).unwrap()));
    assert_eq!(hour, [ledger(watched)]);
    let seconds = harness.series(&api, "fps", 0..1200, "1s").await;
    let kept = seconds.iter().filter(|point| point[0].is_some()).count();
    assert_eq!(kept, 300);
}

/// The rows that former versions kept are moved into chunks once.
#[tokio::test]
async fn rows_of_a_former_version_are_moved() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    let stream = StreamId::default();
    let hour = harness.start.as_unix_seconds() / 3600;
    // Twenty days ago only minutes are left; of today there are both.
    let old = harness.start.as_unix_seconds() / 86_400 - 20;
    let today = harness.start.as_unix_seconds() / 86_400;
    let minute = harness.start.as_unix_seconds() / 60 % 1440;
    let mut pipeline = redis::pipe();
    pipeline
        .cmd("HSET")
        .arg(keys::former_seconds(&stream, hour))
        .arg(&["0", "[1,30000]", "1", "[1,20000]", "1:chat", "[1,3]"])
        .cmd("HSET")
        .arg(keys::former_minutes(&stream, today))
        .arg(minute)
        .arg("[1,[20000,30000,50000,2,20000]]")
        .cmd("HSET")
        .arg(keys::former_minutes(&stream, old))
        .arg(&[
            "0",
            "[1,[25000,60]]",
            "1",
            "[1,[10000,35000,1350000,60,11000]]",
        ])
        .arg(&["1:chat", "[1,[2,1]]"]);
    let _counts: Vec<u64> = harness.bus.pipeline(&pipeline).await.unwrap();
    let service = harness.replica(&[("packing.interval_ms", "50")]);
    harness
        .until_gone(&[
            keys::former_seconds(&stream, hour),
            keys::former_minutes(&stream, today),
            keys::former_minutes(&stream, old),
        ])
        .await;
    harness.until_packed().await;

    let api = harness.operator(&service);
    let hour = harness.series(&api, "fps", 0..3600, "1h").await;
    assert_eq!(hour, [[Some(25.0), Some(20.0), Some(30.0)]]);
    let path = |step: &str| {
        let at = |second: i64| sm_common::clock::Timestamp::from_unix_millis(second * 1000);
        let (from, to) = (at(old * 86_400), at(old * 86_400 + 120));
        format!("/api/analytics/timeseries?metric=fps&from={from}&to={to}&step={step}")
    };
    let minutes = api.get(&path("1m")).await.expect(200).body;
    let minutes = &minutes["metrics"][0]["points"];
    assert_eq!(minutes[0][1], 25.0);
    assert_eq!(
        (&minutes[1][2], &minutes[1][3]),
        (&10.0.into(), &35.0.into())
    );
    let hours = api.get(&path("1h")).await.expect(200).body;
    assert_eq!(hours["metrics"][0]["points"][0][1], 23.75);
}

/// Publishes `count` samples with every metric, noisy as an encoder's, in few steps.
async fn noisy_samples(harness: &Harness, count: u32) {
    let stream = StreamId::default();
    // Between 0 and 1, without a pattern.
    let noise = |second: u32, column: u64| {
        let mut mixed = (u64::from(second) * 32 + column).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX)
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
            connected: Some(u64::from(12 + second % 3)),
            audience: Some(u64::from(45 + second % 6)),
        },
    };
    for start in (0..count).step_by(100) {
        let events = (start..start + 100)
            .map(|second| harness.bus.event(&stream, &sample(second), None).unwrap())
            .collect();
        harness.bus.commit(Commit::new(), events).await.unwrap();
    }
}

/// Holds the README to what it says about memory: an hour of noisy samples of every metric.
#[tokio::test]
async fn a_value_takes_no_more_memory_than_the_readme_says() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    harness.reconnect(5000);
    noisy_samples(&harness, 3600).await;
    let _service = harness.replica(&[("packing.interval_ms", "50")]);
    harness.until_packed().await;

    let stream = StreamId::default();
    let metrics = sm_analytics::sampled_metrics();
    let count = f64::from(u32::try_from(metrics.len()).unwrap());
    let mut bytes_of_a_row = Vec::new();
    for (tier, rows) in [("1s", 3600.0), ("10s", 360.0), ("1m", 60.0), ("1h", 1.0)] {
        let mut bytes = 0.0;
        for metric in &metrics {
            let mut command = redis::cmd("MEMORY");
            command
                .arg("USAGE")
                .arg(keys::chunks(&stream, metric, tier));
            command.arg("SAMPLES").arg(0);
            bytes += harness.bus.query::<f64>(&command).await.unwrap();
        }
        println!("{tier}: {:.2} B a row of a metric", bytes / rows / count);
        bytes_of_a_row.push(bytes / rows / count);
    }
    assert!(bytes_of_a_row[0] < 0.75);
    let mut command = redis::cmd("MEMORY");
    command.arg("USAGE");
    command.arg(keys::chunks(&stream, "encode_ms_p99", "1m-sketch"));
    let sketches: f64 = harness.bus.query(&command).await.unwrap();
    println!("{:.0} B a sketch of a minute", sketches / 60.0);
    assert!(sketches / 60.0 < 100.0);
}
