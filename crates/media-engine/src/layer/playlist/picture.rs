//! A picture that is shown for a while, as a film in which nothing moves. Over black: what is behind
//! the layer does not shine through.

use std::path::Path;
use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use sm_media_files::Animation;

use crate::layer::failure::Failure;
use crate::layer::file::FileKind;
use crate::layer::image::{PIXELS_MAX, drawing, is_too_large};
use crate::layer::player::{Knife, Media, Reel, Watcher};
use crate::layer::sink::frame_sink;
use crate::layer::video::{Outlets, make};

/// Frames a second of a picture: they are all the same, and only the last has a moment.
const FRAMERATE: i32 = 10;
/// Largest side in which a drawing is drawn.
const DRAWING_SIDE_MAX: u32 = 2160;

/// Pixels of four bytes: red, green, blue and how opaque it is.
struct Still {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

pub(super) fn build(
    (path, kind): (&Path, FileKind),
    length: gst::ClockTime,
    outlets: &Outlets,
    watcher: &Watcher,
) -> Result<Media, Failure> {
    let mut chain = match kind {
        FileKind::Png => decoded(path, "pngdec")?,
        FileKind::Jpeg => decoded(path, "jpegdec")?,
        FileKind::Webp => decoded(path, "webpdec")?,
        FileKind::Svg => vec![given(drawn(path)?)?],
        FileKind::Animation(kind) => {
            let undecodable =
                |error: sm_media_files::AnimationError| Failure::undecodable(error.to_string());
            let pixels_max = crate::number::to_u64(PIXELS_MAX);
            let mut pages = Animation::open(path, kind, pixels_max).map_err(undecodable)?;
            let first = pages.next().ok_or_else(Failure::no_picture)?;
            let cel = first.map_err(undecodable)?;
            vec![given(Still {
                width: cel.width,
                height: cel.height,
                pixels: cel.pixels,
            })?]
        }
        FileKind::Mp4 | FileKind::Matroska | FileKind::Audio => {
            return Err(Failure::unsupported("the file is no picture"));
        }
    };
    let moving = gst::Caps::builder("video/x-raw")
        .field("framerate", gst::Fraction::new(FRAMERATE, 1))
        .build();
    let rate = gst::ElementFactory::make("capsfilter")
        .property("caps", moving)
        .build()
        .map_err(Failure::engine)?;
    let sink = frame_sink(&outlets.program, &outlets.frames, watcher).upcast::<gst::Element>();
    chain.extend([
        make("videoconvert")?,
        make("imagefreeze")?,
        rate,
        sink.clone(),
    ]);
    let pipeline = gst::Pipeline::new();
    pipeline.add_many(&chain).map_err(Failure::engine)?;
    gst::Element::link_many(&chain).map_err(Failure::engine)?;
    Ok(Media {
        pipeline,
        reel: Some(Reel {
            element: sink,
            frames: Some(Arc::clone(&outlets.frames)),
            knife: Knife::default(),
        }),
        length: Some(length),
    })
}

fn decoded(path: &Path, decoder: &str) -> Result<Vec<gst::Element>, Failure> {
    if is_too_large(path)? {
        return Err(Failure::too_large());
    }
    let source = gst::ElementFactory::make("filesrc")
        .property("location", path)
        .build()
        .map_err(Failure::engine)?;
    Ok(vec![source, make(decoder)?])
}

/// A source that has this picture, and nothing more.
fn given(still: Still) -> Result<gst::Element, Failure> {
    let format = gst_video::VideoFormat::Rgba;
    let info = gst_video::VideoInfo::builder(format, still.width, still.height)
        .fps(gst::Fraction::new(0, 1))
        .build()
        .map_err(Failure::engine)?;
    let source = gst_app::AppSrc::builder()
        .caps(&info.to_caps().map_err(Failure::engine)?)
        .format(gst::Format::Time)
        .build();
    // Both wait until the pipeline starts.
    let mut buffer = gst::Buffer::from_slice(still.pixels);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::ZERO);
    }
    source
        .push_buffer(buffer)
        .and_then(|_success| source.end_of_stream())
        .map_err(Failure::engine)?;
    Ok(source.upcast())
}

fn drawn(path: &Path) -> Result<Still, Failure> {
    let drawing = drawing(path)?;
    let (width, height) = drawing.size(DRAWING_SIDE_MAX);
    let pixels = drawing.draw(width, height);
    Ok(Still {
        width,
        height,
        pixels: pixels.ok_or_else(Failure::too_large)?,
    })
}
