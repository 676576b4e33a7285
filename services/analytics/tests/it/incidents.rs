use serde_json::{Value, json};
use sm_bus::{keys, redis};
use sm_common::id::StreamId;
use sm_test_kit::{Api, until, until_some};

use crate::harness::{Harness, LIMIT};

const INCIDENTS: &str = "/api/analytics/incidents";

async fn until_incident(api: &Api, what: &str, is_it: impl Fn(&Value) -> bool + Copy) -> Value {
    until_some(what, LIMIT, || async move {
        let list = api.get(INCIDENTS).await.expect(200).body;
        list["incidents"]
            .as_array()
            .unwrap()
            .iter()
            .find(|incident| is_it(incident))
            .cloned()
    })
    .await
}

#[tokio::test]
async fn an_incident_names_its_cause_at_once_and_ends_when_everything_is_right() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    harness.on_air().await;
    harness.until_watched().await;
    harness
        .raise_now("output.stalled", "output:tube", "nothing is acknowledged")
        .await;
    let open = until_incident(&api, "an incident is open", |one| one["state"] == "open").await;
    assert_eq!(open["causes"][0]["component"], "output:tube");
    harness
        .raise_now("worker.killed", "worker", "killed by signal 9")
        .await;
    let revised = until_incident(&api, "the cause is revised", |one| {
        one["causes"][0]["component"] == "engine"
    })
    .await;
    assert_eq!(revised["id"], open["id"]);
    let evidence = revised["causes"][0]["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 5);
    harness.clear("worker.killed", "worker").await;
    harness.clear("output.stalled", "output:tube").await;
    let over = until_incident(&api, "it is over", |one| one["state"] == "resolved").await;
    assert_eq!(over["id"], open["id"]);
    assert!(over["recovery_ms"].is_u64());
    let path = format!("{INCIDENTS}/{}", over["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.expect(200).body, over);
    let told: Vec<String> = harness
        .told()
        .await
        .into_iter()
        .filter(|(_, data)| data["id"] == over["id"])
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(told.first().unwrap(), "incident.opened");
    assert_eq!(told.last().unwrap(), "incident.resolved");
    let report = api.get(&format!("{INCIDENTS}/report")).await.expect(200);
    assert_eq!(report.body["incidents"], 1);
    assert!(report.body["mttr_s"].is_f64());
    let _bad = api
        .get(&format!("{INCIDENTS}/report?month=November"))
        .await
        .expect_problem(400, "request.query.invalid");
}

#[tokio::test]
async fn what_an_operator_did_just_before_is_told_and_what_they_wanted_is_no_incident() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    harness.on_air().await;
    harness.until_watched().await;
    harness.audit("output-stop", Some("tube")).await;
    harness
        .raise_now("output.stalled", "output:tube", "stopped")
        .await;
    harness.audit("output-update", Some("other")).await;
    harness
        .raise_now("output.refused", "output:other", "the key is wrong")
        .await;
    let incident = until_incident(&api, "the fault is an incident", |_| true).await;
    assert_eq!(incident["affected"], json!(["output:other"]));
    let moments = incident["timeline"].as_array().unwrap();
    let change = moments
        .iter()
        .find(|moment| moment["kind"] == "change" && moment["component"] == "output:other")
        .unwrap();
    assert_eq!(change["code"], "output-update");
    assert!(change["text"].as_str().unwrap().contains("Olga"));
    let evidence = incident["causes"][0]["evidence"].as_array().unwrap();
    let change = evidence
        .iter()
        .find(|term| term["kind"] == "change")
        .unwrap();
    assert_eq!(change["score"], 1.0);
    let list = api.get(INCIDENTS).await.expect(200).body;
    assert_eq!(list["incidents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_an_incident_while_the_stream_is_worked_on() {
    let harness = Harness::new();
    let service = harness.watching(&[]);
    let api = harness.operator(&service);
    harness.on_air().await;
    harness.until_watched().await;
    let window = json!({
        "kind": "maintenance", "until": "2999-01-01T00:00:00Z", "comment": "new cables",
    });
    let silences = "/api/analytics/alerts/silences";
    let window = api.post(silences, &window).await.expect(201).body;
    harness
        .raise_now("output.refused", "output:tube", "no cable")
        .await;
    harness.until_watched().await;
    let path = format!("{silences}/{}", window["id"].as_str().unwrap());
    let _over = api.delete(&path, "\"-\"").await.expect(204);
    harness
        .raise_now("output.stalled", "output:other", "slow")
        .await;
    let incident = until_incident(&api, "the next is one again", |_| true).await;
    assert_eq!(incident["affected"], json!(["output:other"]));
}

/// While Redis is away nobody can be told; what happened is told when it is back.
#[tokio::test]
async fn an_outage_of_redis_is_an_incident_with_redis_as_its_cause() {
    let mut harness = Harness::new();
    let service = harness.watching(&[("incidents.redis_away_ms", "1")]);
    let api = harness.operator(&service);
    harness.on_air().await;
    harness.until_watched().await;
    harness.redis.kill();
    let health = Api::new(service.health_url());
    until("the watch says that Redis is away", LIMIT, || async {
        let health = health.get("/health").await.body;
        let parts = health["components"].as_array().cloned().unwrap_or_default();
        parts
            .iter()
            .any(|part| part["name"] == "watch" && part["status"] == "down")
    })
    .await;
    harness.redis.restart();
    harness.reconnect(1000);
    let incident = until_incident(&api, "the outage is an incident", |one| {
        one["causes"][0]["component"] == "redis" && one["state"] == "resolved"
    })
    .await;
    assert_eq!(incident["causes"][0]["code"], "redis.unreachable");
    assert_eq!(harness.told_of("system.health.changed").await, 2);
}

impl Harness {
    /// Waits until the watch has read all that was published of the stream's state.
    pub(crate) async fn until_watched(&self) {
        let stream = StreamId::default();
        until("the watch has read everything", LIMIT, || {
            Box::pin(async {
                let channel = sm_common::event::Channel::StreamState;
                let current = self.bus.current_position(&stream, channel).await.unwrap();
                let mut command = redis::cmd("HGET");
                command.arg(keys::watch(&stream)).arg("doc");
                let doc: Option<String> = self.bus.query(&command).await.unwrap();
                let doc: Value = doc.map_or(Value::Null, |doc| serde_json::from_str(&doc).unwrap());
                doc["position"]["offset"].as_u64() == current.map(|current| current.offset)
            })
        })
        .await;
    }

    /// Writes into the audit list as stream-control does.
    async fn audit(&self, action: &str, output: Option<&str>) {
        use sm_common::clock::Clock as _;
        let entry = json!({
            "at": sm_common::clock::SystemClock.now(), "user": sm_common::id::UserId::generate(),
            "name": "Olga", "action": action, "output": output,
        });
        let commit = sm_bus::Commit::new().append(
            keys::audit(&StreamId::default()),
            &entry.to_string(),
            100,
        );
        self.bus.commit(commit, Vec::new()).await.unwrap();
    }
}
