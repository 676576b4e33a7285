use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_media_protocol::Report;

use super::fitter::Frame;
use super::pool::FramePool;
use super::segment_writer::put;
use crate::host::Reports;
use crate::number::to_u32;

/// Snapshots that may wait for the one that is being made.
const WAITING_MAX: usize = 4;

/// Longest time to make one.
const ENCODE_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Writes pictures as JPEG files, on a thread of its own.
#[derive(Debug)]
pub(super) struct Photographer {
    requests: SyncSender<Request>,
    reports: Reports,
}

#[derive(Debug)]
struct Request {
    id: u64,
    path: PathBuf,
    width_max: u32,
}

impl Photographer {
    /// A photographer of what `motif` makes, which is asked on the thread of this name.
    pub(super) fn start<M>(
        name: &str,
        info: gst_video::VideoInfo,
        motif: impl FnOnce() -> M + Send + 'static,
        reports: Reports,
    ) -> std::io::Result<Self>
    where
        M: FnMut() -> Result<gst::Buffer, String>,
    {
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let answers = reports.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&waiting, &info, motif(), &answers))?;
        Ok(Self { requests, reports })
    }

    /// Asks for a file of at most so many pixels in a row; the answer is a report.
    pub(super) fn request(&self, id: u64, path: PathBuf, width_max: u32) {
        let request = Request {
            id,
            path,
            width_max,
        };
        if self.requests.try_send(request).is_err() {
            self.reports.send(Report::Snapshot {
                id,
                error: Some("too many snapshots are waiting".to_owned()),
            });
        }
    }
}

fn serve(
    waiting: &Receiver<Request>,
    info: &gst_video::VideoInfo,
    mut motif: impl FnMut() -> Result<gst::Buffer, String>,
    reports: &Reports,
) {
    while let Ok(Request {
        id,
        path,
        width_max,
    }) = waiting.recv()
    {
        let result = motif()
            .and_then(|frame| jpeg(frame, info, width_max))
            .and_then(|bytes| save(&path, &bytes));
        reports.send(Report::Snapshot {
            id,
            error: result.err(),
        });
    }
}

fn jpeg(
    frame: gst::Buffer,
    info: &gst_video::VideoInfo,
    width_max: u32,
) -> Result<Vec<u8>, String> {
    let size = within(width_max, (info.width(), info.height()));
    let picture = rgb(frame, info, size)?;
    let info = picture.info().clone();
    jpeg_of(&picture.into_buffer(), &info)
}

/// The frame in this size, and in the only colours that the encoder of JPEG does not take for others.
pub(super) fn rgb(
    frame: gst::Buffer,
    info: &gst_video::VideoInfo,
    (width, height): (u32, u32),
) -> Result<gst_video::VideoFrame<gst_video::video_frame::Writable>, String> {
    let unusable =
        |error: gst::glib::BoolError| format!("the picture cannot be converted: {error}");
    let rgb = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
        .fps(info.fps())
        .build()
        .map_err(unusable)?;
    let converter = gst_video::VideoConverter::new(info, &rgb, None).map_err(unusable)?;
    let pool = FramePool::new(rgb).map_err(unusable)?;
    let source = Frame::from_buffer_readable(frame, info)
        .map_err(|_unmappable| "the picture cannot be read".to_owned())?;
    let mut picture = pool
        .acquire()
        .map_err(|_no_memory| "there is no memory for the picture".to_owned())?;
    converter.frame(&source, &mut picture);
    Ok(picture)
}

/// An RGB picture as a JPEG file.
pub(super) fn jpeg_of(
    picture: &gst::Buffer,
    info: &gst_video::VideoInfo,
) -> Result<Vec<u8>, String> {
    let caps = info
        .to_caps()
        .map_err(|error| format!("the picture cannot be described: {error}"))?;
    let sample = gst::Sample::builder().buffer(picture).caps(&caps).build();
    let wanted = gst::Caps::new_empty_simple("image/jpeg");
    let encoded = gst_video::convert_sample(&sample, &wanted, Some(ENCODE_TIMEOUT))
        .map_err(|error| format!("the picture cannot be encoded: {error}"))?;
    let buffer = encoded.buffer().ok_or("the encoder gave nothing")?;
    let map = buffer
        .map_readable()
        .map_err(|_unmappable| "the encoded picture cannot be read".to_owned())?;
    Ok(map.as_slice().to_vec())
}

/// A size of the same form with at most so many pixels in a row.
fn within(width_max: u32, (width, height): (u32, u32)) -> (u32, u32) {
    let fitting = width.min(width_max.max(1));
    let scaled = u64::from(height) * u64::from(fitting) / u64::from(width.max(1));
    (fitting, to_u32(scaled).max(1))
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(directory), Some(name)) = (path.parent(), name) else {
        return Err("the path names no file".to_owned());
    };
    put(directory, name, bytes)
        .map_err(|error| format!("the file cannot be written: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_form_and_are_never_enlarged() {
        let cases = [
            (640, (1920, 1080), (640, 360)),
            (640, (320, 180), (320, 180)),
            (0, (1920, 1080), (1, 1)),
            (100, (1080, 1920), (100, 177)),
        ];
        for (width_max, size, expected) in cases {
            assert_eq!(within(width_max, size), expected, "{width_max} of {size:?}");
        }
    }
}
