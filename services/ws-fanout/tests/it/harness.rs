use std::time::Duration;

use serde_json::Value;
use sm_bus::{Bus, BusConfig, keys, redis};
use sm_common::auth::{Identity, Role};
use sm_common::chat::ChatMessage;
use sm_common::clock::{SystemClock, Timestamp};
use sm_common::event::{Channel, LayerDeleted, Position};
use sm_common::id::{InstanceId, LayerId, SceneId, SessionId, StreamId, UserId};
use sm_common::performance::{MetricsSample, Performance, Viewers};
use sm_common::program::ProgramFormat;
use sm_common::stream::{ChosenScenes, DesiredState, DesiredStatus};
use sm_common::ws::{ClientMessage, ServerMessage, Subprotocol};
use sm_test_kit::{Api, Issuer, LossyProxy, Redis, Running, Socket, until};
use sm_ws_fanout::{ABOUT, serve};

pub(crate) const SOON: Duration = Duration::from_secs(10);
/// A busy machine is no outage.
const PATIENT: (&str, &str) = ("redis.timeout_ms", "10000");
/// An outage is one soon.
pub(crate) const IMPATIENT: (&str, &str) = ("redis.timeout_ms", "700");
/// No limits that the messages of a test meet.
pub(crate) const UNLIMITED: [(&str, &str); 3] = [
    ("chat.interval_ms", "0"),
    ("ws.messages_per_second", "100000"),
    ("ws.message_burst", "100000"),
];
pub(crate) const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

/// A Redis with one stream, an issuer, and a running service.
pub(crate) struct World {
    pub(crate) service: Running,
    pub(crate) redis: Redis,
    pub(crate) issuer: Issuer,
    /// The test's own access to Redis, as another service.
    pub(crate) bus: Bus,
    pub(crate) stream: StreamId,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With other settings than the default.
    pub(crate) async fn with(changes: &[(&str, &str)]) -> Self {
        let redis = Redis::start();
        let url = redis.url();
        Self::over(redis, &url, changes).await
    }

    /// With a proxy between the service and Redis.
    pub(crate) async fn behind_proxy(changes: &[(&str, &str)]) -> (Self, LossyProxy) {
        let redis = Redis::start();
        let proxy = LossyProxy::start(redis.port());
        let url = format!("redis://127.0.0.1:{}/", proxy.port());
        (Self::over(redis, &url, changes).await, proxy)
    }

    async fn over(redis: Redis, url: &str, changes: &[(&str, &str)]) -> Self {
        let issuer = Issuer::new();
        let service = start_service(url, &issuer, changes);
        let world = Self {
            bus: patient_bus(&redis),
            service,
            redis,
            issuer,
            stream: StreamId::default(),
        };
        world.create_stream().await;
        ready(&world.service).await;
        world
    }

    /// One more process of the service over the same Redis.
    pub(crate) async fn replica(&self) -> Running {
        self.replica_over(&self.redis.url(), &[]).await
    }

    /// One more process that reaches the same Redis at this address.
    pub(crate) async fn replica_over(&self, url: &str, changes: &[(&str, &str)]) -> Running {
        let service = start_service(url, &self.issuer, changes);
        ready(&service).await;
        service
    }

    pub(crate) fn desired(&self) -> DesiredState {
        desired(&self.stream)
    }

    async fn create_stream(&self) {
        create_stream(&self.bus, &self.stream).await;
    }

    pub(crate) fn url(&self) -> String {
        websocket_url(&self.service)
    }

    /// A REST client of this role.
    pub(crate) fn api(&self, role: Role) -> Api {
        Api::new(self.service.url()).with_token(self.issuer.token(role))
    }

    /// A connection of this role, welcomed.
    pub(crate) async fn socket(&self, role: Role) -> Socket {
        connect(&self.url(), &self.issuer.token(role)).await
    }

    /// A connection of this role that speaks this subprotocol, welcomed.
    pub(crate) async fn speaking(&self, subprotocol: Subprotocol, role: Role) -> Socket {
        connect_speaking(subprotocol, &self.url(), &self.issuer.token(role)).await
    }

    /// Publishes a chat message with this text.
    pub(crate) async fn publish(&self, text: impl Into<String>) -> Position {
        self.bus
            .publish(&self.stream, &message(text), None)
            .await
            .unwrap()
    }

    /// Publishes a change of the layers.
    pub(crate) async fn publish_change(&self) -> Position {
        let deleted = LayerDeleted {
            layer: LayerId::generate(),
            scene: SceneId::generate(),
            scene_revision: 1,
        };
        self.bus
            .publish(&self.stream, &deleted, None)
            .await
            .unwrap()
    }

    /// Publishes a sample.
    pub(crate) async fn publish_sample(&self, bytes_total: u64) -> Position {
        let sample = sample(&self.stream, bytes_total);
        self.bus.publish(&self.stream, &sample, None).await.unwrap()
    }

    /// Publishes an event that Redis keeps and nobody hears.
    pub(crate) async fn publish_unheard(&self, text: &str) {
        let position = keys::position(&self.stream, Channel::Chat);
        let mut next = redis::cmd("HINCRBY");
        next.arg(&position).arg("offset").arg(1);
        let offset: u64 = self.bus.query(&next).await.unwrap();
        let epoch: String = {
            let mut command = redis::cmd("HGET");
            command.arg(&position).arg("epoch");
            self.bus.query(&command).await.unwrap()
        };
        let event = sm_common::event::Event::new(&message(text), "/test", &self.stream, NOW, None);
        let mut append = redis::cmd("XADD");
        append.arg(keys::history(&self.stream, Channel::Chat));
        append.arg(format!("{offset}-0")).arg("epoch").arg(epoch);
        append
            .arg("event")
            .arg(serde_json::to_string(&event.unwrap()).unwrap());
        let _id: String = self.bus.query(&append).await.unwrap();
    }

    /// Keeps a ticket, as api-gateway does.
    pub(crate) async fn keep_ticket(&self, digest: &str, role: Role, expires_at: Timestamp) {
        let identity = Identity {
            user: self.issuer.user(role),
            name: "Ana".to_owned(),
            role,
            session: SessionId::generate(),
            standing: 0,
            scopes: None,
            expires_at,
        };
        self.keep_identity(digest, &identity).await;
    }

    /// Keeps a ticket that stands for this identity.
    pub(crate) async fn keep_identity(&self, digest: &str, identity: &Identity) {
        let mut command = redis::cmd("SET");
        command.arg(keys::ws_ticket(digest));
        command.arg(serde_json::to_string(identity).unwrap());
        let _kept: String = self.bus.query(&command).await.unwrap();
    }

    /// The value of a metric; 0 while it has none.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        metric(&self.service, name).await
    }

    /// Waits until a metric has a value.
    pub(crate) async fn until_metric(&self, name: &str, value: f64) {
        until(&format!("{name} is {value}"), SOON, || async {
            (self.metric(name).await - value).abs() < f64::EPSILON
        })
        .await;
    }
}

pub(crate) fn desired(stream: &StreamId) -> DesiredState {
    DesiredState {
        stream: stream.clone(),
        status: DesiredStatus::Live,
        generation: 1,
        revision: 1,
        since: NOW,
        changed_by: "test".to_owned(),
        program: ProgramFormat::default(),
        ladder: Vec::new(),
        outputs: Vec::new(),
        forced: false,
        chosen: ChosenScenes::default(),
    }
}

/// Creates a stream, as stream-control does.
pub(crate) async fn create_stream(bus: &Bus, stream: &StreamId) {
    let mut command = redis::cmd("HSET");
    command.arg(keys::desired(stream));
    command.arg("revision").arg(1).arg("doc");
    command.arg(serde_json::to_string(&desired(stream)).unwrap());
    let _set: i64 = bus.query(&command).await.unwrap();
    let mut announce = redis::cmd("SADD");
    announce.arg(keys::STREAMS).arg(stream.as_str());
    let _new: i64 = bus.query(&announce).await.unwrap();
}

/// The test's own access to Redis.
fn patient_bus(redis: &Redis) -> Bus {
    let config = BusConfig::at(redis.url());
    bus(BusConfig {
        timeout_ms: 30_000,
        ..config
    })
}

/// Another access to Redis, which keeps histories of this length.
pub(crate) fn bus_with_history(redis: &Redis, history_max: usize) -> Bus {
    let config = BusConfig::at(redis.url());
    bus(BusConfig {
        history_max,
        ..config
    })
}

fn bus(config: BusConfig) -> Bus {
    let instance = InstanceId::generate("test");
    Bus::new(config, "test", instance, SystemClock::shared()).unwrap()
}

pub(crate) fn start_service(redis: &str, issuer: &Issuer, changes: &[(&str, &str)]) -> Running {
    let mut settings = vec![("redis.url", redis), ("ws.port", "0"), PATIENT];
    settings.extend_from_slice(changes);
    let config = Running::config(&ABOUT, &settings);
    Running::start(ABOUT, config, issuer.key_source(), serve)
}

pub(crate) async fn ready(service: &Running) {
    let health = Api::new(service.health_url());
    until("the service is ready", SOON, || async {
        health.get("/health/ready").await.status.is_success()
    })
    .await;
}

pub(crate) async fn metric(service: &Running, name: &str) -> f64 {
    let text = Api::new(service.metrics_url()).get("/metrics").await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

pub(crate) fn websocket_url(service: &Running) -> String {
    format!("{}/ws", service.url().replacen("http", "ws", 1))
}

/// Connects, and hears the welcome.
pub(crate) async fn connect(url: &str, token: &str) -> Socket {
    connect_speaking(Subprotocol::Json, url, token).await
}

/// Connects and speaks this subprotocol, and hears the welcome.
pub(crate) async fn connect_speaking(subprotocol: Subprotocol, url: &str, token: &str) -> Socket {
    let connecting = Socket::connect_speaking(subprotocol, url, Some(token));
    let mut socket = connecting.await.unwrap();
    let welcome = socket.hear().await;
    assert!(
        matches!(
            welcome,
            ServerMessage::Welcome {
                authenticated: true,
                ..
            }
        ),
        "{welcome:?}"
    );
    socket
}

pub(crate) fn message(text: impl Into<String>) -> ChatMessage {
    ChatMessage::new(UserId::generate(), "Ana", Role::Viewer, text, NOW)
}

pub(crate) fn sample(stream: &StreamId, bytes_total: u64) -> MetricsSample {
    MetricsSample {
        stream: stream.clone(),
        at: NOW,
        performance: Performance {
            bytes_total: Some(bytes_total),
            ..Performance::default()
        },
        viewers: Viewers::default(),
    }
}

pub(crate) fn subscribe(id: u64, channel: Channel) -> ClientMessage {
    ClientMessage::Subscribe {
        id,
        channel,
        stream: StreamId::default(),
        since: None,
        sample: false,
    }
}

pub(crate) fn post(id: u64, text: impl Into<String>) -> ClientMessage {
    ClientMessage::Publish {
        id,
        channel: Channel::Chat,
        stream: StreamId::default(),
        text: text.into(),
        reply_to: None,
    }
}

/// The next message, which must be an error with this code.
pub(crate) async fn hear_error(socket: &mut Socket, expected: &str) -> ServerMessage {
    let message = socket.hear().await;
    match &message {
        ServerMessage::Error { code, .. } if code == expected => message,
        other => panic!("not {expected}: {other:?}"),
    }
}

/// The code that the server closes with, whatever it says before.
pub(crate) async fn hear_close(socket: &mut Socket) -> u16 {
    loop {
        if let Err(frame) = socket.hear_or_close().await {
            return frame.expect("the server says why it closes").code.into();
        }
    }
}

/// The texts of chat messages.
pub(crate) fn texts<'a>(messages: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
    messages.into_iter().map(text).collect()
}
