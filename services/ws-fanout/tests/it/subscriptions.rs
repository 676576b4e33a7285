use std::collections::BTreeMap;

use serde_json::{Value, json};
use sm_bus::{Commit, keys, redis};
use sm_common::alert::{Alert, AlertFired, AlertState};
use sm_common::auth::Role;
use sm_common::event::{Channel, EventType, StreamStateChanged};
use sm_common::id::{AlertId, LayerId, SceneId, StreamId};
use sm_common::layer::Layer;
use sm_common::stream::{
    LayerState, LayerStatus, ObservedState, Severity, StreamState, StreamStatus,
};
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::until;

use crate::harness::{NOW, SOON, World, hear_error, sample, subscribe, texts};

#[tokio::test]
async fn the_state_is_the_one_that_rest_answers_and_its_changes_follow() {
    let world = World::start().await;
    let observed = ObservedState {
        status: StreamStatus::Live,
        revision: 5,
        ..ObservedState::never_held(world.stream.clone(), NOW)
    };
    let document = serde_json::to_string(&observed).unwrap();
    let write = Commit::new().set(keys::observed(&world.stream), document);
    world.bus.commit(write, Vec::new()).await.unwrap();

    let mut socket = world.socket(Role::Viewer).await;
    let subscription = socket.subscribe(Channel::StreamState, None).await;
    assert!(!subscription.recovered);
    let state: StreamState = serde_json::from_value(subscription.snapshot.unwrap()).unwrap();
    assert_eq!(state.observed, observed);
    assert_eq!(state.revision(), "1.5");

    let changed = StreamStateChanged(StreamState {
        observed: ObservedState {
            status: StreamStatus::Degraded,
            ..observed
        },
        ..state
    });
    let published = world
        .bus
        .publish(&world.stream, &changed, None)
        .await
        .unwrap();
    let event = socket.events(1).await.remove(0);
    assert_eq!(event.event, EventType::StreamStateChanged);
    assert_eq!(event.offset, subscription.position.offset + 1);
    assert_eq!(published.epoch, subscription.position.epoch);
    assert_eq!(event.data, serde_json::to_value(&changed).unwrap());
}

fn layer(world: &World, scene: SceneId, name: &str) -> Layer {
    serde_json::from_value(json!({
        "id": LayerId::generate(), "stream": world.stream, "scene": scene, "name": name,
        "kind": "color", "source": {"color": "#102030"},
        "transform": {"x": 0, "y": 0, "width": 10, "height": 10},
        "opacity": 1.0, "visible": true, "locked": false, "volume": 1.0, "muted": false,
        "revision": 1, "created_at": NOW, "updated_at": NOW,
    }))
    .unwrap()
}

#[tokio::test]
async fn the_layers_come_in_their_order_with_how_they_do() {
    let world = World::start().await;
    let scene = SceneId::generate();
    let (front, back) = (layer(&world, scene, "front"), layer(&world, scene, "back"));
    let order = [back.id, front.id];
    let document = json!({"id": scene, "name": "Demo", "order": order, "updated_at": NOW});
    let status = LayerStatus {
        layer: front.id,
        state: LayerState::Failing,
        code: Some("layer.source.missing".to_owned()),
        reason: None,
        attempts: None,
        next_attempt_at: None,
        playback: None,
        since: NOW,
    };
    let mut write = Commit::new()
        .hash_set(keys::former_scene(&world.stream), "revision", "7")
        .hash_set(
            keys::former_scene(&world.stream),
            "doc",
            document.to_string(),
        )
        .hash_set(
            keys::layer_statuses(&world.stream),
            &keys::layer_field(front.id),
            serde_json::to_string(&status).unwrap(),
        );
    for layer in [&front, &back] {
        let text = serde_json::to_string(layer).unwrap();
        write = write.hash_set(
            keys::layers(&world.stream),
            &keys::layer_field(layer.id),
            text,
        );
    }
    world.bus.commit(write, Vec::new()).await.unwrap();

    let mut socket = world.socket(Role::Viewer).await;
    let subscription = socket.subscribe(Channel::LayerUpdates, None).await;
    let front = Layer {
        status: Some(status),
        ..front
    };
    assert_eq!(
        subscription.snapshot.unwrap(),
        json!({
            "scene": {"id": scene, "name": "Demo", "revision": 7, "updated_at": NOW},
            "groups": [], "layers": [back, front],
        })
    );
    let published = world.publish_change().await;
    let event = socket.events(1).await.remove(0);
    assert_eq!(
        (event.channel, event.offset),
        (Channel::LayerUpdates, published.offset)
    );
}

#[tokio::test]
async fn the_snapshot_is_of_the_scene_that_is_wanted_on_air() {
    let world = World::start().await;
    let [first, chosen] = [SceneId::generate(), SceneId::generate()];
    let scenes_key = keys::scenes(&world.stream);
    let mut write = Commit::new()
        .hash_set(scenes_key.clone(), "revision", "2")
        .hash_set(
            scenes_key.clone(),
            "order",
            json!([chosen, first]).to_string(),
        )
        .hash_set(scenes_key.clone(), "first", first.to_string());
    for (scene, name) in [(first, "First"), (chosen, "Chosen")] {
        let layer = layer(&world, scene, name);
        let document = json!({"id": scene, "name": name, "order": [layer.id], "updated_at": NOW});
        write = write
            .hash_set(scenes_key.clone(), &keys::scene_revision_field(scene), "7")
            .hash_set(
                scenes_key.clone(),
                &keys::scene_document_field(scene),
                document.to_string(),
            )
            .hash_set(
                keys::layers(&world.stream),
                &keys::layer_field(layer.id),
                serde_json::to_string(&layer).unwrap(),
            );
    }
    world.bus.commit(write, Vec::new()).await.unwrap();
    let mut socket = world.socket(Role::Viewer).await;
    let subscription = socket.subscribe(Channel::LayerUpdates, None).await;
    let snapshot = subscription.snapshot.unwrap();
    assert_eq!(snapshot["layers"][0]["name"], "First");

    let key = keys::desired(&world.stream);
    let mut desired: Value = world.bus.hash_document(&key, "doc").await.unwrap().unwrap();
    desired["scene"] = json!(chosen);
    let write = Commit::new().hash_set(key, "doc", desired.to_string());
    world.bus.commit(write, Vec::new()).await.unwrap();
    let mut socket = world.socket(Role::Viewer).await;
    let subscription = socket.subscribe(Channel::LayerUpdates, None).await;
    let snapshot = subscription.snapshot.unwrap();
    assert_eq!(snapshot["scene"]["name"], "Chosen");
    assert_eq!(snapshot["layers"].as_array().unwrap().len(), 1);
    assert_eq!(snapshot["layers"][0]["name"], "Chosen");
}

#[tokio::test]
async fn a_stream_without_a_scene_or_a_sample_has_an_empty_snapshot() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Operator).await;
    for channel in [Channel::LayerUpdates, Channel::Metrics] {
        let subscription = socket.subscribe(channel, None).await;
        assert_eq!(subscription.snapshot.unwrap_or_default(), Value::Null);
        assert_eq!(subscription.position.offset, 0);
    }
    let chat = socket.subscribe(Channel::Chat, None).await;
    assert_eq!(chat.snapshot.unwrap(), json!([]));
    let first = world.publish("the very first").await;
    assert_eq!(
        first.epoch, chat.position.epoch,
        "even it has a position to follow"
    );
    assert_eq!(socket.events(1).await[0].offset, 1);
}

#[tokio::test]
async fn the_newest_sample_and_the_newest_messages_are_the_snapshots() {
    let world = World::with(&[("chat.snapshot_messages", "3")]).await;
    for number in 1..=5 {
        world.publish_sample(number).await;
        world.publish(number.to_string()).await;
    }
    let mut socket = world.socket(Role::Operator).await;
    let metrics = socket.subscribe(Channel::Metrics, None).await;
    let newest = serde_json::to_value(sample(&world.stream, 5)).unwrap();
    assert_eq!(metrics.snapshot.unwrap(), newest);
    let chat = socket.subscribe(Channel::Chat, None).await;
    assert_eq!(
        texts(chat.snapshot.unwrap().as_array().unwrap()),
        ["3", "4", "5"]
    );
    assert_eq!((metrics.position.offset, chat.position.offset), (5, 5));
}

#[tokio::test]
async fn the_alerts_that_fire_are_the_snapshot_and_what_follows_is_told() {
    let world = World::start().await;
    let mut early = world.socket(Role::Operator).await;
    let none = early.subscribe(Channel::Alerts, None).await;
    assert_eq!(none.snapshot, Some(json!([])));
    let alert = Alert {
        id: AlertId::generate(),
        rule: "low-frame-rate".parse().unwrap(),
        name: "The frame rate is low".to_owned(),
        stream: world.stream.clone(),
        severity: Severity::Error,
        labels: BTreeMap::new(),
        state: AlertState::Firing,
        reason: "fps is 12".to_owned(),
        remedy: "Give it CPU.".to_owned(),
        value: Some(12.0),
        since: NOW,
        fired_at: NOW,
        resolved_at: None,
        muted: None,
    };
    let document = serde_json::to_string(&alert).unwrap();
    let key = keys::alerts(&world.stream);
    let commit = Commit::new().hash_set(key, &alert.id.to_string(), document);
    let fired = AlertFired(alert.clone());
    let event = world.bus.event(&world.stream, &fired, None).unwrap();
    world.bus.commit(commit, vec![event]).await.unwrap();
    let heard = early.events(1).await;
    assert_eq!(heard[0].data["id"], json!(alert.id));
    let mut late = world.socket(Role::Operator).await;
    let snapshot = late.subscribe(Channel::Alerts, None).await;
    assert_eq!(snapshot.snapshot, Some(json!([alert])));
    assert_eq!(snapshot.position.offset, 1);
}

#[tokio::test]
async fn a_burst_goes_in_few_messages_and_in_order() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let posts = (0..200).map(|number| world.publish(number.to_string()));
    futures_util::future::join_all(posts).await;
    let mut messages = 0;
    let mut offsets = Vec::new();
    while offsets.len() < 200 {
        messages += 1;
        match socket.hear().await {
            ServerMessage::Event(event) => offsets.push(event.offset),
            ServerMessage::Batch { events } => {
                assert!((2..=64).contains(&events.len()));
                offsets.extend(events.iter().map(|event| event.offset));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(offsets, (1..=200).collect::<Vec<_>>());
    assert!(messages < 200, "{messages}");
}

#[tokio::test]
async fn each_channel_asks_for_its_role_and_the_connection_goes_on() {
    let world = World::start().await;
    let allowed = |role: Role| match role {
        Role::Viewer | Role::Moderator => {
            vec![Channel::StreamState, Channel::LayerUpdates, Channel::Chat]
        }
        Role::Operator | Role::Admin => Channel::ALL.to_vec(),
        Role::Service => Vec::new(),
    };
    for role in Role::ALL {
        let mut socket = world.socket(role).await;
        for channel in Channel::ALL {
            socket.say(&subscribe(9, channel)).await;
            if allowed(role).contains(&channel) {
                let answer = socket.hear().await;
                assert!(
                    matches!(answer, ServerMessage::Subscribed { id: 9, .. }),
                    "{answer:?}"
                );
            } else {
                let error = hear_error(&mut socket, "auth.role.insufficient").await;
                assert!(matches!(error, ServerMessage::Error { id: Some(9), .. }));
            }
        }
    }
}

#[tokio::test]
async fn whoever_unsubscribes_hears_nothing_more() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    socket.subscribe(Channel::LayerUpdates, None).await;
    let unsubscribe = |id| ClientMessage::Unsubscribe {
        id,
        channel: Channel::Chat,
        stream: StreamId::default(),
    };
    // A second time changes nothing.
    for id in [3, 4] {
        socket.say(&unsubscribe(id)).await;
        assert_eq!(socket.hear().await, ServerMessage::ack(id));
    }
    world.publish("unheard").await;
    world.publish_change().await;
    assert_eq!(socket.events(1).await[0].channel, Channel::LayerUpdates);
    world
        .until_metric("sm_ws_subscriptions{channel=\"chat\"}", 0.0)
        .await;
    world
        .until_metric("sm_ws_subscriptions{channel=\"layer-updates\"}", 1.0)
        .await;
    socket.cut();
    world
        .until_metric("sm_ws_subscriptions{channel=\"layer-updates\"}", 0.0)
        .await;
    world.until_metric("sm_ws_connections", 0.0).await;
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_subscribed_to() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Admin).await;
    for channel in Channel::ALL {
        let elsewhere =
            json!({"type": "subscribe", "id": 4, "channel": channel, "stream": "nowhere"});
        socket.say_text(&elsewhere.to_string()).await;
        hear_error(&mut socket, "stream.not-found").await;
    }
    socket
        .say_text(r#"{"type":"subscribe","id":5,"channel":"weather"}"#)
        .await;
    hear_error(&mut socket, "ws.message.unreadable").await;
    // Who was about to subscribe may be counted until the next report.
    until("asking leaves nothing behind", SOON, || {
        Box::pin(async {
            let mut keys = redis::cmd("KEYS");
            let keys: Vec<String> = world.bus.query(keys.arg("*nowhere*")).await.unwrap();
            keys.is_empty()
        })
    })
    .await;
}

#[tokio::test]
async fn subscriptions_are_limited_and_a_repeated_one_counts_once() {
    let world = World::with(&[("ws.subscriptions_max", "2")]).await;
    let mut socket = world.socket(Role::Admin).await;
    for channel in [Channel::Chat, Channel::Metrics, Channel::Chat] {
        socket.subscribe(channel, None).await;
    }
    socket.say(&subscribe(2, Channel::StreamState)).await;
    hear_error(&mut socket, "ws.subscriptions.limit-reached").await;
    world.publish("once").await;
    world.publish("twice").await;
    let offsets: Vec<_> = socket
        .events(2)
        .await
        .iter()
        .map(|event| event.offset)
        .collect();
    assert_eq!(offsets, [1, 2], "a repeated subscription delivers once");
}
