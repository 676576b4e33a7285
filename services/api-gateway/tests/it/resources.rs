use serde_json::Value;
use sm_test_kit::until_some;

use crate::harness::{Gateway, SOON, at};

#[tokio::test]
async fn every_running_instance_is_a_row_and_counts_in_the_totals() {
    let gateway = Gateway::start(&[]).await;
    let _other = gateway.world.start(&[]).await;
    let operator = gateway.person("ada", "operator").await;
    let answer = until_some("both replicas report their CPU", SOON, || async {
        let answer = operator.get("/api/resources").await.expect(200);
        let rows = at(&answer, "/instances").as_array().unwrap().clone();
        let measured = rows
            .iter()
            .all(|row| row.get("cpu_cores").is_some_and(Value::is_number));
        (rows.len() == 2 && measured).then_some(answer)
    })
    .await;
    assert_eq!(at(&answer, "/instances/0/service"), "api-gateway");
    assert_eq!(at(&answer, "/totals/instances"), 2);
    assert!(at(&answer, "/totals/memory_bytes").as_u64().unwrap() > 1_000_000);
    assert!(at(&answer, "/host/cpus").as_u64().unwrap() > 0);
    assert!(at(&answer, "/host/load_1m").is_number());
    assert!(at(&answer, "/redis/version").is_string());
    assert!(at(&answer, "/redis/memory_bytes").as_u64().unwrap() > 0);
    assert_eq!(at(&answer, "/redis/append_only_file"), true);
    assert!(at(&answer, "/redis/memory_limit_bytes").is_null());
    assert_eq!(at(&answer, "/history").as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn the_history_has_one_sample_for_each_interval_whoever_is_asked() {
    let interval = [("resources.sample_interval_s", "1")];
    let gateway = Gateway::start(&interval).await;
    let other = gateway.world.start(&interval).await;
    let operator = gateway.person("ada", "operator").await;
    let path = "/api/resources?since=2020-01-01T00:00:00Z";
    let history = until_some("three samples", SOON, || async {
        let answer = operator.get(path).await.expect(200);
        let history = at(&answer, "/history").as_array().unwrap().clone();
        (history.len() >= 3).then_some(history)
    })
    .await;
    let seconds: Vec<String> = history
        .iter()
        .map(|sample| {
            let moment = sample.get("at").and_then(Value::as_str).unwrap();
            moment.chars().take("2020-01-01T00:00:00".len()).collect()
        })
        .collect();
    let mut distinct = seconds.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct, seconds, "in order, one each second");

    let middle = history
        .get(1)
        .and_then(|sample| sample.get("at"))
        .and_then(Value::as_str);
    let later = operator
        .get(&format!("/api/resources?since={}", middle.unwrap()))
        .await
        .expect(200);
    assert_eq!(at(&later, "/history/0"), history.get(2).unwrap());
    drop(other);
}

#[tokio::test]
async fn resources_are_for_operators() {
    let gateway = Gateway::start(&[]).await;
    let moderator = gateway.person("ada", "moderator").await;
    moderator
        .get("/api/resources")
        .await
        .expect_problem(403, "auth.role.insufficient");
    gateway
        .anonymous()
        .get("/api/resources")
        .await
        .expect_problem(401, "auth.token.missing");
    let admin = gateway.admin().await;
    for query in ["since=yesterday", "sinse=2020-01-01T00:00:00Z"] {
        admin
            .get(&format!("/api/resources?{query}"))
            .await
            .expect_problem(400, "request.query.invalid");
    }
}
