#![expect(
    clippy::expect_used,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use sm_e2e::{Stack, StackOptions};

use crate::hosts::Hosts;
use crate::measurement::Measurement;
use crate::player::Player;

/// The group's name: `B=restarts` runs every case.
pub(crate) const GROUP: &str = "restarts";

const HOSTS: Hosts = Hosts {
    net: "127.83",
    count: 1,
};
/// Everything that may be restarted while a stream is on air, but for the way to the player.
const PROCESSES: [&str; 7] = [
    "api-gateway",
    "stream-control",
    "layer-service",
    "analytics",
    "ws-fanout",
    "redis",
    "stream-engine",
];
const ROUNDS: usize = 3;
/// Segments that are watched after the successor has come.
const SEGMENTS: usize = 4;

/// A restart of each process, one replica of each, as a player sees it through Traefik:
/// milliseconds that are in no segment, and the longest wait for a segment that it can fetch.
/// Segments are of one second.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut options = StackOptions::at(HOSTS.net);
    // An engine that ends for good ends its workers; one that is restarted on its host keeps them,
    // and does not wait for others to serve the picture.
    options.set = ["WORKER__KEEP_ON_STOP=true", "HTTP__DRAIN_MS=0"]
        .map(|variable| format!("stream-engine.SM__{variable}"))
        .into();
    let stack = Stack::start(options);
    runtime.block_on(async {
        let mut all = Vec::new();
        for process in PROCESSES {
            let (mut uncovered_ms, mut wait_s) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                HOSTS.settle(&stack).await;
                let mut player = Player::watch(stack.anonymous()).await;
                player.play_during(restart(&stack, process)).await;
                player.play(SEGMENTS).await;
                let seen = player.seen();
                uncovered_ms.push(seen.uncovered_ms);
                wait_s.push(seen.wait_s);
            }
            let uncovered = format!("restarts-{process}-uncovered");
            all.push(Measurement::within(&uncovered, "ms", 1.0, &uncovered_ms));
            let wait = format!("restarts-{process}-wait");
            all.push(Measurement::within(&wait, "s", 2.0, &wait_s));
        }
        Ok(all)
    })
}

/// Asks the process to end, and waits until it is started again.
async fn restart(stack: &Stack, process: &str) {
    let process = format!("{process}-1");
    let pid = stack.pid(&process).expect("it runs");
    stack.end(pid);
    stack
        .until("it is started again", || async {
            stack
                .pid(&process)
                .is_some_and(|successor| successor != pid)
        })
        .await;
}
