use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::Signal;
use sm_common::auth::Role;
use sm_common::event::{Channel, EventType, StreamStateChanged};
use sm_common::stream::{DesiredStatus, StreamStatus};
use sm_test_kit::{Answer, tell_capacity};
use tokio_util::sync::CancellationToken;

use crate::harness::Harness;

async fn command(harness: &Harness, body: Value, headers: &[(&str, &str)]) -> Answer {
    let api = harness.operator();
    let mut request = api.request(Method::POST, "/api/stream/control").json(&body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request).await
}

#[tokio::test]
async fn a_started_stream_is_wanted_on_air() {
    let harness = Harness::start().await;
    let answer = command(&harness, json!({"action": "start"}), &[])
        .await
        .expect(202);
    assert_eq!(answer.body["status"], "pending");
    assert_eq!(answer.body["requested_by"], "operator");
    let desired = harness.desired().await;
    assert_eq!(desired.status, DesiredStatus::Live);
    assert_eq!(desired.revision, answer.body["desired_revision"]);

    harness.observe(StreamStatus::Live).await;
    let location = answer.header("location").to_owned();
    let seen = harness.operator().get(&location).await.expect(200);
    assert_eq!(seen.body["status"], "succeeded");
    assert!(seen.body["completed_at"].is_string());
}

#[tokio::test]
async fn every_accepted_command_is_told_on_the_bus() {
    let harness = Harness::start().await;
    let mut listener = harness
        .engine
        .listen(&[Channel::StreamState], CancellationToken::new());
    assert!(matches!(listener.next().await, Some(Signal::Up)));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    command(
        &harness,
        json!({"action": "start"}),
        &[("traceparent", parent)],
    )
    .await
    .expect(202);
    let Some(Signal::Event(heard)) = listener.next().await else {
        panic!("no event")
    };
    assert_eq!(heard.event.kind, EventType::StreamStateChanged);
    let StreamStateChanged(state) = heard.event.payload().unwrap();
    assert_eq!(state.desired_status, DesiredStatus::Live);
    assert_eq!(state.observed.status, StreamStatus::Offline);
}

#[tokio::test]
async fn an_illegal_command_names_action_and_status_and_is_audited() {
    let harness = Harness::start().await;
    let refused = command(&harness, json!({"action": "stop"}), &[])
        .await
        .expect_problem(409, "stream.action.illegal");
    assert_eq!(
        refused.body["detail"],
        "cannot stop a stream that is offline"
    );
    let admin = harness.as_role(Role::Admin);
    let list = admin.get("/api/stream/audit").await.expect(200);
    assert_eq!(list.body["entries"][0]["action"], "stop");
    assert_eq!(
        list.body["entries"][0]["refused"],
        "cannot stop a stream that is offline"
    );
    harness
        .operator()
        .get("/api/stream/audit")
        .await
        .expect_problem(403, "auth.role.insufficient");
}

#[tokio::test]
async fn an_idempotency_key_replays_the_first_answer_and_changes_nothing() {
    let harness = Harness::start().await;
    let key = [("idempotency-key", "one")];
    let first = command(&harness, json!({"action": "start"}), &key)
        .await
        .expect(202);
    let second = command(&harness, json!({"action": "start"}), &key)
        .await
        .expect(202);
    assert_eq!(first.body["id"], second.body["id"]);
    assert_eq!(second.header("idempotency-replayed"), "true");
    let revision = harness.desired().await.revision;
    assert_eq!(revision, first.body["desired_revision"]);
    command(&harness, json!({"action": "stop"}), &key)
        .await
        .expect_problem(422, "stream.idempotency.conflict");
}

#[tokio::test]
async fn a_preferred_wait_ends_when_the_engine_has_obeyed() {
    let harness = Harness::start().await;
    let waiting = command(
        &harness,
        json!({"action": "start"}),
        &[("prefer", "wait=20")],
    );
    let obeying = async {
        while harness.desired().await.status != DesiredStatus::Live {
            tokio::task::yield_now().await;
        }
        harness.observe(StreamStatus::Live).await;
    };
    let (answer, ()) = tokio::join!(waiting, obeying);
    assert_eq!(answer.expect(200).body["status"], "succeeded");
}

#[tokio::test]
async fn of_two_replicas_and_many_callers_one_start_wins() {
    let harness = Harness::start().await;
    let other = Harness::replica(&harness.redis, &harness.issuer, &[]);
    let there = sm_test_kit::Api::new(other.url()).with_token(harness.issuer.token(Role::Admin));
    let here = harness.operator();
    let start = json!({"action": "start"});
    let attempts = (0..10).map(|n| {
        let api = if n % 2 == 0 {
            here.clone()
        } else {
            there.clone()
        };
        let start = start.clone();
        async move {
            api.post("/api/stream/control", &start)
                .await
                .status
                .as_u16()
        }
    });
    let mut statuses: Vec<u16> = futures_util::future::join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![202], vec![409; 9]].concat());
    assert_eq!(harness.desired().await.revision, 2);
}

#[tokio::test]
async fn bad_input_is_refused_with_what_to_change() {
    let harness = Harness::start().await;
    let cases = [
        (
            json!({"action": "explode"}),
            400,
            "request.body.invalid",
            "/action",
        ),
        (
            json!({"action": "start", "loud": true}),
            400,
            "request.body.invalid",
            "/loud",
        ),
        (
            json!({"action": "start", "stream": "../x"}),
            400,
            "request.body.invalid",
            "/stream",
        ),
        (json!([]), 400, "request.body.invalid", ""),
        (
            json!({"action": "start", "stream": "nope"}),
            404,
            "stream.not-found",
            "",
        ),
    ];
    for (body, status, code, pointer) in cases {
        let answer = command(&harness, body, &[])
            .await
            .expect_problem(status, code);
        if !pointer.is_empty() {
            assert_eq!(
                answer.body["errors"][0]["pointer"], pointer,
                "{}",
                answer.text
            );
        }
    }
    let api = harness.operator();
    let send = |request: reqwest::RequestBuilder| {
        let api = api.clone();
        async move { api.send(request).await }
    };
    let post = || api.request(Method::POST, "/api/stream/control");
    let large = vec![b' '; 10_000_000];
    let json_type = ("content-type", "application/json");
    let too_large = send(post().header(json_type.0, json_type.1).body(large)).await;
    too_large.expect_problem(413, "request.body.too-large");
    let not_json = send(post().header(json_type.0, json_type.1).body("{")).await;
    not_json.expect_problem(400, "request.body.invalid");
    let text = send(post().body("start")).await;
    text.expect_problem(415, "request.media-type.unsupported");
    api.get("/api/stream/nothing")
        .await
        .expect_problem(404, "route.not-found");
    api.get("/api/stream/control")
        .await
        .expect_problem(405, "route.method-not-allowed");
    api.get("/api/stream/operations/7")
        .await
        .expect_problem(400, "request.path.invalid");
}

#[tokio::test]
async fn only_operators_steer() {
    let harness = Harness::start().await;
    let start = json!({"action": "start"});
    let post = |api: sm_test_kit::Api| {
        let start = start.clone();
        async move { api.post("/api/stream/control", &start).await }
    };
    post(harness.anonymous())
        .await
        .expect_problem(401, "auth.token.missing");
    let expired = harness.issuer.expired_token(Role::Operator);
    post(harness.anonymous().with_token(expired))
        .await
        .expect_problem(401, "auth.token.expired");
    let forged = sm_test_kit::Issuer::new().token(Role::Admin);
    post(harness.anonymous().with_token(forged))
        .await
        .expect_problem(401, "auth.token.invalid");
    for role in [Role::Viewer, Role::Moderator, Role::Service] {
        post(harness.as_role(role))
            .await
            .expect_problem(403, "auth.role.insufficient");
    }
    post(harness.as_role(Role::Admin)).await.expect(202);
}

#[tokio::test]
async fn the_answer_to_a_change_of_the_format_says_what_it_interrupts() {
    let harness = Harness::start().await;
    command(&harness, json!({"action": "start"}), &[])
        .await
        .expect(202);
    harness.observe(StreamStatus::Live).await;
    let configure = |program: Value| json!({"action": "configure", "program": program});

    let generation = harness.desired().await.generation;
    let live = configure(json!({"video_bitrate_kbps": 1200, "audio_bitrate_kbps": 96}));
    let answer = command(&harness, live, &[]).await.expect(202).body;
    assert_eq!(answer["rebuild"], false);
    assert_eq!(answer["rebuilt_for"], Value::Null);
    assert_eq!(answer["program"]["video_bitrate_kbps"], 1200);
    assert_eq!(harness.desired().await.program.video_bitrate_kbps, 1200);

    let other = configure(json!({"encoder": "openh264", "framerate": 25}));
    let answer = command(&harness, other, &[]).await.expect(202).body;
    assert_eq!(answer["rebuild"], true);
    assert_eq!(
        answer["rebuilt_for"],
        json!(["framerate", "encoder", "profile"])
    );
    let desired = harness.desired().await;
    assert_eq!(desired.generation, generation, "the worker stays");
    let state = harness
        .operator()
        .get("/api/stream/state")
        .await
        .expect(200);
    assert_eq!(state.body["wanted_program"]["encoder"], "openh264");

    let wrong = configure(json!({"width": 1281, "framerate": 500}));
    let problem = command(&harness, wrong, &[]).await;
    let problem = problem.expect_problem(422, "request.validation.failed");
    assert_eq!(problem.body["errors"][0]["pointer"], "/program/width");
    assert_eq!(problem.body["errors"][1]["pointer"], "/program/framerate");
    let unknown = configure(json!({"colour": "red"}));
    let problem = command(&harness, unknown, &[]).await;
    let _refused = problem.expect_problem(400, "request.body.invalid");
    assert_eq!(harness.desired().await.revision, desired.revision);
}

#[tokio::test]
async fn a_format_that_the_engine_cannot_give_fails_with_its_reason() {
    let harness = Harness::start().await;
    command(&harness, json!({"action": "start"}), &[])
        .await
        .expect(202);
    let body = json!({"action": "configure", "program": {"encoder": "openh264"}});
    let before = harness.desired().await.program;
    let answer = command(&harness, body, &[]).await.expect(202).body;
    let path = format!("/api/stream/operations/{}", answer["id"].as_str().unwrap());
    harness
        .observe_format(StreamStatus::Live, before, Some("not installed"))
        .await;
    let seen = harness.operator().get(&path).await.expect(200).body;
    assert_eq!(
        (&seen["status"], &seen["detail"]),
        (&json!("failed"), &json!("not installed"))
    );

    let body = json!({"action": "configure", "program": {"framerate": 25}});
    let answer = command(&harness, body, &[]).await.expect(202).body;
    let path = format!("/api/stream/operations/{}", answer["id"].as_str().unwrap());
    let seen = harness.operator().get(&path).await.expect(200).body;
    assert_eq!(seen["status"], "pending");
    let wanted = harness.desired().await.program;
    harness
        .observe_format(StreamStatus::Live, wanted, None)
        .await;
    let seen = harness.operator().get(&path).await.expect(200).body;
    assert_eq!(seen["status"], "succeeded");
}

#[tokio::test]
async fn what_no_host_can_carry_is_refused_at_the_edge_unless_an_admin_insists() {
    let harness = Harness::start().await;
    // A program at 720p30 takes 0.1 and 0.28 cores.
    tell_capacity(&harness.engine, "stream-engine-1", 2.0, 1.7).await;
    let before = harness.desired().await;
    let refused = command(&harness, json!({"action": "start"}), &[]).await;
    let problem = refused.expect_problem(503, "stream.capacity.exceeded");
    let detail = problem.body["detail"].as_str().unwrap();
    for word in [
        "one: about 0.38 cores",
        "0.30 are left",
        "admission.cpu_max",
    ] {
        assert!(detail.contains(word), "{word}: {detail}");
    }
    assert_eq!(harness.desired().await, before);

    let forced = json!({"action": "start", "force": true});
    let refused = command(&harness, forced.clone(), &[]).await;
    let _refused = refused.expect_problem(403, "auth.role.insufficient");
    let admin = harness.as_role(Role::Admin);
    admin.post("/api/stream/control", &forced).await.expect(202);
    assert!(harness.desired().await.forced);
    harness.observe(StreamStatus::Live).await;

    // What costs more is refused, and what costs less is not.
    let configure =
        |framerate: u32| json!({"action": "configure", "program": {"framerate": framerate}});
    tell_capacity(&harness.engine, "stream-engine-1", 2.0, 2.0).await;
    let refused = command(&harness, configure(60), &[]).await;
    let _refused = refused.expect_problem(503, "stream.capacity.exceeded");
    command(&harness, configure(20), &[]).await.expect(202);
    assert!(
        !harness.desired().await.forced,
        "nobody insists on this one"
    );
    command(&harness, json!({"action": "restart"}), &[])
        .await
        .expect(202);

    tell_capacity(&harness.engine, "stream-engine-1", 4.0, 2.0).await;
    command(&harness, configure(60), &[]).await.expect(202);
}
