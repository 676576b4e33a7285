//! The one reader of live events: gives them to the rooms, notices what is missing, and repairs
//! it before going on.

use std::time::Duration;

use sm_bus::{Bus, BusError, Heard, History, Listener, Signal};
use sm_common::event::Channel;
use sm_common::ws::ServerMessage;
use sm_service_kit::health::Health;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::due::DueBatches;
use super::watch::{Finding, Watch};
use super::{Hub, Offered, Room};
use crate::chat::Notices;
use crate::metrics::Metrics;
use crate::replay::{Replay, ReplayError};
use crate::session::Announcement;
use crate::topic::Topic;

/// The health component that tells whether live events arrive.
pub(crate) const LIVE_EVENTS: &str = "live-events";
/// Wait before a failed repair is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// The request that a `subscribed` message answers that nobody asked for.
const UNASKED: u64 = 0;

pub(crate) struct Feed {
    pub(crate) bus: Bus,
    pub(crate) hub: Hub,
    pub(crate) replay: Replay,
    pub(crate) notices: Notices,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// Most events that are read to close a gap.
    pub(crate) history_max: usize,
    /// Distance between two comparisons with the published position.
    pub(crate) check_every: Duration,
    pub(crate) stop: CancellationToken,
}

/// What a repair did.
enum Repaired {
    /// Every missed event was delivered.
    Complete,
    /// Subscribers were given a snapshot.
    Restarted,
    /// It cannot be had, now or later.
    Impossible,
}

impl Repaired {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Restarted => "snapshot",
            Self::Impossible => "impossible",
        }
    }
}

impl Feed {
    /// Delivers live events until the process stops.
    pub(crate) async fn run(self) {
        let mut listener = self.bus.listen(&Channel::ALL, self.stop.clone());
        let mut due = DueBatches::default();
        let mut watch = Watch::default();
        let mut check = interval(self.check_every.max(Duration::from_millis(1)));
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = due.next();
            tokio::select! {
                signal = listener.next() => {
                    let Some(signal) = signal else { return };
                    self.hear(signal, &mut due, &mut watch).await;
                    self.drain(&mut listener, &mut due, &mut watch).await;
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    due.flush(Instant::now());
                }
                _ = check.tick(), if self.hub.is_live() => {
                    if self.check_positions(&mut due, &mut watch).await {
                        tracing::warn!("events are published that are not heard");
                        self.metrics.resubscribed();
                        listener.renew();
                    }
                }
            }
        }
    }

    /// Takes what has arrived meanwhile, so that a busy feed flushes on time and wakes once.
    async fn drain(&self, listener: &mut Listener, due: &mut DueBatches, watch: &mut Watch) {
        use futures_util::FutureExt as _;
        while let Some(Some(signal)) = listener.next().now_or_never() {
            self.hear(signal, due, watch).await;
            due.flush(Instant::now());
        }
    }

    async fn hear(&self, signal: Signal, due: &mut DueBatches, watch: &mut Watch) {
        match signal {
            Signal::Up => {
                let rooms = self.hub.rooms();
                for room in &rooms {
                    room.interrupt();
                }
                for room in &rooms {
                    self.repair(room, due).await;
                }
                self.set_live(true);
            }
            Signal::Down => self.set_live(false),
            Signal::Event(event) => {
                watch.heard(event.channel);
                self.notices.heed(&event);
                self.take(&event, due).await;
            }
        }
    }

    async fn take(&self, event: &Heard, due: &mut DueBatches) {
        let topic = Topic {
            channel: event.channel,
            stream: event.stream.clone(),
        };
        let Some(room) = self.hub.room(&topic) else {
            return;
        };
        match room.offer(event, Instant::now()) {
            Offered::Taken => {}
            Offered::Held(at) => due.add(at, room),
            Offered::Gap => {
                self.metrics.lost(event.channel);
                match self.repair(&room, due).await {
                    Repaired::Complete | Repaired::Restarted => {
                        room.offer(event, Instant::now());
                        room.flush(Instant::now());
                    }
                    Repaired::Impossible => room.skip_to(event, Instant::now()),
                }
            }
        }
    }

    /// Delivers what the room's subscribers miss, however long it takes Redis to answer. What
    /// else waits is sent before.
    async fn repair(&self, room: &Room, due: &mut DueBatches) -> Repaired {
        due.flush_all();
        let was_live = self.hub.is_live();
        loop {
            let error = match self.try_repair(room).await {
                Ok(repaired) => {
                    self.set_live(was_live);
                    self.metrics.repair(repaired.as_str());
                    return repaired;
                }
                Err(error) => error,
            };
            if !error.is_unavailable() {
                tracing::error!(%error, topic = %room.topic(), "missed events cannot be read");
                self.metrics.repair(Repaired::Impossible.as_str());
                return Repaired::Impossible;
            }
            tracing::warn!(%error, topic = %room.topic(), "missed events not read yet");
            self.set_live(false);
            if self.stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
                return Repaired::Impossible;
            }
        }
    }

    async fn try_repair(&self, room: &Room) -> Result<Repaired, BusError> {
        let Some(floor) = room.floor() else {
            return Ok(Repaired::Complete);
        };
        let Topic { channel, stream } = room.topic();
        let history = self
            .bus
            .history_since(stream, *channel, &floor, self.history_max)
            .await?;
        if let History::Complete(missed) = history {
            room.catch_up(missed, Instant::now());
            return Ok(Repaired::Complete);
        }
        let snapshot = match self.replay.snapshot(room.topic()).await {
            Ok(snapshot) => snapshot,
            // It may be created again; its first event will bring a snapshot.
            Err(ReplayError::UnknownStream(_)) => return Ok(Repaired::Impossible),
            Err(ReplayError::Bus(error)) => return Err(error),
        };
        let subscribed = Announcement::new(ServerMessage::Subscribed {
            id: UNASKED,
            channel: *channel,
            stream: stream.clone(),
            recovered: false,
            epoch: snapshot.position.epoch.clone(),
            offset: snapshot.position.offset,
            snapshot: Some(snapshot.value),
        });
        room.restart(&subscribed, &snapshot.position);
        Ok(Repaired::Restarted)
    }

    /// Notices events that were published and never heard, when none follows them, and repairs
    /// that. Returns whether the subscription is taken for deaf.
    async fn check_positions(&self, due: &mut DueBatches, watch: &mut Watch) -> bool {
        let mut is_deaf = false;
        watch.keep(|topic| self.hub.room(topic).is_some());
        for room in self.hub.rooms() {
            let Topic { channel, stream } = room.topic();
            let Ok(Some(published)) = self.bus.current_position(stream, *channel).await else {
                continue;
            };
            let Some(floor) = room.floor() else { continue };
            match watch.look(room.topic(), &floor, published) {
                Finding::Current | Finding::Behind => {}
                Finding::Lost => {
                    self.metrics.lost(*channel);
                    is_deaf |= watch.lost(*channel);
                    self.repair(&room, due).await;
                }
            }
        }
        is_deaf
    }

    fn set_live(&self, live: bool) {
        self.hub.set_live(live);
        let outcome = if live {
            Ok(())
        } else {
            Err("the subscription is interrupted".to_owned())
        };
        self.health.report(LIVE_EVENTS, outcome);
    }
}
