//! A stream's lease: which process runs the stream. The keeper takes it, renews it, tells the
//! stream's task how it stands, and gives it back at the end, or to its heir.

pub(crate) mod permit;
mod standing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sm_bus::{
    Bid, Bus, BusError, Heir, HeirKey, Lease, LeaseHolder, LeaseOutcome, Whereabouts, keys,
};
use sm_common::id::StreamId;
use sm_common::stream::ObservedState;
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use standing::Terms;
use standing::{Question, Standing, Tenancy};

use crate::metrics::StreamMetrics;

/// Wait before a question that was not answered is asked again, and between two questions while the
/// lease is to change hands.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Where a process and its siblings find each other.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    /// Base address of this process, such as `http://127.0.6.1:4200`.
    pub(crate) url: String,
}

/// A lease that this process holds.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) lease: Lease,
    /// What was observed of the stream when the lease was taken; `None` when nobody ever did.
    pub(crate) previous: Arc<Option<ObservedState>>,
    /// When the latest successful renewal was asked for.
    pub(crate) proven_at: Instant,
    /// Who prepares to take it over, while it is to be had.
    pub(crate) heir: Option<Heir>,
}

/// What the stream's task wants of the lease.
#[derive(Clone, Debug, Default)]
pub(crate) enum Wish {
    /// To hold it.
    #[default]
    Hold,
    /// To hold it until another process is ready to take it.
    Leave,
    /// To have it from its holder, which knows this key.
    Inherit(HeirKey),
}

/// Who runs the stream.
#[derive(Clone, Debug)]
pub(crate) enum LeaseView {
    /// Redis has not said yet.
    Unknown,
    /// This process.
    Here(Holding),
    /// Another process, which can be asked for the picture.
    Elsewhere(LeaseHolder),
    /// Nobody that this process knows of.
    Nobody,
}

impl LeaseView {
    /// The lease, where this process holds it.
    pub(crate) const fn holding(&self) -> Option<&Holding> {
        match self {
            Self::Here(holding) => Some(holding),
            Self::Unknown | Self::Elsewhere(_) | Self::Nobody => None,
        }
    }
}

/// What the stream's task has of the keeper. Dropping it gives the lease back.
#[derive(Debug)]
pub(crate) struct LeaseHandle {
    pub(crate) view: watch::Receiver<LeaseView>,
    pub(crate) wish: watch::Sender<Wish>,
    keep: CancellationToken,
    _leave: DropGuard,
}

impl LeaseHandle {
    /// Lets the lease run out instead of giving it back: the next process of this host takes it.
    pub(crate) fn keep_until_it_runs_out(&self) {
        self.keep.cancel();
    }
}

/// Asks Redis for the lease, again and again.
#[derive(Debug)]
pub(crate) struct Keeper {
    bus: Bus,
    stream: StreamId,
    address: Address,
    renew: Duration,
    tenancy: Tenancy,
    terms: Terms,
    view: watch::Sender<LeaseView>,
    wish: watch::Receiver<Wish>,
    /// Who is to have it next, as Redis has last said.
    heir: Option<Heir>,
    doubt: Arc<Notify>,
    leave: CancellationToken,
    keep: CancellationToken,
    metrics: StreamMetrics,
}

impl Keeper {
    pub(crate) fn new(
        bus: Bus,
        stream: StreamId,
        address: Address,
        (terms, renew): (Terms, Duration),
        doubt: Arc<Notify>,
        metrics: StreamMetrics,
    ) -> (Self, LeaseHandle) {
        let view = watch::Sender::new(LeaseView::Unknown);
        let (wish, wished) = watch::channel(Wish::Hold);
        let leave = CancellationToken::new();
        let keep = CancellationToken::new();
        let handle = LeaseHandle {
            view: view.subscribe(),
            wish,
            keep: keep.clone(),
            _leave: leave.clone().drop_guard(),
        };
        let keeper = Self {
            bus,
            stream,
            address,
            renew,
            tenancy: Tenancy::new(terms),
            terms,
            view,
            wish: wished,
            heir: None,
            doubt,
            leave,
            keep,
            metrics,
        };
        (keeper, handle)
    }

    /// Keeps the lease until the handle is dropped, gives it back, and then goes on looking who
    /// holds it until `stop`, so that requests can still be passed on. Somebody who doubts that
    /// the lease is ours notifies `doubt`: then it is asked for at once.
    pub(crate) async fn keep(mut self, stop: CancellationToken) {
        loop {
            let wait = match self.ask().await {
                Ok(()) if matches!(*self.wish.borrow(), Wish::Hold) => self.renew,
                Ok(()) => ASK_AGAIN.min(self.renew),
                Err(error) => {
                    tracing::debug!(stream.id = %self.stream, %error, "lease not renewed");
                    ASK_AGAIN.min(self.renew)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.doubt.notified() => {}
                // The task may end before this one does.
                Ok(()) = self.wish.changed() => {}
                () = self.leave.cancelled() => break,
            }
        }
        if !self.keep.is_cancelled() {
            self.release().await;
        }
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(self.renew) => self.look().await,
                () = stop.cancelled() => {}
            }
        }
    }

    async fn ask(&mut self) -> Result<(), BusError> {
        let asked_at = Instant::now();
        let answered = match self.bid(asked_at) {
            Some(bid) => self.hold(&bid, asked_at).await,
            None => self
                .bus
                .lease_holder(&self.stream)
                .await
                .map(|holder| self.tenancy.looked(holder, asked_at)),
        };
        if answered.is_err() {
            self.tenancy.unanswered(Instant::now());
        }
        self.publish().await?;
        answered
    }

    /// How to ask for the lease; `None` where it is only looked who has it.
    fn bid(&mut self, now: Instant) -> Option<Bid> {
        let wish = self.wish.borrow_and_update().clone();
        match (self.tenancy.question(now), wish) {
            (Question::Hold(Some(lease)), Wish::Leave) => Some(Bid::Leave(lease)),
            (Question::Hold(Some(lease)), Wish::Hold | Wish::Inherit(_)) => Some(Bid::Renew(lease)),
            // The holder has said that it is ours.
            (Question::Hold(None) | Question::Look, Wish::Inherit(key)) => Some(Bid::Inherit(key)),
            (Question::Hold(None), Wish::Hold | Wish::Leave) => Some(Bid::Take),
            (Question::Look, Wish::Hold | Wish::Leave) => None,
        }
    }

    async fn hold(&mut self, bid: &Bid, asked_at: Instant) -> Result<(), BusError> {
        let Address { host, url } = &self.address;
        let at = Whereabouts { host, url };
        let outcome = self.bus.hold(&self.stream, bid, at, self.terms.ttl).await?;
        self.heir = match &outcome {
            LeaseOutcome::Held { heir, .. } => heir.clone(),
            LeaseOutcome::Taken(_) => None,
        };
        self.tenancy.answered(outcome, asked_at);
        Ok(())
    }

    /// Tells the stream's task. A lease that is new to this process is told of together with what
    /// was observed of the stream before.
    async fn publish(&self) -> Result<(), BusError> {
        let before = self.view.borrow().clone();
        let view = match self.tenancy.standing() {
            Standing::Unknown => LeaseView::Unknown,
            Standing::Lost => LeaseView::Nobody,
            Standing::Elsewhere(holder) => LeaseView::Elsewhere(holder.clone()),
            Standing::Here { lease, proven_at } => {
                let known = before.holding().filter(|known| known.lease == *lease);
                let previous = match known {
                    Some(known) => Arc::clone(&known.previous),
                    None => Arc::new(self.previous().await?),
                };
                LeaseView::Here(Holding {
                    lease: *lease,
                    previous,
                    proven_at: *proven_at,
                    heir: self.heir.clone(),
                })
            }
        };
        self.note_change(&before, &view);
        self.view.send_replace(view);
        Ok(())
    }

    async fn previous(&self) -> Result<Option<ObservedState>, BusError> {
        match self.bus.document(&keys::observed(&self.stream)).await {
            Err(error @ BusError::Document { .. }) => {
                tracing::warn!(stream.id = %self.stream, %error, "the observed state starts anew");
                Ok(None)
            }
            read => read,
        }
    }

    fn note_change(&self, before: &LeaseView, after: &LeaseView) {
        let stream = &self.stream;
        match (before.holding(), after) {
            (None, LeaseView::Here(holding)) => {
                tracing::info!(stream.id = %stream, token = holding.lease.token, "lease taken");
                self.metrics.lease_changed(true);
            }
            (Some(_), LeaseView::Elsewhere(holder)) => {
                tracing::warn!(
                    stream.id = %stream, holder = %holder.instance, token = holder.token,
                    "fenced off: the lease is somebody else's"
                );
                self.metrics.lease_changed(false);
            }
            (Some(_), LeaseView::Nobody | LeaseView::Unknown) => {
                tracing::warn!(stream.id = %stream, "lease lost: it could not be renewed in time");
                self.metrics.lease_changed(false);
            }
            (Some(_), LeaseView::Here(_))
            | (None, LeaseView::Elsewhere(_) | LeaseView::Nobody | LeaseView::Unknown) => {}
        }
    }

    async fn release(&self) {
        let lease = self
            .view
            .borrow()
            .holding()
            .map(|Holding { lease, .. }| *lease);
        if let Some(lease) = lease {
            self.view.send_replace(LeaseView::Nobody);
            self.metrics.lease_changed(false);
            // A lease that cannot be given back runs out by itself.
            match self.bus.release(&self.stream, lease).await {
                Ok(()) => tracing::info!(stream.id = %self.stream, "lease given back"),
                Err(error) => {
                    tracing::warn!(stream.id = %self.stream, %error, "lease not given back");
                }
            }
        }
    }

    async fn look(&self) {
        if let Ok(Some(holder)) = self.bus.lease_holder(&self.stream).await {
            self.view.send_replace(LeaseView::Elsewhere(holder));
        }
    }
}
