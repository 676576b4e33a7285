//! The scene beside the program, drawn when somebody looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use sm_common::id::LayerId;

use super::acts::Acts;
use super::drawing::draw;
use super::fitter::Fitter;
use super::pool::FramePool;
use super::stage::Stage;
use crate::picture::Matrix;
use crate::timeline::Timeline;

/// How far the thread that draws the preview steps back behind those of the program, as a `nice`
/// value.
const NICENESS: i32 = 10;

/// What is in preview; `None` when nothing is.
pub(super) type Previewed = Arc<Mutex<Option<Arc<Stage>>>>;

/// Draws the preview as the program would be, at the moment of the program's last frame: a frame
/// that the program still needs is never taken from a source that both show.
#[derive(Debug)]
pub(super) struct Easel {
    timeline: Timeline,
    matrix: Matrix,
    pool: FramePool,
    stage: Previewed,
    /// The program's last frame.
    latest: Arc<Mutex<Option<gst::Buffer>>>,
    followed: Option<Arc<Stage>>,
    acts: Acts,
    fitters: BTreeMap<LayerId, Fitter>,
}

impl Easel {
    pub(super) fn new(
        (timeline, matrix): (Timeline, Matrix),
        pool: FramePool,
        stage: Previewed,
        latest: Arc<Mutex<Option<gst::Buffer>>>,
    ) -> Self {
        Self {
            timeline,
            matrix,
            pool,
            stage,
            latest,
            followed: None,
            acts: Acts::default(),
            fitters: BTreeMap::new(),
        }
    }

    /// Lets the thread that calls this step back behind the program's.
    pub(super) fn step_back() {
        // On Linux this is the thread's own. Refused, it draws with the rest.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }

    /// The preview now.
    pub(super) fn draw(&mut self) -> Result<gst::Buffer, String> {
        let stage = self
            .stage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or("no scene is in preview")?;
        let now_ns = self.now_ns().ok_or("nothing is on air yet")?;
        let frame = self.timeline.nearest_frame(now_ns);
        self.follow(&stage, frame);
        let mut sheet = self
            .pool
            .acquire()
            .map_err(|_no_memory| "there is no memory for the picture")?;
        let scenes = self.acts.scenes(&stage, frame);
        let scene = scenes.first().ok_or("no scene is in preview")?;
        let items = scene.act.items.iter();
        let looks = items.map(|item| (item, scene.motions.look(item, frame)));
        let (fitters, matrix) = (&mut self.fitters, self.matrix);
        draw(&mut sheet, looks, (now_ns, matrix), |slot, item, look| {
            let fitter = fitters
                .entry(item.layer)
                .or_insert_with(|| Fitter::new(matrix));
            slot.glimpse(now_ns, (&item.transform, &look.transform), fitter)
        });
        Ok(sheet.into_buffer())
    }

    fn follow(&mut self, stage: &Arc<Stage>, frame: u64) {
        let known = self.followed.as_ref();
        if known.is_some_and(|known| Arc::ptr_eq(known, stage)) {
            return;
        }
        self.acts.follow(stage, frame, self.timeline.framerate());
        let layers = |layer: &LayerId| {
            let mut items = stage.acts.iter().flat_map(|act| &act.items);
            items.any(|item| item.layer == *layer)
        };
        self.fitters.retain(|layer, _| layers(layer));
        self.followed = Some(Arc::clone(stage));
    }

    fn now_ns(&self) -> Option<u64> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref()?.pts().map(gst::ClockTime::nseconds)
    }
}
