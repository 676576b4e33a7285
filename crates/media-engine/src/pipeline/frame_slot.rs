use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sm_common::layer::Transform;

use super::fitter::{FitError, Fitter, Fitting, Frame, natural_size};
use super::frame_queue::{FrameCounts, FrameQueue};
use crate::number::to_i64;
use crate::picture::{Matrix, Placement};
use crate::timeline::Timeline;

/// Forms of a frame that are kept; one of a layer in each scene that shows it, and one more while
/// its crop moves.
const FORMS_MAX: usize = 6;

/// Where a moving source leaves its frames and the composer takes them.
///
/// Frames are fitted to their places by whoever brings them, so that the composer only draws; it
/// fits by itself what arrived before a place changed. While a size changes, the frames stay as the
/// layer will show them in the end, and are scaled as they are drawn. Several scenes can show one
/// source, each at a place of its own.
#[derive(Debug)]
pub(crate) struct FrameSlot {
    places: Mutex<Places>,
    bringing: Mutex<Fitter>,
    taking: Mutex<Taking>,
}

/// Where the frames are shown.
#[derive(Debug)]
struct Places {
    /// The place until one is arranged.
    first: Option<Transform>,
    arranged: BTreeMap<u64, Transform>,
}

#[derive(Debug)]
struct Taking {
    queue: FrameQueue<Shot>,
    fitter: Fitter,
}

#[derive(Clone, Debug)]
struct Shot {
    original: Arc<Frame>,
    /// The newest last.
    forms: Vec<(Fitting, Arc<Frame>)>,
}

impl Shot {
    fn form(&self, wanted: Fitting) -> Option<Arc<Frame>> {
        let mut forms = self.forms.iter();
        let known = forms.find(|(fitting, _)| *fitting == wanted)?;
        Some(Arc::clone(&known.1))
    }

    fn keep(&mut self, fitting: Fitting, form: &Arc<Frame>) {
        if self.forms.len() >= FORMS_MAX {
            self.forms.remove(0);
        }
        self.forms.push((fitting, Arc::clone(form)));
    }
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
            places: Mutex::new(Places {
                first: Some(Transform::plain(0, 0, width, height)),
                arranged: BTreeMap::new(),
            }),
            bringing: Mutex::new(Fitter::new(matrix)),
            taking: Mutex::new(Taking {
                queue: FrameQueue::new(to_i64(timeline.frame_interval_ns())),
                fitter: Fitter::new(matrix),
            }),
        }
    }

    /// Frames that come from now on are fitted to this size, until a place is arranged.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        if let Some(first) = &mut self.lock_places().first {
            (first.width, first.height) = (width, height);
        }
    }

    /// Frames that come from now on are also cropped and fitted like this, for `scene`.
    pub(crate) fn arrange(&self, scene: u64, transform: &Transform) {
        let mut places = self.lock_places();
        places.first = None;
        places.arranged.insert(scene, *transform);
    }

    /// Frames that come from now on need not be fitted for `scene`.
    pub(crate) fn clear_away(&self, scene: u64) {
        let mut places = self.lock_places();
        places.first = None;
        places.arranged.remove(&scene);
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
        let (placement, fitting) = places(&shot.original, rest, now);
        let frame = if let Some(form) = shot.form(fitting) {
            form
        } else {
            let form = fitter.fit(&shot.original, fitting).ok()?;
            shot.keep(fitting, &form);
            form
        };
        Some(shown(frame, placement, fitting))
    }

    /// The same for somebody else than the composer, which is not held up meanwhile. A moment that
    /// is still to come for the composer must not be asked for: its frame would be gone by then.
    pub(super) fn glimpse(
        &self,
        now_ns: u64,
        (rest, now): (&Transform, &Transform),
        fitter: &mut Fitter,
    ) -> Option<Shown> {
        let shot = self.lock_taking().queue.at(to_i64(now_ns)).cloned()?;
        let (placement, fitting) = places(&shot.original, rest, now);
        let frame = match shot.form(fitting) {
            Some(form) => form,
            None => fitter.fit(&shot.original, fitting).ok()?,
        };
        Some(shown(frame, placement, fitting))
    }

    fn fitted(&self, frame: Frame) -> Result<Shot, FitError> {
        let original = Arc::new(frame);
        let size = natural_size(&original);
        let wanted: Vec<Fitting> = {
            let places = self.lock_places();
            let places = places.first.iter().chain(places.arranged.values());
            places
                .map(|place| Fitting::exact(&Placement::of(place, size)))
                .collect()
        };
        let mut fitter = self.bringing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shot = Shot {
            original,
            forms: Vec::with_capacity(wanted.len()),
        };
        for fitting in wanted {
            if shot.form(fitting).is_none() {
                let form = fitter.fit(&shot.original, fitting)?;
                shot.keep(fitting, &form);
            }
        }
        Ok(shot)
    }

    fn lock_places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_taking(&self) -> MutexGuard<'_, Taking> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a frame shows, and what is made of it for that.
fn places(frame: &Frame, rest: &Transform, now: &Transform) -> (Placement, Fitting) {
    let size = natural_size(frame);
    let (placement, resting) = (Placement::of(now, size), Placement::of(rest, size));
    let fitting = if placement.window == resting.window {
        Fitting::exact(&resting)
    } else {
        Fitting::whole(&resting)
    };
    (placement, fitting)
}

fn shown(frame: Arc<Frame>, placement: Placement, fitting: Fitting) -> Shown {
    Shown {
        frame,
        placement: Placement {
            window: placement.window.within(fitting.window),
            ..placement
        },
    }
}
