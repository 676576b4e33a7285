#![expect(
    clippy::expect_used,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use sm_e2e::{Stack, StackOptions};
use tempfile::TempDir;

use crate::hosts::Hosts;
use crate::measurement::Measurement;
use crate::player::{Player, Seen, listed};

/// The group's name: `B=host-replaced` runs both cases.
pub(crate) const GROUP: &str = "host-replaced";

const ROUNDS: usize = 5;
const HOSTS: Hosts = Hosts {
    net: "127.83",
    count: 2,
};
/// Segments of the second run after which a round is over.
const SEGMENTS: usize = 3;

/// A planned replacement of the host that holds the stream, as a player sees it through Traefik:
/// milliseconds that are in no segment, and the longest wait for a segment that it can fetch.
/// Segments are of one second.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let runtime = tokio::runtime::Runtime::new()?;
    // Two hosts on one machine: engines that share this directory do not stand by for each other.
    let hosts = [TempDir::new()?, TempDir::new()?];
    let mut options = StackOptions::at(HOSTS.net);
    options.scale = vec!["stream-engine=2"];
    for (number, host) in (1..=HOSTS.count).zip(&hosts) {
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

async fn replace(stack: &Stack) -> Seen {
    let mut player = Player::watch(stack.anonymous()).await;
    let first_run = player.first_run().to_owned();
    let holder = HOSTS.holder(stack).await;
    stack.end(stack.pid(&holder).expect("the holder runs"));
    player
        .until(|seen| seen.iter().filter(|one| one.run != first_run).count() >= SEGMENTS)
        .await;
    player.seen()
}

/// Waits until the stream is live on one run, and both engines run.
async fn settle(stack: &Stack) {
    HOSTS.settle(stack).await;
    stack
        .until("one run is listed", || async {
            let list = listed(&stack.anonymous()).await;
            let first = list.first().map(|one| one.run.as_str());
            first.is_some() && list.iter().all(|one| Some(one.run.as_str()) == first)
        })
        .await;
}
