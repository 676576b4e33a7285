use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sm_analytics::{ABOUT, Config, serve};
use sm_bus::{Bus, BusConfig, keys, redis};
use sm_common::auth::Role;
use sm_common::chat::ChatMessage;
use sm_common::clock::{Clock as _, ManualClock, SystemClock, Timestamp};
use sm_common::event::{
    Channel, LayerDeleted, Payload, StreamErrorCleared, StreamErrorRaised, StreamStateChanged,
};
use sm_common::id::{InstanceId, LayerId, SceneId, StreamId, UserId};
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_common::program::ProgramFormat;
use sm_common::stream::{
    ChosenScenes, DesiredState, DesiredStatus, ObservedState, Severity, StreamError, StreamState,
    StreamStatus,
};
use sm_service_kit::Kit;
use sm_test_kit::{Answer, Api, Issuer, Redis, Running, until, until_some};

/// Longest wait for what should take milliseconds.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A Redis, everybody who publishes, and replicas of analytics that come and go.
pub(crate) struct Harness {
    pub(crate) redis: Redis,
    pub(crate) issuer: Issuer,
    pub(crate) bus: Bus,
    /// A whole minute, ten minutes ago: where the samples of a test begin.
    pub(crate) start: Timestamp,
    /// The clock of everybody who publishes.
    clock: Arc<ManualClock>,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let redis = Redis::start();
        let now = SystemClock.now().as_unix_seconds();
        let start = Timestamp::from_unix_millis((now.div_euclid(60) - 10) * 60_000);
        let clock = Arc::new(ManualClock::new(start));
        Self {
            bus: publisher(&redis, &clock, 1000),
            redis,
            issuer: Issuer::new(),
            start,
            clock,
        }
    }

    /// Lets the samples begin with a whole hour, so long ago.
    pub(crate) fn begin_hours_ago(&mut self, hours: i64) {
        let now = SystemClock.now().as_unix_seconds();
        let hour = now.div_euclid(3600) - hours;
        self.start = Timestamp::from_unix_millis(hour * 3_600_000);
        self.clock = Arc::new(ManualClock::new(self.start));
        self.reconnect(1000);
    }

    /// Connects the publishers anew; their logs keep about `history_max` events.
    pub(crate) fn reconnect(&mut self, history_max: usize) {
        self.bus = publisher(&self.redis, &self.clock, history_max);
    }

    /// Lets the publishers' time go on to `second`, if it has not yet.
    pub(crate) fn move_to(&self, second: u64) {
        self.clock.advance(self.at(second).since(self.clock.now()));
    }

    /// One more replica.
    pub(crate) fn replica(&self, changes: &[(&str, &str)]) -> Running {
        let url = self.redis.url();
        let mut settings = vec![("redis.url", url.as_str()), ("ingest.retry_ms", "50")];
        settings.extend_from_slice(changes);
        let config: Config = Running::config(&ABOUT, &settings);
        Running::start(ABOUT, config, self.issuer.key_source(), serve)
    }

    pub(crate) fn as_role(&self, service: &Running, role: Role) -> Api {
        Api::new(service.url()).with_token(self.issuer.token(role))
    }

    pub(crate) fn operator(&self, service: &Running) -> Api {
        self.as_role(service, Role::Operator)
    }

    /// The moment `second` seconds after the start.
    pub(crate) fn at(&self, second: u64) -> Timestamp {
        self.start.plus(Duration::from_secs(second))
    }

    pub(crate) async fn publish<P: Payload>(&self, payload: &P) {
        let stream = StreamId::default();
        self.bus.publish(&stream, payload, None).await.unwrap();
    }

    /// Publishes a sample of a second.
    pub(crate) async fn sample(&self, second: u64, performance: Performance, viewers: u64) {
        self.publish(&MetricsSample {
            stream: StreamId::default(),
            at: self.at(second),
            performance,
            viewers: Viewers {
                current: viewers,
                peak: viewers,
                ..Viewers::default()
            },
        })
        .await;
    }

    /// Publishes samples of `seconds`, with fps and viewers that the second follows from.
    pub(crate) async fn samples(&self, seconds: std::ops::Range<u64>) {
        for second in seconds {
            let performance = Performance {
                fps: Some(fps(second)),
                ..Performance::default()
            };
            self.sample(second, performance, viewers(second)).await;
        }
    }

    pub(crate) async fn chat(&self, second: u64) {
        self.move_to(second);
        self.post(second).await;
    }

    /// A message that was posted at `second` and is heard of now.
    pub(crate) async fn chat_late(&self, second: u64) {
        self.post(second).await;
    }

    async fn post(&self, second: u64) {
        self.publish(&ChatMessage::new(
            UserId::generate(),
            "somebody",
            Role::Viewer,
            "hello",
            self.at(second),
        ))
        .await;
    }

    pub(crate) async fn change_layer(&self, second: u64) {
        self.move_to(second);
        self.publish(&LayerDeleted {
            layer: LayerId::generate(),
            scene: SceneId::generate(),
            scene_revision: 1,
        })
        .await;
    }

    /// Publishes that the stream's status became another.
    pub(crate) async fn status(&self, second: u64, status: StreamStatus, live_since: Option<u64>) {
        let since = self.at(second);
        let desired = DesiredState {
            stream: StreamId::default(),
            status: DesiredStatus::Live,
            generation: 1,
            revision: 1,
            since,
            changed_by: "test".to_owned(),
            program: ProgramFormat::default(),
            ladder: Vec::new(),
            outputs: Vec::new(),
            forced: false,
            chosen: ChosenScenes::default(),
        };
        let mut observed = ObservedState::never_held(StreamId::default(), since);
        observed.status = status;
        observed.live_since = live_since.map(|second| self.at(second));
        self.publish(&StreamStateChanged(StreamState::join(&desired, observed)))
            .await;
    }

    /// Waits until every log of the stream has been read to its end.
    pub(crate) async fn until_read(&self) {
        until("every log has been read", LIMIT, || {
            Box::pin(async {
                for channel in Channel::ALL {
                    if self.behind(channel).await != Some(0) {
                        return false;
                    }
                }
                true
            })
        })
        .await;
    }

    /// Waits until every log has been read, and everything that was read is packed: it must be over.
    pub(crate) async fn until_packed(&self) {
        self.until_read().await;
        self.until_gone(&[keys::open_blocks(&StreamId::default())])
            .await;
    }

    /// Waits until none of `keys` is there.
    pub(crate) async fn until_gone(&self, keys: &[String]) {
        until("the keys are gone", LIMIT, || {
            Box::pin(async {
                let mut command = redis::cmd("EXISTS");
                let found = self.bus.query::<u64>(command.arg(keys)).await;
                found.is_ok_and(|found| found == 0)
            })
        })
        .await;
    }

    /// Events of a channel that have not been read; `None` before the first look, and while
    /// Redis does not answer.
    pub(crate) async fn behind(&self, channel: Channel) -> Option<u64> {
        let stream = StreamId::default();
        let current = self.bus.current_position(&stream, channel).await.ok()?;
        let current = current.map_or(0, |current| current.offset);
        let mut command = redis::cmd("HGET");
        command
            .arg(keys::analytics_position(&stream, channel))
            .arg("offset");
        let read: Option<u64> = self.bus.query(&command).await.ok()?;
        Some(current - read?)
    }

    /// A moment as a parameter of a query.
    pub(crate) fn time(&self, second: u64) -> String {
        self.at(second).to_string().replace('+', "%2B")
    }

    /// Reads a series: for each step mean, lowest and highest value.
    pub(crate) async fn series(
        &self,
        api: &Api,
        metric: &str,
        seconds: std::ops::Range<u64>,
        step: &str,
    ) -> Vec<[Option<f64>; 3]> {
        let (from, to) = (self.time(seconds.start), self.time(seconds.end));
        let path =
            format!("/api/analytics/timeseries?metric={metric}&from={from}&to={to}&step={step}");
        let answer: Answer = api.get(&path).await.expect(200);
        answer.body["metrics"][0]["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| [1, 2, 3].map(|place| point[place].as_f64()))
            .collect()
    }
}

fn publisher(redis: &Redis, clock: &Arc<ManualClock>, history_max: usize) -> Bus {
    let config = BusConfig {
        history_max,
        ..BusConfig::at(redis.url())
    };
    let name = "stream-engine";
    let clock: Arc<ManualClock> = Arc::clone(clock);
    Bus::new(config, name, InstanceId::generate(name), clock).unwrap()
}

impl Harness {
    /// A replica that looks at rules often, and at a stream as soon as it is on air.
    pub(crate) fn watching(&self, changes: &[(&str, &str)]) -> Running {
        let mut settings = vec![
            ("alerts.interval_ms", "50"),
            ("alerts.settle_s", "0"),
            ("incidents.settle_ms", "100"),
            ("delivery.interval_ms", "50"),
        ];
        settings.extend_from_slice(changes);
        self.replica(&settings)
    }

    /// The stream has been on air since the start.
    pub(crate) async fn on_air(&self) {
        self.status(0, StreamStatus::Live, Some(0)).await;
    }

    /// Publishes a sample of this very second.
    pub(crate) async fn fps_now(&self, fps: f64) {
        self.publish(&MetricsSample {
            stream: StreamId::default(),
            at: SystemClock.now(),
            performance: Performance {
                fps: Some(fps),
                ..Performance::default()
            },
            viewers: Viewers::default(),
        })
        .await;
    }

    /// Publishes, at the publishers' time, that something went wrong.
    pub(crate) async fn raise(&self, code: &str, component: &str, message: &str) {
        let error = error(code, component, message, self.clock.now());
        self.publish(&StreamErrorRaised(error)).await;
    }

    /// Publishes the same at this very moment.
    pub(crate) async fn raise_now(&self, code: &str, component: &str, message: &str) {
        let error = error(code, component, message, SystemClock.now());
        self.publish_now(&StreamErrorRaised(error)).await;
    }

    /// Publishes that it is right again, at this very moment.
    pub(crate) async fn clear(&self, code: &str, component: &str) {
        let error = error(code, component, "over", SystemClock.now());
        self.publish_now(&StreamErrorCleared(error)).await;
    }

    async fn publish_now<P: Payload>(&self, payload: &P) {
        let stream = StreamId::default();
        let bus = self.redis.bus("stream-engine");
        bus.publish(&stream, payload, None).await.unwrap();
    }

    /// The types and payloads of all events on `alerts`, oldest first.
    pub(crate) async fn told(&self) -> Vec<(String, Value)> {
        let stream = StreamId::default();
        let newest = self.bus.newest(&stream, Channel::Alerts, 500).await;
        newest
            .unwrap()
            .into_iter()
            .map(|published| {
                let event = published.event;
                (event.kind.as_str().to_owned(), event.data)
            })
            .collect()
    }

    /// How many events of a type there are on `alerts`.
    pub(crate) async fn told_of(&self, kind: &str) -> usize {
        let told = self.told().await;
        told.iter().filter(|(known, _)| known == kind).count()
    }
}

fn error(code: &str, component: &str, message: &str, since: Timestamp) -> StreamError {
    StreamError {
        code: code.to_owned(),
        severity: Severity::Error,
        component: component.to_owned(),
        message: message.to_owned(),
        since,
        count: 1,
        recovering: true,
    }
}

/// A rule that fires as soon as the latest frame rate of the last minute is below 20.
pub(crate) fn slow_rule() -> Value {
    serde_json::json!({
        "name": "Slow",
        "condition": {
            "kind": "threshold", "metric": "fps", "side": "below", "value": 20,
            "over_s": 60, "aggregate": "last",
        },
        "severity": "error",
        "labels": {"team": "studio"},
        "remedy": "Give it CPU.",
    })
}

/// Waits until a list of alerts has as many that fire of the rule, and gives them.
pub(crate) async fn until_firing(api: &Api, rule: &str, count: usize) -> Vec<Value> {
    until_some("the rule's alerts fire", LIMIT, || async {
        let list = api.get("/api/analytics/alerts").await.expect(200).body;
        let firing = list["firing"].as_array().unwrap();
        let of_rule: Vec<Value> = firing
            .iter()
            .filter(|alert| alert["rule"] == rule)
            .cloned()
            .collect();
        (of_rule.len() == count).then_some(of_rule)
    })
    .await
}

/// The frame rate of a second.
pub(crate) fn fps(second: u64) -> f64 {
    f64::from(u32::try_from(29_000 + second * 7 % 1000).unwrap()) / 1000.0
}

/// The viewers of a second.
pub(crate) const fn viewers(second: u64) -> u64 {
    second * 13 % 50
}

/// The value of a Prometheus metric, all channels together. Can be read after the replica's end.
pub(crate) fn counter(kit: &Kit, name: &str) -> u64 {
    let (text, _form) = sm_service_kit::metrics::render(kit.registry()).unwrap();
    String::from_utf8(text)
        .unwrap()
        .lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// A number in an answer.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}
