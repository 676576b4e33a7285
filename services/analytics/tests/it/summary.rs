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
            "video": {"fps_average": null, "bitrate_kbps_average": null, "frames_dropped": null},
            "layer_changes": {
                "count": null, "to_air_ms_p50": null, "to_air_ms_p95": null,
                "to_air_measured": 0, "to_air_from": null,
            },
            "chat_messages": null,
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
