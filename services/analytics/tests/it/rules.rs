use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::stream::StreamStatus;

use crate::harness::{Harness, slow_rule};

const RULES: &str = "/api/analytics/alerts/rules";

fn path(rule: &Value) -> String {
    format!("{RULES}/{}", rule["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_rule_is_made_changed_and_taken_away() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let created = api.post(RULES, &slow_rule()).await.expect(201);
    let path = path(&created.body);
    assert_eq!(created.header("location"), path);
    assert_eq!(created.header("etag"), "\"1\"");
    let change = json!({"condition": {"value": 15.5}, "enabled": false});
    let changed = api.patch(&path, "\"1\"", &change).await.expect(200);
    assert_eq!(changed.body["condition"]["value"], 15.5);
    assert_eq!(changed.body["condition"]["metric"], "fps");
    assert_eq!(changed.header("etag"), "\"2\"");
    let read = api.get(&path).await.expect(200);
    assert_eq!(read.body, changed.body);
    let stale = api.patch(&path, "\"1\"", &change).await;
    let stale = stale.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"2\"");
    let request = api.request(reqwest::Method::PATCH, &path).json(&change);
    let _missing = api
        .send(request)
        .await
        .expect_problem(428, "revision.required");
    let _gone = api.delete(&path, "\"2\"").await.expect(204);
    let _gone = api
        .get(&path)
        .await
        .expect_problem(404, "alert.rule.not-found");
}

/// What comes with the system is changed like the rest, and stays.
#[tokio::test]
async fn a_built_in_rule_is_changed_and_not_deleted() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let path = format!("{RULES}/low-frame-rate");
    let change = json!({"condition": {"value": 12}});
    let changed = api.patch(&path, "\"0\"", &change).await.expect(200);
    assert_eq!(changed.body["built_in"], true);
    assert_eq!(changed.body["revision"], 1);
    let _stale = api
        .patch(&path, "\"0\"", &change)
        .await
        .expect_problem(412, "revision.stale");
    let refused = api.delete(&path, "\"1\"").await;
    let refused = refused.expect_problem(409, "alert.rule.built-in");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("`enabled`")
    );
    let list = api.get(RULES).await.expect(200).body;
    let rules = list["rules"].as_array().unwrap();
    let same: Vec<&Value> = rules
        .iter()
        .filter(|rule| rule["id"] == "low-frame-rate")
        .collect();
    assert_eq!(same, [&changed.body]);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_rule_is_told_at_once() {
    let harness = Harness::new();
    let service = harness.replica(&[("alerts.rules_max", "1")]);
    let api = harness.operator(&service);
    let mut bad = slow_rule();
    bad["condition"]["metric"] = json!("speed");
    bad["for_s"] = json!(-1);
    bad["remedy"] = json!("");
    let refused = api.post(RULES, &bad).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    let pointers: Vec<&str> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/condition/metric", "/for_s", "/remedy"]);
    let _misshapen = api
        .post(RULES, &json!([]))
        .await
        .expect_problem(400, "request.body.invalid");
    let _first = api.post(RULES, &slow_rule()).await.expect(201);
    let _full = api
        .post(RULES, &slow_rule())
        .await
        .expect_problem(409, "alert.rule.limit-reached");
}

#[tokio::test]
async fn operators_make_rules_and_nobody_below_reads_them() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    for role in Role::ALL {
        let api = harness.as_role(&service, role);
        let may = matches!(role, Role::Operator | Role::Admin);
        for path in [
            RULES,
            "/api/analytics/alerts",
            "/api/analytics/alerts/silences",
            "/api/analytics/alerts/webhooks",
            "/api/analytics/alerts/deliveries",
            "/api/analytics/alerts/rules/prometheus",
            "/api/analytics/errors",
            "/api/analytics/incidents",
            "/api/analytics/incidents/report",
        ] {
            let answer = api.get(path).await;
            if may {
                let _read = answer.expect(200);
            } else {
                let _refused = answer.expect_problem(403, "auth.role.insufficient");
            }
        }
        let posted = api.post(RULES, &slow_rule()).await;
        if may {
            let _made = posted.expect(201);
        } else {
            let _refused = posted.expect_problem(403, "auth.role.insufficient");
        }
    }
}

/// Twenty slow seconds in the middle of two minutes.
#[tokio::test]
async fn a_rule_is_tried_on_what_is_kept_before_it_is_saved() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    harness.status(0, StreamStatus::Live, Some(0)).await;
    for second in 0..120 {
        let fps = if (60..80).contains(&second) {
            5.0
        } else {
            30.0
        };
        let performance = sm_common::performance::Performance {
            fps: Some(fps),
            ..sm_common::performance::Performance::default()
        };
        harness.sample(second, performance, 1).await;
    }
    harness.until_read().await;
    let mut rule = slow_rule();
    rule["for_s"] = json!(5);
    let (from, to) = (harness.time(0), harness.time(120));
    let path = format!("{RULES}/dry-run?from={from}&to={to}");
    let run = api.post(&path, &rule).await.expect(200).body;
    assert_eq!(run["fired"], 1, "{run}");
    assert_eq!(run["firing_s"], 15);
    let time = &run["times"][0];
    let text = |second| json!(harness.at(second));
    assert_eq!(time["since"], text(60));
    assert_eq!(time["fired_at"], text(65));
    assert_eq!(time["resolved_at"], text(80));
    rule["for_s"] = json!(30);
    let run = api.post(&path, &rule).await.expect(200).body;
    assert_eq!(run["fired"], 0);
    let list = api.get(RULES).await.expect(200).body;
    let rules = list["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["name"] != "Slow"), "not kept");
    let long = format!("{RULES}/dry-run?from=-8d");
    let _refused = api
        .post(&long, &rule)
        .await
        .expect_problem(400, "analytics.range.invalid");
}
