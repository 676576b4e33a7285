use serde_json::{Value, json};
use sm_test_kit::until;

use crate::harness::{Harness, LIMIT, slow_rule, until_firing};

const RULES: &str = "/api/analytics/alerts/rules";
const ALERTS: &str = "/api/analytics/alerts";

/// What fires is told once and goes on firing in the next process, and what is over stays known.
#[tokio::test]
async fn an_alert_outlives_the_process_that_saw_it_and_is_told_once() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    let rule = api.post(RULES, &slow_rule()).await.expect(201).body;
    let id = rule["id"].as_str().unwrap();
    harness.on_air().await;
    harness.fps_now(30.0).await;
    harness.fps_now(5.0).await;
    let alert = until_firing(&api, id, 1).await.remove(0);
    assert_eq!(alert["severity"], "error");
    assert_eq!(alert["labels"]["team"], "studio");
    assert_eq!(alert["value"], 5.0);
    assert!(alert["reason"].as_str().unwrap().contains("below 20"));
    service.stop();

    let next = harness.watching(&[]);
    let api = harness.operator(&next);
    let still = until_firing(&api, id, 1).await.remove(0);
    assert_eq!(still["id"], alert["id"]);
    harness.fps_now(30.0).await;
    until_firing(&api, id, 0).await;
    let list = api.get(ALERTS).await.expect(200).body;
    let over = &list["history"][0];
    assert_eq!(over["id"], alert["id"]);
    assert_eq!(over["state"], "resolved");
    assert_eq!(over["value"], 30.0);
    let told = harness.told().await;
    let of_rule: Vec<&str> = told
        .iter()
        .filter(|(_, data)| data["rule"] == id)
        .map(|(kind, _)| kind.as_str())
        .collect();
    assert_eq!(of_rule, ["alert.fired", "alert.resolved"]);
}

#[tokio::test]
async fn two_replicas_tell_of_an_alert_once_and_one_takes_over_from_the_other() {
    let harness = Harness::new();
    let replicas = [harness.watching(&[]), harness.watching(&[])];
    let api = harness.operator(&replicas[0]);
    let rule = api.post(RULES, &slow_rule()).await.expect(201).body;
    let id = rule["id"].as_str().unwrap();
    harness.on_air().await;
    harness.fps_now(5.0).await;
    until_firing(&api, id, 1).await;
    let [first, second] = replicas;
    first.stop();
    let api = harness.operator(&second);
    harness.fps_now(30.0).await;
    until_firing(&api, id, 0).await;
    let told = harness.told().await;
    let of_rule = told.iter().filter(|(_, data)| data["rule"] == id);
    assert_eq!(of_rule.count(), 2);
}

#[tokio::test]
async fn built_in_rules_watch_what_is_known_of_the_stream() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    harness.on_air().await;
    harness
        .raise("worker.killed", "worker", "killed by signal 9")
        .await;
    let alert = until_firing(&api, "worker-failing", 1).await.remove(0);
    assert!(
        alert["reason"]
            .as_str()
            .unwrap()
            .contains("killed by signal 9")
    );
    assert!(alert["remedy"].as_str().unwrap().len() > 20);
    // Nothing was measured of a stream that is on air.
    until_firing(&api, "no-samples", 1).await;
    harness
        .status(5, sm_common::stream::StreamStatus::Offline, None)
        .await;
    until_firing(&api, "no-samples", 0).await;
}

#[tokio::test]
async fn a_silenced_alert_fires_and_says_who_hushed_it() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    let rule = api.post(RULES, &slow_rule()).await.expect(201).body;
    let id = rule["id"].as_str().unwrap();
    let silence = json!({
        "rule": id, "until": "2999-01-01T00:00:00Z", "comment": "known, we are on it",
    });
    let silences = "/api/analytics/alerts/silences";
    let silence = api.post(silences, &silence).await.expect(201).body;
    harness.on_air().await;
    harness.fps_now(5.0).await;
    let alert = until_firing(&api, id, 1).await.remove(0);
    assert_eq!(alert["muted"]["by"], "silence");
    assert_eq!(alert["muted"]["silence"], silence["id"]);
    let listed = api.get(silences).await.expect(200).body;
    assert_eq!(listed["silences"][0]["id"], silence["id"]);
    let path = format!("{silences}/{}", silence["id"].as_str().unwrap());
    let _ended = api.delete(&path, "\"-\"").await.expect(204);
    let _gone = api
        .delete(&path, "\"-\"")
        .await
        .expect_problem(404, "alert.silence.not-found");
    until("the alert is no longer muted", LIMIT, || async {
        let alert = until_firing(&api, id, 1).await.remove(0);
        alert["muted"] == Value::Null
    })
    .await;
}

/// The alerts of a stream are the snapshot of its channel: what fires is kept where ws-fanout reads.
#[tokio::test]
async fn the_list_is_revalidated_and_bounded() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    let first = api.get(ALERTS).await.expect(200);
    let request = api
        .request(reqwest::Method::GET, ALERTS)
        .header("if-none-match", first.header("etag"));
    let _same = api.send(request).await.expect(304);
    let _refused = api
        .get(&format!("{ALERTS}?limit=1001"))
        .await
        .expect_problem(400, "request.query.invalid");
    let _refused = api
        .get(&format!("{ALERTS}?stream=other"))
        .await
        .expect_problem(404, "stream.not-found");
}
