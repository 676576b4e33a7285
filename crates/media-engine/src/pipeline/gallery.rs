use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use sm_media_protocol::SpriteSettings;

use super::easel::{Easel, Previewed};
use super::pool::FramePool;
use super::program::ProgramError;
use super::snapshot::Photographer;
use super::sprite::{self, Studio};
use super::stage::Stage;
use crate::picture::Matrix;
use crate::timeline::Timeline;

/// The pictures that are made of a program when somebody asks: of what is on air, and of what is
/// beside it; and the small ones of its last minutes.
#[derive(Debug)]
pub(super) struct Gallery {
    on_air: Photographer,
    beside: Photographer,
    previewed: Previewed,
    /// Dropped to take no more small pictures.
    _sprite: Option<SyncSender<()>>,
}

impl Gallery {
    /// What is beside the program goes on from the format before.
    pub(super) fn open(
        (studio, settings): (Studio, Option<SpriteSettings>),
        (timeline, matrix): (Timeline, Matrix),
        former: Option<&Self>,
    ) -> Result<Self, ProgramError> {
        let info = studio.info.clone();
        let latest = Arc::clone(&studio.latest);
        let on_air = move || move || take_latest(&latest);
        let previewed =
            former.map_or_else(Previewed::default, |former| Arc::clone(&former.previewed));
        let mut easel = Easel::new(
            (timeline, matrix),
            FramePool::new(info.clone()).map_err(ProgramError::Frames)?,
            Arc::clone(&previewed),
            Arc::clone(&studio.latest),
        );
        let beside = move || {
            Easel::step_back();
            move || easel.draw()
        };
        let reports = studio.reports.clone();
        let sprite = settings.map(|settings| sprite::start(studio, settings));
        Ok(Self {
            on_air: Photographer::start("snapshot", info.clone(), on_air, reports.clone())
                .map_err(ProgramError::Thread)?,
            beside: Photographer::start("preview", info, beside, reports)
                .map_err(ProgramError::Thread)?,
            previewed,
            _sprite: sprite.transpose().map_err(ProgramError::Thread)?,
        })
    }

    /// Has this beside the program from now on, or nothing.
    pub(super) fn show_beside(&self, stage: Option<Stage>) {
        let mut previewed = self
            .previewed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *previewed = stage.map(Arc::new);
    }

    /// Writes the picture on air as a JPEG file; the answer is a report.
    pub(super) fn take_on_air(&self, id: u64, path: PathBuf) {
        self.on_air.request(id, path, u32::MAX);
    }

    /// Writes the picture beside the program as a JPEG file of at most so many pixels in a row; the
    /// answer is a report.
    pub(super) fn take_beside(&self, id: u64, path: PathBuf, width_max: u32) {
        self.beside.request(id, path, width_max);
    }
}

fn take_latest(latest: &Mutex<Option<gst::Buffer>>) -> Result<gst::Buffer, String> {
    let latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
    let frame = latest.clone();
    frame.ok_or_else(|| "nothing is on air yet".to_owned())
}
