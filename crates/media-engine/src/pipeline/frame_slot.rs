use std::sync::{Arc, Mutex, PoisonError};

use sm_common::layer::Transform;

use super::fitter::{FitError, Fitter, Fitting, Frame, natural_size};
use super::frame_queue::{FrameCounts, FrameQueue};
use crate::number::to_i64;
use crate::picture::{Matrix, Placement};
use crate::timeline::Timeline;

/// Where a moving layer leaves its frames and the composer takes them.
///
/// Frames are fitted to the layer's place by whoever brings them, so that the composer only draws;
/// it fits by itself what arrived before the place changed. While a size changes, the frames stay
/// as the layer will show them in the end, and are scaled as they are drawn.
#[derive(Debug)]
pub(crate) struct FrameSlot {
    transform: Mutex<Transform>,
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
    fitting: Fitting,
}

/// A frame to draw.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) frame: Arc<Frame>,
    /// Which part of it shows, and where.
    pub(super) placement: Placement,
}

impl FrameSlot {
    /// A slot for a layer of this size.
    pub(crate) fn new(timeline: Timeline, matrix: Matrix, width: u32, height: u32) -> Self {
        Self {
            transform: Mutex::new(Transform::plain(0, 0, width, height)),
            bringing: Mutex::new(Fitter::new(matrix)),
            taking: Mutex::new(Taking {
                queue: FrameQueue::new(to_i64(timeline.frame_interval_ns())),
                fitter: Fitter::new(matrix),
            }),
        }
    }

    /// Frames that come from now on are fitted to this size, cropped and fitted as before.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let mut transform = self.lock_transform();
        (transform.width, transform.height) = (width, height);
    }

    /// Frames that come from now on are cropped and fitted like this.
    pub(crate) fn arrange(&self, transform: &Transform) {
        *self.lock_transform() = *transform;
    }

    /// Leaves a frame that is due at `due_ns` of the program.
    pub(crate) fn push(&self, due_ns: i64, frame: Frame) -> Result<(), FitError> {
        let shot = self.fitted(frame)?;
        self.lock_taking().queue.push(due_ns, shot);
        Ok(())
    }

    /// The source jumps: what is shown stays until the next frame that is left by [`Self::prime`].
    pub(crate) fn expect_another(&self) {
        self.lock_taking().queue.expect_another();
    }

    /// Leaves a frame to show until one is due.
    pub(crate) fn prime(&self, frame: Frame) -> Result<(), FitError> {
        let shot = self.fitted(frame)?;
        self.lock_taking().queue.prime(shot);
        Ok(())
    }

    /// What became of the frames so far.
    pub(crate) fn counts(&self) -> FrameCounts {
        self.lock_taking().queue.counts()
    }

    /// Forgets every frame.
    pub(crate) fn clear(&self) {
        self.lock_taking().queue.clear();
    }

    /// The frame to show at `now_ns` of a layer that is at `now` and will rest at `rest`; `None`
    /// before the first, or when it cannot be fitted.
    pub(super) fn at(&self, now_ns: u64, rest: &Transform, now: &Transform) -> Option<Shown> {
        let mut taking = self.lock_taking();
        let Taking { queue, fitter } = &mut *taking;
        let shot = queue.at(to_i64(now_ns))?;
        let size = natural_size(&shot.original);
        let (placement, resting) = (Placement::of(now, size), Placement::of(rest, size));
        let fitting = if placement.window == resting.window {
            Fitting::exact(&resting)
        } else {
            Fitting::whole(&resting)
        };
        if shot.fitting != fitting {
            shot.fitted = fitter.fit(&shot.original, fitting).ok()?;
            shot.fitting = fitting;
        }
        Some(Shown {
            frame: Arc::clone(&shot.fitted),
            placement: Placement {
                window: placement.window.within(fitting.window),
                ..placement
            },
        })
    }

    fn fitted(&self, frame: Frame) -> Result<Shot, FitError> {
        let original = Arc::new(frame);
        let placement = Placement::of(&self.lock_transform(), natural_size(&original));
        let fitting = Fitting::exact(&placement);
        let mut fitter = self.bringing.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = fitter.fit(&original, fitting)?;
        Ok(Shot {
            original,
            fitted: ready,
            fitting,
        })
    }

    fn lock_transform(&self) -> std::sync::MutexGuard<'_, Transform> {
        self.transform
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_taking(&self) -> std::sync::MutexGuard<'_, Taking> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
