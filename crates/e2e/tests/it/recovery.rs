use serde_json::json;
use sm_common::event::{Channel, Position};
use sm_e2e::{Stack, StackOptions};

/// Messages written while the client is away.
const MISSED: usize = 12;

/// Through Traefik and over three replicas: a client that was cut gets exactly what it missed.
#[tokio::test]
async fn a_client_that_was_cut_gets_exactly_what_it_missed() {
    let mut options = StackOptions::at("127.75");
    options.scale = vec!["ws-fanout=3"];
    // Nobody but the test posts.
    options.set = vec!["ws-fanout.SM__CHAT__SYSTEM_MESSAGES=false".to_owned()];
    let stack = Stack::start(options);
    let admin = stack.admin().await;
    let post = |text: String| {
        let admin = admin.clone();
        async move {
            admin
                .post("/api/chat", &json!({"text": text}))
                .await
                .expect(201)
        }
    };
    let mut socket = stack.socket(&admin).await.unwrap();
    let start = socket.subscribe(Channel::Chat, None).await.position;
    post("before".to_owned()).await;
    let last = socket.events(1).await.remove(0);
    assert_eq!(last.offset, start.offset + 1);
    socket.cut();
    for number in 0..MISSED {
        stack
            .until("the message is accepted", || async {
                admin
                    .post("/api/chat", &json!({"text": number.to_string()}))
                    .await
                    .status
                    == 201
            })
            .await;
    }
    let mut socket = stack.socket(&admin).await.unwrap();
    let since = Position {
        epoch: start.epoch.clone(),
        offset: last.offset,
    };
    let subscription = socket.subscribe(Channel::Chat, Some(since)).await;
    assert!(subscription.recovered);
    assert_eq!(subscription.position.epoch, start.epoch);
    let missed = socket.events(MISSED).await;
    let texts: Vec<&str> = missed
        .iter()
        .map(|event| event.data["text"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..MISSED).map(|number| number.to_string()).collect();
    assert_eq!(texts, expected);
    let offsets: Vec<u64> = missed.iter().map(|event| event.offset).collect();
    let expected: Vec<u64> = (1..).take(MISSED).map(|step| last.offset + step).collect();
    assert_eq!(offsets, expected);
}
