use serde_json::json;
use sm_common::auth::Role;
use sm_common::chat::ChatMessage;
use sm_common::event::Channel;
use sm_common::ws::{EventMessage, ServerMessage};
use sm_test_kit::{Api, Socket};

use crate::harness::{IMPATIENT, UNLIMITED, World, hear_error, post, texts};

#[tokio::test]
async fn a_posted_message_is_the_same_over_rest_and_websocket() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    let viewer = world.api(Role::Viewer);
    let body = json!({"text": "  good evening\nall "});
    let answer = viewer.post("/api/chat", &body).await.expect(201);
    let posted: ChatMessage = serde_json::from_value(answer.body.clone()).unwrap();
    assert_eq!(posted.text, "good evening\nall");
    assert_eq!(
        (posted.user, posted.role),
        (world.issuer.user(Role::Viewer), Role::Viewer)
    );
    assert_eq!(socket.events(1).await[0].data, answer.body);

    socket.say(&post(5, "hello")).await;
    let mut heard = [socket.hear().await, socket.hear().await];
    heard.sort_by_key(|message| matches!(message, ServerMessage::Event(_)));
    assert_eq!(heard[0], ServerMessage::ack(5));
    let history = viewer.get("/api/chat").await.expect(200);
    assert_eq!(
        texts(history.body.as_array().unwrap()),
        ["good evening\nall", "hello"]
    );
    let newest = viewer.get("/api/chat?limit=1").await.expect(200);
    assert_eq!(texts(newest.body.as_array().unwrap()), ["hello"]);
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_what_to_change() {
    let world = World::start().await;
    let viewer = world.api(Role::Viewer);
    for text in ["", " \n ", "a\u{7}b", &"x".repeat(501)] {
        let answer = viewer.post("/api/chat", &json!({"text": text})).await;
        let problem = answer.expect_problem(422, "request.validation.failed");
        assert_eq!(problem.body["errors"][0]["pointer"], "/text");
    }
    for body in [
        json!({}),
        json!({"text": 1}),
        json!({"text": "a", "html": true}),
        json!([]),
    ] {
        let answer = viewer.post("/api/chat", &body).await;
        let _ = answer.expect_problem(400, "request.body.invalid");
    }
    let endless = json!({"text": "x".repeat(100_000)});
    let answer = viewer.post("/api/chat", &endless).await;
    let _ = answer.expect_problem(413, "request.body.too-large");
    for query in ["limit=0", "limit=201", "limit=x", "page=1", "stream=A"] {
        let answer = viewer.get(&format!("/api/chat?{query}")).await;
        let _ = answer.expect_problem(400, "request.query.invalid");
    }
    let answer = viewer.get("/api/chat?stream=nowhere").await;
    let _ = answer.expect_problem(404, "stream.not-found");
    let answer = viewer
        .post("/api/chat?stream=nowhere", &json!({"text": "a"}))
        .await;
    let _ = answer.expect_problem(404, "stream.not-found");

    let mut socket = world.socket(Role::Viewer).await;
    socket.say(&post(1, "a\u{7}b")).await;
    hear_error(&mut socket, "request.validation.failed").await;
    let elsewhere = json!({"type": "publish", "id": 2, "channel": "layer-updates", "text": "a"});
    socket.say_text(&elsewhere.to_string()).await;
    hear_error(&mut socket, "ws.channel.read-only").await;
    let nowhere =
        json!({"type": "publish", "id": 3, "channel": "chat", "stream": "nowhere", "text": "a"});
    socket.say_text(&nowhere.to_string()).await;
    hear_error(&mut socket, "stream.not-found").await;
}

#[tokio::test]
async fn chat_asks_for_a_role() {
    let world = World::start().await;
    let anonymous = Api::new(world.service.url());
    let machine = world.api(Role::Service);
    let text = json!({"text": "hi"});
    let _ = anonymous
        .get("/api/chat")
        .await
        .expect_problem(401, "auth.token.missing");
    let _ = anonymous
        .post("/api/chat", &text)
        .await
        .expect_problem(401, "auth.token.missing");
    let _ = machine
        .get("/api/chat")
        .await
        .expect_problem(403, "auth.role.insufficient");
    let _ = machine
        .post("/api/chat", &text)
        .await
        .expect_problem(403, "auth.role.insufficient");
    let expired = anonymous.with_token(world.issuer.expired_token(Role::Viewer));
    let _ = expired
        .get("/api/chat")
        .await
        .expect_problem(401, "auth.token.expired");
}

#[tokio::test]
async fn a_person_posts_at_a_limited_rate_whatever_the_connection() {
    let world = World::with(&[("chat.burst", "3"), ("chat.interval_ms", "60000")]).await;
    let viewer = world.api(Role::Viewer);
    let _ = viewer
        .post("/api/chat", &json!({"text": "1"}))
        .await
        .expect(201);
    for text in ["2", "3"] {
        let mut socket = world.socket(Role::Viewer).await;
        socket.say(&post(1, text)).await;
        assert_eq!(socket.hear().await, ServerMessage::ack(1));
    }
    let mut socket = world.socket(Role::Viewer).await;
    socket.say(&post(1, "4")).await;
    let ServerMessage::Error { retry_after_ms, .. } = hear_error(&mut socket, "rate.limited").await
    else {
        unreachable!()
    };
    assert!((50_000..=60_000).contains(&retry_after_ms.unwrap()));
    let limited = viewer.post("/api/chat", &json!({"text": "4"})).await;
    let limited = limited.expect_problem(429, "rate.limited");
    assert!(limited.header("retry-after").parse::<u32>().unwrap() <= 60);
    assert_eq!(limited.header("ratelimit-policy"), "\"chat\";q=3;w=180");
    assert!(limited.header("ratelimit").starts_with("\"chat\";r=0;t="));
    let somebody_else = world.api(Role::Admin);
    let _ = somebody_else
        .post("/api/chat", &json!({"text": "5"}))
        .await
        .expect(201);
}

#[tokio::test]
async fn while_redis_is_away_chat_answers_503_and_then_goes_on() {
    let mut world = World::with(&[IMPATIENT]).await;
    let viewer = world.api(Role::Viewer);
    world.redis.kill();
    let away = viewer.post("/api/chat", &json!({"text": "a"})).await;
    let away = away.expect_problem(503, "dependency.unavailable");
    assert_eq!(away.header("retry-after"), "1");
    let _ = viewer
        .get("/api/chat")
        .await
        .expect_problem(503, "dependency.unavailable");
    world.redis.restart();
    sm_test_kit::until("chat works again", crate::harness::SOON, || async {
        viewer.post("/api/chat", &json!({"text": "a"})).await.status == 201
    })
    .await;
}

/// Posts `posts` messages, one after the other, and returns the first `total` events heard.
async fn converse(mut socket: Socket, name: usize, posts: u64, total: usize) -> Vec<EventMessage> {
    let mut heard = Vec::new();
    let mut acknowledged = 0;
    socket.say(&post(1, format!("{name} 1"))).await;
    while acknowledged < posts || heard.len() < total {
        match socket.hear().await {
            ServerMessage::Event(event) => heard.push(event),
            ServerMessage::Batch { events } => heard.extend(events),
            ServerMessage::Ack { id, .. } => {
                acknowledged += 1;
                assert_eq!(id, acknowledged);
                if acknowledged < posts {
                    let next = acknowledged + 1;
                    socket.say(&post(next, format!("{name} {next}"))).await;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    heard
}

#[tokio::test]
async fn ten_clients_that_post_a_thousand_messages_hear_them_in_the_same_order() {
    let world = World::with(&UNLIMITED).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut socket = world.socket(Role::Viewer).await;
        socket.subscribe(Channel::Chat, None).await;
        clients.push(socket);
    }
    // Everybody is there before the first message, because all must hear all.
    let clients = clients.into_iter().enumerate();
    let conversations = clients.map(|(name, socket)| converse(socket, name, 100, 1000));
    let heard = futures_util::future::join_all(conversations).await;
    let expected: Vec<u64> = (1..=1000).collect();
    let order = texts(heard[0].iter().map(|event| &event.data));
    for events in heard {
        let offsets: Vec<_> = events.iter().map(|event| event.offset).collect();
        assert_eq!(offsets, expected);
        assert_eq!(texts(events.iter().map(|event| &event.data)), order);
    }
}

#[tokio::test]
async fn a_deleted_message_is_told_of_and_in_no_list_any_more() {
    let world = World::with(&UNLIMITED).await;
    let viewer = world.api(Role::Viewer);
    let moderator = world.api(Role::Moderator);
    let mut ids = Vec::new();
    for text in ["kind", "unkind", "kind again"] {
        let posted = viewer.post("/api/chat", &json!({"text": text})).await;
        ids.push(posted.expect(201).body["id"].as_str().unwrap().to_owned());
    }
    let mut socket = world.socket(Role::Viewer).await;
    let before = socket.subscribe(Channel::Chat, None).await.position;
    let path = format!("/api/chat/{}", ids[1]);
    let refused = viewer.request("DELETE".parse().unwrap(), &path);
    let refused = viewer.send(refused).await;
    let _ = refused.expect_problem(403, "auth.role.insufficient");
    let deleted = moderator.request("DELETE".parse().unwrap(), &path);
    let _ = moderator.send(deleted).await.expect(204);
    let heard = socket.events(1).await.remove(0);
    assert_eq!(heard.event.as_str(), "chat.message.deleted");
    assert_eq!(heard.data, json!({"id": ids[1]}));
    assert_eq!(heard.offset, before.offset + 1);

    let list = viewer.get("/api/chat").await.expect(200);
    assert_eq!(texts(list.body.as_array().unwrap()), ["kind", "kind again"]);
    let list = viewer.get("/api/chat?limit=2").await.expect(200);
    assert_eq!(texts(list.body.as_array().unwrap()), ["kind", "kind again"]);
    let mut later = world.socket(Role::Viewer).await;
    let snapshot = later.subscribe(Channel::Chat, None).await.snapshot.unwrap();
    assert_eq!(texts(snapshot.as_array().unwrap()), ["kind", "kind again"]);

    let unknown = sm_common::id::MessageId::generate();
    for (id, status, code) in [
        (ids[1].as_str(), 404, "chat.message.not-found"),
        (&unknown.to_string(), 404, "chat.message.not-found"),
        ("nonsense", 400, "request.path.invalid"),
    ] {
        let path = format!("/api/chat/{id}");
        let request = moderator.request("DELETE".parse().unwrap(), &path);
        let _ = moderator.send(request).await.expect_problem(status, code);
    }
    let path = format!("/api/chat/{}?stream=nowhere", ids[0]);
    let request = moderator.request("DELETE".parse().unwrap(), &path);
    let nowhere = moderator.send(request).await;
    let _ = nowhere.expect_problem(404, "stream.not-found");
}

#[tokio::test]
async fn everybody_together_posts_no_more_than_the_chat_takes() {
    let world = World::with(&[
        ("chat.interval_ms", "0"),
        ("chat.channel_per_second", "1"),
        ("chat.channel_burst", "2"),
    ])
    .await;
    let operator = world.api(Role::Operator);
    let posts = (0..20).map(|number| {
        let body = json!({"text": number.to_string()});
        let operator = &operator;
        async move { operator.post("/api/chat", &body).await }
    });
    let answers = futures_util::future::join_all(posts).await;
    let (kept, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status.is_success());
    assert!(kept.len() >= 2);
    let count = f64::from(u32::try_from(refused.len()).unwrap());
    for answer in refused {
        let _ = answer.expect_problem(429, "rate.limited");
    }
    assert!(count > 0.0, "twenty at once are more than the chat takes");
    world
        .until_metric("sm_ws_limits_total{limit=\"chat-of-channel\"}", count)
        .await;
    let mut socket = world.socket(Role::Viewer).await;
    let refused = loop {
        socket.say(&post(1, "one more")).await;
        match socket.hear().await {
            ServerMessage::Ack { .. } => {}
            refused => break refused,
        }
    };
    assert!(
        matches!(&refused, ServerMessage::Error { code, retry_after_ms: Some(_), .. } if code == "rate.limited"),
        "{refused:?}"
    );
}
