use serde_json::json;
use sm_bus::{keys, redis};
use sm_common::id::StreamId;
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_test_kit::until;

use crate::harness::{Harness, LIMIT, fps, number, viewers};

/// Every sample that was published is there, and none that was not, in both resolutions.
#[tokio::test]
async fn samples_appear_exactly_as_they_were_published() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..150).await;
    harness.until_read().await;
    let api = harness.operator(&service);

    let seconds = harness.series(&api, "fps", 0..150, "1s").await;
    let expected: Vec<_> = (0..150).map(|second| [Some(fps(second)); 3]).collect();
    assert_eq!(seconds, expected);

    let minutes = harness.series(&api, "viewers", 0..180, "1m").await;
    let ledger = |seconds: std::ops::Range<u64>| {
        let values: Vec<u64> = seconds.map(viewers).collect();
        let number = |value: u64| f64::from(u32::try_from(value).unwrap());
        let count = u64::try_from(values.len()).unwrap();
        [
            Some(number(values.iter().sum()) / number(count)),
            values.iter().min().copied().map(number),
            values.iter().max().copied().map(number),
        ]
    };
    assert_eq!(minutes, [ledger(0..60), ledger(60..120), ledger(120..150)]);
}

#[tokio::test]
async fn what_was_not_measured_is_null() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..3).await;
    harness.sample(5, Performance::default(), 4).await;
    harness.until_read().await;
    let api = harness.operator(&service);

    let fps = harness.series(&api, "fps", 0..8, "1s").await;
    let measured: Vec<bool> = fps.iter().map(|point| point[0].is_some()).collect();
    let gap = [true, true, true, false, false, false, false, false];
    assert_eq!(measured, gap);
    let viewers = harness.series(&api, "viewers", 0..8, "1s").await;
    assert_eq!(viewers[5], [Some(4.0); 3]);
    assert_eq!(viewers[4], [None; 3]);
    // Between two measured steps as well as beyond them.
    let steps = harness.series(&api, "fps", 0..30, "10s").await;
    assert_eq!(steps[1..], [[None; 3], [None; 3]]);
}

/// Chat is zero where somebody listened and nobody wrote, and null before.
#[tokio::test]
async fn silence_is_zero_only_since_somebody_listens() {
    let harness = Harness::new();
    for second in [30, 30, 31, 95] {
        harness.chat(second).await;
    }
    let service = harness.replica(&[]);
    harness.until_read().await;
    let api = harness.operator(&service);

    // The log begins at second 30.
    let rates = harness.series(&api, "chat_messages", 0..60, "10s").await;
    let rates: Vec<Option<f64>> = rates.iter().map(|point| point[0]).collect();
    assert_eq!(rates, [None, None, None, Some(0.3), Some(0.0), Some(0.0)]);
    let minutes = harness.series(&api, "chat_messages", 0..120, "1m").await;
    assert_eq!(
        minutes,
        [
            [Some(3.0 / 30.0), Some(0.0), Some(2.0)],
            [Some(1.0 / 60.0), Some(0.0), Some(1.0)]
        ]
    );
    // Nobody changed a layer yet, and analytics has only just begun to listen.
    let layers = harness.series(&api, "layer_changes", 0..2, "1s").await;
    assert_eq!(layers, [[None; 3]; 2]);
}

#[tokio::test]
async fn a_series_is_revalidated_by_its_content() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..3).await;
    harness.until_read().await;
    let api = harness.operator(&service);
    let path = format!(
        "/api/analytics/timeseries?metric=fps&from={}&to={}&step=1s",
        harness.time(0),
        harness.time(5)
    );
    let first = api.get(&path).await.expect(200);
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let ask = |tag: &str| {
        let request = api.request(reqwest::Method::GET, &path);
        api.send(request.header("if-none-match", tag))
    };
    let _unchanged = ask(first.header("etag")).await.expect(304);
    harness.samples(3..4).await;
    harness.until_read().await;
    let _changed = ask(first.header("etag")).await.expect(200);
}

/// Counters grow per second, also over a replaced worker; what is no counter is told as it is.
#[tokio::test]
async fn a_rate_is_the_growth_of_a_counter() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    for second in 0..120 {
        let frames = if second < 90 {
            second * 30
        } else {
            (second - 90) * 25
        };
        let performance = Performance {
            fps: Some(30.0),
            frames_total: Some(frames),
            ..Performance::default()
        };
        harness.sample(second, performance, 1).await;
    }
    harness.until_read().await;
    let api = harness.operator(&service);
    let (from, to) = (harness.time(0), harness.time(180));
    let path = format!(
        "/api/analytics/timeseries?metric=frames_total,fps&from={from}&to={to}&step=1m&view=rate"
    );
    let answer = api.get(&path).await.expect(200).body;
    let [frames, fps] = [0, 1].map(|place| &answer["metrics"][place]);
    assert_eq!(frames["unit"], "frames/s");
    assert_eq!(frames["points"][0][1], 30.0);
    let grown = 30.0 * 30.0 + 29.0 * 25.0;
    assert_eq!(frames["points"][1][1], grown / 60.0);
    assert!(frames["points"][2][1].is_null());
    assert_eq!(fps["points"][1][1], 30.0);
}

/// Several streams beside each other, and as one.
#[tokio::test]
async fn streams_are_told_beside_each_other_or_as_one() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let studio: StreamId = "studio".parse().unwrap();
    let mut command = redis::cmd("SADD");
    command.arg(keys::STREAMS).arg(&["main", "studio"]);
    let _added: u64 = harness.bus.query(&command).await.unwrap();
    harness.samples(0..10).await;
    for second in 0..5 {
        let sample = MetricsSample {
            stream: studio.clone(),
            at: harness.at(second),
            performance: Performance::default(),
            viewers: Viewers {
                current: 100,
                peak: 100,
                ..Viewers::default()
            },
        };
        harness.bus.publish(&studio, &sample, None).await.unwrap();
    }
    harness.until_read().await;
    let api = harness.operator(&service);
    let (from, to) = (harness.time(0), harness.time(10));
    let read = async |rest: &str| {
        let path =
            format!("/api/analytics/timeseries?metric=viewers&from={from}&to={to}&step=1s&{rest}");
        api.get(&path).await.expect(200).body
    };
    until("the other stream has been read", LIMIT, || async {
        let studio = read("stream=studio").await;
        studio["metrics"][0]["points"][4][1] == 100.0
    })
    .await;
    let both = read("stream=*").await;
    assert_eq!(both["streams"], json!(["main", "studio"]));
    assert_eq!(both["metrics"][1]["stream"], "studio");
    let sum = read("stream=studio,main&group=sum").await;
    let points = &sum["metrics"][0]["points"];
    let alone = |second: u64| number(&json!(viewers(second)));
    assert_eq!(points[3][1], 100.0 + alone(3));
    assert_eq!(points[7][1], alone(7), "the other is not measured");
    assert!(points[3][2].is_null());
}
