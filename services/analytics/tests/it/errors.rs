use serde_json::Value;
use sm_test_kit::{Api, until_some};

use crate::harness::{Harness, LIMIT};

const ERRORS: &str = "/api/analytics/errors";

async fn until_counted(api: &Api, count: u64) -> Value {
    until_some("every error is counted", LIMIT, || async {
        let list = api.get(ERRORS).await.expect(200).body;
        let groups = list["groups"].as_array().unwrap();
        let counted = groups.iter().filter_map(|group| group["count"].as_u64());
        (counted.sum::<u64>() == count).then_some(list)
    })
    .await
}

/// Whoever watches, each error is counted once.
#[tokio::test]
async fn errors_with_one_cause_are_one_group_whatever_becomes_of_the_replicas() {
    let harness = Harness::new();
    let first = harness.watching(&[]);
    let refused = |count: u64| format!("the server refused the key after {count} tries");
    for output in ["a", "b"] {
        let component = format!("output:{output}");
        harness
            .raise("output.refused", &component, &refused(3))
            .await;
    }
    harness
        .raise("worker.killed", "worker", "killed by signal 9")
        .await;
    until_counted(&harness.operator(&first), 3).await;
    let second = harness.watching(&[]);
    first.stop();
    harness
        .raise("output.refused", "output:a", &refused(12))
        .await;
    let list = until_counted(&harness.operator(&second), 4).await;
    let groups = list["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    let group = groups
        .iter()
        .find(|group| group["code"] == "output.refused")
        .unwrap();
    assert_eq!(group["count"], 3);
    assert_eq!(
        group["components"],
        serde_json::json!(["output:a", "output:b"])
    );
    assert_eq!(
        group["template"],
        "the server refused the key after <number> tries"
    );
    assert_eq!(group["message"], refused(12));
    assert!(group["fingerprint"].as_str().unwrap().starts_with("v1:"));
}

#[tokio::test]
async fn what_was_resolved_and_happens_again_has_regressed() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    harness.raise("output.refused", "output:a", "refused").await;
    let list = until_counted(&api, 1).await;
    let fingerprint = list["groups"][0]["fingerprint"].as_str().unwrap();
    let act = |action: &str| format!("{ERRORS}/{fingerprint}/{action}");
    let none = serde_json::json!({});
    let resolved = api.post(&act("resolve"), &none).await.expect(200).body;
    assert_eq!(resolved["state"], "resolved");
    assert!(resolved["changed_by"].is_string());
    harness
        .raise_now("output.refused", "output:a", "refused")
        .await;
    let again = until_counted(&api, 2).await;
    assert_eq!(again["groups"][0]["state"], "regressed");
    let _unknown = api
        .post(&format!("{ERRORS}/v1:0/resolve"), &none)
        .await
        .expect_problem(404, "analytics.error.not-found");
    let _unknown = api
        .post(&act("forget"), &none)
        .await
        .expect_problem(400, "request.path.invalid");
}
