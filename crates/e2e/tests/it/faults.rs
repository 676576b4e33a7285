use serde_json::json;
use sm_e2e::{Playlist, Stack, StackOptions, Watched, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const CONTROL_PLANE: [&str; 5] = [
    "api-gateway",
    "stream-control",
    "layer-service",
    "analytics",
    "ws-fanout",
];

/// Every process of the system is killed, one after another, under a viewer.
#[tokio::test]
async fn whatever_is_killed_the_stream_is_on_air_again_by_itself() {
    let stack = Stack::start(StackOptions::at("127.74"));
    control_plane(&stack).await;
    media_worker(&stack).await;
    engine(&stack).await;
    killed_redis(&stack).await;
    frozen_redis(&stack).await;
}

/// A dead service of the control plane is noticed by nobody who watches.
async fn control_plane(stack: &Stack) {
    let stop = CancellationToken::new();
    let viewer = watch(stack.anonymous(), stop.clone());
    for service in CONTROL_PLANE {
        stack
            .kill_and_await_successor(&format!("{service}-1"))
            .await;
        let health = sm_test_kit::Api::new(stack.entrypoint(4291));
        stack
            .until(&format!("{service} is ready again"), || async {
                health.get(&format!("/{service}/health/ready")).await.status == 200
            })
            .await;
    }
    nothing_was_seen_of_it(viewer, &stop).await;
    let state = stack
        .until_state("the state is live", |state| state["status"] == "live")
        .await;
    assert_eq!(state["worker_restarts"], 0, "{state}");
    assert_eq!(state["interruptions"], json!([]), "{state}");
}

async fn media_worker(stack: &Stack) {
    let before = Playlist::fetch(&stack.anonymous()).await.unwrap();
    stack.kill_and_await_successor("media-worker-main").await;
    let state = stack
        .until_state("the interruption is over and told", |state| {
            state["status"] == "live" && state["interruptions"][0]["length_ms"].is_number()
        })
        .await;
    assert_eq!(state["worker_restarts"], 1, "{state}");
    assert_eq!(
        state["interruptions"][0]["cause"], "worker.killed",
        "{state}"
    );
    let after = Playlist::fetch(&stack.anonymous()).await.unwrap();
    assert!(after.next() > before.next(), "segment numbers go on");
    assert_eq!(after.discontinuities, 1, "and the new run is marked");
}

async fn engine(stack: &Stack) {
    let before = stack.state().await;
    let number = Playlist::fetch(&stack.anonymous()).await.unwrap().next();
    stack.kill_and_await_successor("stream-engine-1").await;
    let state = stack
        .until_state("a successor holds the stream and is live", |state| {
            state["engine"]["token"].as_u64() > before["engine"]["token"].as_u64()
                && state["status"] == "live"
        })
        .await;
    assert_eq!(
        state["scene"]["revision"], before["scene"]["revision"],
        "the same scene"
    );
    stack
        .until("the playlist goes on", || async {
            Playlist::fetch(&stack.anonymous())
                .await
                .is_some_and(|list| list.next() > number)
        })
        .await;
    assert!(
        state["interruptions"].as_array().unwrap().len() >= 2,
        "{state}"
    );
}

/// With Redis dead the picture goes on, writes are refused, and all resumes by itself.
async fn killed_redis(stack: &Stack) {
    let admin = stack.admin().await;
    let stop = CancellationToken::new();
    let viewer = watch(stack.anonymous(), stop.clone());
    stack.kill(stack.pid("redis-1").unwrap());
    let layer = json!({"name": "x", "kind": "color", "source": {"color": "#000000"}});
    let refused = admin.post("/api/layers", &layer).await;
    // The supervisor may have been faster than this request.
    if refused.status != 201 {
        let refused = refused.expect_problem(503, "dependency.unavailable");
        assert_eq!(refused.header("retry-after"), "1");
    }
    stack
        .until("layers can be written again", || async {
            admin.post("/api/layers", &layer).await.status == 201
        })
        .await;
    stack
        .until_state("the state is read again", |state| state["status"] == "live")
        .await;
    nothing_was_seen_of_it(viewer, &stop).await;
}

/// Redis hangs for as long as it takes everybody to notice. Every service stays reachable through
/// Traefik and says what is missing and when to come back; all goes on when Redis does.
async fn frozen_redis(stack: &Stack) {
    let admin = stack.admin().await;
    let stop = CancellationToken::new();
    let viewer = watch(stack.anonymous(), stop.clone());
    let pid = stack.pid("redis-1").unwrap();
    stack.freeze(pid);
    let health = sm_test_kit::Api::new(stack.entrypoint(4291));
    for service in CONTROL_PLANE {
        stack
            .until(&format!("{service} misses Redis"), || async {
                let ready = health.get(&format!("/{service}/health/ready")).await;
                ready.expect(200).body["status"] == "degraded"
            })
            .await;
    }
    let layer = json!({"name": "x", "kind": "color", "source": {"color": "#000000"}});
    let writes = [
        ("/api/layers", layer.clone()),
        ("/api/stream/control", json!({"action": "pause"})),
        ("/api/chat", json!({"text": "into the void"})),
        ("/api/auth/ws-ticket", json!({})),
    ];
    for (path, body) in &writes {
        let refused = admin.post(path, body).await;
        let refused = refused.expect_problem(503, "dependency.unavailable");
        assert_eq!(refused.header("retry-after"), "1", "{path}");
    }
    stack.thaw(pid);
    stack
        .until("layers can be written again", || async {
            admin.post("/api/layers", &layer).await.status == 201
        })
        .await;
    let state = stack
        .until_state("the state is read again", |state| state["status"] == "live")
        .await;
    assert_eq!(
        state["desired_status"], "live",
        "the command was refused before anything was written"
    );
    nothing_was_seen_of_it(viewer, &stop).await;
}

/// Every look at the playlist was answered, and its numbers only grew.
async fn nothing_was_seen_of_it(viewer: JoinHandle<Watched>, stop: &CancellationToken) {
    stop.cancel();
    let seen = viewer.await.unwrap();
    assert_eq!((seen.refused, seen.went_back), (0, false), "{seen:?}");
}
