//! The stream's chat, for the layers that show it: read from its history, followed live, and told to
//! the worker.

mod reader;
mod record;

use std::sync::Arc;

use sm_media_protocol::ChatFeed;
use tokio::sync::watch;

pub(crate) use reader::ChatReader;

/// A stream's line to its [`ChatReader`].
#[derive(Debug)]
pub(crate) struct Chat {
    wanted: watch::Sender<bool>,
    /// The chat; `None` while it is not wanted or not read yet.
    pub(crate) feed: watch::Receiver<Option<Arc<ChatFeed>>>,
}

/// The reader's ends of the line.
#[derive(Debug)]
pub(crate) struct ReaderEnds {
    wanted: watch::Receiver<bool>,
    feed: watch::Sender<Option<Arc<ChatFeed>>>,
}

impl Chat {
    /// A line on which nothing is wanted yet.
    pub(crate) fn line() -> (Self, ReaderEnds) {
        let (want, wanted) = watch::channel(false);
        let (telling, feed) = watch::channel(None);
        let chat = Self { wanted: want, feed };
        let ends = ReaderEnds {
            wanted,
            feed: telling,
        };
        (chat, ends)
    }

    /// Has the chat read and followed, or not any more.
    pub(crate) fn want(&self, wanted: bool) {
        self.wanted.send_if_modified(|known| {
            let modified = *known != wanted;
            *known = wanted;
            modified
        });
    }
}
