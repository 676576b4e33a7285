#![expect(
    clippy::expect_used,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use std::time::{Duration, Instant};

use serde_json::json;
use sm_e2e::{Playlist, Stack, StackOptions};
use sm_test_kit::Api;
use tokio::time::timeout;

use crate::hosts::Hosts;
use crate::measurement::Measurement;

/// The group's name: `B=on-air` runs every case.
pub(crate) const GROUP: &str = "on-air";

const ROUNDS: usize = 5;
const HOSTS: Hosts = Hosts {
    net: "127.82",
    count: 2,
};
/// How long a player waits for an answer before it asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
const SCALE: &str = "stream-engine=2";

/// Times that people feel, from a request or a kill to a new segment that a player got through
/// Traefik. Segments are of one second.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut options = StackOptions::at(HOSTS.net);
    options.scale = vec![SCALE];
    let stack = Stack::start(options);
    runtime.block_on(async {
        Ok(vec![
            first_playlist(&stack).await,
            killed_engine(&stack).await,
            killed_worker(&stack).await,
            lost_host(&stack).await,
        ])
    })
}

/// From the command to start to a playlist with a segment that can be fetched.
async fn first_playlist(stack: &Stack) -> Measurement {
    let admin = stack.admin().await;
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let before = newest(stack).await;
        go_off_air(stack, &admin).await;
        let start = Instant::now();
        control(&admin, "start").await;
        seconds.push(until_next(stack, Next::Run, &before, start).await);
    }
    Measurement::within("on-air-start", "s", 1.5, &seconds)
}

/// From `kill -9` of the engine that holds the stream to the next segment. Its worker goes on.
async fn killed_engine(stack: &Stack) -> Measurement {
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let (engine, before) = (HOSTS.holder(stack).await, newest(stack).await);
        let start = Instant::now();
        stack.kill(stack.pid(&engine).expect("the holder runs"));
        seconds.push(until_next(stack, Next::Segment, &before, start).await);
        HOSTS.settle(stack).await;
    }
    Measurement::within("on-air-engine-killed", "s", 1.5, &seconds)
}

/// From `kill -9` of the media worker to the next segment, which its successor makes. The stream is
/// started anew before each: a second worker that ends soon is replaced after a wait.
async fn killed_worker(stack: &Stack) -> Measurement {
    let admin = stack.admin().await;
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        go_off_air(stack, &admin).await;
        control(&admin, "start").await;
        HOSTS.settle(stack).await;
        let before = newest(stack).await;
        let start = Instant::now();
        let worker = stack.pid("media-worker-main");
        stack.kill(worker.expect("the worker runs"));
        seconds.push(until_next(stack, Next::Run, &before, start).await);
        HOSTS.settle(stack).await;
    }
    Measurement::within("on-air-worker-killed", "s", 1.5, &seconds)
}

/// From the end of a whole host to the next segment, which another host makes. The host's worker is
/// killed; its engine is stopped where it is, so that nobody starts either of them again.
async fn lost_host(stack: &Stack) -> Measurement {
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let (engine, before) = (HOSTS.holder(stack).await, newest(stack).await);
        let [engine, worker] = [engine.as_str(), "media-worker-main"]
            .map(|process| stack.pid(process).expect("the host runs"));
        let start = Instant::now();
        stack.freeze(engine);
        stack.kill(worker);
        seconds.push(until_next(stack, Next::Run, &before, start).await);
        stack.kill(engine);
        HOSTS.settle(stack).await;
    }
    Measurement::within("on-air-host-lost", "s", 5.0, &seconds)
}

async fn go_off_air(stack: &Stack, admin: &Api) {
    control(admin, "stop").await;
    stack
        .until_state("the stream is off air", |state| {
            state["status"] == "offline"
        })
        .await;
}

async fn control(admin: &Api, action: &str) {
    let answer = admin
        .post("/api/stream/control", &json!({"action": action}))
        .await;
    assert!(answer.status.is_success(), "{action}: {}", answer.text);
}

/// A segment, and the initialisation section of the run that made it.
#[derive(Clone, Debug, Default)]
struct Newest {
    run: String,
    segment: String,
}

/// What must be another one for the picture to be back.
#[derive(Clone, Copy, Debug)]
enum Next {
    Segment,
    /// A segment of another run: the one before may have listed its last just now.
    Run,
}

/// The newest segment; of no name when there is none.
async fn newest(stack: &Stack) -> Newest {
    let list = Playlist::fetch(&stack.anonymous()).await;
    list.and_then(|list| list.segments.last().cloned())
        .map_or_else(Newest::default, |(run, segment)| Newest { run, segment })
}

/// Seconds since `start` until the next one is listed and its bytes have come.
async fn until_next(stack: &Stack, next: Next, before: &Newest, start: Instant) -> f64 {
    stack
        .until("the picture is back", || async {
            // What was passed to an engine that is gone is asked for again.
            timeout(ANSWER_TIMEOUT, has_next(stack, next, before)).await == Ok(true)
        })
        .await;
    start.elapsed().as_secs_f64()
}

async fn has_next(stack: &Stack, next: Next, before: &Newest) -> bool {
    let now = newest(stack).await;
    let another = match next {
        Next::Segment => now.segment != before.segment,
        Next::Run => now.run != before.run,
    };
    let path = format!("/live/main/{}", now.segment);
    another && !now.segment.is_empty() && stack.anonymous().get(&path).await.status == 200
}
