//! Taking a stream over from a holder on another host that is about to end, without a gap: a worker
//! runs here before the one there ends, and what players may still want is copied.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sm_bus::{BusError, Claim, HeirKey, LeaseHolder, keys};
use sm_common::stream::ObservedState;
use sm_media_protocol::ChatFeed;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};

use super::Surroundings;
use super::scenes::lost_scene;
use super::standby::{Progress, Standby, StandbyError, look_for_place, on_air};
use crate::handover::copying::{CopyError, Holder};
use crate::lease::{LeaseView, Wish};
use crate::live::playlist::Playlist;
use crate::store::Wanted;

/// How long an heir may be silent before another can take its place, in renewals of the lease.
const CLAIM_RENEWALS: u32 = 2;
/// The part of the longest handover for which layers are waited for that do not come.
const LAYERS_PART: u32 = 2;
/// Longest wait for the lease once the holder has given the stream away.
const LEASE_WITHIN: Duration = Duration::from_secs(2);
/// Wait before a holder that does not hand over yet is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Longest time to copy what was listed last.
const COPY_WITHIN: Duration = Duration::from_secs(2);

/// A stream is not taken over from its holder.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("the holder stays, or has another heir")]
    NotOurs,
    #[error("the holder is gone")]
    HolderGone,
    #[error("nothing is on air")]
    NothingOnAir,
    #[error("the worker does not do")]
    Standby(#[from] StandbyError),
    #[error("Redis does not answer")]
    Bus(#[from] BusError),
    #[error("the holder cannot be spoken to")]
    Holder(#[from] CopyError),
    #[error("the holder does not hand over")]
    Refused,
    #[error("the lease did not come")]
    NoLease,
}

impl NotTaken {
    /// Whether another attempt may do better.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Standby(StandbyError::Changed) | Self::Bus(_) | Self::NotOurs | Self::HolderGone
        )
    }
}

/// Why something that was waited for does not matter any more.
enum Turn {
    /// This process has the lease: the holder has given it away, or is gone.
    Ours,
    Failed(NotTaken),
}

impl From<NotTaken> for Turn {
    fn from(reason: NotTaken) -> Self {
        Self::Failed(reason)
    }
}

impl From<StandbyError> for Turn {
    fn from(error: StandbyError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CopyError> for Turn {
    fn from(error: CopyError) -> Self {
        Self::Failed(error.into())
    }
}

/// What the stream's task hears of, too.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) chat: watch::Receiver<Option<Arc<ChatFeed>>>,
    pub(super) lease: watch::Receiver<LeaseView>,
    pub(super) wish: watch::Sender<Wish>,
}

/// An heir with its worker.
struct Heir {
    surroundings: Arc<Surroundings>,
    ears: Ears,
    /// Token of the holder's lease.
    former: u64,
    key: HeirKey,
    standby: Standby,
    claims: Interval,
    /// What the holder had listed when it was last read.
    listed: Option<Playlist>,
}

/// Prepares to take the stream over, takes it, and leaves the worker to the stream's task. The
/// former holder's playlist, of which the files are here as far as it has still told them.
pub(super) async fn take_over(
    surroundings: Arc<Surroundings>,
    ears: Ears,
    holder: LeaseHolder,
) -> Result<Option<Box<Playlist>>, NotTaken> {
    let mut lease = ears.lease.clone();
    let ours = lease.wait_for(|view| matches!(view, LeaseView::Here(_)));
    let (mut heir, talk) = tokio::select! {
        prepared = stand_by(surroundings, ears, holder) => prepared?,
        _ = ours => return Err(NotTaken::NotOurs),
    };
    match heir.prepare_and_take(&talk).await {
        Ok(never) => match never {},
        Err(Turn::Ours) => Ok(heir.enter()),
        Err(Turn::Failed(reason)) => {
            heir.ears.wish.send_replace(Wish::Hold);
            Err(reason)
        }
    }
}

/// Becomes the holder's heir, and launches a worker.
async fn stand_by(
    surroundings: Arc<Surroundings>,
    mut ears: Ears,
    holder: LeaseHolder,
) -> Result<(Heir, Holder), NotTaken> {
    let document = keys::observed(&surroundings.stream);
    let observed: Option<ObservedState> = surroundings.bus.document(&document).await?;
    let observed = observed.filter(|observed| observed.live_since.is_some());
    let observed = observed.ok_or(NotTaken::NothingOnAir)?;
    let wanted = ears.wanted.borrow_and_update().clone();
    look_for_place(&surroundings).await?;
    make_room(&surroundings, &wanted).await?;
    let key = HeirKey::generate();
    claim(&surroundings, holder.token, &key).await?;
    let talk = Holder::new(
        &holder.url,
        &surroundings.stream,
        key.clone(),
        &surroundings.config.handover,
    )?;
    let lost = lost_scene(&observed).is_some();
    let standby = Standby::launch(&surroundings, &wanted, lost).await?;
    let mut claims = interval(surroundings.config.lease.renew());
    claims.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let heir = Heir {
        surroundings,
        ears,
        former: holder.token,
        key,
        standby,
        claims,
        listed: None,
    };
    Ok((heir, talk))
}

/// Counts on the stream's load. What is on air is never refused, but a host with room is better: one
/// without leaves it the time of a renewal.
async fn make_room(surroundings: &Surroundings, wanted: &Wanted) -> Result<(), NotTaken> {
    let desired = on_air(wanted).ok_or(NotTaken::NothingOnAir)?;
    let admission = &surroundings.admission;
    let cores = admission.capacity().costs.of(&desired.program);
    if admission.ask(&surroundings.stream, cores).is_err() {
        sleep(surroundings.config.lease.renew()).await;
        admission.take(&surroundings.stream, cores);
    }
    Ok(())
}

/// Says, or says again, that this process is the heir.
async fn claim(surroundings: &Surroundings, former: u64, key: &HeirKey) -> Result<(), NotTaken> {
    let silence = surroundings
        .config
        .lease
        .renew()
        .saturating_mul(CLAIM_RENEWALS);
    let claim = surroundings
        .bus
        .become_heir(&surroundings.stream, former, key, silence)
        .await?;
    match claim {
        Claim::Heir => Ok(()),
        Claim::Refused => Err(NotTaken::NotOurs),
        Claim::Gone => Err(NotTaken::HolderGone),
    }
}

impl Heir {
    /// Returns only by a turn.
    async fn prepare_and_take(&mut self, holder: &Holder) -> Result<Infallible, Turn> {
        let stream = self.surroundings.stream.clone();
        let started = Instant::now();
        tracing::info!(stream.id = %stream, "a worker stands by to follow on another engine's");
        self.copy_listed(holder).await?;
        self.wait_until_ready().await?;
        self.copy_listed(holder).await?;
        let prepared_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(stream.id = %stream, prepared_ms, "ready to take the stream over");
        let last = self.ask(holder).await?;
        let archive = self.surroundings.archive.clone();
        let copying = async { timeout(COPY_WITHIN, holder.copy(&last, &archive)).await };
        match self.meanwhile(copying).await? {
            Ok(Ok(())) => {}
            Ok(Err(error)) => note_missing(&self.surroundings, &error),
            Err(_late) => {
                tracing::warn!(stream.id = %stream, "old segments were not copied in time");
            }
        }
        self.listed = Some(last);
        self.ears.wish.send_replace(Wish::Inherit(self.key.clone()));
        self.meanwhile(sleep(LEASE_WITHIN)).await?;
        Err(Turn::Failed(NotTaken::NoLease))
    }

    /// Copies what the holder lists by now. What is missing is missing in the list.
    async fn copy_listed(&mut self, holder: &Holder) -> Result<(), Turn> {
        let archive = self.surroundings.archive.clone();
        match self.meanwhile(holder.copy_listed(&archive)).await? {
            Ok(listed) => self.listed = Some(listed),
            Err(error) => note_missing(&self.surroundings, &error),
        }
        Ok(())
    }

    /// Waits for the first segment, and for a while for the layers.
    async fn wait_until_ready(&mut self) -> Result<(), Turn> {
        let longest = self.surroundings.config.handover.longest();
        let patience = longest / LAYERS_PART;
        let mut progress = self.standby.progress();
        let ready = async move {
            let complete = progress.wait_for(Progress::is_complete);
            let is_complete = timeout(patience, complete).await.is_ok();
            if !is_complete {
                // Whoever keeps the sender hears of the worker's end before this does.
                let _delivers = progress.wait_for(Progress::delivers).await;
            }
        };
        self.meanwhile(ready).await
    }

    /// Asks the holder for the stream until it gives it.
    async fn ask(&mut self, holder: &Holder) -> Result<Playlist, Turn> {
        let config = &self.surroundings.config;
        let within = config.worker.stop_timeout().saturating_add(COPY_WITHIN);
        let attempts = config.handover.longest().as_millis() / ASK_AGAIN.as_millis();
        for _attempt in 0..=attempts {
            match self.meanwhile(holder.ask(within)).await? {
                Ok(last) => return Ok(last),
                Err(error) => {
                    // Whether it is gone, the lease is going to say.
                    let stream = &self.surroundings.stream;
                    tracing::debug!(stream.id = %stream, %error, "the holder does not hand over");
                    self.meanwhile(sleep(ASK_AGAIN)).await?;
                }
            }
        }
        Err(Turn::Failed(NotTaken::Refused))
    }

    /// Does `work`, and looks after everything else while it takes.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Turn> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                told = self.standby.hear() => {
                    let wanted = self.ears.wanted.borrow().clone();
                    self.standby.heard(told, &wanted)?;
                    self.standby.tell_values(&wanted)?;
                    self.standby.tell_chat(self.ears.chat.borrow().as_ref())?;
                }
                Ok(()) = self.ears.wanted.changed() => {
                    let wanted = self.ears.wanted.borrow_and_update().clone();
                    self.standby.tell_values(&wanted)?;
                    self.standby.follow(&wanted)?;
                }
                Ok(()) = self.ears.chat.changed() => {
                    self.standby.tell_chat(self.ears.chat.borrow_and_update().as_ref())?;
                }
                Ok(()) = self.ears.lease.changed() => self.look_at_lease()?,
                _ = self.claims.tick() => Box::pin(self.renew_claim()).await,
            }
        }
    }

    fn look_at_lease(&mut self) -> Result<(), Turn> {
        match &*self.ears.lease.borrow_and_update() {
            LeaseView::Here(_) => Err(Turn::Ours),
            LeaseView::Elsewhere(holder) if holder.token != self.former => {
                Err(Turn::Failed(NotTaken::NotOurs))
            }
            LeaseView::Elsewhere(_) | LeaseView::Nobody | LeaseView::Unknown => Ok(()),
        }
    }

    /// Says again that this process is the heir. What a refusal means, the lease says: the holder is
    /// gone, another heir has followed on it, or this process has by now.
    async fn renew_claim(&self) {
        if let Err(error) = claim(&self.surroundings, self.former, &self.key).await {
            let stream = &self.surroundings.stream;
            tracing::debug!(stream.id = %stream, %error, "claim not renewed");
        }
    }

    /// The stream is this process's.
    fn enter(self) -> Option<Box<Playlist>> {
        self.ears.wish.send_replace(Wish::Hold);
        self.standby.leave();
        self.listed.map(Box::new)
    }
}

fn note_missing(surroundings: &Surroundings, error: &CopyError) {
    let stream = &surroundings.stream;
    tracing::warn!(stream.id = %stream, %error, "what the holder lists is not copied");
}
