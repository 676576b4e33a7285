//! What it costs to tell many clients the same, against servers that are made for nothing else.

mod dead;
mod frames;
mod swarm;
mod target;
mod usage;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::time::{sleep, sleep_until};

use crate::measurement::Measurement;
use swarm::Swarm;
use target::Target;
use usage::{cpu_seconds, float, memory_kib};

/// The group's name: `B=fan-out` runs every case; `B=fan-out-1000`, `-5000` and `-dead` one each.
pub(crate) const GROUP: &str = "fan-out";

const CLIENTS: [usize; 2] = [1_000, 5_000];
const DELIVERIES_PER_SECOND: [f64; 2] = [20_000.0, 60_000.0];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(2_500);
const MESSAGE_BYTES: usize = 256;
/// How long the last messages of a round may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// How long connections are left alone before their memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// Bounds: ours over nchan.
const UNBATCHED_GOAL: f64 = 0.8;
const DEFAULT_GOAL: f64 = 0.45;
const MEMORY_GOAL: f64 = 1.1;

/// The cases of this name; none where it names none.
pub(crate) fn run(name: &str) -> anyhow::Result<Vec<Measurement>> {
    let wanted = |case: &str| name == GROUP || name == format!("{GROUP}-{case}");
    raise_descriptors()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut measurements = Vec::new();
    for clients in CLIENTS {
        if wanted(&clients.to_string()) {
            measurements.extend(runtime.block_on(compare(clients))?);
        }
    }
    if wanted("dead") {
        measurements.extend(runtime.block_on(dead::run())?);
    }
    Ok(measurements)
}

/// Every server with so many clients, at every rate.
async fn compare(clients: usize) -> anyhow::Result<Vec<Measurement>> {
    let unbatched = [("fanout.chat.batch_window_ms", "0".to_owned())];
    let targets = [
        Target::nchan().await?,
        Target::ours("unbatched", &unbatched).await?,
        Target::ours("default", &[]).await?,
    ];
    let mut seen = measure(&targets, clients).await?;
    drop(targets);
    // By itself: all connections at the same time would need more open files than many a system
    // allows.
    seen.extend(measure(&[Target::socket_io().await?], clients).await?);
    Ok(results(clients, &seen))
}

/// What was seen of a server.
struct Seen {
    name: &'static str,
    kib_per_connection: f64,
    /// For each rate.
    rounds: Vec<Vec<Round>>,
}

/// Servers with so many clients each, in turns.
async fn measure(targets: &[Target], clients: usize) -> anyhow::Result<Vec<Seen>> {
    let (mut crowds, mut seen) = (Vec::new(), Vec::new());
    for target in targets {
        let crowd = Crowd::open(target, clients).await?;
        seen.push(Seen {
            name: target.name,
            kib_per_connection: crowd.kib_per_connection,
            rounds: Vec::new(),
        });
        crowds.push(crowd);
    }
    for rate in DELIVERIES_PER_SECOND {
        for seen in &mut seen {
            seen.rounds.push(Vec::new());
        }
        for round in 0..ROUNDS {
            for (crowd, seen) in crowds.iter().zip(&mut seen) {
                let round = crowd.round(rate, seed(round)).await?;
                seen.rounds
                    .last_mut()
                    .context("a rate has rounds")?
                    .push(round);
            }
        }
    }
    Ok(seen)
}

/// A server with its clients.
struct Crowd<'a> {
    target: &'a Target,
    swarm: Swarm,
    clients: usize,
    kib_per_connection: f64,
}

/// What was seen of a server for a while.
#[derive(Clone, Debug)]
struct Round {
    /// CPU-seconds of the server for each million deliveries.
    cpu: f64,
    /// Those of its Redis.
    redis_cpu: f64,
    /// 99th percentile of the time from the publisher to a client, in milliseconds.
    p99_ms: f64,
}

impl<'a> Crowd<'a> {
    async fn open(target: &'a Target, clients: usize) -> anyhow::Result<Self> {
        let before = memory_kib(&target.pids()?)?;
        let swarm = Swarm::open(&target.entrance, clients)
            .await
            .with_context(|| format!("connect to {}", target.name))?;
        sleep(SETTLE).await;
        let grown = memory_kib(&target.pids()?)? - before;
        Ok(Self {
            target,
            swarm,
            clients,
            kib_per_connection: grown / float(u64::try_from(clients)?),
        })
    }

    /// Publishes at random moments so that there are `rate` deliveries a second, and waits until
    /// all of them have arrived.
    async fn round(&self, rate: f64, seed: u64) -> anyhow::Result<Round> {
        let Self { target, swarm, .. } = self;
        let (pids, redis) = (target.pids()?, [target.redis_pid()]);
        let heard = &swarm.heard;
        drop(heard.take_delays());
        let (first, cpu, redis_cpu) = (heard.messages(), cpu_seconds(&pids)?, cpu_seconds(&redis)?);
        let clients = u64::try_from(self.clients)?;
        let mut random = Random(seed);
        let start = tokio::time::Instant::now();
        let mut at = start;
        let mut published = 0;
        while start + ROUND > at {
            sleep_until(at).await;
            target.publish(heard.message(MESSAGE_BYTES)).await?;
            published += 1;
            at += random.gap(rate / float(clients));
        }
        let expected = first + published * clients;
        let published_at = Instant::now();
        while heard.messages() < expected {
            anyhow::ensure!(
                published_at.elapsed() < ARRIVAL,
                "{}: {} of {} deliveries are missing, {} connections ended",
                target.name,
                expected - heard.messages(),
                published * clients,
                heard.lost(),
            );
            sleep(Duration::from_millis(5)).await;
        }
        let millions = float(published * clients) / 1e6;
        Ok(Round {
            cpu: (cpu_seconds(&pids)? - cpu) / millions,
            redis_cpu: (cpu_seconds(&redis)? - redis_cpu) / millions,
            p99_ms: p99_ms(heard.take_delays()),
        })
    }
}

/// The 99th percentile of nanoseconds, in milliseconds.
fn p99_ms(mut delays: Vec<u64>) -> f64 {
    delays.sort_unstable();
    let place = delays.len() * 99 / 100;
    delays
        .get(place)
        .map_or(f64::NAN, |nanos| float(*nanos) / 1e6)
}

/// The table's lines.
fn results(clients: usize, seen: &[Seen]) -> Vec<Measurement> {
    let [nchan, unbatched, default, socket_io] = seen else {
        return Vec::new();
    };
    let name = format!("fanout-idle-memory-{clients}");
    let pairs = [(unbatched.kib_per_connection, nchan.kib_per_connection)];
    let mut memory = Measurement::compare(&name, "KiB/connection", "nchan", MEMORY_GOAL, &pairs);
    memory.note = format!("Socket.IO {:.1}", socket_io.kib_per_connection);
    let mut lines = vec![memory];
    for (index, rate) in DELIVERIES_PER_SECOND.iter().enumerate() {
        let case = format!("{clients}-{}k", rate / 1000.0);
        let rounds = |of: &Seen| of.rounds.get(index).cloned().unwrap_or_default();
        let line = |name: &str, goal: f64, ours: &Seen, peer: &Seen| {
            let pairs: Vec<_> = rounds(ours)
                .iter()
                .zip(rounds(peer))
                .map(|(ours, peer)| (ours.cpu, peer.cpu))
                .collect();
            let name = format!("{name}-{case}");
            Measurement::compare(&name, "CPU-s/million", peer.name, goal, &pairs)
        };
        let each = |of: fn(&Round) -> f64| {
            let each = seen.iter().map(|seen| {
                let runs: Vec<_> = rounds(seen).iter().map(|round| (of(round), 1.0)).collect();
                let median = Measurement::compare("", "", "", 1.0, &runs).ours;
                format!("{} {median:.1}", seen.name)
            });
            each.collect::<Vec<_>>().join(", ")
        };
        let mut first = line("fanout-cpu-unbatched", UNBATCHED_GOAL, unbatched, nchan);
        first.note = format!(
            "p99 in ms: {}; of Redis: {}",
            each(|round| round.p99_ms),
            each(|round| round.redis_cpu)
        );
        lines.extend([
            first,
            line("fanout-cpu", DEFAULT_GOAL, default, nchan),
            line("fanout-cpu-socket-io", 1.0, default, socket_io),
        ]);
    }
    lines
}

/// Moments at which independent people do something: the same in every run.
struct Random(u64);

impl Random {
    /// Until the next of `rate` a second.
    fn gap(&mut self, rate: f64) -> Duration {
        // xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let uniform = (float(self.0 >> 12) + 1.0) / float((1 << 52) + 1);
        Duration::from_secs_f64(-uniform.ln() / rate)
    }
}

fn seed(round: usize) -> u64 {
    0x9e37_79b9_7f4a_7c15 ^ u64::try_from(round).unwrap_or(0)
}

/// Both ends of so many connections are here or in processes that inherit the limit.
fn raise_descriptors() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raise the limit of open files")
}
