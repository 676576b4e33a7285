//! Secrets that are known to the test go through the whole system in real use, and are looked for in
//! everything that comes out of it.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use sm_e2e::{Collector, RedisControl, Stack, StackOptions};
use sm_test_kit::Api;

const OUTPUT_KEY: &str = "planted-output-key-8801";
const PASSPHRASE: &str = "planted-passphrase-8802";
const SOURCE_PASSWORD: &str = "planted-source-password-8803";
const USER_PASSWORD: &str = "planted-user-password-8804";
const WRONG_PASSWORD: &str = "planted-wrong-password-8805";
const WRONG_TOKEN: &str = "planted-wrong-token-8806";
const IDEMPOTENCY_KEY: &str = "planted-idempotency-8807";

/// What a service reports about itself, beside the logs.
const SERVICES: [&str; 6] = [
    "api-gateway",
    "stream-control",
    "layer-service",
    "analytics",
    "ws-fanout",
    "stream-engine",
];

/// What may be read of the system.
const READS: [&str; 17] = [
    "/api/stream/state",
    "/api/stream/outputs",
    "/api/stream/audit",
    "/api/layers",
    "/api/layers/history",
    "/api/scenes",
    "/api/schedules",
    "/api/variables",
    "/api/assets",
    "/api/users",
    "/api/resources",
    "/api/health",
    "/api/analytics/summary",
    "/api/chat/messages",
    "/api/chat/moderation",
    "/api/auth/me",
    "/live/main/index.m3u8",
];

/// Where in Redis a secret of an output or of a source is kept: where else should it be.
const KEPT_IN: [&str; 3] = [":desired", ":layer-secrets", ":operation:"];

#[tokio::test]
async fn no_secret_comes_out_anywhere() {
    let collector = Collector::start();
    let mut options = StackOptions::at("127.95").with_local_sources();
    options.set.push(format!(
        "all.SM__TELEMETRY__OTLP_ENDPOINT={}",
        collector.url()
    ));
    // As talkative as it gets, without the libraries below.
    options.set.push("all.SM__TELEMETRY__LOG=info,sm_bus=trace,sm_service_kit=trace,sm_api_gateway=trace,\
        sm_stream_control=trace,sm_layer_service=trace,sm_analytics=trace,sm_ws_fanout=trace,sm_stream_engine=trace"
        .to_owned());
    let stack = Stack::start(options);
    let tokens = stack.sign_in().await;
    let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
    let admin = stack.anonymous().with_token(text("access_token"));
    let mut said = use_it(&stack, &admin).await;

    let ticket = admin
        .post("/api/auth/ws-ticket", &json!({}))
        .await
        .expect(200);
    let ticket = ticket.body["ticket"].as_str().unwrap().to_owned();
    let ws = stack.url().replacen("http", "ws", 1);
    let once = sm_test_kit::Socket::connect(&format!("{ws}/ws?ticket={ticket}"), None).await;
    assert!(once.is_ok(), "the ticket is good");
    for path in READS {
        said.push((path.to_owned(), admin.get(path).await.text));
    }
    let metrics = Api::new(stack.entrypoint(4290));
    let health = Api::new(stack.entrypoint(4291));
    for service in SERVICES {
        for (api, what) in [(&metrics, "metrics"), (&health, "health")] {
            let path = format!("/{service}/{what}");
            said.push((path.clone(), api.get(&path).await.expect(200).text));
        }
    }
    said.extend(arguments(&stack));
    let redis = RedisControl::of(&stack);
    said.extend(kept(&redis));
    let mut secrets = files(&stack.data().join("secrets"));
    secrets.insert(password(&stack));
    for name in ["access_token", "refresh_token"] {
        secrets.insert(text(name));
    }
    secrets.insert(ticket);
    for planted in [
        OUTPUT_KEY,
        PASSPHRASE,
        SOURCE_PASSWORD,
        USER_PASSWORD,
        WRONG_PASSWORD,
        WRONG_TOKEN,
        IDEMPOTENCY_KEY,
    ] {
        secrets.insert(planted.to_owned());
    }
    secrets.retain(|secret| !secret.is_empty());
    assert!(secrets.len() > 12, "{} are looked for", secrets.len());
    // Spans are sent at the end at the latest.
    stack.down();
    for log in std::fs::read_dir(stack.data().join("log")).unwrap() {
        let path = log.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        said.push((path.display().to_string(), text));
    }
    assert!(collector.batches() > 0, "traces were sent");
    for secret in &secrets {
        assert!(
            !collector.has_text(secret),
            "a trace holds {}",
            shown(secret)
        );
        for (place, text) in &said {
            assert!(!text.contains(secret), "{place} holds {}", shown(secret));
        }
    }
    stack.up();
}

/// Enough of a secret to know which it is.
fn shown(secret: &str) -> &str {
    secret.get(..secret.len().min(12)).unwrap_or("a secret")
}

/// Does what people do with secrets, and what they do wrong with them. Gives back every answer.
async fn use_it(stack: &Stack, admin: &Api) -> Vec<(String, String)> {
    let rtmp = json!({"name": "There", "kind": "rtmp", "target": {
        "url": "rtmp://127.0.0.1:9/app", "key": OUTPUT_KEY}});
    let srt = json!({"name": "Away", "kind": "srt", "target": {
        "url": "srt://127.0.0.1:9", "passphrase": PASSPHRASE}});
    let camera = json!({"name": "Camera", "kind": "network", "source": {
        "url": "rtmp://127.0.0.1:9/app/x", "user": "me", "password": SOURCE_PASSWORD}});
    let person = json!({"username": "ada", "password": USER_PASSWORD, "role": "operator"});
    let posts = [
        ("/api/stream/outputs", rtmp.clone(), 201),
        ("/api/stream/outputs", srt, 201),
        ("/api/layers", camera, 201),
        ("/api/users", person, 201),
        // What is wrong with these is told, and not what they hold.
        ("/api/stream/outputs", with(&rtmp, "kind", OUTPUT_KEY), 400),
        (
            "/api/users",
            json!({"username": 7, "password": USER_PASSWORD}),
            400,
        ),
    ];
    let mut said = Vec::new();
    for (path, body, status) in posts {
        let answer = admin.post(path, &body).await;
        assert!(
            answer.status.as_u16() == status || (status == 400 && answer.status == 422),
            "{path}: {}",
            answer.text
        );
        // A wrong kind may be named back: it is no secret's place.
        if body["kind"] != OUTPUT_KEY {
            said.push((path.to_owned(), answer.text));
        }
    }
    let ada = json!({"username": "ada", "password": USER_PASSWORD});
    let signed_in = stack
        .anonymous()
        .post("/api/auth/login", &ada)
        .await
        .expect(200);
    let refresh = json!({"refresh_token": signed_in.body["refresh_token"]});
    drop(
        stack
            .anonymous()
            .post("/api/auth/refresh", &refresh)
            .await
            .expect(200),
    );
    let wrong = json!({"username": "ada", "password": WRONG_PASSWORD});
    let refused = stack
        .anonymous()
        .post("/api/auth/login", &wrong)
        .await
        .expect(401);
    said.push(("a wrong password".to_owned(), refused.text));
    let refused = stack
        .anonymous()
        .with_token(WRONG_TOKEN)
        .get("/api/users")
        .await;
    said.push(("a wrong token".to_owned(), refused.expect(401).text));
    let refused = stack
        .anonymous()
        .get(&format!("/live/main/index.m3u8?sig={WRONG_TOKEN}&exp=1"))
        .await;
    said.push(("a wrong signature".to_owned(), refused.text));
    let command = admin
        .request(Method::POST, "/api/stream/control")
        .header("idempotency-key", IDEMPOTENCY_KEY)
        .json(&json!({"action": "start"}));
    said.push(("a command".to_owned(), admin.send(command).await.text));
    // The engine has tried to reach all of it.
    stack
        .until_state("the outputs are tried", |state| {
            let outputs = state["outputs"].as_array().unwrap();
            let tried = |output: &&Value| output["status"] == "reconnecting";
            outputs.iter().filter(tried).count() >= 2
        })
        .await;
    said
}

fn with(value: &Value, name: &str, other: &str) -> Value {
    let mut changed = value.clone();
    changed[name] = json!(other);
    changed
}

/// The first admin's password.
fn password(stack: &Stack) -> String {
    let login = std::fs::read_to_string(stack.data().join("first-login")).unwrap();
    let found = login
        .lines()
        .find_map(|line| line.strip_prefix("password: "));
    found.unwrap().to_owned()
}

/// What is in the files of a folder and of those in it; of keys the line that matters.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(&path));
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        found.extend(lines.map(str::to_owned));
    }
    found
}

/// The arguments of every process of the stack: everybody on the machine reads them.
fn arguments(stack: &Stack) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(stack.data().join("run")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "pid") {
            let pid = std::fs::read_to_string(&path).unwrap();
            let line = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
            found.push((name, String::from_utf8_lossy(&line).into_owned()));
        }
    }
    assert!(found.len() > SERVICES.len());
    found
}

/// All that Redis holds but what is kept there to be used: events, histories, audit, roll-ups, users.
fn kept(redis: &RedisControl) -> Vec<(String, String)> {
    let keys = redis.run(&["keys", "*"]);
    let mut found = Vec::new();
    for key in keys.lines().filter(|key| !key.is_empty()) {
        if KEPT_IN.iter().any(|place| key.contains(place)) {
            continue;
        }
        let text = match redis.run(&["type", key]).trim() {
            "string" => redis.run(&["get", key]),
            "hash" => redis.run(&["hgetall", key]),
            "list" => redis.run(&["lrange", key, "0", "-1"]),
            "set" => redis.run(&["smembers", key]),
            "zset" => redis.run(&["zrange", key, "0", "-1"]),
            "stream" => redis.run(&["xrange", key, "-", "+"]),
            // It has expired.
            _ => String::new(),
        };
        found.push((key.to_owned(), text));
    }
    assert!(found.len() > 10, "{} keys", found.len());
    found
}
