//! A picture file: a still that is decoded once, a drawing that is drawn anew for every size, or
//! an animation. All is read on threads of its own, and scaled once for every size.

use std::path::Path;
use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::clock::Timestamp;
use sm_common::layer::Transform;
use sm_media_files::{Drawing, SvgLimits};
use sm_media_protocol::SceneLayer;

use super::failure::Failure;
use super::file::{FileKind, kind_of};
use super::flipbook::{Flipbook, Turn};
use super::player::{Cut, Ending, Media, Player, Recipe, Watcher};
use super::vector::{Draughtsman, Sheet, size_of};
use super::{Health, Mailbox, News, Source, Surroundings};
use crate::picture::{Bitmap, Matrix, Picture, Placement};
use crate::pipeline::{Surface, bitmap_of, scale_bitmap};

/// Larger pictures are scaled down while they are decoded: none is ever shown larger.
const SIDE_MAX: i32 = 4096;

/// Pixels of a file that are decoded at all; more would take more memory than a worker should.
pub(super) const PIXELS_MAX: usize = 100_000_000;

/// Largest side that a drawing may say it has; it is drawn in the size of its layer.
const DRAWING_SIDE_MAX: u32 = 8192;

pub(super) fn open(path: &Path, layer: &SceneLayer, surroundings: &Surroundings) -> ImageSource {
    let path = path.to_owned();
    let mailbox = surroundings.mailbox(layer.id);
    let reader = mailbox.clone();
    let recipe = Recipe {
        name: "image",
        ending: Ending::Still,
        cut: Cut::default(),
        build: Box::new(move |watcher| build(&path, &reader, watcher)),
    };
    ImageSource {
        matrix: surroundings.matrix,
        transform: layer.transform,
        visible: layer.visible,
        player: Player::start(recipe, surroundings, layer),
        mailbox,
        size: None,
        bitmap: None,
        draughtsman: None,
        ordered: None,
        flipbook: None,
        picture: None,
        health: Health::Loading,
    }
}

#[derive(Debug)]
pub(super) struct ImageSource {
    matrix: Matrix,
    transform: Transform,
    visible: bool,
    #[expect(dead_code, reason = "its thread ends when it is dropped")]
    player: Player,
    mailbox: Mailbox,
    /// The picture's own size.
    size: Option<(u32, u32)>,
    /// What was last decoded or drawn.
    bitmap: Option<Arc<Bitmap>>,
    /// Of a drawing, who draws it, and the size that is being drawn.
    draughtsman: Option<Draughtsman>,
    ordered: Option<(u32, u32)>,
    /// The rest of an animation.
    flipbook: Option<Flipbook>,
    picture: Option<Arc<Picture>>,
    health: Health,
}

impl ImageSource {
    /// Brings the picture into the layer's size.
    fn scale(&mut self) {
        let Some(source) = self.size else {
            return;
        };
        // All of it, also when a part is cropped away: the crop may move.
        let size = Placement::of(&self.transform, source).whole_size();
        let drawn = self.bitmap.as_deref().map(size_of);
        if let Some(draughtsman) = &self.draughtsman
            && drawn != Some(size)
            && self.ordered != Some(size)
        {
            draughtsman.order(size);
            self.ordered = Some(size);
        }
        let Some(bitmap) = &self.bitmap else {
            return;
        };
        let picture = if drawn == Some(size) {
            Ok(bitmap.to_picture(self.matrix))
        } else {
            scale_bitmap(bitmap, size.0, size.1).map(|scaled| scaled.to_picture(self.matrix))
        };
        match picture {
            Ok(picture) => {
                self.picture = Some(Arc::new(picture.scaled_from(source.0, source.1)));
                self.health = Health::Fine;
            }
            Err(error) => self.health = Health::Failing(Failure::engine(error)),
        }
    }

    fn take(&mut self, bitmap: Arc<Bitmap>) {
        self.size = Some(size_of(&bitmap));
        self.bitmap = Some(bitmap);
        self.scale();
    }

    fn take_drawing(&mut self, drawing: Drawing) {
        self.size = Some(drawing.size(DRAWING_SIDE_MAX));
        self.draughtsman = Some(Draughtsman::start(drawing, self.mailbox.clone()));
        self.scale();
    }

    fn take_sheet(&mut self, Sheet { size, bitmap }: Sheet) {
        if self.ordered == Some(size) {
            self.ordered = None;
            self.bitmap = Some(Arc::new(bitmap));
            self.scale();
        }
    }
}

impl Source for ImageSource {
    fn update(&mut self, layer: &SceneLayer) {
        self.visible = layer.visible;
        if self.transform != layer.transform {
            let before = std::mem::replace(&mut self.transform, layer.transform);
            if !same_size(&before, &self.transform) {
                self.scale();
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Picture(bitmap) => self.take(Arc::new(bitmap)),
            News::Outline(drawing) => self.take_drawing(drawing),
            News::Sheet(sheet) => self.take_sheet(sheet),
            News::Animation(flipbook) => self.flipbook = Some(flipbook),
            News::Flowing | News::Drawn(_) | News::Playback(_) | News::Part(..) => {}
            News::Failed(failure) => self.health = Health::Failing(failure),
        }
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.flipbook
            .as_ref()
            .filter(|_| self.visible || self.bitmap.is_none())
            .and_then(Flipbook::due)
    }

    fn change(&mut self, now: Timestamp) {
        match self.flipbook.as_mut().map(|flipbook| flipbook.turn(now)) {
            Some(Turn::Page(bitmap)) => self.take(bitmap),
            Some(Turn::Failed(failure)) => self.health = Health::Failing(failure),
            Some(Turn::Wait | Turn::End) | None => {}
        }
    }

    fn is_drawing(&self) -> bool {
        self.ordered.is_some()
    }

    fn surface(&self) -> Surface {
        self.picture.as_ref().map_or(Surface::Empty, |picture| {
            Surface::Still(Arc::clone(picture))
        })
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

/// Whether a picture is kept in the same size for both.
fn same_size(before: &Transform, after: &Transform) -> bool {
    (before.width, before.height, before.crop, before.fit)
        == (after.width, after.height, after.crop, after.fit)
}

fn build(path: &Path, mailbox: &Mailbox, watcher: &Watcher) -> Result<Media, Failure> {
    let decoder = match kind_of(path)? {
        Some(FileKind::Png) => "pngdec",
        Some(FileKind::Jpeg) => "jpegdec",
        Some(FileKind::Webp) => "webpdec",
        Some(FileKind::Animation(kind)) => {
            let flipbook = Flipbook::open(path, kind, mailbox.clone())?;
            watcher.tell(News::Animation(flipbook));
            return Ok(read(watcher));
        }
        Some(FileKind::Svg) => {
            watcher.tell(News::Outline(drawing(path)?));
            return Ok(read(watcher));
        }
        Some(FileKind::Mp4 | FileKind::Matroska | FileKind::Audio) | None => {
            return Err(Failure::unsupported(
                "the file is no PNG, JPEG, WebP, GIF or SVG picture",
            ));
        }
    };
    if is_too_large(path)? {
        return Err(Failure::too_large());
    }
    decode(path, decoder, watcher)
}

/// Whether the picture has more pixels than may be decoded.
pub(super) fn is_too_large(path: &Path) -> Result<bool, Failure> {
    let size = imagesize::size(path)
        .map_err(|_unknown| Failure::undecodable("the picture has no size"))?;
    Ok(size.width.saturating_mul(size.height) > PIXELS_MAX)
}

/// A file that has been read: there is nothing left for a pipeline to do.
fn read(watcher: &Watcher) -> Media {
    watcher.frame_arrived();
    Media {
        pipeline: gst::Pipeline::new(),
        reel: None,
        length: None,
    }
}

pub(super) fn drawing(path: &Path) -> Result<Drawing, Failure> {
    let limits = SvgLimits::default();
    let size = std::fs::metadata(path).map_err(|error| Failure::unreadable(&error))?;
    if size.len() > crate::number::to_u64(limits.bytes_max) {
        return Err(Failure::undecodable("the drawing has too many bytes"));
    }
    let data = std::fs::read(path).map_err(|error| Failure::unreadable(&error))?;
    Drawing::read(&data, limits).map_err(|error| Failure::undecodable(error.to_string()))
}

fn decode(path: &Path, decoder: &str, watcher: &Watcher) -> Result<Media, Failure> {
    let make = |name| {
        gst::ElementFactory::make(name)
            .build()
            .map_err(Failure::engine)
    };
    let source = gst::ElementFactory::make("filesrc")
        .property("location", path)
        .build()
        .map_err(Failure::engine)?;
    let watcher = watcher.clone();
    let sink = gst_app::AppSink::builder()
        .caps(&bgra())
        .sync(false)
        .callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
                    let bitmap = bitmap_of(&sample).ok_or(gst::FlowError::Error)?;
                    watcher.tell(News::Picture(bitmap));
                    watcher.frame_arrived();
                    // One is enough, also of a file that moves.
                    Err(gst::FlowError::Eos)
                })
                .build(),
        )
        .build();
    let chain = [
        &source,
        &make(decoder)?,
        &make("videoconvert")?,
        &make("videoscale")?,
        sink.upcast_ref(),
    ];
    let pipeline = gst::Pipeline::new();
    pipeline.add_many(chain).map_err(Failure::engine)?;
    gst::Element::link_many(chain).map_err(Failure::engine)?;
    Ok(Media {
        pipeline,
        reel: None,
        length: None,
    })
}

fn bgra() -> gst::Caps {
    let side = gst::IntRange::new(1, SIDE_MAX);
    gst::Caps::builder("video/x-raw")
        .field("format", "BGRA")
        .field("width", side)
        .field("height", side)
        .build()
}
