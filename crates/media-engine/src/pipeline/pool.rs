use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

/// Buffers for frames of one kind, used again and again: fresh memory for every frame would cost
/// more than drawing it.
#[derive(Debug)]
pub(super) struct FramePool {
    pool: gst_video::VideoBufferPool,
    info: gst_video::VideoInfo,
}

impl FramePool {
    pub(super) fn new(info: gst_video::VideoInfo) -> Result<Self, gst::glib::BoolError> {
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        let size = u32::try_from(info.size()).unwrap_or(u32::MAX);
        config.set_params(Some(&info.to_caps()?), size, 0, 0);
        pool.set_config(config)?;
        pool.set_active(true)?;
        Ok(Self { pool, info })
    }

    /// A frame to draw on, with whatever its memory held before.
    pub(super) fn acquire(
        &self,
    ) -> Result<gst_video::VideoFrame<gst_video::video_frame::Writable>, gst::FlowError> {
        let buffer = self.pool.acquire_buffer(None)?;
        gst_video::VideoFrame::from_buffer_writable(buffer, &self.info)
            .map_err(|_unmappable| gst::FlowError::Error)
    }
}

impl Drop for FramePool {
    fn drop(&mut self) {
        // Buffers that are still on their way are freed when they come back.
        let _ = self.pool.set_active(false);
    }
}
