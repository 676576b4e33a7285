use serde_json::{Value, json};
use sm_bus::{Heard, Listener, Signal};
use sm_common::event::{Channel, EventType};
use sm_layer_service::ABOUT;
use sm_service_kit::telemetry;
use tokio_util::sync::CancellationToken;

use crate::app::{App, LIMIT, color, path_of};

/// The next event on the bus.
pub(crate) async fn next(listener: &mut Listener) -> Heard {
    let event = async {
        loop {
            match listener.next().await.expect("the subscription lives") {
                Signal::Event(event) => return event,
                Signal::Up | Signal::Down => {}
            }
        }
    };
    tokio::time::timeout(LIMIT, event)
        .await
        .expect("an event comes")
}

/// A subscription that is up.
pub(crate) async fn listen(app: &App) -> Listener {
    let bus = app.redis.bus("test");
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    assert!(matches!(listener.next().await, Some(Signal::Up)));
    listener
}

#[tokio::test]
async fn every_change_is_told_with_its_new_value_and_position() {
    let app = App::start().await;
    let mut listener = listen(&app).await;
    let a = app.create("a").await;
    let mut back = color("b");
    back["index"] = json!(0);
    let b = app.api.post("/api/layers", &back).await.expect(201).body;
    let patch = json!({"opacity": 0.5, "visible": true, "transition": {"duration_ms": 40},
        "transform": {"y": 7, "rotation": 90, "crop": {"left": 0.25}}});
    let changed = app.api.patch(&path_of(&a), "\"1\"", &patch).await;
    let changed = changed.expect(200).body;
    let order = json!({"order": [a["id"], b["id"]]});
    let _same = app.api.patch(&path_of(&a), "\"2\"", &json!({})).await;
    let answer = app.api.put("/api/layers/order", "\"3\"", &order).await;
    let list = answer.expect(200).body;
    let _deleted = app.api.delete(&path_of(&b), "\"1\"").await.expect(204);

    let wanted: [(EventType, Value); 5] = [
        (
            EventType::LayerCreated,
            json!({"layer": a, "index": 0, "scene_revision": 1}),
        ),
        (
            EventType::LayerCreated,
            json!({"layer": b, "index": 0, "scene_revision": 2}),
        ),
        (
            EventType::LayerUpdated,
            json!({"layer": changed, "scene_revision": 3, "changed": ["/opacity",
                "/transform/crop/left", "/transform/rotation", "/transform/y",
                "/transition/duration_ms"]}),
        ),
        (
            EventType::LayerReordered,
            json!({"scene": list["scene"]["id"], "order": [a["id"], b["id"]], "scene_revision": 4}),
        ),
        (
            EventType::LayerDeleted,
            json!({"layer": b["id"], "scene": b["scene"], "scene_revision": 5}),
        ),
    ];
    for (offset, (kind, data)) in (1..).zip(wanted) {
        let heard = next(&mut listener).await;
        assert_eq!((heard.event.kind, heard.offset), (kind, offset));
        assert_eq!(heard.event.data, data);
        assert_eq!(heard.event.subject, "streams/main");
        assert!(heard.event.source.starts_with("/layer-service/"));
    }
}

#[tokio::test]
async fn the_trace_of_a_request_goes_on_in_its_event() {
    let app = App::start().await;
    // As the process's own main does.
    let config = &app.service.kit().config().telemetry;
    let _telemetry = telemetry::init(config, &ABOUT).unwrap();
    let mut listener = listen(&app).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = app
        .api
        .request(reqwest::Method::POST, "/api/layers")
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .json(&color("a"));
    let _created = app.api.send(request).await.expect(201);
    let heard = next(&mut listener).await;
    let traceparent = heard.event.traceparent.clone().expect("a trace");
    assert!(traceparent.contains(trace), "{traceparent}");
}

#[tokio::test]
async fn a_batch_tells_its_changes_in_order_with_one_revision() {
    let app = App::start().await;
    let a = app.create("a").await;
    let mut listener = listen(&app).await;
    let body = json!({"operations": [
        {"op": "update", "id": a["id"], "patch": {"opacity": 0.1}},
        {"op": "update", "id": a["id"], "patch": {"opacity": 0.1}},
        {"op": "create", "layer": color("b")},
        {"op": "delete", "id": a["id"]},
    ]});
    let done = app
        .api
        .post("/api/layers/batch", &body)
        .await
        .expect(200)
        .body;
    for (offset, (kind, result)) in (2..).zip([
        (EventType::LayerUpdated, Some(0)),
        (EventType::LayerCreated, Some(2)),
        (EventType::LayerDeleted, None),
    ]) {
        let heard = next(&mut listener).await;
        assert_eq!((heard.event.kind, heard.offset), (kind, offset));
        assert_eq!(heard.event.data["scene_revision"], 2);
        if let Some(index) = result {
            let index: usize = index;
            assert_eq!(heard.event.data["layer"], done["results"][index]["layer"]);
        }
    }
}
