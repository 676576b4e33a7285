use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use gstreamer as gst;

use super::further::Taker;

/// Whom the composer brings its frames to, beside the program's encoder. They come and go at any
/// time.
#[derive(Clone, Debug, Default)]
pub(super) struct Takers(Arc<Mutex<Vec<Arc<dyn Taker>>>>);

/// The same, for who does not keep them.
#[derive(Clone, Debug)]
pub(super) struct WeakTakers(Weak<Mutex<Vec<Arc<dyn Taker>>>>);

impl WeakTakers {
    /// Them, while the program composes.
    pub(super) fn upgrade(&self) -> Option<Takers> {
        self.0.upgrade().map(Takers)
    }
}

impl Takers {
    /// For who does not keep them.
    pub(super) fn downgrade(&self) -> WeakTakers {
        WeakTakers(Arc::downgrade(&self.0))
    }

    /// Brings every frame from now on.
    pub(super) fn add(&self, taker: Arc<dyn Taker>) {
        self.lock().push(taker);
    }

    /// Brings no more. Once this returns, nothing is brought to it any more.
    pub(super) fn remove(&self, gone: &dyn Taker) {
        self.lock()
            .retain(|taker| !std::ptr::addr_eq(Arc::as_ptr(taker), gone));
    }

    /// A frame was composed; `segment` is the number of the segment that begins with it.
    pub(super) fn frame(&self, buffer: &gst::Buffer, number: u64, segment: Option<u64>) {
        for taker in self.lock().iter() {
            taker.frame(buffer, number, segment);
        }
    }

    /// No more frames come.
    pub(super) fn end(&self) {
        for taker in self.lock().iter() {
            taker.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<dyn Taker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
