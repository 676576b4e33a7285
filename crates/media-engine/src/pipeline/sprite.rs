//! Small pictures of the last minutes, in one file.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::sprite::{Sprite, SpritePicture};
use sm_common::stream::Severity;
use sm_media_protocol::{Report, SpriteSettings};

use super::segment_writer::put;
use super::snapshot::{jpeg_of, rgb};
use crate::host::Reports;
use crate::number::{to_u32, to_u64, to_usize};
use crate::process::give_way;

const FILE: &str = "sprite.jpg";
/// Small pictures beside one another.
const COLUMNS: u32 = 10;
/// Most small pictures, and their greatest height: 17 MiB of them in the widest usual shape.
const PICTURES_MAX: u32 = 240;
const HEIGHT_MAX: u32 = 180;
const HEIGHT_MIN: u32 = 16;
/// Shortest time from one to the next.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Bytes of a pixel.
const DEPTH: usize = 3;

/// What the pictures are made of, and where they go.
#[derive(Debug)]
pub(super) struct Studio {
    pub(super) info: gst_video::VideoInfo,
    /// The frame on air.
    pub(super) latest: Arc<Mutex<Option<gst::Buffer>>>,
    pub(super) directory: PathBuf,
    pub(super) wall: SharedClock,
    pub(super) reports: Reports,
}

/// Takes small pictures on a thread of its own, until what it returns is dropped.
pub(super) fn start(studio: Studio, settings: SpriteSettings) -> std::io::Result<SyncSender<()>> {
    let (go_on, stop) = sync_channel(0);
    let interval = Duration::from_millis(settings.interval_ms).max(INTERVAL_MIN);
    let sheet = Sheet::new(
        settings.pictures.clamp(1, PICTURES_MAX),
        tile(&studio.info, settings.height.clamp(HEIGHT_MIN, HEIGHT_MAX)),
    );
    thread::Builder::new()
        .name("sprite".to_owned())
        .spawn(move || take(&studio, sheet, interval, &stop))?;
    Ok(go_on)
}

/// Width and height of a small picture of this height.
fn tile(info: &gst_video::VideoInfo, height: u32) -> (u32, u32) {
    let width = u64::from(info.width()) * u64::from(height) / u64::from(info.height().max(1));
    (to_u32(width).max(1), height)
}

fn take(studio: &Studio, mut sheet: Sheet, interval: Duration, stop: &Receiver<()>) {
    give_way();
    let mut failing = false;
    while matches!(stop.recv_timeout(interval), Err(RecvTimeoutError::Timeout)) {
        let latest = &studio.latest;
        let frame = latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(frame) = frame else {
            continue;
        };
        let at = studio.wall.now();
        let written = studio.add(&mut sheet, frame, at);
        match written {
            Ok(()) => studio.reports.send(Report::Sprite(sheet.index())),
            // Once is enough: the program does not suffer from it.
            Err(ref message) if !failing => studio.reports.send(Report::Fault {
                severity: Severity::Info,
                code: "sprite.failed".to_owned(),
                message: message.clone(),
            }),
            Err(_) => {}
        }
        failing = written.is_err();
    }
}

impl Studio {
    fn add(&self, sheet: &mut Sheet, frame: gst::Buffer, at: Timestamp) -> Result<(), String> {
        let picture = rgb(frame, &self.info, sheet.tile)?;
        let stride = picture.plane_stride().first().copied().unwrap_or(0);
        let stride = usize::try_from(stride).unwrap_or(0);
        let pixels = picture
            .plane_data(0)
            .map_err(|_unmappable| "the picture cannot be read".to_owned())?;
        sheet.put(pixels, stride, at);
        let bytes = sheet.jpeg()?;
        put(&self.directory, FILE, &bytes)
            .map_err(|error| format!("the file cannot be written: {}", error.kind()))
    }
}

/// Places for pictures, row by row. A new one takes the place of the oldest: all others stay where
/// a player knows them.
#[derive(Debug)]
struct Sheet {
    tile: (u32, u32),
    columns: u32,
    rows: u32,
    /// When the picture in each place was on air.
    times: Vec<Option<Timestamp>>,
    /// The place of the next one.
    next: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    fn new(pictures: u32, tile: (u32, u32)) -> Self {
        let columns = COLUMNS.min(pictures);
        let rows = pictures.div_ceil(columns);
        // Rows of RGB are padded to whole words.
        let width = stride(columns * tile.0);
        let height = to_usize(u64::from(rows * tile.1));
        Self {
            tile,
            columns,
            rows,
            times: vec![None; to_usize(u64::from(pictures))],
            next: 0,
            pixels: vec![0; width * height],
        }
    }

    fn place(&self, index: usize) -> (u32, u32) {
        let index = to_u32(to_u64(index));
        let (column, row) = (index % self.columns, index / self.columns);
        (column * self.tile.0, row * self.tile.1)
    }

    /// Puts a picture of the tile's size in place of the oldest.
    fn put(&mut self, picture: &[u8], picture_stride: usize, at: Timestamp) {
        let (x, y) = self.place(self.next);
        let own_stride = stride(self.columns * self.tile.0);
        let length = to_usize(u64::from(self.tile.0)) * DEPTH;
        let offset = to_usize(u64::from(x)) * DEPTH;
        let rows = self.pixels.chunks_exact_mut(own_stride);
        let rows = rows.skip(to_usize(u64::from(y)));
        for (row, source) in rows
            .zip(picture.chunks(picture_stride.max(1)))
            .take(to_usize(u64::from(self.tile.1)))
        {
            if let (Some(row), Some(source)) =
                (row.get_mut(offset..offset + length), source.get(..length))
            {
                row.copy_from_slice(source);
            }
        }
        if let Some(time) = self.times.get_mut(self.next) {
            *time = Some(at);
        }
        self.next = (self.next + 1) % self.times.len().max(1);
    }

    fn index(&self) -> Sprite {
        let (width, height) = self.tile;
        let places = self.times.iter().enumerate();
        let (newer, older): (Vec<_>, Vec<_>) = places.partition(|(place, _)| *place < self.next);
        let pictures = older.into_iter().chain(newer).filter_map(|(place, time)| {
            let (x, y) = self.place(place);
            let at = (*time)?;
            Some(SpritePicture { at, x, y })
        });
        Sprite {
            width,
            height,
            pictures: pictures.collect(),
        }
    }

    fn jpeg(&self) -> Result<Vec<u8>, String> {
        let (width, height) = (self.columns * self.tile.0, self.rows * self.tile.1);
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
            .build()
            .map_err(|error| format!("the sheet cannot be described: {error}"))?;
        jpeg_of(&gst::Buffer::from_slice(self.pixels.clone()), &info)
    }
}

/// Bytes of a row of RGB, as GStreamer lays it out.
fn stride(width: u32) -> usize {
    (to_usize(u64::from(width)) * DEPTH).next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    #[test]
    fn a_new_picture_takes_the_place_of_the_oldest() {
        let mut sheet = Sheet::new(12, (4, 2));
        assert_eq!(sheet.index().pictures, []);
        for number in 0..14 {
            let value = u8::try_from(number).unwrap();
            sheet.put(&[value; 24], 12, at(number));
        }
        let index = sheet.index();
        assert_eq!((index.width, index.height), (4, 2));
        let times: Vec<Timestamp> = index.pictures.iter().map(|one| one.at).collect();
        assert_eq!(times, (2..14).map(at).collect::<Vec<_>>(), "oldest first");
        let place = |number: usize| (index.pictures[number].x, index.pictures[number].y);
        assert_eq!((place(0), place(8), place(11)), ((8, 0), (0, 2), (4, 0)));
        let pixel = |x: usize, y: usize| sheet.pixels[y * stride(40) + x * 3];
        for picture in &index.pictures {
            let (x, y) = (
                usize::try_from(picture.x).unwrap(),
                usize::try_from(picture.y).unwrap(),
            );
            let value = u8::try_from(picture.at.as_unix_seconds()).unwrap();
            for (x, y) in [(x, y), (x + 3, y + 1)] {
                assert_eq!(pixel(x, y), value);
            }
        }
    }
}
