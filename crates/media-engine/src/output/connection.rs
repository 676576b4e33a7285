use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::delivery::Surroundings;
use super::failure::Failure;
use super::queue::Item;
use crate::number::to_u64;
use crate::pipeline::{EncodedFrame, EncodedPacket, Tracks};
use crate::timeline::{Timeline, sample_start_ns};

/// Packets of sound that a connection may hold: half a second.
const PACKETS_HELD_MAX: u64 = 24;

/// How often an ending connection is looked at.
const END_INTERVAL: Duration = Duration::from_millis(50);

/// A pipeline of its own for one connection: two sources, a muxer, and a sink that sends. An
/// error of it is nobody else's.
#[derive(Debug)]
pub(super) struct Connection {
    pipeline: gst::Pipeline,
    video: gst_app::AppSrc,
    audio: gst_app::AppSrc,
    sink: gst::Element,
    tracks: Tracks,
    timeline: Timeline,
    /// How to decode the frames that were given last, where that is not as the program's.
    apart: Option<Arc<[u8]>>,
    heard: Arc<Mutex<Heard>>,
}

/// What the pipeline said.
#[derive(Debug, Default)]
struct Heard {
    error: Option<Fault>,
    ended: bool,
}

/// The first error of a connection. Its texts stay here: they may hold an address with a key.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) error: gst::glib::Error,
    pub(super) debug: String,
}

/// What stands between the sources and the sink.
pub(super) struct Parts {
    /// Between the source of the picture and the muxer.
    pub(super) parser: Option<gst::Element>,
    /// Joins both.
    pub(super) muxer: gst::Element,
    /// The muxer's pads for picture and sound, as its templates are called.
    pub(super) pads: [&'static str; 2],
    /// Sends.
    pub(super) sink: gst::Element,
}

impl Connection {
    /// Builds the pipeline; it connects when it is started.
    pub(super) fn open(parts: Parts, surroundings: &Surroundings<'_>) -> Result<Self, Failure> {
        let timeline = Timeline::new(surroundings.fanout.format().framerate);
        let connection = Self::build(parts, &surroundings.tracks, timeline)
            .map_err(|_not_built| Failure::engine())?;
        connection.listen(Arc::clone(&surroundings.bell));
        Ok(connection)
    }

    /// Lets it connect.
    pub(super) fn start(&self) {
        // What goes wrong is on the bus, and found by the next look.
        let _ = self.pipeline.set_state(gst::State::Playing);
    }

    fn build(
        parts: Parts,
        tracks: &Tracks,
        timeline: Timeline,
    ) -> Result<Self, gst::glib::BoolError> {
        let Parts {
            parser,
            muxer,
            pads: [video_pad, audio_pad],
            sink,
        } = parts;
        let pipeline = gst::Pipeline::new();
        let video = source(&video_caps(tracks, None, timeline));
        let audio = source(&audio_caps(tracks));
        pipeline.add_many([video.upcast_ref(), audio.upcast_ref(), &muxer, &sink])?;
        if let Some(parser) = &parser {
            pipeline.add(parser)?;
            video.link(parser)?;
        }
        let picture: &gst::Element = parser.as_ref().unwrap_or(video.upcast_ref());
        picture.link_pads(Some("src"), &muxer, Some(video_pad))?;
        audio.link_pads(Some("src"), &muxer, Some(audio_pad))?;
        muxer.link(&sink)?;
        Ok(Self {
            pipeline,
            video,
            audio,
            sink,
            tracks: tracks.clone(),
            timeline,
            apart: None,
            heard: Arc::default(),
        })
    }

    fn listen(&self, bell: Arc<dyn Fn() + Send + Sync>) {
        let Some(bus) = self.pipeline.bus() else {
            return;
        };
        let heard = Arc::clone(&self.heard);
        bus.set_sync_handler(move |_bus, message| {
            let view = message.view();
            let ended = matches!(view, gst::MessageView::Eos(_));
            let fault = if let gst::MessageView::Error(error) = view {
                Some(Fault {
                    error: error.error(),
                    debug: error.debug().map(String::from).unwrap_or_default(),
                })
            } else {
                None
            };
            if ended || fault.is_some() {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.ended |= ended;
                // Those that follow are consequences of the first.
                heard.error = heard.error.take().or(fault);
                drop(heard);
                bell();
            }
            gst::BusSyncReply::Drop
        });
    }

    /// The sink's own figures.
    pub(super) fn stats(&self) -> gst::Structure {
        self.sink.property("stats")
    }

    /// The first error, if there was one.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.heard().error.clone()
    }

    /// Whether it takes more. The muxer puts both streams into one order: while it waits for one
    /// of them, the other may hold as much as it likes.
    pub(super) fn has_room(&self) -> bool {
        let frames_held_max = u64::from(self.timeline.framerate() / 2).max(2);
        let (frames, packets) = (self.frames_held(), self.audio.current_level_buffers());
        frames == 0 || packets == 0 || (frames < frames_held_max && packets < PACKETS_HELD_MAX)
    }

    /// Frames that have not reached the muxer.
    pub(super) fn frames_held(&self) -> u64 {
        self.video.current_level_buffers()
    }

    /// Bytes that have not reached the muxer.
    pub(super) fn bytes_held(&self) -> u64 {
        self.video.current_level_bytes() + self.audio.current_level_bytes()
    }

    /// Takes a frame or a packet.
    pub(super) fn give(&mut self, item: Item) {
        if let Item::Video(frame) = &item
            && frame.apart != self.apart
        {
            // Behind what was given before it: the muxer then says anew how to decode.
            self.apart.clone_from(&frame.apart);
            let caps = video_caps(&self.tracks, self.apart.as_ref(), self.timeline);
            self.video.set_caps(Some(&caps));
        }
        // Refused when the pipeline has failed, which the next look says.
        let _ = match item {
            Item::Video(frame) => self.video.push_buffer(video_buffer(frame, self.timeline)),
            Item::Audio(packet) => self.audio.push_buffer(audio_buffer(packet)),
        };
    }

    /// Ends both streams and waits until everything is with the sink, and then until what
    /// `sent` counts no longer grows.
    pub(super) fn finish(&self, deadline: Instant, sent: impl Fn(&Self) -> u64) {
        let _ = self.video.end_of_stream();
        let _ = self.audio.end_of_stream();
        let mut before = None;
        while Instant::now() < deadline {
            let over = {
                let heard = self.heard();
                heard.error.is_some() || heard.ended
            };
            let now = over.then(|| sent(self));
            if over && now == before {
                return;
            }
            before = now;
            thread::sleep(END_INTERVAL);
        }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A new element.
pub(super) fn element(name: &str) -> Result<gst::Element, Failure> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_missing| Failure::engine())
}

/// A sink that sends at once what it is given.
pub(super) fn sink(name: &str) -> Result<gst::Element, Failure> {
    let sink = element(name)?;
    sink.set_property("sync", false);
    sink.set_property("async", false);
    sink.set_property("enable-last-sample", false);
    Ok(sink)
}

/// A figure of the sink, whatever whole type it has.
pub(super) fn figure(stats: &gst::StructureRef, name: &str) -> Option<u64> {
    let value = stats.value(name).ok()?;
    value
        .get::<u64>()
        .ok()
        .or_else(|| u64::try_from(value.get::<i64>().ok()?).ok())
        .or_else(|| value.get::<u32>().ok().map(u64::from))
        .or_else(|| u64::try_from(value.get::<i32>().ok()?).ok())
}

fn source(caps: &gst::Caps) -> gst_app::AppSrc {
    gst_app::AppSrc::builder()
        .caps(caps)
        .format(gst::Format::Time)
        // Not live: the muxer then waits for both streams rather than for a clock.
        .is_live(false)
        // The queue in front of it keeps the limits.
        .max_bytes(0)
        .max_buffers(0)
        .build()
}

/// Those of the program's picture, unless it is decoded otherwise.
fn video_caps(tracks: &Tracks, apart: Option<&Arc<[u8]>>, timeline: Timeline) -> gst::Caps {
    let video = &tracks.video;
    let configuration = apart.unwrap_or(&video.decoder_configuration);
    let framerate = i32::try_from(timeline.framerate()).unwrap_or(i32::MAX);
    gst::Caps::builder("video/x-h264")
        .field("stream-format", "avc")
        .field("alignment", "au")
        .field(
            "codec_data",
            gst::Buffer::from_slice(Arc::clone(configuration)),
        )
        .field("width", i32::from(video.width))
        .field("height", i32::from(video.height))
        .field("framerate", gst::Fraction::new(framerate, 1))
        .build()
}

fn audio_caps(tracks: &Tracks) -> gst::Caps {
    let audio = &tracks.audio;
    gst::Caps::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .field("framed", true)
        .field(
            "codec_data",
            gst::Buffer::from_slice(Arc::clone(&audio.decoder_configuration)),
        )
        .field("rate", i32::from(audio.sample_rate))
        .field("channels", i32::from(audio.channels))
        .build()
}

fn video_buffer(frame: EncodedFrame, timeline: Timeline) -> gst::Buffer {
    let start = timeline.frame_start_ns(frame.number);
    let length = timeline
        .frame_start_ns(frame.number + 1)
        .saturating_sub(start);
    let flags = if frame.keyframe {
        gst::BufferFlags::empty()
    } else {
        gst::BufferFlags::DELTA_UNIT
    };
    buffer(frame.data, start, length, flags)
}

fn audio_buffer(packet: EncodedPacket) -> gst::Buffer {
    let start = sample_start_ns(packet.position);
    let end = sample_start_ns(packet.position + u64::from(crate::fmp4::AAC_PACKET_SAMPLES));
    buffer(
        packet.data,
        start,
        end.saturating_sub(start),
        gst::BufferFlags::empty(),
    )
}

fn buffer(data: Arc<[u8]>, start: u64, length: u64, flags: gst::BufferFlags) -> gst::Buffer {
    debug_assert!(to_u64(data.len()) > 0, "encoders give no empty buffers");
    let mut buffer = gst::Buffer::from_slice(data);
    if let Some(buffer) = buffer.get_mut() {
        let start = gst::ClockTime::from_nseconds(start);
        buffer.set_pts(start);
        // No frame is shown in another order than it is decoded in.
        buffer.set_dts(start);
        buffer.set_duration(gst::ClockTime::from_nseconds(length));
        buffer.set_flags(flags);
    }
    buffer
}
