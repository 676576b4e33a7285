use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer_video as gst_video;

use super::fitter::{Frame, luma};
use crate::picture::Glance;
use crate::stats::Lasting;

/// Looks at the frame on air now and then, and notices what GStreamer says nothing about: a
/// picture that is black, or that does not change.
#[derive(Debug)]
pub(super) struct Inspector {
    info: gst_video::VideoInfo,
    latest: Arc<Mutex<Option<gst::Buffer>>>,
    seen: Option<u64>,
    black: Lasting,
    frozen: Lasting,
}

/// For how long the picture has been so, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) black_s: u64,
    pub(super) frozen_s: u64,
}

impl Inspector {
    /// An inspector of the frames that appear in `latest`.
    pub(super) fn new(info: gst_video::VideoInfo, latest: Arc<Mutex<Option<gst::Buffer>>>) -> Self {
        Self {
            info,
            latest,
            seen: None,
            black: Lasting::default(),
            frozen: Lasting::default(),
        }
    }

    /// Looks now; `None` while there is nothing to look at.
    pub(super) fn look(&mut self, now_ns: u64) -> Option<Finding> {
        let buffer = self
            .latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let frame = Frame::from_buffer_readable(buffer, &self.info).ok()?;
        let Glance { black, digest } = Glance::at(luma(&frame)?);
        let same = self.seen.replace(digest) == Some(digest);
        Some(Finding {
            black_s: self.black.seconds(black, now_ns),
            frozen_s: self.frozen.seconds(same, now_ns),
        })
    }
}
