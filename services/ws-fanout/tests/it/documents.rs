use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::{ClientMessage, CloseCode, DEFLATED, ServerMessage, Subprotocol};
use sm_test_kit::Api;
use sm_ws_fanout::{ABOUT, openapi};
use utoipa::PartialSchema;

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

/// The `type` of every message of a kind.
fn types_of<M: PartialSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(M::schema()).unwrap();
    let mut types = BTreeSet::new();
    let kinds = schema["oneOf"].as_array().unwrap();
    for kind in kinds {
        // What a message shares with others stands beside its type.
        let parts = kind["allOf"].as_array();
        let parts = parts.map_or(std::slice::from_ref(kind), Vec::as_slice);
        let names = parts
            .iter()
            .filter_map(|part| part.pointer("/properties/type/enum/0"));
        types.extend(names.map(|name| name.as_str().unwrap().to_owned()));
    }
    assert_eq!(types.len(), kinds.len(), "every message has a type");
    types
}

#[test]
fn the_reference_says_what_is_spoken() {
    let text = reference();
    for subprotocol in Subprotocol::ALL {
        assert!(text.contains(&format!("`{}`", subprotocol.name())));
    }
    assert!(text.contains(&format!("the byte `{DEFLATED:x}`")));
}

#[test]
fn the_reference_names_every_message_and_every_channel() {
    let text = reference();
    let documented: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    let mut known = types_of::<ClientMessage>();
    known.extend(types_of::<ServerMessage>());
    assert_eq!(documented, known);
    for channel in Channel::ALL {
        assert!(text.contains(&format!("| `{channel}` |")), "{channel}");
    }
}

#[test]
fn the_conversation_in_the_reference_is_spoken_like_that() {
    let text = reference();
    let said: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("> {"))
        .collect();
    let heard: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("< {"))
        .collect();
    for line in &said {
        let read = serde_json::from_str::<ClientMessage>(&format!("{{{line}"));
        read.unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    for line in &heard {
        let message = format!("{{{line}");
        let read = serde_json::from_str::<ServerMessage>(&message);
        let read = read.unwrap_or_else(|error| panic!("{error}: {line}"));
        let as_read: Value = serde_json::to_value(&read).unwrap();
        assert_eq!(as_read, serde_json::from_str::<Value>(&message).unwrap());
    }
    let types = |messages: &[&str]| -> BTreeSet<String> {
        let kind = |line: &&str| line.split('"').nth(3).unwrap().to_owned();
        messages.iter().map(kind).collect()
    };
    assert_eq!(
        types(&heard),
        types_of::<ServerMessage>(),
        "one of each kind"
    );
    assert!(types(&said).len() >= 4);
}

#[test]
fn the_api_document_has_every_path() {
    let document = openapi();
    let paths: Vec<_> = document.paths.paths.keys().map(String::as_str).collect();
    let expected = [
        "/api/chat",
        "/api/chat/announcements",
        "/api/chat/bans",
        "/api/chat/bans/{user}",
        "/api/chat/guests",
        "/api/chat/held",
        "/api/chat/held/{id}",
        "/api/chat/me",
        "/api/chat/messages",
        "/api/chat/moderation",
        "/api/chat/pins",
        "/api/chat/pins/{id}",
        "/api/chat/rules",
        "/api/chat/{id}",
        "/ws",
    ];
    assert_eq!(paths, expected);
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
