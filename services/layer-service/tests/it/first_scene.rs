use std::collections::BTreeSet;

use serde_json::Value;
use sm_common::event::Channel;
use sm_common::id::StreamId;

use crate::app::{App, path_of, tag_of};

const DEMO: [(&str, &str); 1] = [("demo.seed", "true")];

#[tokio::test]
async fn the_demo_is_seeded_once_whoever_starts() {
    let app = App::with(&DEMO).await;
    let first = app.api.get("/api/layers").await.expect(200).body;
    let (_second, api) = app.replica(&DEMO).await;
    assert_eq!(api.get("/api/layers").await.expect(200).body, first);
    let kinds: BTreeSet<&str> = first["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        BTreeSet::from(["clock", "color", "test-pattern", "text"])
    );
    let bus = app.redis.bus("test");
    let events = bus
        .newest(&StreamId::default(), Channel::LayerUpdates, 100)
        .await
        .unwrap();
    assert_eq!(events.len(), first["layers"].as_array().unwrap().len());
}

#[tokio::test]
async fn an_emptied_scene_stays_empty() {
    let app = App::with(&DEMO).await;
    let list = app.api.get("/api/layers").await.expect(200).body;
    let layers: Vec<Value> = list["layers"].as_array().unwrap().clone();
    for layer in &layers {
        let answer = app.api.delete(&path_of(layer), &tag_of(layer)).await;
        let _deleted = answer.expect(204);
    }
    let (_second, api) = app.replica(&DEMO).await;
    let list = api.get("/api/layers").await.expect(200).body;
    assert_eq!(list["layers"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn without_the_demo_the_first_scene_is_empty() {
    let app = App::start().await;
    let list = app.api.get("/api/layers").await.expect(200);
    assert_eq!(list.header("etag"), "\"0\"");
    assert_eq!(list.body["scene"]["name"], "Main");
    assert_eq!(list.body["layers"].as_array().unwrap().len(), 0);
}
