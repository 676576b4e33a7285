//! An animated picture: its frames one after another, decoded a little ahead on a thread of its
//! own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_media_files::{Animation, AnimationError, AnimationKind, Cel, Plays};

use super::Mailbox;
use super::failure::Failure;
use super::vector::swap_red_and_blue;
use crate::number::to_usize;
use crate::picture::Bitmap;

/// Most pixels of an animation: a frame of them is in memory several times.
const PIXELS_MAX: u64 = 4096 * 2160;
/// Decoded frames are kept for the next round where all of them together are no larger than this;
/// others are decoded again.
const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Frames that are decoded ahead.
const AHEAD_MAX: usize = 2;
/// How long to wait for a frame that is not decoded yet.
const PATIENCE_MS: i64 = 5;
/// A frame that is later than this is not caught up with.
const LATE_MS_MAX: i64 = 1_000;

/// A frame of an animation.
#[derive(Clone, Debug)]
struct Page {
    bitmap: Arc<Bitmap>,
    delay: Duration,
}

/// The pages of an animation, as they are decoded.
#[derive(Debug)]
pub(crate) struct Flipbook {
    pages: Receiver<Result<Page, Failure>>,
    /// When the next page is due; `None` before the first.
    due: Option<Timestamp>,
    ended: bool,
}

/// What turning a page brought.
#[derive(Debug)]
pub(super) enum Turn {
    /// Another picture.
    Page(Arc<Bitmap>),
    /// None yet.
    Wait,
    /// None any more.
    Failed(Failure),
    /// The last one stays.
    End,
}

impl Flipbook {
    /// Opens an animation, and fails at once where that cannot be done.
    pub(super) fn open(
        path: &Path,
        kind: AnimationKind,
        mailbox: Mailbox,
    ) -> Result<Self, Failure> {
        // Decoders stay on their thread; this one shows whether there is anything to decode.
        drop(Animation::open(path, kind, PIXELS_MAX).map_err(|error| failed(&error))?);
        let (sender, pages) = sync_channel(AHEAD_MAX);
        let decoder = Decoder {
            path: path.to_owned(),
            kind,
            sender,
            cache: Some(Vec::new()),
            cached_bytes: 0,
        };
        thread::Builder::new()
            .name("animation".to_owned())
            .spawn(move || {
                decoder.run();
                // Held until now: whoever waits for the layer's threads waits for this one too.
                drop(mailbox);
            })
            .map_err(|error| Failure::engine(error.kind()))?;
        Ok(Self {
            pages,
            due: None,
            ended: false,
        })
    }

    /// When the next page is to be turned.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let first = Timestamp::from_unix_millis(0);
        (!self.ended).then(|| self.due.unwrap_or(first))
    }

    /// Turns the page whose moment has come.
    pub(super) fn turn(&mut self, now: Timestamp) -> Turn {
        match self.pages.try_recv() {
            Ok(Ok(page)) => {
                self.due = Some(next_due(self.due, now, page.delay));
                Turn::Page(page.bitmap)
            }
            Ok(Err(failure)) => {
                self.ended = true;
                Turn::Failed(failure)
            }
            Err(TryRecvError::Empty) => {
                let soon = now.as_unix_millis().saturating_add(PATIENCE_MS);
                self.due = Some(Timestamp::from_unix_millis(soon));
                Turn::Wait
            }
            Err(TryRecvError::Disconnected) => {
                self.ended = true;
                Turn::End
            }
        }
    }
}

/// When the page after one is due that was due at `due` and is turned at `now`.
fn next_due(due: Option<Timestamp>, now: Timestamp, delay: Duration) -> Timestamp {
    let on_time = due.filter(|due| {
        let late = now.as_unix_millis().saturating_sub(due.as_unix_millis());
        late <= LATE_MS_MAX
    });
    on_time.unwrap_or(now).plus(delay)
}

struct Decoder {
    path: PathBuf,
    kind: AnimationKind,
    sender: SyncSender<Result<Page, Failure>>,
    /// All pages so far, as long as they are few enough.
    cache: Option<Vec<Page>>,
    cached_bytes: usize,
}

impl Decoder {
    /// Sends pages until nobody wants them, or there are no more.
    fn run(mut self) {
        let Some(first) = self.open() else {
            return;
        };
        let plays = first.plays();
        let mut rounds = 1_u32;
        if !self.decode(first, true) {
            return;
        }
        while plays == Plays::Forever || matches!(plays, Plays::Times(times) if rounds < times) {
            rounds = rounds.saturating_add(1);
            let goes_on = match &self.cache {
                // Nothing moves.
                Some(pages) if pages.len() < 2 => return,
                Some(pages) => pages
                    .iter()
                    .all(|page| self.sender.send(Ok(page.clone())).is_ok()),
                None => match self.open() {
                    Some(again) => self.decode(again, false),
                    None => false,
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    fn open(&self) -> Option<Animation> {
        let opened = Animation::open(&self.path, self.kind, PIXELS_MAX);
        opened
            .map_err(|error| {
                let _nobody_cares = self.sender.send(Err(failed(&error)));
            })
            .ok()
    }

    /// One round; whether there may be another.
    fn decode(&mut self, animation: Animation, remember: bool) -> bool {
        let mut pages = 0_u32;
        for cel in animation {
            let page = match cel {
                Ok(cel) => page_of(cel),
                Err(error) => {
                    let _nobody_cares = self.sender.send(Err(failed(&error)));
                    return false;
                }
            };
            pages += 1;
            if remember {
                self.remember(&page);
            }
            if self.sender.send(Ok(page)).is_err() {
                return false;
            }
        }
        if pages == 0 {
            let nothing = Failure::undecodable("the animation has no frames");
            let _nobody_cares = self.sender.send(Err(nothing));
        }
        pages > 0
    }

    fn remember(&mut self, page: &Page) {
        self.cached_bytes = self
            .cached_bytes
            .saturating_add(page.bitmap.as_bytes().len());
        if self.cached_bytes > CACHE_BYTES_MAX {
            self.cache = None;
        }
        if let Some(cache) = &mut self.cache {
            cache.push(page.clone());
        }
    }
}

fn page_of(cel: Cel) -> Page {
    let Cel {
        width,
        height,
        mut pixels,
        delay,
    } = cel;
    swap_red_and_blue(&mut pixels);
    let (width, height) = (to_usize(u64::from(width)), to_usize(u64::from(height)));
    Page {
        bitmap: Arc::new(Bitmap::from_straight(&pixels, width * 4, width, height)),
        delay,
    }
}

fn failed(error: &AnimationError) -> Failure {
    match error {
        AnimationError::TooLarge { .. } => Failure::too_large(),
        AnimationError::File(error) => Failure::unreadable(error),
        AnimationError::Broken(_) => Failure::undecodable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_keep_their_distance_unless_they_are_far_too_late() {
        let at = Timestamp::from_unix_millis;
        let delay = Duration::from_millis(40);
        for (due, now, expected) in [
            (None, 500, 540),
            (Some(500), 503, 540),
            (Some(500), 1_500, 540),
            (Some(500), 1_501, 1_541),
        ] {
            assert_eq!(next_due(due.map(at), at(now), delay), at(expected));
        }
    }
}
