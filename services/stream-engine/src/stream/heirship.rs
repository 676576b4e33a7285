//! What the stream's task does while another host's process holds the stream and is about to end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use sm_bus::LeaseHolder;

use super::standby::on_air;
use super::succession::{Ears, NotTaken, take_over};
use super::talking::shows_chat;
use super::tenure::Legacy;
use super::{Course, StreamTask};
use crate::lease::LeaseView;
use crate::live::playlist::Playlist;

type TakingOver = Pin<Box<dyn Future<Output = Result<Option<Box<Playlist>>, NotTaken>> + Send>>;

/// This process's way to a stream that its holder is about to leave.
#[derive(Default)]
pub(super) enum Heirship {
    /// There is no such stream.
    #[default]
    None,
    /// It prepares to take it over from the holder with this token.
    Preparing { from: u64, work: TakingOver },
    /// It has left a worker on air for itself, and the holder's playlist.
    Entered(Option<Box<Playlist>>),
    /// It failed to take the stream over from the holder with this token; `again_at` is when it
    /// tries again, if it does.
    Failed {
        from: u64,
        again_at: Option<Instant>,
    },
}

impl std::fmt::Debug for Heirship {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Preparing { .. } => "Preparing",
            Self::Entered(_) => "Entered",
            Self::Failed { .. } => "Failed",
        })
    }
}

impl Heirship {
    /// Whether a worker is about to show what is wanted.
    const fn is_preparing(&self) -> bool {
        matches!(self, Self::Preparing { .. })
    }

    fn may_begin(&self, holder: &LeaseHolder, now: Instant) -> bool {
        match self {
            Self::None | Self::Entered(_) => true,
            Self::Preparing { .. } => false,
            Self::Failed { from, again_at } => {
                *from != holder.token || again_at.is_some_and(|again_at| again_at <= now)
            }
        }
    }
}

/// Returns when there is an end to what is prepared; waits for ever while nothing is. Cancel-safe.
pub(super) async fn prepared(heirship: &mut Heirship) -> Result<Option<Box<Playlist>>, NotTaken> {
    match heirship {
        Heirship::Preparing { work, .. } => work.await,
        Heirship::None | Heirship::Entered(_) | Heirship::Failed { .. } => {
            std::future::pending().await
        }
    }
}

impl StreamTask {
    /// Becomes the heir of a holder that is about to end, unless this process is, too.
    pub(super) fn look_for_heritage(&mut self) {
        let view = self.inputs.lease.view.borrow().clone();
        let LeaseView::Elsewhere(holder) = view else {
            return;
        };
        let handover = &self.surroundings.config.handover;
        let is_to_be_had = holder.leaving
            && !handover.longest().is_zero()
            && matches!(self.course, Course::Staying)
            && on_air(&self.inputs.wanted.borrow()).is_some();
        if is_to_be_had && self.heirship.may_begin(&holder, Instant::now()) {
            let ears = Ears {
                wanted: self.inputs.wanted.clone(),
                chat: self.inputs.chat.feed.clone(),
                lease: self.inputs.lease.view.clone(),
                wish: self.inputs.lease.wish.clone(),
            };
            self.heirship = Heirship::Preparing {
                from: holder.token,
                work: Box::pin(take_over(Arc::clone(&self.surroundings), ears, holder)),
            };
        }
    }

    /// What was prepared has come to its end.
    pub(super) fn heard_of_heritage(&mut self, end: Result<Option<Box<Playlist>>, NotTaken>) {
        let Heirship::Preparing { from, .. } = &self.heirship else {
            return;
        };
        let surroundings = &self.surroundings;
        let stream = &surroundings.stream;
        self.heirship = match end {
            Ok(playlist) => Heirship::Entered(playlist),
            Err(reason) => {
                tracing::warn!(stream.id = %stream, error = %reason, "the stream is not taken over from its holder");
                surroundings.metrics.handover("given-up");
                surroundings.admission.release(stream);
                let wait = surroundings.config.lease.renew();
                let again_at = Instant::now().checked_add(wait);
                Heirship::Failed {
                    from: *from,
                    again_at: again_at.filter(|_| reason.is_passing()),
                }
            }
        };
    }

    /// The lease is this process's: what was prepared is what it goes on with. `None` where nothing
    /// was.
    pub(super) async fn enter_heritage(&mut self) -> Option<Option<Box<Playlist>>> {
        if self.heirship.is_preparing() {
            // It hears of the lease as well.
            let end = prepared(&mut self.heirship).await;
            self.heard_of_heritage(end);
        }
        match std::mem::take(&mut self.heirship) {
            Heirship::Entered(playlist) => Some(playlist),
            Heirship::None | Heirship::Preparing { .. } | Heirship::Failed { .. } => None,
        }
    }

    pub(super) fn note_heritage(&self, legacy: &Legacy) {
        let outcome = match &legacy.found {
            Some(_) => "taken",
            None => "without-worker",
        };
        let stream = &self.surroundings.stream;
        tracing::info!(stream.id = %stream, outcome, "the stream is taken over from its holder");
        self.surroundings.metrics.handover(outcome);
    }

    /// Whether a worker that is being prepared shows the chat.
    pub(super) fn prepares_chat(&self) -> bool {
        self.heirship.is_preparing() && shows_chat(&self.inputs.wanted.borrow())
    }
}
