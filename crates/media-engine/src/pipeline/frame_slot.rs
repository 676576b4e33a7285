use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::fitter::{FitError, Fitter, Frame, is_size};
use super::frame_queue::FrameQueue;
use crate::number::to_i64;
use crate::picture::Matrix;
use crate::timeline::Timeline;

/// Where a moving layer leaves its frames and the composer takes them.
///
/// Frames are fitted to the layer's size by whoever brings them, so that the composer only draws;
/// it fits by itself what arrived before the size changed.
#[derive(Debug)]
pub(crate) struct FrameSlot {
    width: AtomicU32,
    height: AtomicU32,
    bringing: Mutex<Fitter>,
    taking: Mutex<Taking>,
}

#[derive(Debug)]
struct Taking {
    queue: FrameQueue<Shot>,
    fitter: Fitter,
}

#[derive(Debug)]
struct Shot {
    original: Arc<Frame>,
    fitted: Arc<Frame>,
}

impl FrameSlot {
    /// A slot for a layer of this size.
    pub(crate) fn new(timeline: Timeline, matrix: Matrix, width: u32, height: u32) -> Self {
        Self {
            width: AtomicU32::new(width),
            height: AtomicU32::new(height),
            bringing: Mutex::new(Fitter::new(matrix)),
            taking: Mutex::new(Taking {
                queue: FrameQueue::new(to_i64(timeline.frame_interval_ns())),
                fitter: Fitter::new(matrix),
            }),
        }
    }

    /// Frames that come from now on are fitted to this size.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.width.store(width, Ordering::Relaxed);
        self.height.store(height, Ordering::Relaxed);
    }

    /// Leaves a frame that is due at `due_ns` of the program.
    pub(crate) fn push(&self, due_ns: i64, frame: Frame) -> Result<(), FitError> {
        let shot = self.fitted(frame)?;
        self.lock_taking().queue.push(due_ns, shot);
        Ok(())
    }

    /// Leaves a frame to show until one is due.
    pub(crate) fn prime(&self, frame: Frame) -> Result<(), FitError> {
        let shot = self.fitted(frame)?;
        self.lock_taking().queue.prime(shot);
        Ok(())
    }

    /// Forgets every frame.
    pub(crate) fn clear(&self) {
        self.lock_taking().queue.clear();
    }

    /// The frame to show at `now_ns` in this size; `None` before the first, or when it cannot be
    /// fitted.
    pub(super) fn at(&self, now_ns: u64, width: u32, height: u32) -> Option<Arc<Frame>> {
        let mut taking = self.lock_taking();
        let Taking { queue, fitter } = &mut *taking;
        let shot = queue.at(to_i64(now_ns))?;
        if !is_size(&shot.fitted, width, height) {
            shot.fitted = fitter.fit(&shot.original, width, height).ok()?;
        }
        Some(Arc::clone(&shot.fitted))
    }

    fn fitted(&self, frame: Frame) -> Result<Shot, FitError> {
        let original = Arc::new(frame);
        let width = self.width.load(Ordering::Relaxed);
        let height = self.height.load(Ordering::Relaxed);
        let mut fitter = self.bringing.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = fitter.fit(&original, width, height)?;
        Ok(Shot {
            original,
            fitted: ready,
        })
    }

    fn lock_taking(&self) -> std::sync::MutexGuard<'_, Taking> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
