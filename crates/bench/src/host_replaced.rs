#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use sm_common::clock::Timestamp;
use sm_e2e::{Stack, StackOptions};
use sm_test_kit::Api;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::measurement::Measurement;

/// The group's name: `B=host-replaced` runs both cases.
pub(crate) const GROUP: &str = "host-replaced";

const ROUNDS: usize = 5;
const NET: &str = "127.83";
const ENGINES: u8 = 2;
/// How often a player looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a player waits for an answer before it asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// Segments of the second run after which a round is over.
const SEGMENTS: usize = 3;

/// A planned replacement of the host that holds the stream, as a player sees it through Traefik:
/// milliseconds that are in no segment, and the longest wait for a segment that it can fetch.
/// Segments are of one second.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let runtime = tokio::runtime::Runtime::new()?;
    // Two hosts on one machine: engines that share this directory do not stand by for each other.
    let hosts = [TempDir::new()?, TempDir::new()?];
    let mut options = StackOptions::at(NET);
    options.scale = vec!["stream-engine=2"];
    for (number, host) in (1..=ENGINES).zip(&hosts) {
        let directory = host.path().display();
        let set = format!("stream-engine-{number}.SM__WORKER__PID_DIRECTORY={directory}");
        options.set.push(set);
    }
    let stack = Stack::start(options);
    runtime.block_on(async {
        let (mut uncovered_ms, mut wait_s) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            settle(&stack).await;
            let seen = replace(&stack).await;
            uncovered_ms.push(seen.uncovered_ms);
            wait_s.push(seen.wait_s);
        }
        Ok(vec![
            Measurement::within("host-replaced-uncovered", "ms", 1.0, &uncovered_ms),
            Measurement::within("host-replaced-wait", "s", 2.0, &wait_s),
        ])
    })
}

/// What a player has seen of a replacement.
struct Seen {
    uncovered_ms: f64,
    wait_s: f64,
}

/// A listed segment.
#[derive(Clone, Debug)]
struct Listed {
    run: String,
    file: String,
    start: Timestamp,
    end: Timestamp,
}

async fn replace(stack: &Stack) -> Seen {
    let viewer = stack.anonymous();
    let before = listed(&viewer).await;
    let first_run = before.last().unwrap().run.clone();
    let holder = stack.pid(&holder(stack).await).unwrap();
    let told = Command::new("kill")
        .args(["-TERM", &holder.to_string()])
        .status();
    assert!(told.unwrap().success());
    let mut newest = before.last().unwrap().clone();
    let (mut fetched_at, mut wait) = (Instant::now(), Duration::ZERO);
    loop {
        let now = timeout(ANSWER_TIMEOUT, listed(&viewer))
            .await
            .unwrap_or_default();
        if let Some(last) = now.last()
            && last.file != newest.file
        {
            let path = format!("/live/main/{}", last.file);
            let answer = timeout(ANSWER_TIMEOUT, viewer.get(&path)).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                wait = wait.max(fetched_at.elapsed());
                (newest, fetched_at) = (last.clone(), Instant::now());
            }
        }
        let of_next = now.iter().filter(|one| one.run != first_run).count();
        if of_next >= SEGMENTS {
            return Seen {
                uncovered_ms: uncovered(&now).as_secs_f64() * 1000.0,
                wait_s: wait.as_secs_f64(),
            };
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The time between two runs that is in no segment. Within a run the segments follow on one
/// another.
fn uncovered(list: &[Listed]) -> Duration {
    let pairs = list.iter().zip(list.iter().skip(1));
    let changes = pairs.filter(|(one, next)| one.run != next.run);
    changes.map(|(one, next)| next.start.since(one.end)).sum()
}

async fn listed(viewer: &Api) -> Vec<Listed> {
    let answer = viewer.get("/live/main/index.m3u8").await;
    let mut list = Vec::new();
    if answer.status != 200 {
        return list;
    }
    let (mut run, mut start, mut length) = (String::new(), None, Duration::ZERO);
    for line in answer.text.lines() {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:") {
            map.clone_into(&mut run);
        } else if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            start = serde_json::from_value::<Timestamp>(json!(date)).ok();
        } else if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            let seconds = seconds.trim_end_matches(',').parse().unwrap();
            length = Duration::from_secs_f64(seconds);
        } else if !line.starts_with('#') && !line.is_empty() {
            let start = start.unwrap();
            list.push(Listed {
                run: run.clone(),
                file: line.to_owned(),
                start,
                end: start.plus(length),
            });
        }
    }
    list
}

/// Which process holds the stream.
async fn holder(stack: &Stack) -> String {
    let state = stack.state().await;
    for number in 1..=ENGINES {
        let health = Api::new(format!("http://{NET}.6.{number}:4291"));
        let report = health.get("/health").await;
        if report.body["instance"] == state["engine"]["instance"] {
            return format!("stream-engine-{number}");
        }
    }
    panic!("an engine holds the stream: {state}")
}

/// Waits until the stream is live on one run, and both engines run.
async fn settle(stack: &Stack) {
    stack
        .until_state("the stream is live", |state| state["status"] == "live")
        .await;
    stack
        .until("the engines are ready, and one run is listed", || async {
            for number in 1..=ENGINES {
                let health = Api::new(format!("http://{NET}.6.{number}:4291"));
                let answer = health.try_get("/health/ready").await;
                if answer.is_none_or(|answer| answer.status != 200) {
                    return false;
                }
            }
            let list = listed(&stack.anonymous()).await;
            let first = list.first().map(|one| one.run.clone());
            first.is_some() && list.iter().all(|one| Some(&one.run) == first.as_ref())
        })
        .await;
}
