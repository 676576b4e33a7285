use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_media_protocol::Report;

use super::fitter::Frame;
use super::pool::FramePool;
use super::segment_writer::put;
use crate::host::Reports;

/// Snapshots that may wait for the one that is being made.
const WAITING_MAX: usize = 4;

/// Longest time to make one.
const ENCODE_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Writes the picture on air as JPEG files, on a thread of its own.
#[derive(Debug)]
pub(super) struct Photographer {
    requests: SyncSender<Request>,
    reports: Reports,
}

#[derive(Debug)]
struct Request {
    id: u64,
    path: PathBuf,
}

impl Photographer {
    /// A photographer of the frames that appear in `latest`.
    pub(super) fn start(
        info: gst_video::VideoInfo,
        latest: Arc<Mutex<Option<gst::Buffer>>>,
        reports: Reports,
    ) -> std::io::Result<Self> {
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let answers = reports.clone();
        thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || serve(&waiting, &info, &latest, &answers))?;
        Ok(Self { requests, reports })
    }

    /// Asks for a file; the answer is a report.
    pub(super) fn request(&self, id: u64, path: PathBuf) {
        if self.requests.try_send(Request { id, path }).is_err() {
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
    latest: &Mutex<Option<gst::Buffer>>,
    reports: &Reports,
) {
    while let Ok(Request { id, path }) = waiting.recv() {
        let frame = latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let result = match frame {
            Some(frame) => jpeg(frame, info).and_then(|bytes| save(&path, &bytes)),
            None => Err("nothing is on air yet".to_owned()),
        };
        reports.send(Report::Snapshot {
            id,
            error: result.err(),
        });
    }
}

fn jpeg(frame: gst::Buffer, info: &gst_video::VideoInfo) -> Result<Vec<u8>, String> {
    let picture = rgb(frame, info, (info.width(), info.height()))?;
    let info = picture.info().clone();
    jpeg_of(picture.into_buffer(), &info)
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
    picture: gst::Buffer,
    info: &gst_video::VideoInfo,
) -> Result<Vec<u8>, String> {
    let caps = info
        .to_caps()
        .map_err(|error| format!("the picture cannot be described: {error}"))?;
    let sample = gst::Sample::builder().buffer(&picture).caps(&caps).build();
    let wanted = gst::Caps::new_empty_simple("image/jpeg");
    let encoded = gst_video::convert_sample(&sample, &wanted, Some(ENCODE_TIMEOUT))
        .map_err(|error| format!("the picture cannot be encoded: {error}"))?;
    let buffer = encoded.buffer().ok_or("the encoder gave nothing")?;
    let map = buffer
        .map_readable()
        .map_err(|_unmappable| "the encoded picture cannot be read".to_owned())?;
    Ok(map.as_slice().to_vec())
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(directory), Some(name)) = (path.parent(), name) else {
        return Err("the path names no file".to_owned());
    };
    put(directory, name, bytes)
        .map_err(|error| format!("the file cannot be written: {}", error.kind()))
}
