use sm_bus::{keys, redis};
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_test_kit::{Api, Running, until};

use crate::harness::{Harness, LIMIT, counter, fps, number};

/// Asserts that the samples of `seconds` and nothing else are stored, and so many messages.
async fn assert_ledger(harness: &Harness, service: &Running, seconds: u64, messages: u32) {
    let api = harness.operator(service);
    let stored = harness.series(&api, "fps", 0..seconds + 30, "1s").await;
    for (second, point) in (0..).zip(&stored) {
        let expected = (second < seconds).then(|| fps(second));
        assert_eq!(point[0], expected, "second {second}");
    }
    let path = format!("/api/analytics/summary?from={}", harness.time(0));
    let summary = api.get(&path).await.expect(200).body;
    assert_eq!(summary["samples"], seconds);
    assert_eq!(number(&summary["chat_messages"]), f64::from(messages));
}

#[tokio::test]
async fn a_restart_loses_and_doubles_nothing() {
    let harness = Harness::new();
    let first = harness.replica(&[]);
    for second in 0..40 {
        harness.samples(second..second + 1).await;
        harness.chat(second).await;
    }
    // While it reads: it must not matter how far it got.
    first.stop();
    for second in 40..80 {
        harness.samples(second..second + 1).await;
        harness.chat(second).await;
    }
    let second = harness.replica(&[("ingest.page_max", "7")]);
    harness.until_read().await;
    assert_ledger(&harness, &second, 80, 80).await;
    assert_eq!(counter(second.kit(), "sm_analytics_gaps_total"), 0);
    assert_eq!(counter(second.kit(), "sm_analytics_lag_events"), 0);
}

#[tokio::test]
async fn replicas_that_come_and_go_lose_and_double_nothing() {
    let harness = Harness::new();
    let (one, two) = (harness.replica(&[]), harness.replica(&[]));
    let mut kits = vec![one.kit().clone(), two.kit().clone()];
    let (mut one, mut three) = (Some(one), None);
    for second in 0..150 {
        harness.samples(second..second + 1).await;
        harness.chat(second).await;
        match second {
            50 => three = Some(harness.replica(&[("ingest.page_max", "3")])),
            100 => one.take().unwrap().stop(),
            _ => {}
        }
    }
    harness.until_read().await;
    assert_ledger(&harness, &two, 150, 150).await;
    kits.extend(three.as_ref().map(|three| three.kit().clone()));
    // What one replica counts, no other does. It counts just after it has committed.
    until("every event is counted by one replica", LIMIT, || async {
        let counts = kits
            .iter()
            .map(|kit| counter(kit, "sm_analytics_ingested_total"));
        counts.sum::<u64>() == 300
    })
    .await;
}

/// After a crash of Redis the channel has a new epoch, and its offsets go on.
#[tokio::test]
async fn a_restart_of_redis_loses_and_doubles_nothing() {
    let mut harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..20).await;
    harness.chat(0).await;
    harness.until_read().await;
    let stream = StreamId::default();
    let before = harness
        .bus
        .current_position(&stream, Channel::Metrics)
        .await;

    harness.redis.restart();
    harness.reconnect(1000);
    harness.samples(20..40).await;
    harness.chat(1).await;
    harness.until_read().await;

    let after = harness
        .bus
        .current_position(&stream, Channel::Metrics)
        .await;
    let (before, after) = (before.unwrap().unwrap(), after.unwrap().unwrap());
    assert_ne!(before.epoch, after.epoch);
    assert_ledger(&harness, &service, 40, 2).await;
    assert_eq!(counter(service.kit(), "sm_analytics_gaps_total"), 0);
}

/// Nobody read for longer than the log reaches back: the rest is there, the gap is told.
#[tokio::test]
async fn events_that_were_dropped_before_they_were_read_are_a_gap() {
    let mut harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..5).await;
    harness.until_read().await;
    service.stop();
    harness.reconnect(100);
    harness.samples(5..400).await;
    let kept: u64 = harness
        .bus
        .query(redis::cmd("XLEN").arg(keys::history(&StreamId::default(), Channel::Metrics)))
        .await
        .unwrap();
    assert!(kept < 300, "the log was cut: {kept}");

    let service = harness.replica(&[]);
    harness.until_read().await;
    assert_eq!(counter(service.kit(), "sm_analytics_gaps_total"), 1);
    let api = harness.operator(&service);
    let first_kept = usize::try_from(400 - kept).unwrap();
    let seconds = harness.series(&api, "fps", 0..400, "1s").await;
    for (second, point) in seconds.iter().enumerate() {
        let is_kept = second < 5 || second >= first_kept;
        assert_eq!(point[0].is_some(), is_kept, "second {second}");
    }
    let summary = api.get("/api/analytics/summary?from=-1h").await.expect(200);
    let gap = &summary.body["gaps"][0];
    assert_eq!(gap["channel"], "metrics");
    assert_eq!(gap["missed"], 400 - kept - 5);
}

/// One event of a newer version does not hold up those after it.
#[tokio::test]
async fn an_event_of_an_unknown_form_is_passed_over_and_counted() {
    let harness = Harness::new();
    harness.samples(0..2).await;
    let stream = StreamId::default();
    let mut pipeline = redis::pipe();
    pipeline
        .cmd("HINCRBY")
        .arg(keys::position(&stream, Channel::Metrics))
        .arg("offset")
        .arg(1)
        .ignore()
        .cmd("XADD")
        .arg(keys::history(&stream, Channel::Metrics))
        .arg(&["3-0", "epoch", "x", "event", "{\"type\":\"of.tomorrow\"}"])
        .ignore();
    let () = harness.bus.pipeline(&pipeline).await.unwrap();
    harness.samples(2..4).await;

    let service = harness.replica(&[]);
    harness.until_read().await;
    assert_ledger_of_samples(&harness, &service).await;
    assert_eq!(counter(service.kit(), "sm_analytics_unreadable_total"), 1);
}

async fn assert_ledger_of_samples(harness: &Harness, service: &Running) {
    let api = harness.operator(service);
    let stored = harness.series(&api, "fps", 0..4, "1s").await;
    let expected: Vec<_> = (0..4).map(|second| Some(fps(second))).collect();
    let means: Vec<_> = stored.iter().map(|point| point[0]).collect();
    assert_eq!(means, expected);
}

#[tokio::test]
async fn the_lag_is_told_by_health_and_metrics() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..3).await;
    harness.until_read().await;
    let health = Api::new(service.health_url()).get("/health").await;
    let health = health.expect(200).body;
    let lag = &health["indicators"]["ingest_lag_events"];
    assert!(lag.is_number(), "{health}");
    let parts = health["components"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["name"] == "ingest"));
    let metrics = Api::new(service.metrics_url()).get("/metrics").await;
    let metrics = metrics.expect(200).text;
    for name in ["ingested_total", "lag_events", "gaps_total"] {
        let line = format!("sm_analytics_{name}{{channel=\"layer-updates\"}} 0");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}
