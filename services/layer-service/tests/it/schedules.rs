//! Changes that are made later: once, by whoever is there, and as their author's.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::event::{EventType, SceneTaken};
use sm_common::id::StreamId;
use sm_common::stream::LayerStatus;
use sm_common::transition::SceneTransition;
use sm_test_kit::{Answer, Api, until};

use crate::app::{App, LIMIT, path_of, pointers};
use crate::events::{listen, next};

/// A process that looks often.
const KEEN: [(&str, &str); 1] = [("schedules.look_every_ms", "20")];
/// A process that never looks again after its start.
const IDLE: [(&str, &str); 1] = [("schedules.look_every_ms", "3600000")];

fn in_ms(millis: u64) -> Timestamp {
    SystemClock.now().plus(Duration::from_millis(millis))
}

fn at(moment: Timestamp) -> Value {
    json!({"kind": "at", "at": moment})
}

/// Moves a layer to the right, later.
fn moving(layer: &Value, x: usize, trigger: &Value) -> Value {
    json!({"name": "Move", "trigger": trigger, "operations": [
        {"op": "update", "id": layer["id"], "patch": {"transform": {"x": x}}}]})
}

async fn schedule(api: &Api, body: &Value) -> Value {
    api.post("/api/schedules", body).await.expect(201).body
}

async fn listed(api: &Api) -> Value {
    api.get("/api/schedules").await.expect(200).body
}

async fn until_ended(api: &Api, count: usize) -> Vec<Value> {
    until("all schedules are over", LIMIT, || async {
        listed(api).await["ended"].as_array().unwrap().len() == count
    })
    .await;
    let list = listed(api).await;
    assert_eq!(list["waiting"], json!([]));
    list["ended"].as_array().unwrap().clone()
}

async fn x_of(app: &App, layer: &Value) -> Value {
    let layer = app.api.get(&path_of(layer)).await.expect(200).body;
    layer["transform"]["x"].clone()
}

async fn undo(api: &Api) -> Answer {
    api.send(api.request(Method::POST, "/api/layers/undo"))
        .await
}

#[tokio::test]
async fn many_at_one_moment_over_three_replicas_are_made_once_each() {
    let app = App::with(&KEEN).await;
    let (_second, _) = app.replica(&KEEN).await;
    let (_third, _) = app.replica(&KEEN).await;
    let layer = app.create("a").await;
    let mut listener = listen(&app).await;
    let moment = in_ms(1_500);
    for x in 1..=20 {
        let made = schedule(&app.api, &moving(&layer, x, &at(moment))).await;
        assert_eq!(made["due_at"], json!(moment));
        assert_eq!(made["user_id"], json!(app.issuer.user(Role::Operator)));
    }
    for ended in until_ended(&app.api, 20).await {
        assert_eq!(
            (&ended["outcome"], &ended["detail"]),
            (&json!("done"), &Value::Null)
        );
    }
    let list = app.api.get("/api/layers").await.expect(200);
    assert_eq!(list.header("etag"), "\"21\"", "one revision for each");
    let (mut created, mut revisions) = (0, Vec::new());
    while revisions.len() < 20 {
        let event = &next(&mut listener).await.event;
        if event.kind == EventType::ScheduleCreated {
            created += 1;
        } else if event.kind == EventType::ScheduleEnded {
            revisions.push(event.data["scene_revision"].as_u64().unwrap());
        } else {
            assert_eq!(event.kind, EventType::LayerUpdated);
        }
    }
    assert_eq!(created, 20);
    assert_eq!(revisions, (2..=21).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_change_that_was_made_later_is_its_authors_to_take_back() {
    let app = App::with(&KEEN).await;
    let layer = app.create("a").await;
    let other = app.api.with_token(app.issuer.token(Role::Admin));
    schedule(&app.api, &moving(&layer, 7, &at(in_ms(0)))).await;
    until_ended(&app.api, 1).await;
    assert_eq!(x_of(&app, &layer).await, 7);
    let _none = undo(&other)
        .await
        .expect_problem(409, "layer.history.empty");
    let undone = undo(&app.api).await.expect(200).body;
    assert_eq!(undone["step"]["name"], "move a");
    assert_eq!(x_of(&app, &layer).await, 0);
}

#[tokio::test]
async fn what_was_missed_is_made_late_or_skipped_as_was_asked_for() {
    let mut app = App::with(&IDLE).await;
    let layer = app.create("a").await;
    let moment = in_ms(300);
    schedule(&app.api, &moving(&layer, 5, &at(moment))).await;
    let mut strict = moving(&layer, 6, &at(moment));
    strict["grace_s"] = json!(0);
    schedule(&app.api, &strict).await;
    app.redis.kill();
    app.redis.restart();
    until("the moment is over", LIMIT, || async {
        SystemClock.now() > moment.plus(Duration::from_millis(1))
    })
    .await;
    let (_successor, api) = app.replica(&KEEN).await;
    let mut ended = until_ended(&api, 2).await;
    ended.sort_by_key(|ended| ended["outcome"].to_string());
    let outcomes: Vec<&Value> = ended.iter().map(|ended| &ended["outcome"]).collect();
    assert_eq!(outcomes, ["done", "skipped"]);
    assert_eq!(ended[1]["schedule"]["grace_s"], 0);
    let layer = api.get(&path_of(&layer)).await.expect(200).body;
    assert_eq!(layer["transform"]["x"], 5);
}

#[tokio::test]
async fn takes_and_ends_of_videos_make_changes_due_wherever_they_are_heard() {
    let app = App::with(&KEEN).await;
    let layer = app.create("a").await;
    let stream = StreamId::default();
    let bus = app.redis.bus("test");
    let scene = layer["scene"].as_str().unwrap().parse().unwrap();
    let taken = SceneTaken {
        scene,
        transition: SceneTransition::default(),
        number: 1,
    };
    // One that came before does not count.
    bus.publish(&stream, &taken, None).await.unwrap();
    let after_take = json!({"kind": "after-take", "scene": scene, "delay_ms": 50});
    schedule(&app.api, &moving(&layer, 3, &after_take)).await;
    let at_end = json!({"kind": "at-end", "layer": layer["id"]});
    schedule(&app.api, &moving(&layer, 4, &at_end)).await;
    // Another scene and a layer that still plays make nothing due.
    let other = SceneTaken {
        scene: sm_common::id::SceneId::generate(),
        ..taken.clone()
    };
    bus.publish(&stream, &other, None).await.unwrap();
    let status = |state: &str| -> LayerStatus {
        serde_json::from_value(
            json!({"layer": layer["id"], "state": "ok", "since": in_ms(0),
            "playback": {"state": state, "position_ms": 1, "at": in_ms(0)}}),
        )
        .unwrap()
    };
    bus.publish(&stream, &status("playing"), None)
        .await
        .unwrap();
    bus.publish(&stream, &taken, None).await.unwrap();
    let ended = until_one_ended(&app).await;
    assert_eq!(ended["schedule"]["trigger"]["kind"], "after-take");
    assert_eq!(x_of(&app, &layer).await, 3);
    bus.publish(&stream, &status("ended"), None).await.unwrap();
    until_ended(&app.api, 2).await;
    assert_eq!(x_of(&app, &layer).await, 4);
}

async fn until_one_ended(app: &App) -> Value {
    until("the first is over", LIMIT, || async {
        listed(&app.api).await["ended"].as_array().unwrap().len() == 1
    })
    .await;
    listed(&app.api).await["ended"][0].clone()
}

#[tokio::test]
async fn what_is_refused_when_it_is_due_says_why() {
    let app = App::with(&KEEN).await;
    let layer = app.create("a").await;
    schedule(&app.api, &moving(&layer, 5, &at(in_ms(400)))).await;
    let _gone = app.api.delete(&path_of(&layer), "\"1\"").await.expect(204);
    let ended = until_ended(&app.api, 1).await;
    assert_eq!(ended[0]["outcome"], "failed");
    let detail = ended[0]["detail"].as_str().unwrap();
    assert!(detail.contains("there is no layer"), "{detail}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_when_it_is_asked_for() {
    let app = App::with(&[IDLE[0], ("schedules.waiting_max", "1")]).await;
    let layer = app.create("a").await;
    let past = json!({"kind": "at", "at": "2020-01-01T00:00:00Z"});
    let mut body = moving(&layer, 5, &past);
    body["name"] = json!("");
    body["operations"][0]["op"] = json!("explode");
    let refused = app.api.post("/api/schedules", &body).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(
        pointers(&refused),
        ["/name", "/trigger/at", "/operations/0/op"]
    );
    let wrong = json!({"name": "x", "trigger": at(in_ms(90_000)), "operations": [
        {"op": "update", "id": layer["id"], "patch": {"opacity": 2}}]});
    let refused = app.api.post("/api/schedules", &wrong).await.expect(422);
    assert_eq!(pointers(&refused), ["/operations/0/patch/opacity"]);
    let secret = json!({"name": "x", "trigger": at(in_ms(90_000)), "operations": [
        {"op": "create", "layer": {"name": "c", "kind": "network", "source": {
            "url": "rtsp://cameras.example/one", "user": "a", "password": "hidden"}}}]});
    let refused = app.api.post("/api/schedules", &secret).await.expect(422);
    assert_eq!(pointers(&refused), ["/operations"]);
    let nowhere = "01900000-0000-7000-8000-000000000001";
    for (trigger, pointer) in [
        (
            json!({"kind": "after-take", "scene": nowhere}),
            "/trigger/scene",
        ),
        (
            json!({"kind": "at-end", "layer": nowhere}),
            "/trigger/layer",
        ),
    ] {
        let body = moving(&layer, 5, &trigger);
        let refused = app.api.post("/api/schedules", &body).await.expect(422);
        assert_eq!(pointers(&refused), [pointer]);
    }
    let viewer = app.api.with_token(app.issuer.token(Role::Viewer));
    let _refused = viewer.get("/api/schedules").await.expect(403);
    let good = moving(&layer, 5, &at(in_ms(90_000)));
    let _refused = viewer.post("/api/schedules", &good).await.expect(403);

    let made = schedule(&app.api, &good).await;
    let full = app.api.post("/api/schedules", &good).await;
    let _full = full.expect_problem(409, "schedule.limit-reached");
    let waiting = &listed(&app.api).await["waiting"][0];
    assert_eq!(waiting["operations"], good["operations"]);
    let place = format!("/api/schedules/{}", made["id"].as_str().unwrap());
    let _withdrawn = app.api.delete(&place, "\"0\"").await.expect(204);
    let again = app.api.delete(&place, "\"0\"").await;
    let _missing = again.expect_problem(404, "schedule.not-found");
    assert_eq!(until_ended(&app.api, 1).await[0]["outcome"], "cancelled");
    schedule(&app.api, &good).await;
}
