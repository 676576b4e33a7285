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

/// A dead engine costs no picture: its worker stays on air, and its successor goes on with it.
async fn engine(stack: &Stack) {
    let viewer = stack.anonymous();
    let before = stack.state().await;
    let known = Playlist::fetch(&viewer).await.unwrap();
    let worker = stack.pid("media-worker-main").unwrap();
    stack.kill_and_await_successor("stream-engine-1").await;
    let state = stack
        .until_state("a successor holds the stream and is live", |state| {
            state["engine"]["token"].as_u64() > before["engine"]["token"].as_u64()
                && state["status"] == "live"
        })
        .await;
    for same in ["scene", "interruptions", "worker_restarts", "live_since"] {
        assert_eq!(state[same], before[same], "{same}: {state}");
    }
    assert_eq!(stack.pid("media-worker-main"), Some(worker));
    stack
        .until("the playlist goes on", || async {
            let list = Playlist::fetch(&viewer).await;
            list.is_some_and(|list| list.next() > known.next() + 3)
        })
        .await;
    let list = Playlist::fetch(&viewer).await.unwrap();
    let (run, _) = known.segments.last().unwrap();
    let (still, _) = list.segments.last().unwrap();
    assert_eq!(still, run, "the same run, so nothing to break at");
    assert_eq!(
        numbering(&list, run),
        numbering(&known, run),
        "every segment is listed once, under the number that it would have had"
    );
    // It is obeyed and watched over as before: its end is noticed by an engine that did not start it.
    let admin = stack.admin().await;
    let layer = json!({"name": "y", "kind": "color", "source": {"color": "#000000"}});
    drop(admin.post("/api/layers", &layer).await.expect(201));
    stack
        .until_state("a new layer is on air", |state| {
            state["scene"]["revision"].as_u64() > before["scene"]["revision"].as_u64()
        })
        .await;
    stack.kill_and_await_successor("media-worker-main").await;
    stack
        .until_state("the worker is replaced", |state| {
            state["status"] == "live"
                && state["worker_restarts"].as_u64() > before["worker_restarts"].as_u64()
        })
        .await;
}

/// The differences between the numbers of the playlist and those within the run: there is one.
fn numbering(list: &Playlist, run: &str) -> Vec<u64> {
    let numbered = (list.media_sequence..).zip(&list.segments);
    let mut differences: Vec<u64> = numbered
        .filter(|(_, (map, _))| map == run)
        .map(|(number, (_, file))| {
            let (_, in_run) = file.trim_end_matches(".m4s").rsplit_once('-').unwrap();
            number - in_run.parse::<u64>().unwrap()
        })
        .collect();
    differences.dedup();
    differences
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
