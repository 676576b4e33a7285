//! A picture file: decoded once on its own thread, scaled once for every size.

use std::path::Path;
use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::layer::Transform;
use sm_media_protocol::SceneLayer;

use super::failure::Failure;
use super::file::{FileKind, kind_of};
use super::player::{Cut, Ending, Media, Player, Recipe, Watcher};
use super::{Health, News, Source, Surroundings};
use crate::number::{to_u32, to_u64};
use crate::picture::{Bitmap, Matrix, Picture, Placement};
use crate::pipeline::{Surface, bitmap_of, scale_bitmap};

/// Larger pictures are scaled down while they are decoded: none is ever shown larger.
const SIDE_MAX: i32 = 4096;

/// Pixels of a file that are decoded at all; more would take more memory than a worker should.
const PIXELS_MAX: usize = 100_000_000;

pub(super) fn open(path: &Path, layer: &SceneLayer, surroundings: &Surroundings) -> ImageSource {
    let path = path.to_owned();
    let recipe = Recipe {
        name: "image",
        ending: Ending::Still,
        cut: Cut::default(),
        build: Box::new(move |watcher| build(&path, watcher)),
    };
    ImageSource {
        matrix: surroundings.matrix,
        transform: layer.transform,
        player: Player::start(recipe, surroundings, layer),
        bitmap: None,
        picture: None,
        health: Health::Loading,
    }
}

#[derive(Debug)]
pub(super) struct ImageSource {
    matrix: Matrix,
    transform: Transform,
    #[expect(dead_code, reason = "its thread ends when it is dropped")]
    player: Player,
    bitmap: Option<Bitmap>,
    picture: Option<Arc<Picture>>,
    health: Health,
}

impl ImageSource {
    fn scale(&mut self) {
        let Some(bitmap) = &self.bitmap else {
            return;
        };
        let side = |pixels: usize| to_u32(to_u64(pixels)).max(1);
        let source = (side(bitmap.width()), side(bitmap.height()));
        // All of it, also when a part is cropped away: the crop may move.
        let (width, height) = Placement::of(&self.transform, source).whole_size();
        match scale_bitmap(bitmap, width, height) {
            Ok(scaled) => {
                let picture = scaled.to_picture(self.matrix);
                self.picture = Some(Arc::new(picture.scaled_from(source.0, source.1)));
                self.health = Health::Fine;
            }
            Err(error) => self.health = Health::Failing(Failure::engine(error)),
        }
    }
}

impl Source for ImageSource {
    fn update(&mut self, layer: &SceneLayer) {
        if self.transform != layer.transform {
            let before = std::mem::replace(&mut self.transform, layer.transform);
            if !same_size(&before, &self.transform) {
                self.scale();
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Picture(bitmap) => {
                self.bitmap = Some(bitmap);
                self.scale();
            }
            News::Flowing | News::Drawn(_) | News::Playback(_) => {}
            News::Failed(failure) => self.health = Health::Failing(failure),
        }
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

fn build(path: &Path, watcher: &Watcher) -> Result<Media, Failure> {
    let decoder = match kind_of(path)? {
        Some(FileKind::Png) => "pngdec",
        Some(FileKind::Jpeg) => "jpegdec",
        Some(FileKind::Webp) => "webpdec",
        Some(FileKind::Mp4 | FileKind::Matroska) | None => {
            return Err(Failure::unsupported(
                "the file is no PNG, JPEG or WebP picture",
            ));
        }
    };
    match imagesize::size(path) {
        Ok(size) if size.width.saturating_mul(size.height) > PIXELS_MAX => {
            return Err(Failure::too_large());
        }
        Ok(_) => {}
        Err(_unknown) => return Err(Failure::undecodable("the picture has no size")),
    }
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
