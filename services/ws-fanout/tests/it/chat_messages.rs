//! Replies, edits, pins, announcements, colours and the pages of what was written.

use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::MessageId;
use sm_common::ws::{ClientMessage, ServerMessage};

use crate::harness::{UNLIMITED, World, hear_error, texts};

#[tokio::test]
async fn a_reply_names_what_it_answers() {
    let world = World::start().await;
    let viewer = world.api(Role::Viewer);
    let operator = world.api(Role::Operator);
    let question = viewer.post("/api/chat", &json!({"text": "when?"})).await;
    let question = question.expect(201).body;
    let answer = json!({"text": "now", "reply_to": question["id"]});
    let answer = operator.post("/api/chat", &answer).await.expect(201).body;
    let named = json!({"id": question["id"], "user": question["user"], "name": question["name"]});
    assert_eq!(answer["reply_to"], named);
    assert_eq!(answer["kind"], "message");

    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let reply_to = question["id"].as_str().unwrap().parse().unwrap();
    let reply = |reply_to| ClientMessage::Publish {
        id: 5,
        channel: Channel::Chat,
        stream: world.stream.clone(),
        text: "thanks".to_owned(),
        reply_to: Some(reply_to),
    };
    socket.say(&reply(reply_to)).await;
    let mut heard = [socket.hear().await, socket.hear().await];
    heard.sort_by_key(|message| matches!(message, ServerMessage::Event(_)));
    let [
        ServerMessage::Ack { id: 5, .. },
        ServerMessage::Event(event),
    ] = heard
    else {
        panic!("{heard:?}")
    };
    assert_eq!(event.data["reply_to"], named);

    let unknown = MessageId::generate();
    socket.say(&reply(unknown)).await;
    hear_error(&mut socket, "request.validation.failed").await;
    let unknown = json!({"text": "what?", "reply_to": unknown});
    let refused = viewer.post("/api/chat", &unknown).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(refused.body["errors"][0]["pointer"], "/reply_to");
}

#[tokio::test]
async fn an_author_edits_a_message_for_a_while_and_everybody_hears() {
    let world = World::with(&UNLIMITED).await;
    let viewer = world.api(Role::Viewer);
    let operator = world.api(Role::Operator);
    let posted = viewer.post("/api/chat", &json!({"text": "helo"})).await;
    let posted = posted.expect(201).body;
    let path = format!("/api/chat/{}", posted["id"].as_str().unwrap());
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;

    let edited = viewer.patch(&path, "", &json!({"text": " hello "})).await;
    let edited = edited.expect(200).body;
    assert_eq!(edited["text"], "hello");
    assert!(edited["edited_at"].is_string());
    assert_eq!(edited["sent_at"], posted["sent_at"]);
    let heard = socket.events(1).await.remove(0);
    assert_eq!(heard.event.as_str(), "chat.message.edited");
    assert_eq!(heard.data, edited);
    let list = viewer.get("/api/chat").await.expect(200).body;
    assert_eq!(list, json!([edited]));
    let page = viewer.get("/api/chat/messages").await.expect(200).body;
    assert_eq!(page, json!({"messages": [edited], "next": null}));

    let other = operator.patch(&path, "", &json!({"text": "bye"})).await;
    let _ = other.expect_problem(403, "chat.edit.not-author");
    let empty = viewer.patch(&path, "", &json!({"text": " "})).await;
    let _ = empty.expect_problem(422, "request.validation.failed");
    let unknown = format!("/api/chat/{}", MessageId::generate());
    let unknown = viewer.patch(&unknown, "", &json!({"text": "bye"})).await;
    let _ = unknown.expect_problem(404, "chat.message.not-found");
}

#[tokio::test]
async fn a_message_that_is_too_old_is_not_edited() {
    let world = World::with(&[("chat.edit_window_s", "0")]).await;
    let viewer = world.api(Role::Viewer);
    let posted = viewer.post("/api/chat", &json!({"text": "helo"})).await;
    let path = format!(
        "/api/chat/{}",
        posted.expect(201).body["id"].as_str().unwrap()
    );
    sm_test_kit::until("the window is over", crate::harness::SOON, || async {
        let edited = viewer.patch(&path, "", &json!({"text": "helo"})).await;
        edited.body["code"] == "chat.edit.closed"
    })
    .await;
}

#[tokio::test]
async fn operators_announce_and_others_do_not() {
    let world = World::start().await;
    let text = json!({"text": "We begin at eight."});
    let path = "/api/chat/announcements";
    for role in [Role::Viewer, Role::Moderator] {
        let refused = world.api(role).post(path, &text).await;
        let _ = refused.expect_problem(403, "auth.role.insufficient");
    }
    let announced = world.api(Role::Operator).post(path, &text).await;
    let announced = announced.expect(201).body;
    assert_eq!(announced["kind"], "announcement");
    let list = world.api(Role::Viewer).get("/api/chat").await.expect(200);
    assert_eq!(list.body, json!([announced]));
}

#[tokio::test]
async fn a_few_messages_are_pinned_and_follow_what_happens_to_them() {
    let world = World::with(&[UNLIMITED[0], ("chat.pins_max", "2")]).await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        let posted = viewer.post("/api/chat", &json!({"text": text})).await;
        ids.push(posted.expect(201).body["id"].as_str().unwrap().to_owned());
    }
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let pin = |id: &str| format!("/api/chat/pins/{id}");
    let refused = viewer.put(&pin(&ids[0]), "", &Value::Null).await;
    let _ = refused.expect_problem(403, "auth.role.insufficient");
    for id in &ids[..2] {
        let _ = moderator.put(&pin(id), "", &Value::Null).await.expect(200);
    }
    let again = moderator.put(&pin(&ids[0]), "", &Value::Null).await;
    let pins = again.expect(200).body["pins"].clone();
    assert_eq!(texts(pins.as_array().unwrap()), ["two", "one"]);
    let full = moderator.put(&pin(&ids[2]), "", &Value::Null).await;
    let _ = full.expect_problem(409, "chat.pins.limit-reached");
    let heard = socket.events(2).await.remove(1);
    assert_eq!(heard.event.as_str(), "chat.pins.changed");
    assert_eq!(heard.data["pins"], pins);

    let path = format!("/api/chat/{}", ids[0]);
    let edited = viewer.patch(&path, "", &json!({"text": "ONE"})).await;
    let _ = edited.expect(200);
    let list = viewer.get("/api/chat/pins").await.expect(200).body;
    assert_eq!(texts(list["pins"].as_array().unwrap()), ["two", "ONE"]);
    let _ = moderator.delete(&path, "").await.expect(204);
    let list = viewer.get("/api/chat/pins").await.expect(200).body;
    assert_eq!(texts(list["pins"].as_array().unwrap()), ["two"]);
    let _ = moderator.delete(&pin(&ids[1]), "").await.expect(204);
    let gone = moderator.delete(&pin(&ids[1]), "").await;
    let _ = gone.expect_problem(404, "chat.message.not-found");
    let kinds: Vec<_> = socket
        .events(5)
        .await
        .iter()
        .map(|e| e.event.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "chat.message.edited",
            "chat.pins.changed",
            "chat.message.deleted",
            "chat.pins.changed",
            "chat.pins.changed"
        ]
    );
}

#[tokio::test]
async fn what_was_written_is_read_page_by_page() {
    let world = World::with(&[UNLIMITED[0], ("chat.history_messages", "7")]).await;
    let viewer = world.api(Role::Viewer);
    let mut ids = Vec::new();
    for number in 1..=9 {
        let text = json!({"text": number.to_string()});
        let posted = viewer.post("/api/chat", &text).await.expect(201);
        ids.push(posted.body["id"].as_str().unwrap().to_owned());
    }
    let gone = format!("/api/chat/{}", ids[7]);
    let _ = world
        .api(Role::Moderator)
        .delete(&gone, "")
        .await
        .expect(204);
    let mut pages = Vec::new();
    let mut path = "/api/chat/messages?limit=3".to_owned();
    loop {
        let page = viewer.get(&path).await.expect(200).body;
        pages.push(texts(page["messages"].as_array().unwrap()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/chat/messages?limit=3&before={next}");
    }
    assert_eq!(pages, [vec!["6", "7", "9"], vec!["3", "4", "5"]]);
    let before = format!("/api/chat/messages?before={}", ids[4]);
    let page = viewer.get(&before).await.expect(200).body;
    assert_eq!(texts(page["messages"].as_array().unwrap()), ["3", "4"]);
    for query in [
        format!("before={}", ids[0]),
        "before=nonsense".to_owned(),
        "limit=0".to_owned(),
    ] {
        let path = format!("/api/chat/messages?{query}");
        let _ = viewer
            .get(&path)
            .await
            .expect_problem(400, "request.query.invalid");
    }
}

#[tokio::test]
async fn who_asks_for_a_sample_is_told_how_much_is_left_out() {
    let world = World::with(&[("fanout.chat.sample_per_second", "5")]).await;
    let mut whole = world.socket(Role::Moderator).await;
    whole.subscribe(Channel::Chat, None).await;
    let mut sampled = world.socket(Role::Moderator).await;
    let ask = ClientMessage::Subscribe {
        id: 1,
        channel: Channel::Chat,
        stream: world.stream.clone(),
        since: None,
        sample: true,
    };
    sampled.say(&ask).await;
    let answer = sampled.hear().await;
    assert!(
        matches!(answer, ServerMessage::Subscribed { .. }),
        "{answer:?}"
    );
    let posts = (0..100).map(|number| world.publish(number.to_string()));
    futures_util::future::join_all(posts).await;
    let all = whole.events(100).await;
    assert!(
        all.iter()
            .all(|event| event.event.as_str() == "chat.message.posted")
    );
    let (mut shown, mut left_out, mut last) = (0, 0, 0);
    while last < 100 {
        for event in sampled.events(1).await {
            assert!(event.offset > last);
            last = event.offset;
            match event.event.as_str() {
                "chat.message.posted" => shown += 1,
                "chat.sampled" => left_out += event.data["left_out"].as_u64().unwrap(),
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(shown + left_out, 100);
    assert!(
        left_out > 0,
        "a hundred at once are more than anybody reads"
    );
    // The history has all of them.
    let since = sm_common::event::Position {
        offset: 0,
        ..world.publish("last").await
    };
    let mut later = world.socket(Role::Moderator).await;
    assert!(later.subscribe(Channel::Chat, Some(since)).await.recovered);
    assert_eq!(later.events(101).await.len(), 101);
}

#[tokio::test]
async fn a_name_has_a_colour_that_its_person_may_choose() {
    let world = World::start().await;
    let viewer = world.api(Role::Viewer);
    let post = || async {
        let posted = viewer.post("/api/chat", &json!({"text": "hi"})).await;
        posted.expect(201).body["color"].clone()
    };
    let first = post().await;
    assert!(first.is_string());
    assert_eq!(post().await, first);
    let wanted = if first == "pink" { "teal" } else { "pink" };
    let chosen = viewer
        .put("/api/chat/me", "", &json!({"color": wanted}))
        .await;
    assert_eq!(chosen.expect(200).body["color"], wanted);
    assert_eq!(post().await, wanted);
    let back = viewer
        .put("/api/chat/me", "", &json!({"color": null}))
        .await;
    assert_eq!(back.expect(200).body["color"], first);
    assert_eq!(post().await, first);
    let unknown = viewer
        .put("/api/chat/me", "", &json!({"color": "#fff"}))
        .await;
    let _ = unknown.expect_problem(400, "request.body.invalid");
}
