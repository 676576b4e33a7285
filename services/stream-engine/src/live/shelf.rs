//! What the API sees of a stream.

use std::sync::Arc;

use sm_bus::Heir;
use tokio::sync::{mpsc, watch};

use super::archive::Archive;
use super::playlist::Playlist;
use super::snapshot::Snapshots;
use super::viewers::Watching;
use crate::handover::HandoverRequest;
use crate::lease::{Holding, LeaseView};

/// Who can answer for a stream's picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// This process.
    Here,
    /// The sibling at this base address.
    Elsewhere(String),
    /// Nobody holds the stream at the moment.
    Nowhere,
    /// Not known, because Redis has not answered since this process started.
    Unknown,
}

/// A stream's shelf: the stream's task fills it, requests are served from it.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) archive: Archive,
    pub(crate) watching: Arc<Watching>,
    pub(crate) snapshots: Snapshots,
    pub(crate) preview: Snapshots,
    pub(crate) lease: watch::Receiver<LeaseView>,
    pub(crate) playlist: watch::Receiver<Option<Arc<Playlist>>>,
    /// Where an heir asks for the stream.
    pub(crate) handovers: mpsc::Sender<HandoverRequest>,
}

impl Shelf {
    pub(crate) fn place(&self) -> Place {
        match &*self.lease.borrow() {
            LeaseView::Here(_) => Place::Here,
            LeaseView::Elsewhere(holder) => Place::Elsewhere(holder.url.clone()),
            LeaseView::Nobody => Place::Nowhere,
            LeaseView::Unknown => Place::Unknown,
        }
    }

    /// Who is to have the stream next, while this process holds it and is about to end.
    pub(crate) fn heir(&self) -> Option<Heir> {
        let lease = self.lease.borrow();
        lease
            .holding()
            .and_then(|Holding { heir, .. }| heir.clone())
    }

    /// The playlist, where there is something to play.
    pub(crate) fn playlist(&self) -> Option<Arc<Playlist>> {
        self.playlist
            .borrow()
            .clone()
            .filter(|playlist| !playlist.is_empty())
    }
}
