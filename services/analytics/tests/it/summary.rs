use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::event::{StreamErrorRaised, StreamInterrupted};
use sm_common::performance::Performance;
use sm_common::stream::{Interruption, Severity, StreamError, StreamStatus};

use crate::harness::{Harness, number};

const SUMMARY: &str = "/api/analytics/summary";

#[tokio::test]
async fn nothing_is_invented_where_nothing_is_known() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let viewer = harness.as_role(&service, Role::Viewer);
    let summary = viewer.get(SUMMARY).await.expect(200).body;
    assert_eq!(
        summary,
        json!({
            "stream": "main",
            "broadcast": null,
            "from": null,
            "to": null,
            "on_air_s": null,
            "uptime_ratio": null,
            "interruptions": {"count": null, "total_ms": null, "longest_ms": null, "list": []},
            "resolution_s": null,
            "samples": 0,
            "viewers": {"peak": null, "average": null, "watch_time_s": null, "audience_peak": null},
            "video": {
                "fps_average": null, "bitrate_kbps_average": null,
                "frames": null, "frames_dropped": null,
            },
            "layer_changes": {
                "count": null, "to_air_ms_p50": null, "to_air_ms_p95": null,
                "to_air_measured": 0, "to_air_from": null,
            },
            "chat_messages": null,
            "chat_messages_per_minute": null,
            "quality": {"score": null, "parts": [
                {"name": "outage", "weight": 40, "observed": null, "unit": "ratio", "worst": 0.05, "value": null},
                {"name": "interruptions", "weight": 20, "observed": null, "unit": "1/h", "worst": 6.0, "value": null},
                {"name": "dropped-frames", "weight": 30, "observed": null, "unit": "ratio", "worst": 0.02, "value": null},
                {"name": "errors", "weight": 10, "observed": null, "unit": "1/h", "worst": 12.0, "value": null},
            ]},
            "errors": [],
            "gaps": [],
        })
    );
}

/// A broadcast of 100 seconds: away from 40 to 50 as the status tells, a gap of 2 s at 70, off
/// air at 100.
async fn broadcast(harness: &Harness) {
    harness.status(0, StreamStatus::Live, Some(0)).await;
    harness
        .status(40, StreamStatus::Reconnecting, Some(0))
        .await;
    harness.status(50, StreamStatus::Live, Some(0)).await;
    // The same again, as whenever something else of the state changes.
    harness.status(50, StreamStatus::Live, Some(0)).await;
    harness
        .publish(&StreamInterrupted(Interruption {
            at: harness.at(70),
            length_ms: 2000,
            cause: "worker.killed".to_owned(),
        }))
        .await;
    for (second, code) in [
        (5, "layer.source.missing"),
        (40, "worker.exited"),
        (70, "worker.exited"),
    ] {
        harness
            .publish(&StreamErrorRaised(StreamError {
                code: code.to_owned(),
                severity: Severity::Error,
                component: "worker".to_owned(),
                message: "it is gone".to_owned(),
                since: harness.at(second),
                count: 1,
                recovering: true,
            }))
            .await;
    }
    harness.status(100, StreamStatus::Stopping, None).await;
    harness.status(101, StreamStatus::Offline, None).await;
}

#[tokio::test]
async fn a_broadcast_is_told_from_what_happened() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    broadcast(&harness).await;
    harness.until_read().await;
    let viewer = harness.as_role(&service, Role::Viewer);
    let summary = viewer.get(SUMMARY).await.expect(200).body;

    let time = |second: u64| json!(harness.at(second));
    assert_eq!(
        summary["broadcast"],
        json!({"started_at": time(0), "ended_at": time(100)})
    );
    assert_eq!(summary["on_air_s"], 88.0);
    assert_eq!(summary["uptime_ratio"], 0.88);
    assert_eq!(
        summary["interruptions"],
        json!({
            "count": 2, "total_ms": 12_000, "longest_ms": 10_000,
            "list": [
                {"at": time(40), "length_ms": 10_000, "cause": "status.reconnecting", "ongoing": false},
                {"at": time(70), "length_ms": 2000, "cause": "worker.killed", "ongoing": false},
            ],
        })
    );
    assert_eq!(
        summary["errors"],
        json!([
            {"code": "worker.exited", "severity": "error", "count": 2, "first_at": time(40), "last_at": time(70)},
            {"code": "layer.source.missing", "severity": "error", "count": 1, "first_at": time(5), "last_at": time(5)},
        ])
    );
    assert_eq!(
        summary["viewers"]["peak"],
        Value::Null,
        "nothing was measured"
    );

    let (from, to) = (harness.time(60), harness.time(80));
    let path = format!("{SUMMARY}?from={from}&to={to}");
    let part = viewer.get(&path).await.expect(200).body;
    assert_eq!(part["broadcast"], Value::Null);
    assert_eq!(part["on_air_s"], 18.0);
    assert_eq!(part["interruptions"]["count"], 1);
    assert_eq!(part["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_broadcast_on_air_is_told_as_it_goes_on() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    harness.status(0, StreamStatus::Live, Some(0)).await;
    harness.status(400, StreamStatus::Failed, Some(0)).await;
    harness.until_read().await;
    let viewer = harness.as_role(&service, Role::Viewer);
    let summary = viewer.get(SUMMARY).await.expect(200).body;
    assert_eq!(summary["broadcast"]["ended_at"], Value::Null);
    assert_eq!(summary["on_air_s"], 400.0);
    let outage = &summary["interruptions"]["list"][0];
    assert_eq!(outage["cause"], "status.failed");
    assert_eq!(outage["ongoing"], true);
}

/// Numbers from samples, across minutes, a replaced worker and repeated measurements.
#[tokio::test]
async fn measurements_are_summed_up_exactly() {
    let harness = Harness::new();
    harness.status(0, StreamStatus::Live, Some(0)).await;
    let mut to_air = None;
    for second in 0..130 {
        // A change every ten seconds, measured as 1, 2, ... milliseconds.
        if second % 10 == 5 {
            to_air = Some(f64::from(u32::try_from(second / 10 + 1).unwrap()));
        }
        let performance = Performance {
            fps: Some(if second < 65 { 30.0 } else { 29.0 }),
            bitrate_kbps: Some(2500.0),
            // The worker is replaced at second 90.
            frames_dropped: Some(if second < 90 {
                second / 10
            } else {
                (second - 90) / 5
            }),
            layer_change_to_air_ms: to_air,
            ..Performance::default()
        };
        harness.sample(second, performance, second).await;
    }
    for second in [3, 3, 59, 61, 200] {
        harness.chat(second).await;
    }
    for second in 201..208 {
        harness.change_layer(second).await;
    }
    let service = harness.replica(&[]);
    harness.until_read().await;
    let viewer = harness.as_role(&service, Role::Viewer);

    let summary = viewer.get(SUMMARY).await.expect(200).body;
    assert_eq!(summary["samples"], 130);
    assert_eq!(summary["viewers"]["peak"], 129.0);
    assert_eq!(summary["viewers"]["watch_time_s"], 129 * 130 / 2);
    assert_eq!(summary["viewers"]["average"], 64.5);
    assert_eq!(summary["video"]["fps_average"], 29.5);
    assert_eq!(summary["video"]["bitrate_kbps_average"], 2500.0);
    assert_eq!(summary["video"]["frames_dropped"], 8 + 7);
    assert_eq!(summary["chat_messages"], 5);
    let layers = &summary["layer_changes"];
    assert_eq!(layers["count"], 7);
    assert_eq!(layers["to_air_measured"], 13);
    assert_eq!(layers["to_air_ms_p50"], 7.0);
    assert_eq!(layers["to_air_ms_p95"], 13.0);

    // Ends within minutes are exact to the second; the value from before is no change.
    let (from, to) = (harness.time(10), harness.time(70));
    let path = format!("{SUMMARY}?from={from}&to={to}");
    let part = viewer.get(&path).await.expect(200).body;
    assert_eq!(part["resolution_s"], 1);
    assert_eq!(part["samples"], 60);
    assert_eq!(
        number(&part["viewers"]["watch_time_s"]),
        f64::from((10..70).sum::<u32>())
    );
    assert_eq!(part["video"]["frames_dropped"], 5);
    assert_eq!(part["chat_messages"], 2);
    assert_eq!(part["layer_changes"]["to_air_measured"], 6);
}

/// Two broadcasts: the first of 100 seconds with two outages, the second flawless.
async fn two_broadcasts(harness: &Harness) {
    broadcast(harness).await;
    harness.status(200, StreamStatus::Live, Some(200)).await;
    harness.status(260, StreamStatus::Stopping, None).await;
    harness.status(261, StreamStatus::Offline, None).await;
    for second in 200..260 {
        let performance = Performance {
            frames_total: Some(second * 30),
            frames_dropped: Some(0),
            ..Performance::default()
        };
        harness.sample(second, performance, 5).await;
    }
    harness.until_read().await;
}

#[tokio::test]
async fn broadcasts_are_listed_and_each_can_be_summed_up() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    two_broadcasts(&harness).await;
    let viewer = harness.as_role(&service, Role::Viewer);
    let list = viewer
        .get("/api/analytics/broadcasts")
        .await
        .expect(200)
        .body;
    let time = |second: u64| json!(harness.at(second));
    assert_eq!(
        list["broadcasts"],
        json!([
            {"started_at": time(200), "ended_at": time(260), "on_air_s": 60.0, "interruptions": 0},
            {"started_at": time(0), "ended_at": time(100), "on_air_s": 88.0, "interruptions": 2},
        ])
    );
    let latest = viewer.get("/api/analytics/broadcasts?limit=1").await;
    let latest = latest.expect(200).body;
    assert_eq!(latest["broadcasts"].as_array().unwrap().len(), 1);

    let path = format!("{SUMMARY}?broadcast={}", harness.time(50));
    let first = viewer.get(&path).await.expect(200).body;
    assert_eq!(first["broadcast"]["started_at"], time(0));
    assert_eq!(first["on_air_s"], 88.0);
    let path = format!("{SUMMARY}?broadcast={}", harness.time(150));
    let _none = viewer
        .get(&path)
        .await
        .expect_problem(404, "analytics.broadcast.unknown");
}

#[tokio::test]
async fn two_broadcasts_are_compared_number_by_number() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    two_broadcasts(&harness).await;
    let api = harness.operator(&service);
    let compared = api.get("/api/analytics/compare").await.expect(200).body;
    assert_eq!(compared["a"]["on_air_s"], 88.0);
    assert_eq!(compared["b"]["on_air_s"], 60.0);
    // 12 % without a picture is beyond the worst; two interruptions and three errors in an hour.
    let known = 40.0 * 0.0 + 20.0 * (1.0 - 2.0 / 6.0) + 10.0 * (1.0 - 3.0 / 12.0);
    let score = (known / 70.0 * 1000.0_f64).round() / 10.0;
    assert_eq!(compared["a"]["quality"]["score"], score);
    assert_eq!(compared["b"]["quality"]["score"], 100.0);
    let differences = compared["differences"].as_array().unwrap();
    let of = |name: &str| differences.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(
        of("interruptions.count"),
        &json!({"name": "interruptions.count", "a": 2.0, "b": 0.0, "change": -2.0, "ratio": 0.0})
    );
    assert_eq!(of("viewers.peak")["a"], Value::Null);
    assert_eq!(of("viewers.peak")["change"], Value::Null);

    let (from, middle, to) = (harness.time(200), harness.time(230), harness.time(260));
    let path = format!("/api/analytics/compare?a={from}/{middle}&b={middle}/{to}");
    let halves = api.get(&path).await.expect(200).body;
    assert_eq!(halves["a"]["samples"], 30);
    assert_eq!(halves["b"]["samples"], 30);
    let none = api
        .get("/api/analytics/compare?a=2020-01-01T00:00:00Z")
        .await;
    let _none = none.expect_problem(404, "analytics.broadcast.unknown");
}
