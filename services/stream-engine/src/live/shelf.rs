//! What the API sees of a stream.

use std::sync::Arc;

use tokio::sync::watch;

use super::archive::Archive;
use super::playlist::Playlist;
use super::snapshot::Snapshots;
use super::viewers::Watching;
use crate::lease::LeaseView;

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

    /// The playlist, where there is something to play.
    pub(crate) fn playlist(&self) -> Option<Arc<Playlist>> {
        self.playlist
            .borrow()
            .clone()
            .filter(|playlist| !playlist.is_empty())
    }
}
