//! A drawing that is drawn anew for every size, on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sm_media_files::Drawing;

use super::failure::Failure;
use super::{Mailbox, News};
use crate::number::{to_u64, to_usize};
use crate::picture::Bitmap;

/// A drawing of one size.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(super) size: (u32, u32),
    pub(super) bitmap: Bitmap,
}

/// Draws in the sizes that are ordered; of several that wait only the last. The thread ends when
/// this is dropped.
#[derive(Debug)]
pub(super) struct Draughtsman {
    wanted: Arc<Mutex<Option<(u32, u32)>>>,
    bell: SyncSender<()>,
}

impl Draughtsman {
    pub(super) fn start(drawing: Drawing, mailbox: Mailbox) -> Self {
        let (bell, rings) = sync_channel(1);
        let wanted = Arc::<Mutex<Option<(u32, u32)>>>::default();
        let orders = Arc::clone(&wanted);
        let teller = mailbox.clone();
        let started = thread::Builder::new()
            .name("drawing".to_owned())
            .spawn(move || work(&drawing, &orders, &rings, &mailbox));
        if let Err(error) = started {
            teller.tell(News::Failed(Failure::engine(error.kind())));
        }
        Self { wanted, bell }
    }

    pub(super) fn order(&self, size: (u32, u32)) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(size);
        // One ring is enough, however many orders there are.
        let _ = self.bell.try_send(());
    }
}

fn work(
    drawing: &Drawing,
    wanted: &Mutex<Option<(u32, u32)>>,
    rings: &Receiver<()>,
    mailbox: &Mailbox,
) {
    while rings.recv().is_ok() {
        let order = wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(size) = order {
            // Whatever is wrong with a drawing must not end the program.
            let drawn = catch_unwind(AssertUnwindSafe(|| draw(drawing, size)));
            mailbox.tell(match drawn {
                Ok(Some(bitmap)) => News::Sheet(Sheet { size, bitmap }),
                Ok(None) => News::Failed(Failure::too_large()),
                Err(_panic) => News::Failed(Failure::undecodable("the drawing cannot be drawn")),
            });
        }
    }
}

fn draw(drawing: &Drawing, (width, height): (u32, u32)) -> Option<Bitmap> {
    let mut pixels = drawing.draw(width, height)?;
    swap_red_and_blue(&mut pixels);
    let (width, height) = (to_usize(u64::from(width)), to_usize(u64::from(height)));
    Some(Bitmap::from_premultiplied(
        &pixels,
        width * 4,
        width,
        height,
    ))
}

/// From red, green, blue and alpha to blue, green, red and alpha.
pub(super) fn swap_red_and_blue(pixels: &mut [u8]) {
    let (pixels, _rest) = pixels.as_chunks_mut::<4>();
    for [red, _green, blue, _alpha] in pixels {
        std::mem::swap(red, blue);
    }
}

/// Pixels of a bitmap, for limits.
pub(super) fn size_of(bitmap: &Bitmap) -> (u32, u32) {
    let side = |pixels: usize| crate::number::to_u32(to_u64(pixels)).max(1);
    (side(bitmap.width()), side(bitmap.height()))
}
