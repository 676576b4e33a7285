use serde_json::{Map, Value, json};
use sm_common::event::{Channel, EventType};
use sm_common::ws::{CloseCode, SUBPROTOCOL_JSON};

use crate::openapi;

/// The WebSocket: its messages, its channels of events and how connections end, as AsyncAPI 3.0.
pub fn asyncapi() -> anyhow::Result<Value> {
    let mut schemas = openapi()?
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    keep_reachable(&mut schemas, &["ClientMessage", "ServerMessage", "Event"]);
    let events: Map<String, Value> = Channel::ALL
        .into_iter()
        .map(|channel| (channel.as_str().to_owned(), json!(event_types(channel))))
        .collect();
    let close_codes: Vec<Value> = CloseCode::ALL
        .iter()
        .map(|code| json!({"code": code.code(), "reason": code.reason(), "reconnect": code.reconnect()}))
        .collect();
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stream Manager WebSocket",
            "version": "1",
            "description": format!(
                "Events of streams, layers, metrics and chat over `/ws`, subprotocol `{SUBPROTOCOL_JSON}`. \
                 A client that gives its last position gets exactly what it missed."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "channels": {
            "ws": {
                "address": "/ws",
                "messages": {
                    "client": {"payload": {"$ref": "#/components/schemas/ClientMessage"}},
                    "server": {"payload": {"$ref": "#/components/schemas/ServerMessage"}},
                },
            },
        },
        "operations": {
            "hear": {
                "action": "send",
                "channel": {"$ref": "#/channels/ws"},
                "messages": [{"$ref": "#/channels/ws/messages/server"}],
            },
            "say": {
                "action": "receive",
                "channel": {"$ref": "#/channels/ws"},
                "messages": [{"$ref": "#/channels/ws/messages/client"}],
            },
        },
        "components": {"schemas": schemas},
        "x-event-types": events,
        "x-close-codes": close_codes,
    }))
}

fn event_types(channel: Channel) -> Vec<&'static str> {
    let of_channel = EventType::ALL
        .iter()
        .filter(|kind| kind.channel() == channel);
    of_channel.map(|kind| kind.as_str()).collect()
}

/// Drops the schemas that nothing in `roots` leads to.
fn keep_reachable(schemas: &mut Map<String, Value>, roots: &[&str]) {
    let mut reachable: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    let mut next = 0;
    while let Some(name) = reachable.get(next).cloned() {
        next += 1;
        let text = schemas.get(&name).map(Value::to_string).unwrap_or_default();
        let prefix = "#/components/schemas/";
        for reference in text.split(prefix).skip(1) {
            let found: String = reference.chars().take_while(|c| *c != '"').collect();
            if !reachable.contains(&found) {
                reachable.push(found);
            }
        }
    }
    schemas.retain(|name, _| reachable.contains(name));
}
