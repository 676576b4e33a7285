//! Commands that are given later: asked for at layer-service, given here, once.

use std::time::Duration;

use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::event::SceneTaken;
use sm_common::id::StreamId;
use sm_common::stream::{DesiredStatus, StreamStatus};
use sm_common::transition::{SceneTransition, TransitionKind};
use sm_test_kit::{Answer, Api, Running, until, until_some};
use tempfile::TempDir;

use crate::harness::Harness;

const LIMIT: Duration = Duration::from_secs(20);
/// A process that looks often.
const KEEN: [(&str, &str); 1] = [("schedules.look_every_ms", "20")];
/// A process that never looks again after its start.
const IDLE: [(&str, &str); 1] = [("schedules.look_every_ms", "3600000")];

/// stream-control, and layer-service beside it.
struct Studio {
    // Before what it needs: fields end in this order.
    _layers: Running,
    api: Api,
    control: Harness,
    _files: TempDir,
}

impl Studio {
    async fn open(changes: &[(&str, &str)]) -> Self {
        let control = Harness::start_with(changes).await;
        let (url, files) = (control.redis.url(), tempfile::tempdir().unwrap());
        let directory = files.path().display().to_string();
        let settings = [
            ("redis.url", url.as_str()),
            ("assets.directory", directory.as_str()),
            KEEN[0],
        ];
        let config = Running::config(&sm_layer_service::ABOUT, &settings);
        let keys = control.issuer.key_source();
        let layers = Running::start(
            sm_layer_service::ABOUT,
            config,
            keys,
            sm_layer_service::serve,
        );
        let token = control.issuer.token(Role::Operator);
        let api = Api::new(layers.url()).with_token(token);
        until("layer-service has the first scene", LIMIT, || async {
            api.get("/api/layers").await.status == 200
        })
        .await;
        Self {
            _layers: layers,
            api,
            control,
            _files: files,
        }
    }

    fn replica(&self, changes: &[(&str, &str)]) -> Running {
        Harness::replica(&self.control.redis, &self.control.issuer, changes)
    }

    async fn schedule(&self, command: Value, trigger: Value) -> Value {
        let body = json!({"name": "Later", "trigger": trigger, "command": command});
        let made = self.api.post("/api/schedules", &body).await;
        made.expect(201).body
    }

    async fn ask(&self, body: &Value) -> Answer {
        self.api.post("/api/schedules", body).await
    }

    async fn first_scene(&self) -> Value {
        let list = self.api.get("/api/layers").await.expect(200).body;
        list.pointer("/scene/id").unwrap().clone()
    }

    async fn ended(&self, count: usize) -> Vec<Value> {
        until_some("all schedules are over", LIMIT, || async {
            let list = self.api.get("/api/schedules").await.expect(200).body;
            let listed = |name| list.get(name).and_then(Value::as_array).unwrap().clone();
            let (waiting, ended) = (listed("waiting"), listed("ended"));
            (ended.len() == count && waiting.is_empty()).then_some(ended)
        })
        .await
    }

    async fn audit(&self) -> Vec<Value> {
        let admin = self.control.as_role(Role::Admin);
        let list = admin.get("/api/stream/audit").await.expect(200).body;
        let entries = list.get("entries").unwrap_or(&list);
        entries.as_array().unwrap().clone()
    }
}

fn in_ms(millis: u64) -> Timestamp {
    SystemClock.now().plus(Duration::from_millis(millis))
}

fn at(moment: Timestamp) -> Value {
    json!({"kind": "at", "at": moment})
}

#[tokio::test]
async fn commands_at_one_moment_over_three_replicas_are_given_once_each() {
    let studio = Box::pin(Studio::open(&KEEN)).await;
    let _others = [studio.replica(&KEEN), studio.replica(&KEEN)];
    let scene = studio.first_scene().await;
    let take = json!({"action": "take", "scene": scene, "transition": "fade", "duration_ms": 700});
    let moment = in_ms(1_000);
    for _ in 0..12 {
        let made = studio.schedule(take.clone(), at(moment)).await;
        assert_eq!(made["command"]["scene"], scene);
        assert_eq!(made["scene"], Value::Null);
    }
    let ended = studio.ended(12).await;
    assert!(ended.iter().all(|ended| ended["outcome"] == "done"));
    let desired = studio.control.desired().await;
    let last = desired.chosen.take.unwrap();
    assert_eq!(last.number, 12, "one take for each");
    let fade = SceneTransition {
        kind: TransitionKind::Fade,
        duration_ms: 700,
        ..SceneTransition::default()
    };
    assert_eq!((json!(last.scene), last.transition), (scene, fade));
    // Each is an operation, and its author's.
    let id = ended[0]["operation"].as_str().unwrap();
    let operation = format!("/api/stream/operations/{id}");
    let operation = studio.control.operator().get(&operation).await.expect(200);
    assert_eq!(operation.body["action"], "take");
    let audit = studio.audit().await;
    assert_eq!(audit.len(), 12);
    let user = json!(studio.control.issuer.user(Role::Operator));
    assert!(audit.iter().all(|entry| entry["user"] == user));
}

#[tokio::test]
async fn a_stream_is_started_at_a_moment_and_stopped_after_a_take() {
    let studio = Box::pin(Studio::open(&KEEN)).await;
    let scene = studio.first_scene().await;
    let after = json!({"kind": "after-take", "scene": scene, "delay_ms": 100});
    studio.schedule(json!({"action": "stop"}), after).await;
    studio
        .schedule(json!({"action": "start"}), at(in_ms(0)))
        .await;
    until("the start is wanted", LIMIT, || async {
        studio.control.desired().await.status == DesiredStatus::Live
    })
    .await;
    Box::pin(studio.control.observe(StreamStatus::Live)).await;
    studio
        .schedule(json!({"action": "record-start"}), at(in_ms(0)))
        .await;
    until("a recording is wanted", LIMIT, || async {
        studio.control.desired().await.outputs.len() == 1
    })
    .await;
    Box::pin(studio.control.observe(StreamStatus::Live)).await;
    let taken = SceneTaken {
        scene: scene.as_str().unwrap().parse().unwrap(),
        transition: SceneTransition::default(),
        number: 1,
    };
    let bus = &studio.control.engine;
    bus.publish(&StreamId::default(), &taken, None)
        .await
        .unwrap();
    let ended = studio.ended(3).await;
    assert_eq!(ended[0]["schedule"]["command"]["action"], "stop");
    assert!(ended.iter().all(|ended| ended["outcome"] == "done"));
    let desired = studio.control.desired().await;
    assert_eq!(desired.status, DesiredStatus::Offline);
}

#[tokio::test]
async fn what_was_missed_is_given_late_or_skipped_and_what_is_refused_says_why() {
    let mut studio = Box::pin(Studio::open(&IDLE)).await;
    let moment = in_ms(300);
    studio
        .schedule(json!({"action": "record-start"}), at(moment))
        .await;
    studio
        .schedule(json!({"action": "start"}), at(moment))
        .await;
    let strict = json!({"name": "On time", "trigger": at(moment), "grace_s": 0,
        "command": {"action": "take"}});
    let _made = studio.ask(&strict).await.expect(201);
    studio.control.redis.kill();
    studio.control.redis.restart();
    until("the moment is over", LIMIT, || async {
        SystemClock.now() > moment.plus(Duration::from_millis(1))
    })
    .await;
    let _successor = studio.replica(&KEEN);
    let ended = studio.ended(3).await;
    let of = |action: &str| {
        let mut ended = ended.iter();
        let found = ended.find(|ended| ended["schedule"]["command"]["action"] == action);
        found.unwrap().clone()
    };
    assert_eq!(of("start")["outcome"], "done");
    assert_eq!(of("take")["outcome"], "skipped");
    // It was asked for before the start.
    let refused = of("record-start");
    assert_eq!(refused["outcome"], "failed");
    assert_eq!(
        refused["detail"],
        "cannot record-start a stream that is offline"
    );
    let desired = studio.control.desired().await;
    assert_eq!(desired.status, DesiredStatus::Live);
    let audit = studio.audit().await;
    assert_eq!(audit.len(), 2, "{audit:?}");
}

#[tokio::test]
async fn a_command_that_cannot_be_is_refused_and_one_that_is_withdrawn_is_not_given() {
    let studio = Box::pin(Studio::open(&IDLE)).await;
    let nowhere = "01900000-0000-7000-8000-000000000001";
    for (command, pointer) in [
        (
            json!({"action": "take", "scene": nowhere}),
            "/command/scene",
        ),
        (json!({"action": "pause"}), "/command/action"),
        (
            json!({"action": "stop", "duration_ms": 1}),
            "/command/duration_ms",
        ),
    ] {
        let body = json!({"name": "x", "trigger": at(in_ms(90_000)), "command": command});
        let refused = studio.ask(&body).await;
        let pointers = &refused.body["errors"];
        assert_eq!(pointers[0]["pointer"], pointer, "{}", refused.text);
        assert!(refused.status.is_client_error());
    }
    let made = studio
        .schedule(json!({"action": "start"}), at(in_ms(90_000)))
        .await;
    let path = format!("/api/schedules/{}", made["id"].as_str().unwrap());
    let _withdrawn = studio.api.delete(&path, "\"0\"").await.expect(204);
    let ended = studio.ended(1).await;
    assert_eq!(ended[0]["outcome"], "cancelled");
    let _keen = studio.replica(&KEEN);
    studio
        .schedule(json!({"action": "take"}), at(in_ms(0)))
        .await;
    let ended = studio.ended(2).await;
    assert_eq!(ended[0]["outcome"], "failed", "nothing is in preview");
    let desired = studio.control.desired().await;
    assert_eq!(desired.status, DesiredStatus::Offline);
}
