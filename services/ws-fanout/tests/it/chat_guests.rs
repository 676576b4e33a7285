//! People without an account.

use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::{Api, Socket};

use crate::harness::{UNLIMITED, World, hear_error, post, subscribe};

async fn come(world: &World) -> Value {
    let nobody = Api::new(world.service.url());
    let guest = nobody.post("/api/chat/guests", &Value::Null).await;
    guest.expect(201).body
}

async fn let_in(world: &World, etag: &str, guests: bool) {
    let moderator = world.api(Role::Moderator);
    let rules = json!({"guests": guests});
    let _ = moderator
        .put("/api/chat/rules", etag, &rules)
        .await
        .expect(200);
}

#[tokio::test]
async fn guests_chat_where_the_rules_let_them_in_and_are_known_as_such() {
    let world = World::with(&UNLIMITED).await;
    let nobody = Api::new(world.service.url());
    let closed = nobody.post("/api/chat/guests", &Value::Null).await;
    let _ = closed.expect_problem(403, "chat.guests.closed");
    let_in(&world, "\"0\"", true).await;
    let guest = come(&world).await;
    let api = nobody.with_token(guest["token"].as_str().unwrap());
    let text = json!({"text": "hello"});
    let posted = api.post("/api/chat", &text).await.expect(201).body;
    assert_eq!(posted["guest"], true);
    assert_eq!(posted["name"], guest["name"]);
    assert!(posted["name"].as_str().unwrap().starts_with("Guest "));
    let path = format!("/api/chat/{}", posted["id"].as_str().unwrap());
    let edited = api
        .patch(&path, "", &json!({"text": "hi"}))
        .await
        .expect(200);
    assert_eq!(edited.body["guest"], true);
    let list = api.get("/api/chat").await.expect(200).body;
    assert_eq!(list, json!([edited.body]));
    let viewers = world.api(Role::Viewer).post("/api/chat", &text).await;
    assert!(viewers.expect(201).body.get("guest").is_none());
    for other in ["/api/chat/moderation", "/api/chat/held", "/api/chat/bans"] {
        let _ = api
            .get(other)
            .await
            .expect_problem(401, "auth.token.invalid");
    }

    let moderator = world.api(Role::Moderator);
    let ban = format!("/api/chat/bans/{}", guest["user"].as_str().unwrap());
    let _ = moderator.put(&ban, "", &json!({})).await.expect(200);
    let silenced = api.post("/api/chat", &text).await;
    let _ = silenced.expect_problem(403, "chat.silenced");
    let _ = moderator.delete(&ban, "").await.expect(204);
    let_in(&world, "\"1\"", false).await;
    for answer in [
        api.get("/api/chat").await,
        api.post("/api/chat", &text).await,
    ] {
        let _ = answer.expect_problem(403, "chat.guests.closed");
    }
    let unknown = nobody.with_token("guest_0").get("/api/chat").await;
    let _ = unknown.expect_problem(401, "auth.token.invalid");
}

#[tokio::test]
async fn a_guest_hears_the_chat_over_websocket_and_nothing_else() {
    let world = World::with(&UNLIMITED).await;
    let_in(&world, "\"0\"", true).await;
    let guest = come(&world).await;
    let mut socket = Socket::connect(&world.url(), None).await.unwrap();
    let welcome = socket.hear().await;
    assert!(matches!(welcome, ServerMessage::Welcome { .. }));
    let auth = |token: &str| ClientMessage::Auth {
        id: 1,
        token: token.to_owned(),
    };
    socket.say(&auth("guest_0")).await;
    hear_error(&mut socket, "auth.token.invalid").await;
    socket.say(&auth(guest["token"].as_str().unwrap())).await;
    assert_eq!(socket.hear().await, ServerMessage::ack(1));
    for channel in [
        Channel::StreamState,
        Channel::LayerUpdates,
        Channel::Metrics,
    ] {
        socket.say(&subscribe(2, channel)).await;
        hear_error(&mut socket, "auth.role.insufficient").await;
    }
    socket.subscribe(Channel::Chat, None).await;
    socket.say(&post(3, "hello")).await;
    let mut heard = [socket.hear().await, socket.hear().await];
    heard.sort_by_key(|message| matches!(message, ServerMessage::Event(_)));
    let [
        ServerMessage::Ack { id: 3, .. },
        ServerMessage::Event(event),
    ] = heard
    else {
        panic!("{heard:?}")
    };
    assert_eq!(event.data["guest"], true);
    let_in(&world, "\"1\"", false).await;
    let _rules_changed = socket.events(1).await;
    socket.say(&post(4, "still here?")).await;
    hear_error(&mut socket, "chat.guests.closed").await;
}

#[tokio::test]
async fn an_address_sends_no_more_than_some_guests() {
    let world = World::with(&[("chat.guests_per_address", "2")]).await;
    let_in(&world, "\"0\"", true).await;
    let (first, second) = (come(&world).await, come(&world).await);
    assert_ne!(first["user"], second["user"]);
    let nobody = Api::new(world.service.url());
    let third = nobody.post("/api/chat/guests", &Value::Null).await;
    let third = third.expect_problem(429, "rate.limited");
    assert!(third.header("retry-after").parse::<u32>().unwrap() > 3000);
}
