//! From the source to the sinks.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::address::{NetworkPolicy, SourceScheme, SourceUrl};
use sm_common::layer::NetworkSource as Wanted;

use super::guard::resolve;
use super::pace::Pacer;
use super::{fetch, hls};
use crate::layer::failure::Failure;
use crate::layer::player::{Media, Watcher};
use crate::layer::sink::{frame_sink, sound_sink};
use crate::layer::video::{Branch, PadKind, kind_of_pad, make};
use crate::pipeline::{FrameSlot, ProgramClock};
use crate::sound::SoundQueue;

/// Longest wait for a server's answers, in seconds.
const ANSWER_TIMEOUT_S: u32 = 5;

/// Where frames and samples go.
#[derive(Clone, Debug)]
pub(super) struct Outlets {
    pub(super) program: Arc<ProgramClock>,
    pub(super) frames: Arc<FrameSlot>,
    pub(super) sound: Arc<Mutex<SoundQueue>>,
}

/// Builds the pipeline. Names are resolved and checked for every attempt.
pub(super) fn build(
    url: &SourceUrl,
    wanted: &Wanted,
    size: (u32, u32),
    policy: &NetworkPolicy,
    outlets: &Outlets,
    watcher: &Watcher,
) -> Result<Media, Failure> {
    let pipeline = gst::Pipeline::new();
    // The sinks are moved by what arrives; waiting for GStreamer's own latency on top of that
    // would deliver sound after the moment it belongs to, and it would not be heard.
    pipeline.set_latency(gst::ClockTime::ZERO);
    let branches = Branches {
        pacer: Pacer::new(&outlets.program, wanted.latency_ms),
        outlets: outlets.clone(),
        watcher: watcher.clone(),
        live: matches!(url.scheme(), SourceScheme::Rtmp | SourceScheme::Srt),
        picture: Arc::default(),
        sound: Arc::default(),
    };
    match url.scheme() {
        SourceScheme::Rtmp => {
            let source = rtmp(url, resolve(url, policy)?)?;
            live(&pipeline, &source, "flvdemux", &branches)?;
        }
        SourceScheme::Srt => {
            let source = srt(url, resolve(url, policy)?, wanted)?;
            live(&pipeline, &source, "tsdemux", &branches)?;
        }
        SourceScheme::Http | SourceScheme::Https => {
            let source = gst_app::AppSrc::builder()
                .format(gst::Format::Bytes)
                .stream_type(gst_app::AppStreamType::Stream)
                .block(true)
                .max_bytes(fetch::WAITING_BYTES_MAX)
                .build();
            pipeline.add(&source).map_err(Failure::engine)?;
            let feed = Feed {
                pipeline: pipeline.downgrade(),
                source: source.downgrade(),
                branches,
                demuxer: None,
            };
            let taste = hls::Taste {
                width: u64::from(size.0),
                height: u64::from(size.1),
            };
            fetch::start(url.clone(), policy.clone(), taste, feed, watcher.clone())?;
        }
    }
    Ok(Media {
        pipeline,
        reel: None,
    })
}

/// The address is given as numbers, so that nothing is resolved a second time; the server sees it
/// so in `tcUrl`.
fn rtmp(url: &SourceUrl, address: IpAddr) -> Result<gst::Element, Failure> {
    let (application, stream) = url
        .application_and_stream()
        .ok_or_else(|| Failure::engine("the address names no stream"))?;
    gst::ElementFactory::make("rtmp2src")
        .property_from_str("scheme", "rtmp")
        .property("host", address.to_string())
        .property("port", i32::from(url.port()))
        .property("application", application)
        .property("stream", stream)
        .property("timeout", ANSWER_TIMEOUT_S)
        .build()
        .map_err(Failure::engine)
}

fn srt(url: &SourceUrl, address: IpAddr, wanted: &Wanted) -> Result<gst::Element, Failure> {
    let place = SocketAddr::new(address, url.port());
    let source = gst::ElementFactory::make("srtsrc")
        .property("uri", format!("srt://{place}"))
        .property_from_str("mode", "caller")
        .property(
            "latency",
            i32::try_from(wanted.latency_ms).unwrap_or(i32::MAX),
        )
        // A connection that fails is ours to make again: it is reported, and the wait grows.
        .property("auto-reconnect", false)
        .build()
        .map_err(Failure::engine)?;
    if let Some(stream) = &wanted.stream_id {
        source.set_property("streamid", stream);
    }
    Ok(source)
}

fn live(
    pipeline: &gst::Pipeline,
    source: &gst::Element,
    demuxer: &str,
    branches: &Branches,
) -> Result<(), Failure> {
    let demuxer = make(demuxer)?;
    pipeline
        .add_many([source, &demuxer])
        .and_then(|()| source.link(&demuxer))
        .map_err(Failure::engine)?;
    branches.grow_from(&demuxer, pipeline);
    let watcher = branches.watcher.clone();
    if let Some(pad) = source.static_pad("src") {
        pad.add_probe(gst::PadProbeType::BUFFER, move |_pad, _info| {
            watcher.bytes_arrived();
            gst::PadProbeReturn::Remove
        });
    }
    Ok(())
}

/// A pipeline that is fed by a thread, which finds out what it feeds.
pub(super) struct Feed {
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    source: gst::glib::WeakRef<gst_app::AppSrc>,
    branches: Branches,
    demuxer: Option<&'static str>,
}

impl Feed {
    /// Whether nobody needs it any more.
    pub(super) fn is_over(&self) -> bool {
        self.source.upgrade().is_none()
    }

    /// Takes the next bytes; waits while there are enough. `false` when no more are needed.
    pub(super) fn push(&self, bytes: &[u8]) -> bool {
        self.source.upgrade().is_some_and(|source| {
            source
                .push_buffer(gst::Buffer::from_slice(bytes.to_vec()))
                .is_ok()
        })
    }

    /// There are no more bytes.
    pub(super) fn end(&self) {
        if let Some(source) = self.source.upgrade() {
            // Fails when the pipeline is already ending.
            let _ = source.end_of_stream();
        }
    }

    /// What follows is for this demuxer. `false` if something else came before.
    pub(super) fn demux(&mut self, name: &'static str) -> Result<bool, Failure> {
        if let Some(before) = self.demuxer {
            return Ok(before == name);
        }
        self.demuxer = Some(name);
        let (Some(pipeline), Some(source)) = (self.pipeline.upgrade(), self.source.upgrade())
        else {
            return Ok(true);
        };
        let demuxer = make(name)?;
        pipeline.add(&demuxer).map_err(Failure::engine)?;
        self.branches.grow_from(&demuxer, &pipeline);
        self.branches.watcher.bytes_arrived();
        demuxer.sync_state_with_parent().map_err(Failure::engine)?;
        source.link(&demuxer).map_err(Failure::engine)?;
        Ok(true)
    }
}

/// The first picture and the first sound; each begins when it is found.
#[derive(Clone, Debug)]
struct Branches {
    pacer: Arc<Pacer>,
    outlets: Outlets,
    watcher: Watcher,
    live: bool,
    picture: Arc<AtomicBool>,
    sound: Arc<AtomicBool>,
}

impl Branches {
    fn grow_from(&self, demuxer: &gst::Element, pipeline: &gst::Pipeline) {
        let (branches, weak) = (self.clone(), pipeline.downgrade());
        demuxer.connect_pad_added(move |_demuxer, pad| {
            if let Some(pipeline) = weak.upgrade()
                && let Err(failure) = branches.grow(&pipeline, pad)
            {
                branches.watcher.fail(failure);
            }
        });
        let branches = self.clone();
        demuxer.connect_no_more_pads(move |_demuxer| {
            if !branches.has_picture() && !branches.sound.load(Ordering::Relaxed) {
                branches.watcher.fail(Failure::no_media());
            }
        });
    }

    fn has_picture(&self) -> bool {
        self.picture.load(Ordering::Relaxed)
    }

    fn grow(&self, pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<(), Failure> {
        let rest = match kind_of_pad(pad) {
            PadKind::Picture if !self.picture.swap(true, Ordering::Relaxed) => {
                let Outlets {
                    program, frames, ..
                } = &self.outlets;
                let sink = frame_sink(program, frames, &self.watcher);
                // The picture comes when it comes: sound need not wait for it.
                sink.set_property("async", false);
                self.pacer.attach(&sink);
                vec![sink.upcast()]
            }
            PadKind::Sound if !self.sound.swap(true, Ordering::Relaxed) => {
                let sink = sound_sink(&self.outlets.program, &self.outlets.sound, None);
                self.pacer.attach(&sink);
                self.count(&sink);
                vec![make("audioconvert")?, make("audioresample")?, sink.upcast()]
            }
            PadKind::Picture | PadKind::Sound | PadKind::Other => return Ok(()),
        };
        let branch = Branch::add(pipeline, rest)?;
        if self.live {
            // What nobody takes is no reason to stop reading: the sender would throw it away.
            branch.leak();
        }
        branch.start()?;
        branch.take(pad)
    }

    /// Lets sound count as a sign of life where there is no picture.
    fn count(&self, sink: &gst_app::AppSink) {
        let branches = self.clone();
        if let Some(pad) = sink.static_pad("sink") {
            pad.add_probe(gst::PadProbeType::BUFFER, move |_pad, _info| {
                if !branches.has_picture() {
                    branches.watcher.frame_arrived();
                }
                gst::PadProbeReturn::Ok
            });
        }
    }
}
