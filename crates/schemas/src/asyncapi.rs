use serde_json::{Map, Value, json};
use sm_common::event::{Channel, EventType};
use sm_common::ws::{CloseCode, DEFLATED, Subprotocol};

use crate::openapi;

/// The WebSocket: its messages, its channels of events and how connections end, as AsyncAPI 3.0.
pub fn asyncapi() -> anyhow::Result<Value> {
    let mut schemas = openapi()?
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let channels: Map<String, Value> = Channel::ALL
        .into_iter()
        .map(|channel| (channel.as_str().to_owned(), describe(channel)))
        .collect();
    let channels = Value::Object(channels);
    let mut roots = vec![
        "ClientMessage".to_owned(),
        "ServerMessage".to_owned(),
        "Event".to_owned(),
    ];
    roots.extend(references(&channels));
    keep_reachable(&mut schemas, roots);
    let close_codes: Vec<Value> = CloseCode::ALL
        .iter()
        .map(|code| json!({"code": code.code(), "reason": code.reason(), "reconnect": code.reconnect()}))
        .collect();
    let [json, message_pack] = Subprotocol::ALL.map(Subprotocol::name);
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stream Manager WebSocket",
            "version": "1",
            "description": format!(
                "Events of streams, layers, metrics, chat and alerts over `/ws`, subprotocol `{json}` (text \
                 frames) or `{message_pack}` (binary frames, maps of the same fields). A client that gives its last position gets exactly what it missed."
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
        "x-channels": channels,
        "x-close-codes": close_codes,
        "x-subprotocols": {
            json: {"frames": "text", "contentType": "application/json"},
            message_pack: {"frames": "binary", "contentType": "application/msgpack"},
        },
        "x-deflated": {
            "firstByte": DEFLATED,
            "then": "a zlib stream (RFC 1950) of the message as the subprotocol writes it",
            "frames": "binary",
            "askedForBy": "hello",
        },
    }))
}

/// What a channel carries: the shape of its snapshot and of each event's data, and whether a slow
/// reader may find events left out.
fn describe(channel: Channel) -> Value {
    let of_channel = EventType::ALL
        .iter()
        .filter(|kind| kind.channel() == channel);
    let events: Map<String, Value> = of_channel
        .map(|kind| (kind.as_str().to_owned(), schema(&kind.payload_schema())))
        .collect();
    json!({
        "conflated": channel.is_conflatable(),
        "snapshot": snapshot(channel),
        "events": events,
    })
}

/// The shape of a channel's value.
fn snapshot(channel: Channel) -> Value {
    let or_null = |name| json!({"oneOf": [schema(name), {"type": "null"}]});
    match channel {
        Channel::StreamState => schema("StreamState"),
        Channel::LayerUpdates => or_null("LayerList"),
        Channel::Metrics => or_null("MetricsSample"),
        Channel::Chat => json!({"type": "array", "items": schema("ChatMessage")}),
        Channel::Alerts => json!({"type": "array", "items": schema("Alert")}),
    }
}

const SCHEMAS: &str = "#/components/schemas/";

fn schema(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

/// The names of the schemas that a document refers to.
fn references(document: &Value) -> Vec<String> {
    let text = document.to_string();
    let names = text.split(SCHEMAS).skip(1);
    names
        .map(|rest| rest.chars().take_while(|c| *c != '"').collect())
        .collect()
}

/// Drops the schemas that nothing in `roots` leads to.
fn keep_reachable(schemas: &mut Map<String, Value>, roots: Vec<String>) {
    let mut reachable = Vec::new();
    let mut waiting = roots;
    while let Some(name) = waiting.pop() {
        if reachable.contains(&name) {
            continue;
        }
        if let Some(found) = schemas.get(&name) {
            waiting.extend(references(found));
        }
        reachable.push(name);
    }
    schemas.retain(|name, _| reachable.contains(name));
}
