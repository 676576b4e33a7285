//! Between a publisher and whoever takes its feed: a bounded queue that loses whole groups of
//! pictures rather than hold the publisher up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::flv::{Prelude, Tag};

/// Tags that wait at most; their bytes have a limit of their own.
const TAGS_MAX: usize = 4096;

/// A tag on its way.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) tag: Tag,
    /// Something before it was lost: what a decoder needs comes again before it.
    pub(super) after_gap: bool,
}

/// What a reader needs first. Shared, because a reader may begin at any tag.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPrelude(Arc<Mutex<Prelude>>);

impl SharedPrelude {
    /// As it is now.
    pub(super) fn read(&self) -> Prelude {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, tag: &Tag) -> bool {
        let mut prelude = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        prelude.note(tag);
        prelude.begins_with(tag)
    }
}

/// The publisher's end.
#[derive(Debug)]
pub(super) struct Outlet {
    prelude: SharedPrelude,
    pieces: Sender<Piece>,
    waiting: Arc<AtomicUsize>,
    bytes_max: usize,
    is_losing: bool,
}

/// The other end.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) prelude: SharedPrelude,
    queue: Receiver<Piece>,
    waiting: Arc<AtomicUsize>,
}

/// Nobody takes the feed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// A queue in which at most so many bytes wait.
pub(super) fn outlet(bytes_max: usize) -> (Outlet, Pieces) {
    let (sender, receiver) = mpsc::channel(TAGS_MAX);
    let (prelude, waiting) = (SharedPrelude::default(), Arc::new(AtomicUsize::new(0)));
    let outlet = Outlet {
        prelude: prelude.clone(),
        pieces: sender,
        waiting: Arc::clone(&waiting),
        bytes_max,
        is_losing: false,
    };
    let pieces = Pieces {
        prelude,
        queue: receiver,
        waiting,
    };
    (outlet, pieces)
}

impl Outlet {
    /// Sends a tag on; it is dropped when too many wait.
    pub(super) fn offer(&mut self, tag: Tag) -> Result<(), Closed> {
        let begins = self.prelude.note(&tag);
        if self.is_losing && !begins {
            return if self.pieces.is_closed() {
                Err(Closed)
            } else {
                Ok(())
            };
        }
        let bytes = tag.message.payload.len();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let piece = Piece {
            tag,
            after_gap: self.is_losing,
        };
        let sent = if waiting.saturating_add(bytes) > self.bytes_max {
            Err(TrySendError::Full(piece))
        } else {
            self.pieces.try_send(piece)
        };
        match sent {
            Ok(()) => {
                self.is_losing = false;
                Ok(())
            }
            Err(TrySendError::Full(_)) => {
                self.waiting.fetch_sub(bytes, Ordering::Relaxed);
                self.is_losing = true;
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Closed),
        }
    }
}

impl Pieces {
    /// The next tag; `None` when the publisher is gone. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        let piece = self.queue.recv().await?;
        self.waiting
            .fetch_sub(piece.tag.message.payload.len(), Ordering::Relaxed);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::flv::Role;
    use crate::ingest::rtmp::{Message, MessageKind};

    fn tag(payload: &'static [u8], timestamp: u32) -> Tag {
        let message = Message {
            kind: MessageKind::Video,
            stream: 1,
            timestamp,
            payload: payload.into(),
        };
        Tag::of(message).unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_lost_up_to_the_next_whole_picture() {
        let (mut outlet, mut pieces) = outlet(8);
        outlet.offer(tag(&[0x17, 0], 0)).unwrap();
        outlet.offer(tag(&[0x17, 1, 1], 1)).unwrap();
        outlet.offer(tag(&[0x27, 1, 1], 2)).unwrap();
        // Another header is remembered, though it is lost.
        outlet.offer(tag(&[0x17, 0, 9], 3)).unwrap();
        for expected in [0, 1, 2] {
            let piece = pieces.next().await.unwrap();
            assert_eq!(piece.tag.message.timestamp, expected);
            assert!(!piece.after_gap);
        }
        outlet.offer(tag(&[0x27, 1, 1], 4)).unwrap();
        outlet.offer(tag(&[0x17, 1, 1], 5)).unwrap();
        outlet.offer(tag(&[0x27, 1, 1], 6)).unwrap();
        let piece = pieces.next().await.unwrap();
        assert_eq!((piece.tag.role, piece.after_gap), (Role::Keyframe, true));
        assert_eq!(piece.tag.message.timestamp, 5);
        let header = pieces.prelude.read().messages(5).next().unwrap();
        assert_eq!(header.payload.as_ref(), [0x17, 0, 9]);
        assert!(!pieces.next().await.unwrap().after_gap);
        drop(pieces);
        assert_eq!(outlet.offer(tag(&[0x27, 1], 7)), Err(Closed));
    }
}
