use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, aio::PubSub};
use futures_util::StreamExt as _;
use sm_common::event::Channel;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::Bus;
use crate::history::{Heard, Published};

/// Signals that wait for a reader at most; a slower one holds back the socket, never memory.
const SIGNALS_MAX: usize = 1024;
/// Longest wait between two attempts to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Distance between two proofs that the subscription is alive.
const PROBE_EVERY: Duration = Duration::from_secs(2);

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
}

impl Listener {
    /// The next signal; `None` once the subscription has been shut down. Cancel-safe.
    pub async fn next(&mut self) -> Option<Signal> {
        self.signals.recv().await
    }
}

impl Bus {
    /// Subscribes to `channels` until `shutdown`. Connects again by itself, for ever. The task
    /// ends when the listener is dropped.
    pub fn listen(&self, channels: &[Channel], shutdown: CancellationToken) -> Listener {
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let subscription = Subscription {
            bus: self.clone(),
            channels: channels.to_vec(),
            sender,
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(subscription.run()).await });
        Listener { signals }
    }
}

/// The reader of the live events has gone.
struct ReaderGone;

struct Subscription {
    bus: Bus,
    channels: Vec<Channel>,
    sender: mpsc::Sender<Signal>,
}

impl Subscription {
    async fn run(self) {
        let first = Duration::from_millis(self.bus.shared.config.reconnect_ms);
        let mut wait = first;
        loop {
            match self.connect().await {
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

    async fn connect(&self) -> Result<PubSub, String> {
        let limit = self.bus.shared.config.timeout();
        let subscribe = async {
            let mut connection = self.bus.shared.client.get_async_pubsub().await?;
            for channel in &self.channels {
                connection.subscribe(channel.as_str()).await?;
            }
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
        let mut probe_at = Instant::now() + PROBE_EVERY;
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return Ok(()) };
                    match serde_json::from_slice::<Published>(message.get_payload_bytes()) {
                        Ok(published) => self
                            .sender
                            .send(Signal::Event(Arc::new(published)))
                            .await
                            .map_err(|_closed| ReaderGone)?,
                        Err(error) => tracing::warn!(
                            channel = message.get_channel_name(),
                            %error,
                            "a message on the bus is not an event of ours"
                        ),
                    }
                }
                () = sleep_until(probe_at) => {
                    if self.sender.is_closed() {
                        return Err(ReaderGone);
                    }
                    let limit = self.bus.shared.config.timeout();
                    match timeout(limit, sink.ping::<deadpool_redis::redis::Value>()).await {
                        Ok(Ok(_pong)) => probe_at = Instant::now() + PROBE_EVERY,
                        Ok(Err(_)) | Err(_) => return Ok(()),
                    }
                }
            }
        }
    }
}
