//! How the stream's task comes to its end: it leaves the worker on air for the next process of this
//! host, hands the stream over to another host's, or ends the worker.
//!
//! ```text
//!            told to end                an heir asks             the worker has ended
//! staying ────────────────▶ offering ────────────────▶ giving ─────────────────────────▶ over
//!    │                          │ nobody wants it, or too late      ▲
//!    │ nothing to hand over     ▼                                   │
//!    └───────────────────────▶ ending ──────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use super::{LAST_WRITE, StreamTask};
use crate::handover::offer::{Offer, Over};
use crate::handover::{HandoverRequest, NotNow};
use crate::lease::{LeaseView, Wish};

/// How long an heir may take for what it still has to copy, before the lease is anybody's.
const TAKEN_WITHIN: Duration = Duration::from_secs(3);
/// An older proof of the lease is a doubt, and then nothing is handed over: who is about to leave
/// renews far more often.
const PROVEN_WITHIN: Duration = Duration::from_millis(500);

/// What the task is about.
#[derive(Debug)]
pub(super) enum Course {
    /// To look after the stream.
    Staying,
    /// The same, until somebody else is ready to.
    Offering(Offer),
    /// The worker ends, and then the heir has the stream.
    Giving(HandoverRequest),
    /// The worker ends, and then this task.
    Ending,
}

/// Whether the worker makes way for another host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// It stays.
    None,
    /// It does, and what is observed of the stream is the heir's to say.
    Giving,
    /// It does.
    Ending,
}

impl Departure {
    /// Whether this process is about to end.
    pub(super) const fn is_near(self) -> bool {
        match self {
            Self::None => false,
            Self::Giving | Self::Ending => true,
        }
    }
}

impl Course {
    /// What that means for the worker.
    pub(super) const fn departure(&self) -> Departure {
        match self {
            Self::Staying | Self::Offering(_) => Departure::None,
            Self::Giving(_) => Departure::Giving,
            Self::Ending => Departure::Ending,
        }
    }

    /// Whether the worker makes way.
    pub(super) const fn ends_worker(&self) -> bool {
        self.departure().is_near()
    }

    /// Whether the process is to go on.
    pub(super) const fn stays(&self) -> bool {
        matches!(self, Self::Staying)
    }

    /// Whether another process can have the stream.
    pub(super) const fn offers(&self) -> bool {
        matches!(self, Self::Offering(_))
    }

    /// When to look even if nothing happens.
    pub(super) fn looks_at(&self) -> Option<Instant> {
        match self {
            Self::Offering(offer) => Some(offer.looks_at()),
            Self::Staying | Self::Giving(_) | Self::Ending => None,
        }
    }
}

impl StreamTask {
    /// This process is about to end.
    pub(super) fn begin_to_leave(&mut self) {
        let config = &self.surroundings.config;
        let is_offered = !config.worker.keep_on_stop && !config.handover.longest().is_zero();
        let is_to_stop = self.surroundings.lifecycle().stopping().is_cancelled();
        if is_offered && !is_to_stop && self.has_something_on_air() {
            let offer = Offer::new(&config.handover, Instant::now());
            let stream = &self.surroundings.stream;
            tracing::info!(stream.id = %stream, "another engine can take the stream over");
            self.inputs.lease.wish.send_replace(Wish::Leave);
            self.course = Course::Offering(offer);
        } else {
            self.end();
        }
    }

    /// Ends the worker, and then this task; nobody is waited for.
    pub(super) fn end(&mut self) {
        self.course = Course::Ending;
        self.hold = None;
    }

    /// Ends the offer when its time is over.
    pub(super) fn look_after_offer(&mut self) {
        let is_on_air = self.has_something_on_air();
        let has_heir = self.heir_is_known();
        if let Course::Offering(offer) = &mut self.course
            && let Some(over) = offer.look(is_on_air, has_heir, Instant::now())
        {
            let stream = &self.surroundings.stream;
            tracing::info!(stream.id = %stream, outcome = over.code(), "no engine takes the stream over");
            if over != Over::Nothing {
                self.surroundings.metrics.handover(over.code());
            }
            self.end();
        }
    }

    /// An heir is ready.
    pub(super) fn hand_over(&mut self, request: HandoverRequest) {
        let is_offered = matches!(self.course, Course::Offering(_));
        if is_offered && self.has_something_on_air() && self.lease_is_beyond_doubt() {
            let stream = &self.surroundings.stream;
            tracing::info!(stream.id = %stream, "the stream is handed over");
            self.course = Course::Giving(request);
        } else {
            let _gone = request.answer(Err(NotNow));
        }
    }

    /// The worker has ended: the heir is told what was listed last, and takes the lease.
    pub(super) async fn give(&mut self, request: HandoverRequest) {
        // Whoever takes the lease looks there how the numbers stand.
        self.outbox.flush(LAST_WRITE).await;
        let playlist = self.inputs.playlists.borrow().clone();
        let is_taken = request.answer(playlist.ok_or(NotNow)) && self.is_taken().await;
        let outcome = if is_taken { "given" } else { "not-taken" };
        let stream = &self.surroundings.stream;
        tracing::info!(stream.id = %stream, outcome, "the stream was offered to its heir");
        self.surroundings.metrics.handover(outcome);
        if is_taken {
            self.outbox.discard();
        } else if let Some(tenure) = &mut self.tenure {
            // Nobody has a picture now, and that is told.
            tenure.departure = Departure::Ending;
            tenure.tell();
        }
    }

    /// Waits until the heir has the lease, for a while.
    async fn is_taken(&mut self) -> bool {
        let view = &mut self.inputs.lease.view;
        let taken = view.wait_for(|view| matches!(view, LeaseView::Elsewhere(_)));
        let stop = self.surroundings.lifecycle().stopping().clone();
        let taken = tokio::time::timeout(TAKEN_WITHIN, stop.run_until_cancelled(taken)).await;
        matches!(taken, Ok(Some(Ok(_))))
    }

    /// Leaves the worker on air, with a lease that nobody else can take before it runs out. False
    /// when it is to be ended, or there is none.
    pub(super) fn leave_worker(&mut self) -> bool {
        let left = self.surroundings.config.worker.keep_on_stop
            && self
                .tenure
                .as_mut()
                .is_some_and(super::Tenure::leave_worker);
        if left {
            self.inputs.lease.keep_until_it_runs_out();
        }
        left
    }

    fn has_something_on_air(&self) -> bool {
        let tenure = self.tenure.as_ref();
        tenure.is_some_and(|tenure| tenure.is_wanted() && tenure.is_on_air())
    }

    fn heir_is_known(&self) -> bool {
        let view = self.inputs.lease.view.borrow();
        view.holding().is_some_and(|holding| holding.heir.is_some())
    }

    /// Whether the holder can be sure that the heir is going to get the lease.
    fn lease_is_beyond_doubt(&self) -> bool {
        let view = self.inputs.lease.view.borrow();
        let proven = view.holding().map(|holding| holding.proven_at.elapsed());
        proven.is_some_and(|age| age <= PROVEN_WITHIN)
    }
}
