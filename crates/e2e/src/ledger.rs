//! Samples and messages are published while replicas of analytics and Redis are killed. What was
//! published is written down; at the end it is compared with what analytics says, value by value and
//! sum by sum.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use sm_bus::{Bus, BusConfig, Commit, keys, redis};
use sm_common::auth::Role;
use sm_common::chat::ChatMessage;
use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::event::{Channel, Payload};
use sm_common::id::{InstanceId, StreamId, UserId};
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_test_kit::{Api, until};
use tokio::task::JoinHandle;

use crate::fleet::Fleet;

/// Longest that any part of it may take.
const PATIENCE: Duration = Duration::from_mins(30);
/// Replicas of analytics.
const REPLICAS: u8 = 3;
/// What dies, in turns.
const VICTIMS: [&str; 4] = ["analytics-1", "redis", "analytics-2", "analytics-3"];
/// Events that are published at once.
const BATCH: usize = 100;
/// Most events of a channel that wait to be read: fewer than are kept.
const BACKLOG_MAX: u64 = 3000;
/// Events that are kept of a channel.
const HISTORY_MAX: usize = 8000;
/// How long analytics keeps seconds here, and how long ago the first is.
const SECONDS_KEPT_S: i64 = 86_400;
const BEGIN_S: i64 = 72_000;
/// How late a sample may come.
const LATE_S: i64 = 3600;
/// How long Redis remembers that a batch was published.
const REMEMBERED: Duration = Duration::from_hours(1);

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct LedgerPlan {
    /// First two numbers of the addresses.
    pub net: &'static str,
    /// Samples that are published, of all streams together.
    pub samples: usize,
    /// Over how many streams.
    pub streams: usize,
    /// How often something is killed.
    pub deaths: usize,
    /// What all choices follow from.
    pub seed: u64,
}

/// What was seen of it.
#[derive(Debug)]
pub struct LedgerReport {
    /// Samples that were published.
    pub samples: usize,
    /// Those of them that came late, or again with another value.
    pub late_or_repeated: usize,
    /// Seconds that have a sample: what must be kept.
    pub seconds: usize,
    /// Chat messages that were published.
    pub messages: usize,
    /// What was killed.
    pub deaths: usize,
    /// How long it took until everything was read and packed.
    pub length: Duration,
}

/// What was published about one stream.
#[derive(Debug, Default)]
struct Book {
    /// The last value of each second.
    viewers: BTreeMap<i64, u64>,
    messages: usize,
    late_or_repeated: usize,
}

/// Publishes while things die, and compares. Panics where a value, a count or a sum differs.
pub async fn keep_ledger(plan: LedgerPlan) -> LedgerReport {
    let begin = Instant::now();
    let settings = [
        ("", "SM__TELEMETRY__LOG", "warn"),
        // Waiting for a busy machine is no failure here.
        ("", "SM__REDIS__TIMEOUT_MS", "10000"),
        ("analytics", "SM__RETENTION__SECONDS_S", "86400"),
        ("analytics", "SM__PACKING__INTERVAL_MS", "500"),
    ];
    let mut fleet = Fleet::start(plan.net, &[("analytics", REPLICAS)], &settings).await;
    let bus = publisher(&fleet);
    let streams: Vec<StreamId> = (0..plan.streams)
        .map(|number| format!("stream-{number}").parse().unwrap())
        .collect();
    let names = streams.iter().map(StreamId::as_str);
    let mut command = redis::cmd("SADD");
    command.arg(keys::STREAMS).arg(names.collect::<Vec<_>>());
    let _added: u64 = bus.query(&command).await.unwrap();

    let done = Arc::new(AtomicUsize::new(0));
    let mut seeds = Rng::with_seed(plan.seed);
    let publishing = streams.iter().map(|stream| {
        let desk = Desk {
            bus: bus.clone(),
            stream: stream.clone(),
            random: seeds.fork(),
            begin_s: SystemClock.now().as_unix_seconds() - BEGIN_S,
            book: Book::default(),
        };
        tokio::spawn(desk.publish(plan.samples / plan.streams, Arc::clone(&done)))
    });
    let publishing: Vec<JoinHandle<Book>> = publishing.collect();
    kill_in_turns(&mut fleet, &plan, &done, &publishing).await;
    let mut books = Vec::new();
    for book in publishing {
        books.push(book.await.expect("everything was published"));
    }
    for stream in &streams {
        until_read(&bus, stream, 0).await;
        until_packed(&bus, stream).await;
    }
    let length = begin.elapsed();
    let token = fleet.token(UserId::generate(), "clerk", Role::Operator);
    let api = Api::new(fleet.url("analytics-1")).with_token(token);
    for (stream, book) in streams.iter().zip(&books) {
        compare(&api, stream, book).await;
    }
    LedgerReport {
        samples: plan.samples / plan.streams * plan.streams,
        late_or_repeated: books.iter().map(|book| book.late_or_repeated).sum(),
        seconds: books.iter().map(|book| book.viewers.len()).sum(),
        messages: books.iter().map(|book| book.messages).sum(),
        deaths: plan.deaths,
        length,
    }
}

/// Whoever publishes, with histories as long as a backlog needs.
fn publisher(fleet: &Fleet) -> Bus {
    let config = BusConfig {
        history_max: HISTORY_MAX,
        timeout_ms: 10_000,
        ..BusConfig::at(fleet.redis().url())
    };
    let name = "stream-engine";
    let clock = SystemClock::shared();
    Bus::new(config, name, InstanceId::generate(name), clock).unwrap()
}

/// Publishes about one stream, and writes it down.
struct Desk {
    bus: Bus,
    stream: StreamId,
    random: Rng,
    begin_s: i64,
    book: Book,
}

impl Desk {
    async fn publish(mut self, samples: usize, done: Arc<AtomicUsize>) -> Book {
        let mut next = self.begin_s;
        for batch in 0..samples.div_ceil(BATCH) {
            let count = BATCH.min(samples - batch * BATCH);
            let mut chosen = Vec::with_capacity(count);
            for _ in 0..count {
                let second = self.choose(&mut next);
                let viewers = self.random.u64(0..1_000_000);
                let before = self.book.viewers.insert(second, viewers);
                let is_new = before.is_none() && second + 1 == next;
                self.book.late_or_repeated += usize::from(!is_new);
                chosen.push((second, viewers));
            }
            let samples: Vec<MetricsSample> = chosen
                .iter()
                .map(|(second, viewers)| self.sample(*second, *viewers))
                .collect();
            self.commit(&format!("samples-{batch}"), &samples).await;
            let posted = self.random.usize(0..5);
            let messages: Vec<ChatMessage> = (0..posted).map(|_| self.message(next)).collect();
            self.commit(&format!("messages-{batch}"), &messages).await;
            self.book.messages += posted;
            done.fetch_add(count, Ordering::Relaxed);
            until_read(&self.bus, &self.stream, BACKLOG_MAX).await;
        }
        self.book
    }

    /// The next second, mostly: some are left out for now, some come late, and some again.
    fn choose(&mut self, next: &mut i64) -> i64 {
        let kind = self.random.u8(0..100);
        if kind < 2 && *next > self.begin_s {
            let earliest = self.begin_s.max(*next - LATE_S);
            return self.random.i64(earliest..*next);
        }
        *next += i64::from(kind == 99);
        let second = *next;
        *next += 1;
        second
    }

    fn sample(&self, second: i64, viewers: u64) -> MetricsSample {
        MetricsSample {
            stream: self.stream.clone(),
            at: Timestamp::from_unix_millis(second * 1000),
            performance: Performance {
                fps: Some(30.0),
                frames_total: u64::try_from(second - self.begin_s).ok(),
                ..Performance::default()
            },
            viewers: Viewers {
                current: viewers,
                peak: viewers,
                ..Viewers::default()
            },
        }
    }

    fn message(&mut self, next: i64) -> ChatMessage {
        let second = self.random.i64(self.begin_s..=next);
        ChatMessage::new(
            UserId::generate(),
            "somebody",
            Role::Viewer,
            "hello",
            Timestamp::from_unix_millis(second * 1000),
        )
    }

    /// Publishes once, however often Redis has to be asked.
    async fn commit<P: Payload>(&self, batch: &str, payloads: &[P]) {
        if payloads.is_empty() {
            return;
        }
        let key = keys::idempotency(&self.stream, batch);
        until("the batch is published", PATIENCE, || async {
            let events = payloads
                .iter()
                .map(|payload| self.bus.event(&self.stream, payload, None).unwrap())
                .collect();
            let once = Commit::new().once(key.clone(), "done".to_owned(), REMEMBERED);
            self.bus.commit(once, events).await.is_ok()
        })
        .await;
    }
}

/// Waits until at most `behind` events of each channel of a stream have not been read.
async fn until_read(bus: &Bus, stream: &StreamId, behind: u64) {
    until("what was published is read", PATIENCE, || {
        Box::pin(async {
            for channel in [Channel::Metrics, Channel::Chat] {
                let Ok(current) = bus.current_position(stream, channel).await else {
                    return false;
                };
                let mut command = redis::cmd("HGET");
                command
                    .arg(keys::analytics_position(stream, channel))
                    .arg("offset");
                let Ok(read) = bus.query::<Option<u64>>(&command).await else {
                    return false;
                };
                let published = current.map_or(0, |current| current.offset);
                if published > read.unwrap_or(0) + behind {
                    return false;
                }
            }
            true
        })
    })
    .await;
}

/// Waits until no second waits to be packed: all of them are over.
async fn until_packed(bus: &Bus, stream: &StreamId) {
    until("what was read is packed", PATIENCE, || {
        Box::pin(async {
            let mut command = redis::cmd("EXISTS");
            command.arg(keys::open_blocks(stream));
            bus.query::<u64>(&command).await.is_ok_and(|open| open == 0)
        })
    })
    .await;
}

/// Kills one process after the other, spread over what is published.
async fn kill_in_turns(
    fleet: &mut Fleet,
    plan: &LedgerPlan,
    done: &AtomicUsize,
    publishing: &[JoinHandle<Book>],
) {
    for (death, victim) in (1..=plan.deaths).zip(VICTIMS.iter().cycle()) {
        let until_then = plan.samples * death / (plan.deaths + 1);
        until("enough was published", PATIENCE, || async {
            let ended = publishing.iter().all(JoinHandle::is_finished);
            ended || done.load(Ordering::Relaxed) >= until_then
        })
        .await;
        if *victim == "redis" {
            fleet.restart_redis();
        } else {
            fleet.restart(victim).await;
        }
    }
}

/// Compares what is kept of a stream with what was published: each second, and in each resolution
/// the count and the sum.
async fn compare(api: &Api, stream: &StreamId, book: &Book) {
    let rows = |resolution: &'static str, metric: &'static str| async move {
        let path = format!(
            "/api/analytics/export?stream={stream}&metric={metric}&from=-{SECONDS_KEPT_S}s&resolution={resolution}&format=ndjson"
        );
        let answer = api.get(&path).await.expect(200).text;
        let rows = answer.lines().map(serde_json::from_str);
        rows.map(Result::unwrap).collect::<Vec<Value>>()
    };
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap();
    let seconds: BTreeMap<i64, f64> = rows("1s", "viewers")
        .await
        .iter()
        .map(|row| {
            let time: Timestamp = serde_json::from_value(row["time"].clone()).unwrap();
            (time.as_unix_seconds(), number(row, "last"))
        })
        .collect();
    let whole = |value: u64| f64::from(u32::try_from(value).unwrap());
    let published = book.viewers.iter();
    let published: BTreeMap<i64, f64> = published.map(|(at, value)| (*at, whole(*value))).collect();
    assert_eq!(seconds, published, "{stream}");
    let totals = |rows: &[Value]| {
        let sum = |field| rows.iter().map(|row| number(row, field)).sum::<f64>();
        (sum("count"), sum("sum"))
    };
    let count = whole(u64::try_from(published.len()).unwrap());
    let expected = (count, published.values().sum::<f64>());
    for resolution in ["1s", "10s", "1m", "1h"] {
        let kept = totals(&rows(resolution, "viewers").await);
        assert_eq!(kept, expected, "{stream} in {resolution}");
        let (_, messages) = totals(&rows(resolution, "chat_messages").await);
        let expected = whole(u64::try_from(book.messages).unwrap());
        assert_eq!(
            messages.to_bits(),
            expected.to_bits(),
            "{stream} in {resolution}"
        );
    }
}
