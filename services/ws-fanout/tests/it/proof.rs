//! Recovery as a property. Events are published while clients are cut, replicas killed, Redis killed
//! and histories shortened, all by dice. Each client keeps a diary, which is checked afterwards: its log
//! is exactly the sequence, or it was told `recovered: false` where nothing else was possible.
//!
//! `PROOF_EVENTS`, `PROOF_CLIENTS` and `PROOF_SEED` make it longer, or another one.

mod client;
mod diary;
mod dice;
mod stage;
mod truth;

use std::sync::Arc;
use std::time::Instant;

use self::dice::Dice;
use self::stage::Stage;
use self::truth::Counts;

/// How much of it there is.
#[derive(Clone, Copy, Debug)]
struct Plan {
    events: usize,
    clients: usize,
    seed: u64,
}

impl Plan {
    /// What the suite runs, unless somebody wants more.
    fn chosen() -> Self {
        Self {
            events: chosen("PROOF_EVENTS", 1_000),
            clients: chosen("PROOF_CLIENTS", 12),
            seed: chosen("PROOF_SEED", 7),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no service's configuration"
)]
pub(crate) fn chosen<T: std::str::FromStr>(name: &str, usual: T) -> T {
    let chosen = std::env::var(name).ok();
    chosen.map_or(usual, |chosen| {
        chosen.parse().ok().expect("a number is given")
    })
}

/// Events between two misfortunes, on average.
const CALM: usize = 80;
/// Most events that are published before somebody has heard them.
const BURST: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_each_client_hears_the_sequence_or_is_told_that_it_could_not() {
    let plan = Plan::chosen();
    let began = Instant::now();
    let mut stage = Stage::set().await;
    let clients: Vec<_> = (0..plan.clients)
        .map(|number| {
            let seed = plan.seed.wrapping_mul(1_000);
            let dice = Dice::new(seed.wrapping_add(u64::try_from(number).unwrap()));
            tokio::spawn(client::follow(Arc::clone(&stage.shared), number, dice))
        })
        .collect();
    let mut dice = Dice::new(plan.seed);
    let mut misfortunes = Counts::default();
    let mut redis_deaths = 0;
    while stage.truth.kept() < plan.events {
        let burst = dice.roll(BURST) + 1;
        for _ in 0..burst {
            stage.publish().await;
        }
        stage.heard_by_somebody().await;
        if dice.roll(CALM) < burst {
            let happened = match dice.roll(8) {
                // Each costs a second or two.
                0 if redis_deaths * 500 <= stage.truth.kept() => {
                    redis_deaths += 1;
                    stage.kill_redis().await;
                    "Redis killed"
                }
                1 => {
                    stage.shorten_history().await;
                    "history shortened"
                }
                _ => {
                    stage.kill_a_replica(&mut dice).await;
                    "replica killed"
                }
            };
            misfortunes.count(happened);
        }
    }
    // At least one of each, whatever the dice say.
    stage.kill_redis().await;
    misfortunes.count("Redis killed");
    stage.kill_a_replica(&mut dice).await;
    misfortunes.count("replica killed");
    stage.publish().await;
    stage.end();

    let mut counts = misfortunes;
    for client in clients {
        let diary = client.await.unwrap();
        stage.truth.check(&diary, &mut counts);
    }
    let took = began.elapsed();
    println!(
        "{plan:?}: {} events kept, {} of unknown fate; {counts:?}; {took:.1?}",
        stage.truth.kept(),
        stage.truth.unsure()
    );
    for needed in [
        "replica killed",
        "recovered",
        "not recovered: another history",
    ] {
        assert!(counts.of(needed) > 0, "no {needed} in {counts:?}");
    }
}
