use std::path::Path;

use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::CloseCode;
use sm_test_kit::Api;
use sm_ws_fanout::{ABOUT, openapi};

use crate::harness::World;

fn reference() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("../../docs/reference/websocket.md")).unwrap()
}

#[test]
fn the_reference_lists_every_close_code_as_it_is() {
    let text = reference();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| 1") || line.starts_with("| 4"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let documented: Vec<_> = rows
        .iter()
        .map(|row| (row[0].to_owned(), row[1].to_owned(), row[2].to_owned()))
        .collect();
    let known: Vec<_> = CloseCode::ALL
        .iter()
        .map(|code| {
            let next = if code.reconnect() {
                "reconnect"
            } else {
                "stop"
            };
            (
                code.code().to_string(),
                code.reason().to_owned(),
                next.to_owned(),
            )
        })
        .collect();
    assert_eq!(documented, known);
}

#[test]
fn the_reference_names_every_message_and_every_channel() {
    let text = reference();
    for name in [
        "auth",
        "subscribe",
        "unsubscribe",
        "publish",
        "ping",
        "welcome",
        "subscribed",
        "ack",
        "event",
        "batch",
        "error",
        "pong",
        "link",
        "goodbye",
    ] {
        assert!(text.contains(&format!("### `{name}`")), "{name}");
    }
    for channel in Channel::ALL {
        assert!(text.contains(&format!("| `{channel}` |")), "{channel}");
    }
}

#[test]
fn the_api_document_has_every_path() {
    let document = openapi();
    let paths: Vec<_> = document.paths.paths.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/api/chat", "/api/chat/{id}", "/ws"]);
    let json: serde_json::Value = serde_json::from_str(&(ABOUT.openapi.unwrap())()).unwrap();
    assert_eq!(
        json["paths"]["/api/chat"]["post"]["operationId"],
        "post_chat"
    );
    assert!(json["components"]["schemas"]["ChatMessage"].is_object());
}

#[tokio::test]
async fn what_happens_is_counted() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    world.publish("counted").await;
    socket.events(1).await;
    world.until_metric("sm_ws_connections", 1.0).await;
    world
        .until_metric("sm_ws_subscriptions{channel=\"chat\"}", 1.0)
        .await;
    world
        .until_metric("sm_ws_delivered_total{channel=\"chat\"}", 1.0)
        .await;
    world.until_metric("sm_ws_link_up", 1.0).await;
    let health = Api::new(world.service.health_url())
        .get("/health")
        .await
        .expect(200);
    assert_eq!(health.body["indicators"]["connections"], 1.0);
    let components = health.body["components"].as_array().unwrap();
    let live = components
        .iter()
        .find(|part| part["name"] == "live-events")
        .unwrap();
    assert_eq!(live["status"], "up");
}
