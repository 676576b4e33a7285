use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::{PubSub, PubSubSink};
use deadpool_redis::redis::{self, RedisResult};
use futures_util::StreamExt as _;
use sm_common::event::Channel;
use sm_common::id::InstanceId;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::Bus;
use crate::history::{Heard, Published};
use crate::keys;
use crate::server::Server;
use crate::sharded::ShardedSubscription;

/// Signals that wait for a reader at most; a slower one holds back the socket, never memory.
const SIGNALS_MAX: usize = 1024;
/// Longest wait between two attempts to connect.
pub(crate) const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Distance between two proofs that the subscription is alive.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(2);

/// What a live subscription says.
#[derive(Clone, Debug)]
pub enum Signal {
    /// Events arrive from now on. What was missed before must be read from history.
    Up,
    /// An event.
    Event(Heard),
    /// No events arrive, until the next [`Signal::Up`].
    Down,
}

/// A live subscription to channels, of all streams.
#[derive(Debug)]
pub struct Listener {
    signals: mpsc::Receiver<Signal>,
    renewal: Arc<Notify>,
}

impl Listener {
    /// The next signal; `None` once the subscription has been shut down. Cancel-safe.
    pub async fn next(&mut self) -> Option<Signal> {
        self.signals.recv().await
    }

    /// Replaces the subscription by a new one, because events are published that it does not hear.
    /// [`Signal::Down`] and [`Signal::Up`] follow.
    pub fn renew(&self) {
        self.renewal.notify_one();
    }
}

impl Bus {
    /// Subscribes to `channels` until `shutdown`. Connects again by itself, for ever. The task
    /// ends when the listener is dropped.
    pub fn listen(&self, channels: &[Channel], shutdown: CancellationToken) -> Listener {
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let renewal = Arc::new(Notify::new());
        let listener = Listener {
            signals,
            renewal: Arc::clone(&renewal),
        };
        let (bus, channels) = (self.clone(), channels.to_vec());
        let name = InstanceId::generate("listener");
        let running = async move {
            let shared = Arc::clone(&bus.shared);
            match &shared.server {
                Server::One(one) => {
                    let subscription = Subscription {
                        bus,
                        channels,
                        probe: keys::probe(&name),
                        renewal,
                        sender,
                    };
                    Box::pin(subscription.run(&one.client)).await;
                }
                Server::Cluster(cluster) => {
                    let subscription = ShardedSubscription {
                        bus,
                        channels,
                        name,
                        renewal,
                        sender,
                    };
                    Box::pin(subscription.run(cluster)).await;
                }
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(running).await });
        listener
    }
}

/// The reader of the live events has gone.
pub(crate) struct ReaderGone;

/// The proof that the subscription is alive: it hears what it says to itself.
#[derive(Clone, Copy, Debug)]
enum Probe {
    /// The next is due at this moment.
    Due(Instant),
    /// It was sent, and must be heard until this moment.
    Sent(Instant),
}

impl Probe {
    fn later() -> Self {
        Self::Due(Instant::now() + PROBE_EVERY)
    }

    const fn moment(self) -> Instant {
        match self {
            Self::Due(at) | Self::Sent(at) => at,
        }
    }
}

struct Subscription {
    bus: Bus,
    channels: Vec<Channel>,
    /// The channel on which it says something to itself.
    probe: String,
    renewal: Arc<Notify>,
    sender: mpsc::Sender<Signal>,
}

impl Subscription {
    async fn run(self, client: &redis::Client) {
        let first = Duration::from_millis(self.bus.shared.config.reconnect_ms);
        let mut wait = first;
        loop {
            match self.connect(client).await {
                Ok(connection) => {
                    wait = first;
                    let told = self.sender.send(Signal::Up).await;
                    if told.is_err() || self.forward(connection).await.is_err() {
                        return;
                    }
                    if self.sender.send(Signal::Down).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if self.sender.is_closed() {
                        return;
                    }
                    tracing::debug!(%error, "no live subscription yet");
                }
            }
            sleep_until(Instant::now() + wait).await;
            wait = wait.saturating_mul(2).min(RECONNECT_MAX);
        }
    }

    async fn connect(&self, client: &redis::Client) -> Result<PubSub, String> {
        let limit = self.bus.shared.config.timeout();
        let subscribe = async {
            let mut connection = client.get_async_pubsub().await?;
            for channel in &self.channels {
                connection.subscribe(channel.as_str()).await?;
            }
            connection.subscribe(&self.probe).await?;
            RedisResult::Ok(connection)
        };
        match timeout(limit, subscribe).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_elapsed) => Err(format!("no answer within {limit:?}")),
        }
    }

    /// Forwards events until the connection is lost or proves nothing any more.
    async fn forward(&self, connection: PubSub) -> Result<(), ReaderGone> {
        let (mut sink, mut messages) = connection.split();
        let mut probe = Probe::later();
        loop {
            tokio::select! {
                // What has arrived is heard before its absence is noticed.
                biased;
                message = messages.next() => match message {
                    Some(message) if message.get_channel_name() == self.probe => {
                        probe = Probe::later();
                    }
                    Some(message) => {
                        let channel = message.get_channel_name();
                        hear(&self.sender, channel, message.get_payload_bytes()).await?;
                    }
                    None => return Ok(()),
                },
                () = self.renewal.notified() => return Ok(()),
                () = sleep_until(probe.moment()) => {
                    if self.sender.is_closed() {
                        return Err(ReaderGone);
                    }
                    let sent = match probe {
                        Probe::Due(_) => self.send_probe(&mut sink).await,
                        Probe::Sent(_) => {
                            tracing::warn!("the live subscription hears nothing; it is replaced");
                            None
                        }
                    };
                    match sent {
                        Some(sent) => probe = sent,
                        None => return Ok(()),
                    }
                }
            }
        }
    }

    /// Asks whether the connection is there, and says something that the subscription must hear.
    /// `None` when the connection is not.
    async fn send_probe(&self, sink: &mut PubSubSink) -> Option<Probe> {
        let limit = self.bus.shared.config.timeout();
        let pong = timeout(limit, sink.ping::<redis::Value>()).await;
        pong.ok()?.ok()?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.probe).arg("");
        Some(match self.bus.query::<i64>(&publish).await {
            Ok(_receivers) => Probe::Sent(Instant::now() + limit),
            // No connection for commands: this says nothing about the subscription.
            Err(error) => {
                tracing::debug!(%error, "no probe of the live subscription");
                Probe::later()
            }
        })
    }
}

/// Tells the reader of a message that came.
pub(crate) async fn hear(
    sender: &mpsc::Sender<Signal>,
    channel: &str,
    payload: &[u8],
) -> Result<(), ReaderGone> {
    match serde_json::from_slice::<Published>(payload) {
        Ok(published) => sender
            .send(Signal::Event(Arc::new(published)))
            .await
            .map_err(|_closed| ReaderGone),
        Err(error) => {
            tracing::warn!(channel, %error, "a message on the bus is not an event of ours");
            Ok(())
        }
    }
}
