//! A live subscription to a cluster: a shard channel of each stream and channel, on the node that has
//! the stream's slot, so that no event goes to nodes where nobody listens for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::{self, FromRedisValue as _, PushInfo, PushKind};
use sm_common::event::Channel;
use sm_common::id::{InstanceId, StreamId};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::cluster::Cluster;
use crate::connection::Bus;
use crate::keys;
use crate::listen::{PROBE_EVERY, RECONNECT_MAX, ReaderGone, Signal, hear};

/// What is pushed and waits at most. What finds no room is missed, which readers notice by the
/// positions of what follows.
const PUSHES_MAX: usize = 4096;
/// Distance between two looks for new streams.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A subscription that lasts.
pub(crate) struct ShardedSubscription {
    pub(crate) bus: Bus,
    pub(crate) channels: Vec<Channel>,
    /// What tells its probes from those of others.
    pub(crate) name: InstanceId,
    pub(crate) renewal: Arc<Notify>,
    pub(crate) sender: mpsc::Sender<Signal>,
}

/// The subscription as it is, until its connections are lost.
struct Hearing {
    connection: ClusterConnection,
    pushes: mpsc::Receiver<PushInfo>,
    streams: BTreeSet<StreamId>,
    /// The probes that were sent and not heard, and until when they must be.
    unheard: BTreeSet<String>,
    deadline: Instant,
}

/// What a look at the probes says.
enum Proven {
    /// The subscription hears, as far as is known.
    Alive,
    /// It hears nothing of a stream.
    Deaf,
}

impl ShardedSubscription {
    pub(crate) async fn run(self, cluster: &Cluster) {
        let first = Duration::from_millis(self.bus.shared.config.reconnect_ms);
        let limit = self.bus.shared.config.timeout();
        let mut wait = first;
        loop {
            let connecting = timeout(limit, self.connect(cluster));
            match connecting
                .await
                .unwrap_or_else(|_| Err("no answer in time".to_owned()))
            {
                Ok(hearing) => {
                    wait = first;
                    let told = self.sender.send(Signal::Up).await;
                    if told.is_err() || self.forward(hearing).await.is_err() {
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
                    tracing::debug!(error, "no live subscription yet");
                }
            }
            sleep_until(Instant::now() + wait).await;
            wait = wait.saturating_mul(2).min(RECONNECT_MAX);
        }
    }

    async fn connect(&self, cluster: &Cluster) -> Result<Hearing, String> {
        let (sender, pushes) = mpsc::channel(PUSHES_MAX);
        let connection = cluster.subscriber(sender).await;
        let mut hearing = Hearing {
            connection: connection.map_err(|error| error.to_string())?,
            pushes,
            streams: BTreeSet::new(),
            unheard: BTreeSet::new(),
            deadline: Instant::now(),
        };
        self.subscribe_new(&mut hearing).await?;
        Ok(hearing)
    }

    /// Subscribes to streams that it does not hear yet. Returns whether there were any.
    async fn subscribe_new(&self, hearing: &mut Hearing) -> Result<bool, String> {
        let known: Vec<String> = self
            .bus
            .query(redis::cmd("SMEMBERS").arg(keys::STREAMS))
            .await
            .map_err(|error| error.to_string())?;
        let streams = known.iter().filter_map(|name| name.parse().ok());
        let new: Vec<StreamId> = streams
            .filter(|stream| !hearing.streams.contains(stream))
            .collect();
        let is_any = !new.is_empty();
        for stream in new {
            let live = self
                .channels
                .iter()
                .map(|channel| keys::live(&stream, *channel));
            let channels: Vec<_> = live
                .chain([keys::shard_probe(&stream, &self.name)])
                .collect();
            let subscribed = hearing.connection.ssubscribe(&channels).await;
            subscribed.map_err(|error| error.to_string())?;
            hearing.streams.insert(stream);
        }
        Ok(is_any)
    }

    /// Forwards events until a connection is lost or proves nothing any more.
    async fn forward(&self, mut hearing: Hearing) -> Result<(), ReaderGone> {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probe = interval(PROBE_EVERY);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // What has arrived is heard before its absence is noticed.
                biased;
                push = hearing.pushes.recv() => match push {
                    Some(push) if is_lost(&push.kind) => return Ok(()),
                    Some(push) => self.heed(push, &mut hearing).await?,
                    None => return Ok(()),
                },
                () = self.renewal.notified() => return Ok(()),
                _ = probe.tick() => {
                    if self.sender.is_closed() {
                        return Err(ReaderGone);
                    }
                    match self.prove(&mut hearing).await {
                        Proven::Alive => {}
                        Proven::Deaf => {
                            tracing::warn!("the live subscription hears nothing; it is replaced");
                            return Ok(());
                        }
                    }
                }
                _ = look.tick() => match self.subscribe_new(&mut hearing).await {
                    // What was published of them before must be read from history.
                    Ok(true) => self.sender.send(Signal::Up).await.map_err(|_closed| ReaderGone)?,
                    Ok(false) => {}
                    Err(error) => tracing::debug!(error, "streams not read"),
                },
            }
        }
    }

    async fn heed(&self, push: PushInfo, hearing: &mut Hearing) -> Result<(), ReaderGone> {
        if push.kind != PushKind::SMessage {
            return Ok(());
        }
        let mut data = push.data.into_iter();
        let (Some(channel), Some(payload)) = (data.next(), data.next()) else {
            return Ok(());
        };
        let (Ok(channel), Ok(payload)) = (
            String::from_redis_value(channel),
            Vec::<u8>::from_redis_value(payload),
        ) else {
            return Ok(());
        };
        if hearing.unheard.remove(&channel) {
            return Ok(());
        }
        hear(&self.sender, &channel, &payload).await
    }

    /// Says something that the subscription must hear, on each node that has a stream. Whether it has
    /// heard what was said before is known at the next look.
    async fn prove(&self, hearing: &mut Hearing) -> Proven {
        if !hearing.unheard.is_empty() {
            return if Instant::now() < hearing.deadline {
                Proven::Alive
            } else {
                Proven::Deaf
            };
        }
        let limit = self.bus.shared.config.timeout();
        for stream in &hearing.streams {
            let probe = keys::shard_probe(stream, &self.name);
            let mut publish = redis::cmd("SPUBLISH");
            publish.arg(&probe).arg("");
            match self.bus.query::<i64>(&publish).await {
                Ok(_receivers) => {
                    hearing.unheard.insert(probe);
                }
                // No connection for commands: this says nothing about the subscription.
                Err(error) => tracing::debug!(%error, "no probe of the live subscription"),
            }
        }
        hearing.deadline = Instant::now() + limit;
        Proven::Alive
    }
}

/// Whether the subscription hears a part of its channels no more: a node is gone, or has given a slot
/// away.
const fn is_lost(kind: &PushKind) -> bool {
    matches!(kind, PushKind::Disconnection | PushKind::SUnsubscribe)
}
