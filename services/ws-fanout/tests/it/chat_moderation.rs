//! The rules of a chat, and what moderators decide.

use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::{MessageId, UserId};
use sm_common::ws::ServerMessage;
use sm_test_kit::Api;

use crate::harness::{UNLIMITED, World, hear_error, post, texts};

/// Replaces rules that were never changed.
async fn set_rules(moderator: &Api, rules: &Value) {
    let _ = moderator
        .put("/api/chat/rules", "\"0\"", rules)
        .await
        .expect(200);
}

/// The actions of the moderation log, newest first.
async fn log(moderator: &Api) -> Vec<Value> {
    let log = moderator.get("/api/chat/moderation").await.expect(200);
    log.body["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn rules_are_replaced_by_those_who_have_read_them() {
    let world = World::start().await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let before = moderator.get("/api/chat/rules").await.expect(200);
    assert_eq!(before.header("etag"), "\"0\"");
    assert_eq!(before.body["banned_words"], json!([]));
    let rules = json!({
        "slow_mode_s": 5, "banned_words": [" Badger "], "on_banned_word": "hold",
        "links": "refuse", "allowed_hosts": ["Example.org"],
    });
    let path = "/api/chat/rules";
    let refused = viewer.put(path, "\"0\"", &rules).await;
    let _ = refused.expect_problem(403, "auth.role.insufficient");
    let replaced = moderator.put(path, "\"0\"", &rules).await.expect(200);
    assert_eq!(replaced.header("etag"), "\"1\"");
    assert_eq!(replaced.body["banned_words"], json!(["Badger"]));
    let stale = moderator.put(path, "\"0\"", &rules).await;
    let stale = stale.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"1\"");
    let blind = moderator.request("PUT".parse().unwrap(), path).json(&rules);
    let _ = moderator
        .send(blind)
        .await
        .expect_problem(428, "revision.required");
    let heard = socket.events(1).await.remove(0);
    assert_eq!(heard.event.as_str(), "chat.rules.changed");
    let told = json!({"revision": 1, "slow_mode_s": 5, "guests": false, "links": "refuse"});
    assert_eq!(heard.data, told, "no word is told to everybody");
    let seen = viewer.get(path).await.expect(200).body;
    assert_eq!(seen["slow_mode_s"], 5);
    assert!(seen.get("banned_words").is_none());

    let wrong = json!({
        "slow_mode_s": 90_000, "banned_words": ["ok", "  ", "x".repeat(51)],
        "allowed_hosts": ["https://example.org"],
    });
    let wrong = moderator.put(path, "\"1\"", &wrong).await;
    let wrong = wrong.expect_problem(422, "request.validation.failed");
    let errors = wrong.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/slow_mode_s",
            "/banned_words/1",
            "/banned_words/2",
            "/allowed_hosts/0"
        ]
    );
}

#[tokio::test]
async fn in_slow_mode_a_person_waits_whatever_the_replica() {
    let world = World::with(&UNLIMITED).await;
    let replica = world.replica().await;
    let viewer = world.api(Role::Viewer);
    let elsewhere = Api::new(replica.url()).with_token(world.issuer.token(Role::Viewer));
    let moderator = world.api(Role::Moderator);
    set_rules(&moderator, &json!({"slow_mode_s": 600})).await;
    let text = json!({"text": "hi"});
    let _ = viewer.post("/api/chat", &text).await.expect(201);
    let limited = elsewhere.post("/api/chat", &text).await;
    let limited = limited.expect_problem(429, "rate.limited");
    let wait: u32 = limited.header("retry-after").parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    for _ in 0..2 {
        let _ = moderator.post("/api/chat", &text).await.expect(201);
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_or_waits_for_a_moderator() {
    let world = World::with(&[UNLIMITED[0], ("chat.held_max", "3")]).await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let rules = json!({"banned_words": ["badger"], "links": "hold"});
    set_rules(&moderator, &rules).await;
    let refused = viewer.post("/api/chat", &json!({"text": "B4dger!"})).await;
    let _ = refused.expect_problem(422, "chat.text.refused");
    socket.say(&post(1, "b a d g e r")).await;
    let _rules_changed = socket.events(1).await;
    hear_error(&mut socket, "chat.text.refused").await;

    let mut held = Vec::new();
    for text in ["see evil.com", "and https://evil.test"] {
        let answer = viewer.post("/api/chat", &json!({"text": text})).await;
        held.push(answer.expect(202).body["id"].as_str().unwrap().to_owned());
    }
    socket.say(&post(2, "or evil.org")).await;
    let mut heard = Vec::new();
    let third = loop {
        match socket.hear().await {
            ServerMessage::Ack { id: 2, held, .. } => break held.unwrap().to_string(),
            ServerMessage::Event(event) => heard.push(event.event.as_str()),
            ServerMessage::Batch { events } => {
                heard.extend(events.iter().map(|event| event.event.as_str()));
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(heard.iter().all(|kind| *kind == "chat.held.changed"));
    let full = viewer.post("/api/chat", &json!({"text": "evil.net"})).await;
    let _ = full.expect_problem(409, "chat.held.limit-reached");
    let refused = viewer.get("/api/chat/held").await;
    let _ = refused.expect_problem(403, "auth.role.insufficient");
    let queue = moderator.get("/api/chat/held").await.expect(200).body;
    assert_eq!(
        texts(queue["held"].as_array().unwrap()),
        ["see evil.com", "and https://evil.test", "or evil.org"]
    );
    assert_eq!(queue["held"][0]["cause"], "link");
    assert_eq!(viewer.get("/api/chat").await.body, json!([]));

    let path = |id: &str| format!("/api/chat/held/{id}");
    let approved = moderator.post(&path(&held[0]), &Value::Null).await;
    let approved = approved.expect(201).body;
    assert_eq!(approved["id"], json!(held[0]));
    let _ = moderator.delete(&path(&held[1]), "").await.expect(204);
    let gone = moderator.post(&path(&held[1]), &Value::Null).await;
    let _ = gone.expect_problem(404, "chat.held.not-found");
    let list = viewer.get("/api/chat").await.body;
    assert_eq!(list, json!([approved]));
    let queue = moderator.get("/api/chat/held").await.expect(200).body;
    assert_eq!(queue["held"][0]["id"], json!(third));
    let entries = log(&moderator).await;
    let actions: Vec<_> = entries.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(
        actions,
        ["message-rejected", "message-approved", "rules-changed"]
    );
    assert_eq!(entries[0]["text"], "and https://evil.test");

    let edit = format!("/api/chat/{}", held[0]);
    let edit = viewer
        .patch(&edit, "", &json!({"text": "evil.com now"}))
        .await;
    let _ = edit.expect_problem(422, "chat.text.refused");
    let moderators_link = moderator
        .post("/api/chat", &json!({"text": "evil.com"}))
        .await;
    let _ = moderators_link.expect(201);
}

#[tokio::test]
async fn a_ban_on_one_replica_silences_on_another() {
    let world = World::with(&UNLIMITED).await;
    let replica = world.replica().await;
    let moderator = world.api(Role::Moderator);
    let text = json!({"text": "hi"});
    let url = format!("{}/ws", replica.url().replacen("http", "ws", 1));
    let mut socket = crate::harness::connect(&url, &world.issuer.token(Role::Viewer)).await;
    socket.say(&post(1, "before")).await;
    assert_eq!(socket.hear().await, ServerMessage::ack(1));
    let mut listener = world.socket(Role::Operator).await;
    listener.subscribe(Channel::Chat, None).await;

    let user = world.issuer.user(Role::Viewer);
    let path = format!("/api/chat/bans/{user}");
    let ban = json!({"seconds": 600, "reason": "spam"});
    let refused = world.api(Role::Viewer).put(&path, "", &ban).await;
    let _ = refused.expect_problem(403, "auth.role.insufficient");
    let banned = moderator.put(&path, "", &ban).await.expect(200).body;
    assert_eq!(banned["name"], list_name(&world).await);
    socket.say(&post(2, "after")).await;
    hear_error(&mut socket, "chat.silenced").await;
    let there = Api::new(replica.url()).with_token(world.issuer.token(Role::Viewer));
    let _ = there
        .post("/api/chat", &text)
        .await
        .expect_problem(403, "chat.silenced");
    let heard = listener.events(1).await.remove(0);
    assert_eq!(heard.event.as_str(), "chat.user.silenced");
    assert_eq!(heard.data["user"], json!(user));
    assert_eq!(heard.data["until"], banned["until"]);
    assert!(
        heard.data.get("reason").is_none(),
        "reasons are for moderators"
    );
    let bans = moderator.get("/api/chat/bans").await.expect(200).body;
    assert_eq!(bans["bans"][0]["reason"], "spam");

    let _ = moderator.delete(&path, "").await.expect(204);
    let again = moderator.delete(&path, "").await;
    let _ = again.expect_problem(404, "chat.ban.not-found");
    socket.say(&post(3, "again")).await;
    assert_eq!(socket.hear().await, ServerMessage::ack(3));
    let entries = log(&moderator).await;
    assert_eq!(entries[0]["action"], "user-restored");
    assert_eq!(entries[1]["action"], "user-silenced");
    assert_eq!(entries[1]["reason"], "spam");
    assert_eq!(entries[1]["person"]["user"], json!(user));
    assert_eq!(
        entries[1]["by"]["user"],
        json!(world.issuer.user(Role::Moderator))
    );
}

/// The name of who wrote last.
async fn list_name(world: &World) -> Value {
    let list = world.api(Role::Viewer).get("/api/chat?limit=1").await;
    list.expect(200).body[0]["name"].clone()
}

#[tokio::test]
async fn a_timeout_ends_by_itself() {
    let world = World::with(&UNLIMITED).await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    let path = format!("/api/chat/bans/{}", world.issuer.user(Role::Viewer));
    let _ = moderator
        .put(&path, "", &json!({"seconds": 1}))
        .await
        .expect(200);
    let text = json!({"text": "hi"});
    let silenced = viewer.post("/api/chat", &text).await;
    let _ = silenced.expect_problem(403, "chat.silenced");
    sm_test_kit::until("the time is over", crate::harness::SOON, || async {
        viewer.post("/api/chat", &text).await.status == 201
    })
    .await;
    let bans = moderator.get("/api/chat/bans").await.expect(200).body;
    assert_eq!(bans["bans"], json!([]));
}

#[tokio::test]
async fn a_ban_takes_away_what_was_written_where_it_says_so() {
    let world = World::with(&UNLIMITED).await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    set_rules(&moderator, &json!({"links": "hold"})).await;
    for number in 0..120 {
        let text = json!({"text": format!("spam {number}")});
        let _ = viewer.post("/api/chat", &text).await.expect(201);
    }
    let _ = viewer
        .post("/api/chat", &json!({"text": "evil.com"}))
        .await
        .expect(202);
    let kept = moderator.post("/api/chat", &json!({"text": "kept"})).await;
    let kept = kept.expect(201).body;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let path = format!("/api/chat/bans/{}", world.issuer.user(Role::Viewer));
    let ban = json!({"delete_messages": true});
    let banned = moderator.put(&path, "", &ban).await.expect(200).body;
    assert_eq!(banned["deleted"], 120);
    assert_eq!(banned["until"], Value::Null);
    let kinds: Vec<_> = socket
        .events(122)
        .await
        .iter()
        .map(|e| e.event.as_str())
        .collect();
    assert_eq!(kinds[..2], ["chat.user.silenced", "chat.held.changed"]);
    assert!(
        kinds[2..]
            .iter()
            .all(|kind| *kind == "chat.message.deleted")
    );
    let list = viewer.get("/api/chat").await.expect(200).body;
    assert_eq!(list, json!([kept]));
    let page = viewer.get("/api/chat/messages").await.expect(200).body;
    assert_eq!(page["messages"], json!([kept]));
    let held = moderator.get("/api/chat/held").await.expect(200).body;
    assert_eq!(held["held"], json!([]));
}

#[tokio::test]
async fn who_moderates_is_not_silenced_and_bans_are_few() {
    let world = World::with(&[("chat.bans_max", "2")]).await;
    let moderator = world.api(Role::Moderator);
    let ban = |user: UserId| format!("/api/chat/bans/{user}");
    let operator = ban(world.issuer.user(Role::Operator));
    let _ = moderator.put(&operator, "", &json!({})).await.expect(200);
    let text = json!({"text": "hi"});
    let _ = world
        .api(Role::Operator)
        .post("/api/chat", &text)
        .await
        .expect(201);
    let brief = ban(UserId::generate());
    let _ = moderator
        .put(&brief, "", &json!({"seconds": 1}))
        .await
        .expect(200);
    let third = ban(UserId::generate());
    let full = moderator.put(&third, "", &json!({})).await;
    let _ = full.expect_problem(409, "chat.bans.limit-reached");
    sm_test_kit::until("one is over", crate::harness::SOON, || async {
        moderator.put(&third, "", &json!({})).await.status == 200
    })
    .await;
    let wrong = json!({"seconds": 0, "reason": "x".repeat(201)});
    let wrong = moderator.put(&third, "", &wrong).await;
    let wrong = wrong.expect_problem(422, "request.validation.failed");
    assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 2);
    let nobody = moderator.put("/api/chat/bans/nobody", "", &json!({})).await;
    let _ = nobody.expect_problem(400, "request.path.invalid");
}

#[tokio::test]
async fn the_moderation_log_is_read_page_by_page_by_moderators() {
    let world = World::with(&UNLIMITED).await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    for number in 1..=5 {
        let text = json!({"text": number.to_string()});
        let posted = viewer.post("/api/chat", &text).await.expect(201);
        let path = format!("/api/chat/{}", posted.body["id"].as_str().unwrap());
        let _ = moderator.delete(&path, "").await.expect(204);
    }
    let refused = viewer.get("/api/chat/moderation").await;
    let _ = refused.expect_problem(403, "auth.role.insufficient");
    let mut pages = Vec::new();
    let mut path = "/api/chat/moderation?limit=2".to_owned();
    loop {
        let page = moderator.get(&path).await.expect(200).body;
        pages.push(texts(page["entries"].as_array().unwrap()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/chat/moderation?limit=2&before={next}");
    }
    assert_eq!(pages, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
    for query in ["before=yesterday", "limit=0", "limit=201"] {
        let path = format!("/api/chat/moderation?{query}");
        let _ = moderator
            .get(&path)
            .await
            .expect_problem(400, "request.query.invalid");
    }
    let unknown = format!("/api/chat/held/{}", MessageId::generate());
    let unknown = moderator.delete(&unknown, "").await;
    let _ = unknown.expect_problem(404, "chat.held.not-found");
}
