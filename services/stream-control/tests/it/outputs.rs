use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::keys;
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_common::output::OutputTarget;
use sm_common::stream::{DesiredStatus, StreamStatus};
use sm_test_kit::Answer;

use crate::harness::Harness;

const OUTPUTS: &str = "/api/stream/outputs";
/// Secrets that no answer, event or audit entry may hold.
const KEY: &str = "planted-key-4711";
const PASSPHRASE: &str = "planted-passphrase-4712";

fn rtmp(name: &str) -> Value {
    json!({"name": name, "kind": "rtmp",
        "target": {"url": "rtmp://live.example.com/app", "key": KEY}})
}

fn path(output: &Answer) -> String {
    let id = output.body.get("id").unwrap().as_str().unwrap();
    format!("{OUTPUTS}/{id}")
}

fn pointers(answer: &Answer) -> Vec<&str> {
    let errors = answer.body.get("errors").unwrap().as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_output_is_added_changed_steered_and_deleted_and_its_secrets_never_shown() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let mut answers = Vec::new();

    let created = api.post(OUTPUTS, &rtmp("One")).await.expect(201);
    assert_eq!(created.body["target"]["url"], "rtmp://live.example.com/app");
    assert_eq!(created.body["target"]["has_key"], true);
    assert_eq!(created.body["observed"], Value::Null);
    let one = path(&created);
    let etag = created.header("etag").to_owned();
    answers.push(created);

    let patch = json!({"name": "Uno", "target": {"url": "rtmp://live.example.com/other"}});
    let patched = api.patch(&one, &etag, &patch).await.expect(200);
    assert_eq!(
        patched.body["target"]["has_key"], true,
        "what is absent stays"
    );
    let OutputTarget::Rtmp(target) = harness.desired().await.outputs[0].target.clone() else {
        panic!("rtmp");
    };
    assert_eq!(target.key.unwrap().expose(), KEY);
    let stale = api.patch(&one, &etag, &patch).await;
    let stale = stale.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), patched.header("etag"));
    let etag = patched.header("etag").to_owned();
    let same = api.patch(&one, &etag, &json!({"enabled": true})).await;
    assert_eq!(same.expect(200).header("etag"), etag, "nothing has changed");

    let stopped = api
        .post(&format!("{one}/stop"), &json!({}))
        .await
        .expect(200);
    assert_eq!(stopped.body["enabled"], false);
    let restart = api.post(&format!("{one}/restart"), &json!({})).await;
    answers.push(restart.expect_problem(409, "output.disabled"));
    api.post(&format!("{one}/start"), &json!({}))
        .await
        .expect(200);
    let restarted = api
        .post(&format!("{one}/restart"), &json!({}))
        .await
        .expect(200);
    assert_eq!(restarted.body["generation"], 2);

    let with_key = json!({"name": "Two", "kind": "rtmp",
        "target": {"url": format!("rtmp://live.example.com/app/{KEY}")}});
    let two = api.post(OUTPUTS, &with_key).await.expect(201);
    assert_eq!(two.body["target"]["has_key"], true);
    let srt = json!({"name": "Three", "kind": "srt",
        "target": {"url": "srt://live.example.com:9000", "passphrase": PASSPHRASE}});
    let srt = api.post(OUTPUTS, &srt).await.expect(201);
    assert_eq!(srt.body["target"]["has_passphrase"], true);
    let open = json!({"target": {"passphrase": null}});
    let open = api
        .patch(&path(&srt), srt.header("etag"), &open)
        .await
        .expect(200);
    assert_eq!(open.body["target"]["has_passphrase"], false);
    answers.extend([patched, stale, stopped, restarted, two, srt, open]);

    let list = api.get(OUTPUTS).await.expect(200);
    let names: Vec<_> = list.body["outputs"].as_array().unwrap().iter().collect();
    assert_eq!((names.len(), &names[0]["id"]), (4, &json!("hls")));
    let etag = api.get(&one).await.expect(200).header("etag").to_owned();
    api.delete(&one, &etag).await.expect(204);
    answers.push(api.get(&one).await.expect_problem(404, "output.not-found"));
    answers.push(list);
    answers.push(api.get("/api/stream/state").await.expect(200));
    let audit = harness.as_role(Role::Admin).get("/api/stream/audit").await;
    assert_eq!(audit.body["entries"][0]["action"], "output-delete");
    answers.push(audit);

    let stream = StreamId::default();
    let events = harness
        .engine
        .newest(&stream, Channel::StreamState, 1000)
        .await;
    let events: Vec<_> = events.unwrap().into_iter().map(|one| one.event).collect();
    assert!(!events.is_empty());
    let mut told = vec![serde_json::to_string(&events).unwrap()];
    let mut command = sm_bus::redis::cmd("XRANGE");
    command.arg(keys::audit(&stream)).arg("-").arg("+");
    let kept: Vec<(String, Vec<(String, String)>)> = harness.engine.query(&command).await.unwrap();
    told.push(format!("{kept:?}"));
    told.extend(answers.into_iter().map(|answer| answer.text));
    for text in told {
        assert!(!text.contains(KEY) && !text.contains(PASSPHRASE), "{text}");
    }
}

#[tokio::test]
async fn a_secret_does_not_follow_an_address_to_another_server() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let created = api.post(OUTPUTS, &rtmp("a")).await.expect(201);
    let (one, etag) = (path(&created), created.header("etag"));
    for url in [
        "rtmp://other.example.com/app",
        "rtmps://live.example.com/app",
        "rtmp://live.example.com:1936/app",
    ] {
        let patch = json!({"target": {"url": url}});
        let refused = api.patch(&one, etag, &patch).await.expect(422);
        assert_eq!(pointers(&refused), ["/target/key"], "{url}");
        assert!(!refused.text.contains(KEY), "{}", refused.text);
    }
    let other = json!({"target": {"url": "rtmp://other.example.com/app", "key": "another-4713"}});
    let moved = api.patch(&one, etag, &other).await.expect(200);
    let away = json!({"target": {"url": "rtmp://third.example.com/app", "key": null}});
    let moved = api
        .patch(&one, moved.header("etag"), &away)
        .await
        .expect(200);
    assert_eq!(moved.body["target"]["has_key"], false);

    let srt = json!({"name": "b", "kind": "srt",
        "target": {"url": "srt://live.example.com:9000", "passphrase": PASSPHRASE}});
    let srt = api.post(OUTPUTS, &srt).await.expect(201);
    let patch = json!({"target": {"url": "srt://live.example.com:9001"}});
    let refused = api.patch(&path(&srt), srt.header("etag"), &patch).await;
    assert_eq!(pointers(&refused.expect(422)), ["/target/passphrase"]);
}

#[tokio::test]
async fn refused_changes_are_in_the_audit_list() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let created = api.post(OUTPUTS, &rtmp("a")).await.expect(201);
    let one = path(&created);
    let wrong = json!({"name": "", "kind": "rtmp", "target": {"url": "x", "key": KEY}});
    api.post(OUTPUTS, &wrong).await.expect(422);
    api.patch(&one, "\"9\"", &json!({"name": "b"}))
        .await
        .expect(412);
    let audit = harness.as_role(Role::Admin).get("/api/stream/audit").await;
    let entries = audit.body["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (&entry["action"], &entry["output"], &entry["refused"]))
        .collect();
    let id = &created.body["id"];
    let stale = json!("the output is at revision 1 now; read it again");
    assert_eq!(
        told,
        [
            (&json!("output-update"), id, &stale),
            (
                &json!("output-create"),
                &Value::Null,
                &json!("fields are wrong")
            ),
            (&json!("output-create"), id, &Value::Null),
        ]
    );
    assert!(!audit.text.contains(KEY), "{}", audit.text);
}

#[tokio::test]
async fn a_stop_is_taken_among_many_changes_of_outputs() {
    let harness = Harness::start_with(&[("outputs.max", "20")]).await;
    let api = harness.operator();
    api.post("/api/stream/control", &json!({"action": "start"}))
        .await
        .expect(202);
    let creations = (0..20).map(|number| {
        let api = &api;
        async move { api.post(OUTPUTS, &rtmp(&number.to_string())).await }
    });
    let stop = json!({"action": "stop"});
    let stop = api.post("/api/stream/control", &stop);
    let (created, stopped) = futures_util::future::join(join_all(creations), stop).await;
    stopped.expect(202);
    for created in created {
        created.expect(201);
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once_and_without_its_value() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let wrong = json!({"name": "", "kind": "srt", "enabled": true,
        "target": {"url": "srt://169.254.169.254:9000", "passphrase": "planted", "latency_ms": 1}});
    let refused = api.post(OUTPUTS, &wrong).await.expect(422);
    assert_eq!(
        pointers(&refused),
        [
            "/name",
            "/target/url",
            "/target/passphrase",
            "/target/latency_ms"
        ]
    );
    assert!(!refused.text.contains("planted"), "{}", refused.text);
    let both = json!({"name": "a", "kind": "rtmp",
        "target": {"url": "rtmp://a.example/app/planted", "key": "other"}});
    let refused = api.post(OUTPUTS, &both).await.expect(422);
    assert_eq!(pointers(&refused), ["/target/url"]);
    assert!(!refused.text.contains("planted"), "{}", refused.text);
    let unknown = json!({"name": "a", "kind": "file", "target": {"split": 1}, "more": 1});
    let refused = api.post(OUTPUTS, &unknown).await.expect(400);
    assert_eq!(pointers(&refused), ["/target/split", "/more"]);
    api.post(OUTPUTS, &json!([])).await.expect(400);
    assert!(harness.desired().await.outputs.is_empty());

    let created = api.post(OUTPUTS, &rtmp("a")).await.expect(201);
    let kind = json!({"kind": "file", "target": {"key": ""}});
    let refused = api.patch(&path(&created), "\"1\"", &kind).await.expect(422);
    assert_eq!(pointers(&refused), ["/kind", "/target/key"]);
}

#[tokio::test]
async fn an_output_may_adapt_within_bounds_and_where_it_has_one_target() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let created = api.post(OUTPUTS, &rtmp("a")).await.expect(201);
    let usual = json!({"enabled": false, "min_kbps": 500});
    assert_eq!(created.body["adaptive"], usual);
    let (one, etag) = (path(&created), created.header("etag"));
    let on = json!({"adaptive": {"enabled": true}});
    let on = api.patch(&one, etag, &on).await.expect(200);
    let etag = on.header("etag");
    assert_eq!(on.body["adaptive"]["min_kbps"], 500, "what is absent stays");
    for min_kbps in [json!(99), json!(50_001), json!("much")] {
        let patch = json!({"adaptive": {"min_kbps": min_kbps}});
        let refused = api.patch(&one, etag, &patch).await;
        assert_eq!(pointers(&refused), ["/adaptive/min_kbps"], "{min_kbps}");
    }
    let unknown = json!({"adaptive": {"max_kbps": 1000}});
    let refused = api.patch(&one, etag, &unknown).await.expect(400);
    assert_eq!(pointers(&refused), ["/adaptive/max_kbps"]);
    let adaptive = harness.desired().await.outputs[0].adaptive;
    assert_eq!((adaptive.enabled, adaptive.min_kbps), (true, 500));

    let file = json!({"name": "b", "kind": "file", "adaptive": {"enabled": true}});
    let refused = api.post(OUTPUTS, &file).await.expect(422);
    assert_eq!(pointers(&refused), ["/adaptive/enabled"]);
    let caller = json!({"name": "c", "kind": "srt", "adaptive": {"enabled": true, "min_kbps": 100},
        "target": {"url": "srt://live.example.com:9000"}});
    let caller = api.post(OUTPUTS, &caller).await.expect(201);
    let listens = json!({"target": {"mode": "listener", "url": "srt://0.0.0.0:9000"}});
    let refused = api
        .patch(&path(&caller), caller.header("etag"), &listens)
        .await;
    assert_eq!(pointers(&refused.expect(422)), ["/adaptive/enabled"]);
}

#[tokio::test]
async fn what_may_not_be_is_refused_with_what_to_do() {
    let harness =
        Harness::start_with(&[("outputs.max", "1"), ("outputs.allow_private", "false")]).await;
    let api = harness.operator();
    let local = json!({"name": "a", "kind": "rtmp", "target": {"url": "rtmp://127.0.0.1/app"}});
    api.post(OUTPUTS, &local).await.expect(422);
    let created = api.post(OUTPUTS, &rtmp("a")).await.expect(201);
    let full = api.post(OUTPUTS, &rtmp("b")).await;
    full.expect_problem(409, "output.limit-reached");

    let hls = format!("{OUTPUTS}/hls");
    assert_eq!(api.get(&hls).await.expect(200).body["kind"], "hls");
    let refused = [
        api.patch(&hls, "\"0\"", &json!({"name": "x"})).await,
        api.delete(&hls, "\"0\"").await,
        api.post(&format!("{hls}/stop"), &json!({})).await,
    ];
    for refused in refused {
        refused.expect_problem(409, "output.built-in");
    }
    let one = path(&created);
    for method in [Method::PATCH, Method::DELETE] {
        let request = api.request(method, &one).json(&json!({"name": "x"}));
        api.send(request)
            .await
            .expect_problem(428, "revision.required");
    }
    let gone = api
        .post(&format!("{OUTPUTS}/nobody/stop"), &json!({}))
        .await;
    gone.expect_problem(404, "output.not-found");
    let elsewhere = api.get(&format!("{OUTPUTS}?stream=other")).await;
    elsewhere.expect_problem(404, "stream.not-found");
    let viewer = harness.as_role(Role::Viewer);
    viewer
        .get(OUTPUTS)
        .await
        .expect_problem(403, "auth.role.insufficient");
    let anonymous = harness.anonymous().post(OUTPUTS, &rtmp("c")).await;
    anonymous.expect_problem(401, "auth.token.missing");
}

#[tokio::test]
async fn an_idempotency_key_adds_one_output() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let post = async |path: &str, body: &Value| {
        let request = api.request(Method::POST, path).json(body);
        api.send(request.header("idempotency-key", "one")).await
    };
    let first = post(OUTPUTS, &rtmp("a")).await.expect(201);
    let second = post(OUTPUTS, &rtmp("a")).await.expect(201);
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("etag"), second.header("etag"));
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(harness.desired().await.outputs.len(), 1);
    for (path, body) in [
        (OUTPUTS, rtmp("b")),
        ("/api/stream/control", json!({"action": "start"})),
    ] {
        let conflict = post(path, &body).await;
        conflict.expect_problem(422, "stream.idempotency.conflict");
    }
}

#[tokio::test]
async fn twenty_changes_at_the_same_time_are_all_kept() {
    let harness = Harness::start_with(&[("outputs.max", "20")]).await;
    let api = harness.operator();
    let mut created = Vec::new();
    for number in 0..20 {
        created.push(
            api.post(OUTPUTS, &rtmp(&format!("{number}")))
                .await
                .expect(201),
        );
    }
    let patches = created.iter().enumerate().map(|(number, output)| {
        let api = &api;
        async move {
            let patch = json!({"name": format!("changed {number}")});
            api.patch(&path(output), output.header("etag"), &patch)
                .await
        }
    });
    for answer in join_all(patches).await {
        answer.expect(200);
    }
    let desired = harness.desired().await;
    for (number, output) in desired.outputs.iter().enumerate() {
        assert_eq!(output.name, format!("changed {number}"));
    }
    assert_eq!(desired.revision, 41);
}

#[tokio::test]
async fn a_change_of_outputs_leaves_the_stream_and_its_commands_alone() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let control = "/api/stream/control";
    let started = api
        .post(control, &json!({"action": "start"}))
        .await
        .expect(202);
    let created = api.post(OUTPUTS, &rtmp("a")).await.expect(201);
    let operation = started.header("location").to_owned();
    assert_eq!(api.get(&operation).await.body["status"], "pending");
    harness.observe(StreamStatus::Live).await;
    assert_eq!(api.get(&operation).await.body["status"], "succeeded");

    api.post(&format!("{}/stop", path(&created)), &json!({}))
        .await
        .expect(200);
    let desired = harness.desired().await;
    assert_eq!(
        (desired.status, desired.generation),
        (DesiredStatus::Live, 2)
    );
    // The engine has not obeyed yet, and a command is taken nevertheless.
    let record = api
        .post(control, &json!({"action": "record-start"}))
        .await
        .expect(202);
    let operation = record.header("location").to_owned();
    assert_eq!(api.get(&operation).await.body["status"], "pending");
    harness.observe(StreamStatus::Live).await;
    assert_eq!(api.get(&operation).await.body["status"], "succeeded");
    let recording = api.get(&format!("{OUTPUTS}/recording")).await.expect(200);
    assert_eq!(
        (&recording.body["kind"], &recording.body["enabled"]),
        (&json!("file"), &json!(true))
    );
    api.post(control, &json!({"action": "record-stop"}))
        .await
        .expect(202);
    let recording = api.get(&format!("{OUTPUTS}/recording")).await.expect(200);
    assert_eq!(recording.body["enabled"], false);
}

#[tokio::test]
async fn changes_are_refused_while_redis_hangs() {
    let harness = Harness::start().await;
    let api = harness.operator();
    harness.redis.freeze();
    let hanging = api.post(OUTPUTS, &rtmp("a")).await;
    hanging.expect_problem(503, "dependency.unavailable");
    let hanging = api.get(OUTPUTS).await;
    hanging.expect_problem(503, "dependency.unavailable");
    harness.redis.thaw();
}
