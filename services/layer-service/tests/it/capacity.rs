//! Layers that the host of a stream on air cannot carry.

use serde_json::{Value, json};
use sm_bus::{Bus, Commit, keys};
use sm_common::id::StreamId;
use sm_common::program::ProgramFormat;
use sm_common::stream::{
    ChosenScenes, DesiredState, DesiredStatus, EngineLease, ObservedState, StreamStatus,
};
use sm_test_kit::tell_capacity;

use crate::app::{App, path_of, tag_of};

const ENGINE: &str = "stream-engine-1";

/// Has the stream on air, as stream-control and an engine do.
async fn go_live(bus: &Bus, forced: bool) {
    let (stream, now) = (StreamId::default(), bus.clock().now());
    let desired = DesiredState {
        stream: stream.clone(),
        status: DesiredStatus::Live,
        generation: 1,
        revision: 1,
        since: now,
        changed_by: "test".to_owned(),
        program: ProgramFormat::default(),
        ladder: Vec::new(),
        outputs: Vec::new(),
        forced,
        chosen: ChosenScenes::default(),
    };
    let mut observed = ObservedState::never_held(stream.clone(), now);
    observed.status = StreamStatus::Live;
    observed.live_since = Some(now);
    observed.engine = Some(EngineLease {
        instance: ENGINE.parse().unwrap(),
        host: "one".to_owned(),
        token: 1,
    });
    let document = |state: Value| state.to_string();
    let commit = Commit::new()
        .hash_set(
            keys::desired(&stream),
            "doc",
            document(serde_json::to_value(&desired).unwrap()),
        )
        .hash_set(keys::desired(&stream), "revision", "1")
        .set(
            keys::observed(&stream),
            document(serde_json::to_value(&observed).unwrap()),
        );
    bus.commit(commit, Vec::new()).await.unwrap();
}

fn camera() -> Value {
    json!({"name": "Camera", "kind": "network", "source": {"url": "rtmp://example.com/a/b"}})
}

#[tokio::test]
async fn a_layer_that_the_host_cannot_carry_is_refused_whole_until_there_is_room() {
    let app = App::start().await;
    let bus = app.redis.bus("stream-engine");
    let first = app.api.post("/api/layers", &camera()).await.expect(201);
    go_live(&bus, false).await;
    tell_capacity(&bus, ENGINE, 2.0, 1.8).await;

    let refused = app.api.post("/api/layers", &camera()).await;
    let problem = refused.expect_problem(503, "layer.capacity.exceeded");
    assert_eq!(problem.header("retry-after"), "10");
    let detail = problem.body["detail"].as_str().unwrap();
    for word in [
        "one: about 0.30 cores",
        "0.20 are left",
        "admission.cpu_max",
    ] {
        assert!(detail.contains(word), "{word}: {detail}");
    }
    let batch = json!({"operations": [
        {"op": "create", "layer": {"name": "Red", "kind": "color", "source": {"color": "#ff0000"}}},
        {"op": "create", "layer": camera()},
    ]});
    let refused = app.api.post("/api/layers/batch", &batch).await;
    let _refused = refused.expect_problem(503, "layer.capacity.exceeded");
    let scene = app.api.get("/api/layers").await.expect(200).body;
    assert_eq!(
        scene["layers"].as_array().unwrap().len(),
        1,
        "all or nothing"
    );

    // What needs nothing more is free, and so is a scene that is not on air.
    app.create("Red").await;
    let path = path_of(&first.body);
    let moved = json!({"transform": {"x": 9}, "source": {"url": "rtmp://example.com/c/d"}});
    let moved = app.api.patch(&path, &tag_of(&first.body), &moved).await;
    let moved = moved.expect(200);
    let scene = json!({"name": "Another"});
    let scene = app.api.post("/api/scenes", &scene).await.expect(201).body;
    let elsewhere = format!("/api/layers?scene={}", scene["id"].as_str().unwrap());
    app.api.post(&elsewhere, &camera()).await.expect(201);

    tell_capacity(&bus, ENGINE, 2.0, 1.6).await;
    app.api.post("/api/layers", &camera()).await.expect(201);
    tell_capacity(&bus, ENGINE, 2.0, 2.0).await;
    app.api
        .delete(&path, &tag_of(&moved.body))
        .await
        .expect(204);
}

#[tokio::test]
async fn an_admin_who_insists_on_the_stream_insists_on_its_layers() {
    let app = App::start().await;
    let bus = app.redis.bus("stream-engine");
    tell_capacity(&bus, ENGINE, 2.0, 2.0).await;
    app.api.post("/api/layers", &camera()).await.expect(201);
    go_live(&bus, true).await;
    app.api.post("/api/layers", &camera()).await.expect(201);
    go_live(&bus, false).await;
    let refused = app.api.post("/api/layers", &camera()).await;
    let _refused = refused.expect_problem(503, "layer.capacity.exceeded");
}
