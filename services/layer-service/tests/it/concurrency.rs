//! Two replicas, many writers: what was acknowledged is there, in one order for everybody.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sm_common::event::EventType;
use sm_test_kit::Api;

use crate::app::{App, color, path_of, tag_of};
use crate::events::{listen, next};

const WRITERS: usize = 8;
const PATCHES: usize = 12;
/// Waiting for a busy machine is no failure here.
const PATIENT: [(&str, &str); 3] = [
    ("scene.write_timeout_ms", "20000"),
    ("scene.attempts_max", "1000"),
    ("redis.timeout_ms", "10000"),
];

/// Creates a layer, changes it again and again, and puts it to the back. Odd writers delete
/// theirs. Every acknowledged value of the layer, in order.
async fn write(api: Api, number: usize) -> Vec<Value> {
    let mut layer = api
        .post("/api/layers", &color(&format!("layer {number}")))
        .await
        .expect(201)
        .body;
    let place = path_of(&layer);
    let mut acknowledged = vec![layer.clone()];
    for step in 1..=PATCHES {
        let patch = json!({"transform": {"x": step}});
        layer = api
            .patch(&place, &tag_of(&layer), &patch)
            .await
            .expect(200)
            .body;
        acknowledged.push(layer.clone());
    }
    loop {
        let list = api.get("/api/layers").await.expect(200);
        let ids = list.body["layers"].as_array().unwrap().iter();
        let mut order = vec![layer["id"].clone()];
        order.extend(ids.map(|l| l["id"].clone()).filter(|id| *id != layer["id"]));
        let body = json!({"order": order});
        let tag = list.header("etag").to_owned();
        let answer = api.put("/api/layers/order", &tag, &body).await;
        if answer.status != 412 {
            let _reordered = answer.expect(200);
            break;
        }
    }
    if number % 2 == 1 {
        let _deleted = api.delete(&place, &tag_of(&layer)).await.expect(204);
    }
    acknowledged
}

/// Keeps a copy of the layers by the events alone.
fn replay(layers: &mut Vec<Value>, kind: EventType, data: &Value) {
    let place = |layers: &[Value], id: &Value| layers.iter().position(|l| l["id"] == *id).unwrap();
    if kind == EventType::LayerCreated {
        let index = usize::try_from(data["index"].as_u64().unwrap()).unwrap();
        layers.insert(index, data["layer"].clone());
    } else if kind == EventType::LayerUpdated {
        let index = place(layers, &data["layer"]["id"]);
        layers[index] = data["layer"].clone();
    } else if kind == EventType::LayerDeleted {
        layers.remove(place(layers, &data["layer"]));
    } else if kind == EventType::LayerReordered {
        let order = data["order"].as_array().unwrap().iter();
        *layers = order.map(|id| layers[place(layers, id)].clone()).collect();
    } else {
        panic!("{kind:?} is no change");
    }
}

#[tokio::test]
async fn two_replicas_lose_nothing_and_agree_on_the_order() {
    let app = App::with(&PATIENT).await;
    let (_second, other) = app.replica(&PATIENT).await;
    let mut listener = listen(&app).await;
    let writers = (0..WRITERS).map(|number| {
        let api = if number % 4 < 2 { &app.api } else { &other };
        tokio::spawn(write(api.clone(), number))
    });
    let writers: Vec<_> = writers.collect();
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        for layer in writer.await.unwrap() {
            acknowledged.insert((layer["id"].to_string(), layer["revision"].as_u64()), layer);
        }
    }

    let list = app.api.get("/api/layers").await.expect(200).body;
    assert_eq!(other.get("/api/layers").await.expect(200).body, list);
    let revision = list["scene"]["revision"].as_u64().unwrap();
    let mut copy = Vec::new();
    let mut told = 0;
    for expected in 1..=revision {
        let heard = next(&mut listener).await;
        assert_eq!(heard.offset, expected);
        let data = &heard.event.data;
        assert_eq!(data["scene_revision"].as_u64(), Some(expected));
        if let Some(layer) = data["layer"].as_object() {
            let key = (layer["id"].to_string(), layer["revision"].as_u64());
            assert_eq!(acknowledged.get(&key), Some(&data["layer"]));
            told += 1;
        }
        replay(&mut copy, heard.event.kind, data);
    }
    assert_eq!(told, acknowledged.len());
    assert_eq!(json!(copy), list["layers"]);
    assert_eq!(copy.len(), WRITERS / 2);
}
