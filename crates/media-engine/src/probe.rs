//! Looks into an uploaded video or sound: plays its beginning, and takes a picture of it. In a
//! process of its own, in the sandbox of [`sm_probe`].

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use sm_media_files::Thumbnail;
use sm_probe::{Findings, Limits, Look, Order, Refusal};

/// What the process may read beside the file: GStreamer and what it needs.
const READABLE: [&str; 8] = [
    "/usr",
    "/lib",
    "/lib64",
    "/opt",
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
];
/// Where in a video its thumbnail is taken: behind so much of its length, for there is often
/// nothing to be seen in its first picture; and not later than this.
const THUMBNAIL_SHARE: u64 = 10;
const THUMBNAIL_AT_MAX: gst::ClockTime = gst::ClockTime::from_seconds(10);
/// Longest wait for that picture; then it is the first.
const SEEK_TIMEOUT: Duration = Duration::from_secs(3);

/// The `main` of the process. `argument` is the order.
pub fn probe(argument: Option<String>) -> ExitCode {
    // It may run a program that looks for plugins, which the sandbox would not let it.
    if gst::init().is_err() {
        return ExitCode::FAILURE;
    }
    sm_probe::answer(argument, &READABLE.map(Path::new), look)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the file is open for as long as it is looked into"
)]
fn look(file: File, order: &Order) -> Result<Look, Refusal> {
    let what = match order.media_type.split('/').next() {
        Some("video") => "video",
        _ => "sound",
    };
    let player = Player::build(&file, &order.limits).map_err(|error| {
        let why = format!("the {what} cannot be decoded: {error}");
        Refusal::broken(why)
    })?;
    let looked = player.look(what, &order.limits);
    // Nothing depends on how it ends.
    let _state = player.pipeline.set_state(gst::State::Null);
    looked
}

/// A picture of the file, if it has any, and how large it is.
#[derive(Debug, Default)]
struct Seen {
    sink: Option<gst_app::AppSink>,
    size: Option<(u32, u32)>,
    sounds: bool,
}

struct Player {
    pipeline: gst::Pipeline,
    seen: Arc<Mutex<Seen>>,
}

/// What a file says of itself while it begins to play.
#[derive(Debug, Default)]
struct Tags {
    video_codec: Option<String>,
    audio_codec: Option<String>,
}

impl Player {
    /// Everything in the file is decoded; nothing is played.
    fn build(file: &File, limits: &Limits) -> Result<Self, gst::glib::Error> {
        let pipeline = gst::Pipeline::new();
        let (source, decode) = (make("filesrc")?, make("decodebin")?);
        source.set_property("location", format!("/proc/self/fd/{}", file.as_raw_fd()));
        let failed = |error: gst::glib::BoolError| {
            gst::glib::Error::new(gst::CoreError::Failed, &error.to_string())
        };
        pipeline.add_many([&source, &decode]).map_err(failed)?;
        source.link(&decode).map_err(failed)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (weak, noted, side) = (
            pipeline.downgrade(),
            Arc::clone(&seen),
            limits.thumbnail_side,
        );
        decode.connect_pad_added(move |_decode, pad| {
            let Some(pipeline) = weak.upgrade() else {
                return;
            };
            let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = receive(&pipeline, pad, &mut seen, side) {
                gst::element_error!(pipeline, gst::CoreError::Pad, ("{error}"));
            }
        });
        Ok(Self { pipeline, seen })
    }

    fn look(&self, what: &str, limits: &Limits) -> Result<Look, Refusal> {
        let patience = Duration::from_secs(limits.cpu_s_max);
        let mut tags = Tags::default();
        if self.pipeline.set_state(gst::State::Paused).is_err() {
            return Err(self.broken(what));
        }
        if !self.until_paused(patience, &mut tags)? {
            let why = format!("the {what} does not begin within {} s", patience.as_secs());
            return Err(Refusal::broken(why));
        }
        let duration = self.pipeline.query_duration::<gst::ClockTime>();
        let (sink, size, sounds) = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            (seen.sink.clone(), seen.size, seen.sounds)
        };
        if size.is_none() && !sounds {
            return Err(Refusal::broken("the file has neither picture nor sound"));
        }
        if let Some((width, height)) = size {
            check_size(width, height, limits)?;
        }
        let duration_ms = duration.map(gst::ClockTime::mseconds);
        if duration_ms.is_some_and(|ms| ms > limits.duration_ms_max) {
            return Err(Refusal::length(format!(
                "the {what} lasts {} s; at most {} s are taken",
                duration_ms.unwrap_or_default() / 1000,
                limits.duration_ms_max / 1000
            )));
        }
        let thumbnail = sink.and_then(|sink| self.thumbnail(&sink, duration, limits, &mut tags));
        let (media_type, thumbnail) = match thumbnail {
            Some(Thumbnail { media_type, bytes }) => (Some(media_type.to_owned()), bytes),
            None => (None, Vec::new()),
        };
        Ok(Look {
            findings: Findings {
                size,
                duration_ms,
                video_codec: tags.video_codec.filter(|_| size.is_some()),
                audio_codec: tags.audio_codec.filter(|_| sounds),
                thumbnail: media_type,
                ..Findings::default()
            },
            thumbnail,
        })
    }

    /// Waits until everything in the file has begun; `false` when that takes too long.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "nothing else says whether it begins"
    )]
    fn until_paused(&self, patience: Duration, tags: &mut Tags) -> Result<bool, Refusal> {
        let Some(bus) = self.pipeline.bus() else {
            return Ok(false);
        };
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = gst::ClockTime::try_from(left).unwrap_or_default();
            let Some(message) = bus.timed_pop(left) else {
                return Ok(false);
            };
            match message.view() {
                gst::MessageView::AsyncDone(_) | gst::MessageView::Eos(_) => return Ok(true),
                gst::MessageView::Tag(tag) => tags.note(&tag.tags()),
                gst::MessageView::Error(error) => {
                    return Err(Refusal::broken(format!(
                        "the file cannot be decoded: {}",
                        error.error()
                    )));
                }
                _ => {}
            }
        }
    }

    /// Why the file does not even try to begin.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only errors were asked for")]
    fn broken(&self, what: &str) -> Refusal {
        let error = self
            .pipeline
            .bus()
            .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        let why = error.as_ref().and_then(|message| match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        });
        let why = why.unwrap_or_else(|| "it does not begin".to_owned());
        Refusal::broken(format!("the {what} cannot be decoded: {why}"))
    }

    fn thumbnail(
        &self,
        sink: &gst_app::AppSink,
        duration: Option<gst::ClockTime>,
        limits: &Limits,
        tags: &mut Tags,
    ) -> Option<Thumbnail> {
        let patience = gst::ClockTime::try_from(SEEK_TIMEOUT).ok()?;
        let first = sink.try_pull_preroll(patience);
        let at = duration.map(|duration| (duration / THUMBNAIL_SHARE).min(THUMBNAIL_AT_MAX));
        let later = at.and_then(|at| {
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT;
            self.pipeline.seek_simple(flags, at).ok()?;
            let begun = self.until_paused(SEEK_TIMEOUT, tags);
            begun.ok().filter(|begun| *begun)?;
            sink.try_pull_preroll(patience)
        });
        draw(&later.or(first)?, limits.thumbnail_side)
    }
}

impl Tags {
    fn note(&mut self, tags: &gst::TagList) {
        if let Some(codec) = tags.get::<gst::tags::VideoCodec>() {
            self.video_codec.get_or_insert(codec.get().to_owned());
        }
        if let Some(codec) = tags.get::<gst::tags::AudioCodec>() {
            self.audio_codec.get_or_insert(codec.get().to_owned());
        }
    }
}

fn make(factory: &str) -> Result<gst::Element, gst::glib::Error> {
    let made = gst::ElementFactory::make(factory).build();
    made.map_err(|error| gst::glib::Error::new(gst::CoreError::MissingPlugin, &error.to_string()))
}

/// Takes a stream of the file: the first picture for the thumbnail, everything else for nothing.
fn receive(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    seen: &mut Seen,
    side: u32,
) -> Result<(), gst::glib::BoolError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(form) = caps.structure(0) else {
        return Ok(());
    };
    seen.sounds |= form.name().starts_with("audio/");
    let is_picture = form.name().starts_with("video/") && seen.size.is_none();
    let shown = is_picture.then(|| shown_size(form)).flatten();
    let Some((width, height)) = shown else {
        let sink = gst::ElementFactory::make("fakesink").build()?;
        pipeline.add(&sink)?;
        return connect(pad, &[sink]);
    };
    seen.size = Some((width, height));
    let (width, height) = fitted(width, height, side);
    let [width, height] = [width, height].map(|side| i32::try_from(side).unwrap_or(i32::MAX));
    let convert = gst::ElementFactory::make("videoconvert").build()?;
    let scale = gst::ElementFactory::make("videoscale")
        .property("add-borders", false)
        .build()?;
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "RGBA")
        .field("width", width)
        .field("height", height)
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build();
    let sink = gst_app::AppSink::builder()
        .caps(&caps)
        .max_buffers(1)
        .build();
    seen.sink = Some(sink.clone());
    // Scaled before it is converted: fewer pixels to convert.
    let elements = [scale, convert, sink.upcast()];
    pipeline.add_many(&elements)?;
    gst::Element::link_many(&elements)?;
    connect(pad, &elements)
}

fn connect(pad: &gst::Pad, elements: &[gst::Element]) -> Result<(), gst::glib::BoolError> {
    let first = elements.first();
    let sink = first.and_then(|first| first.static_pad("sink"));
    let sink = sink.ok_or_else(|| gst::glib::bool_error!("there is nothing to link to"))?;
    // From the last on, so that nothing arrives where nobody is ready.
    for element in elements.iter().rev() {
        element.sync_state_with_parent()?;
    }
    let linked = pad.link(&sink);
    linked.map_err(|error| gst::glib::bool_error!("a stream cannot be linked: {error}"))?;
    Ok(())
}

/// Width and height as they are shown: with the shape of the pixels.
fn shown_size(form: &gst::StructureRef) -> Option<(u32, u32)> {
    let side = |name: &str| u32::try_from(form.get::<i32>(name).ok()?).ok();
    let (width, height) = (side("width")?, side("height")?);
    let shape = form.get::<gst::Fraction>("pixel-aspect-ratio").ok();
    let (numer, denom) = shape.map_or((1, 1), |shape| (shape.numer(), shape.denom()));
    let shown = i64::from(width) * i64::from(numer) / i64::from(denom).max(1);
    let shown = u32::try_from(shown).unwrap_or(width);
    (shown > 0 && height > 0).then_some((shown, height))
}

/// The largest size of this shape whose longer side has `side` pixels, or the size itself.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= side {
        return (width, height);
    }
    let scaled = |of: u32| {
        let scaled = u64::from(of) * u64::from(side) / u64::from(longer);
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    (scaled(width), scaled(height))
}

fn check_size(width: u32, height: u32, limits: &Limits) -> Result<(), Refusal> {
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) <= limits.side_max && pixels <= limits.pixels_max {
        return Ok(());
    }
    Err(Refusal::dimensions(format!(
        "the video has {width}x{height} pixels; at most {} on a side and {} in all are taken",
        limits.side_max, limits.pixels_max
    )))
}

fn draw(sample: &gst::Sample, side: u32) -> Option<Thumbnail> {
    let form = sample.caps()?.structure(0)?;
    let get = |name: &str| u32::try_from(form.get::<i32>(name).ok()?).ok();
    let (width, height) = (get("width")?, get("height")?);
    let pixels = sample.buffer()?.map_readable().ok()?;
    Thumbnail::of_pixels(width, height, pixels.as_slice().to_vec(), side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_has_the_shape_of_the_video() {
        assert_eq!(fitted(1920, 1080, 320), (320, 180));
        assert_eq!(fitted(1080, 1920, 320), (180, 320));
        assert_eq!(fitted(64, 36, 320), (64, 36));
        assert_eq!(fitted(8000, 2, 320), (320, 1));
    }

    #[test]
    fn pixels_that_are_not_square_are_counted_as_they_are_shown() {
        let size = |numer, denom| {
            let caps = gst::Structure::builder("video/x-raw")
                .field("width", 720)
                .field("height", 576)
                .field("pixel-aspect-ratio", gst::Fraction::new(numer, denom))
                .build();
            shown_size(&caps)
        };
        gst::init().unwrap();
        assert_eq!(size(1, 1), Some((720, 576)));
        assert_eq!(size(16, 11), Some((1047, 576)));
        let bare = gst::Structure::builder("video/x-raw").field("width", 720);
        assert_eq!(shown_size(&bare.build()), None);
    }
}
