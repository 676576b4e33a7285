//! From the source to the sinks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::address::{NetworkPolicy, SourceScheme, SourceUrl};

use super::content::Sound;
use super::facts::Facts;
use super::guard::resolve;
use super::pace::Pacer;
use super::wanted::Wanted;
use super::{fetch, relay, rtsp};
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
    wanted: &Wanted,
    policy: &NetworkPolicy,
    outlets: &Outlets,
    watcher: &Watcher,
) -> Result<Media, Failure> {
    let url = &wanted.url;
    let pipeline = unhurried();
    let branches = Branches {
        pacer: Pacer::new(&outlets.program, wanted.latency_ms),
        outlets: outlets.clone(),
        watcher: watcher.clone(),
        live: url.scheme().is_live(),
        facts: None,
        picture: Arc::default(),
        sound: Arc::default(),
    };
    match url.scheme() {
        SourceScheme::Rtmp => {
            let source = rtmp(wanted, resolve(url, policy)?, url.port())?;
            live(&pipeline, &source, "flvdemux", &branches)?;
        }
        SourceScheme::Rtmps => {
            let port = relayed(url, policy)?;
            let source = rtmp(wanted, IpAddr::V4(Ipv4Addr::LOCALHOST), port)?;
            live(&pipeline, &source, "flvdemux", &branches)?;
        }
        SourceScheme::Rtsp | SourceScheme::Rtsps => {
            let intake = Intake {
                pipeline: pipeline.downgrade(),
                branches,
            };
            rtsp::start(wanted, relayed(url, policy)?, intake, watcher.clone())?;
        }
        SourceScheme::Srt => {
            let source = srt(wanted, resolve(url, policy)?)?;
            live(&pipeline, &source, "tsdemux", &branches)?;
        }
        SourceScheme::Http | SourceScheme::Https => {
            let feed = Feed::of(&pipeline, branches)?;
            fetch::start(wanted.clone(), policy.clone(), feed, watcher.clone())?;
        }
    }
    Ok(Media {
        pipeline,
        reel: None,
        length: None,
    })
}

/// Builds a pipeline for live sound and picture that somebody else brings.
pub(super) fn build_fed(
    latency_ms: u32,
    outlets: &Outlets,
    facts: Option<&Arc<Facts>>,
    watcher: &Watcher,
) -> Result<(Media, Feed), Failure> {
    let pipeline = unhurried();
    let branches = Branches {
        pacer: Pacer::new(&outlets.program, latency_ms),
        outlets: outlets.clone(),
        watcher: watcher.clone(),
        live: true,
        facts: facts.map(Arc::clone),
        picture: Arc::default(),
        sound: Arc::default(),
    };
    let feed = Feed::of(&pipeline, branches)?;
    let media = Media {
        pipeline,
        reel: None,
        length: None,
    };
    Ok((media, feed))
}

/// A pipeline whose sinks are moved by what arrives; waiting for GStreamer's own latency on top
/// of that would deliver sound after the moment it belongs to, and it would not be heard.
fn unhurried() -> gst::Pipeline {
    let pipeline = gst::Pipeline::new();
    pipeline.set_latency(gst::ClockTime::ZERO);
    pipeline
}

/// A port of this host that leads to the source.
fn relayed(url: &SourceUrl, policy: &NetworkPolicy) -> Result<u16, Failure> {
    let place = SocketAddr::new(resolve(url, policy)?, url.port());
    relay::open(place, url.scheme().is_secure().then(|| url.host()))
}

/// The address is given as numbers, so that nothing is resolved a second time; the server sees it
/// so in `tcUrl`.
fn rtmp(wanted: &Wanted, address: IpAddr, port: u16) -> Result<gst::Element, Failure> {
    let (application, stream) = wanted
        .url
        .application_and_stream()
        .ok_or_else(|| Failure::engine("the address names no stream"))?;
    let source = gst::ElementFactory::make("rtmp2src")
        .property_from_str("scheme", "rtmp")
        .property("host", address.to_string())
        .property("port", i32::from(port))
        .property("application", application)
        .property("stream", stream)
        .property("timeout", ANSWER_TIMEOUT_S)
        .build()
        .map_err(Failure::engine)?;
    if let Some((user, password)) = wanted.credentials() {
        source.set_property("username", user);
        source.set_property("password", password);
    }
    Ok(source)
}

fn srt(wanted: &Wanted, address: IpAddr) -> Result<gst::Element, Failure> {
    let place = SocketAddr::new(address, wanted.url.port());
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
    if let Some(passphrase) = &wanted.secret {
        source.set_property("passphrase", passphrase.expose());
        let bytes = u8::from(wanted.key_length);
        source.set_property_from_str("pbkeylen", &bytes.to_string());
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

/// A pipeline that is fed frame by frame by a thread that has taken them apart.
pub(super) struct Intake {
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    branches: Branches,
}

impl Intake {
    /// Whether nobody needs it any more.
    pub(super) fn is_over(&self) -> bool {
        self.pipeline.upgrade().is_none()
    }

    /// Whether what is added begins to play. Before that, it would be left behind.
    pub(super) fn is_ready(&self) -> bool {
        self.pipeline
            .upgrade()
            .is_some_and(|pipeline| pipeline.current_state() == gst::State::Playing)
    }

    /// An inlet for frames of this kind.
    pub(super) fn open(&self, caps: &gst::Caps, picture: bool) -> Result<gst_app::AppSrc, Failure> {
        let inlet = gst_app::AppSrc::builder()
            .caps(caps)
            .format(gst::Format::Time)
            // Not live: it gives while the decoder that is added to it finds out what it is.
            .max_bytes(fetch::WAITING_BYTES_MAX)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        let Some(pipeline) = self.pipeline.upgrade() else {
            return Ok(inlet);
        };
        pipeline.add(&inlet).map_err(Failure::engine)?;
        if let Some(pad) = inlet.static_pad("src") {
            let kind = if picture {
                PadKind::Picture
            } else {
                PadKind::Sound
            };
            self.branches.grow_as(kind, &pipeline, &pad)?;
        }
        inlet.sync_state_with_parent().map_err(Failure::engine)?;
        Ok(inlet)
    }
}

/// A pipeline that is fed by a thread, which finds out what it feeds.
pub(super) struct Feed {
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    source: gst::glib::WeakRef<gst_app::AppSrc>,
    branches: Branches,
    demuxer: Option<&'static str>,
}

impl Feed {
    fn of(pipeline: &gst::Pipeline, branches: Branches) -> Result<Self, Failure> {
        let source = gst_app::AppSrc::builder()
            .format(gst::Format::Bytes)
            .stream_type(gst_app::AppStreamType::Stream)
            .block(true)
            .max_bytes(fetch::WAITING_BYTES_MAX)
            .build();
        pipeline.add(&source).map_err(Failure::engine)?;
        Ok(Self {
            pipeline: pipeline.downgrade(),
            source: source.downgrade(),
            branches,
            demuxer: None,
        })
    }

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

    /// What follows is sound alone.
    pub(super) fn listen(&self, sound: Sound) -> Result<(), Failure> {
        let (Some(pipeline), Some(source)) = (self.pipeline.upgrade(), self.source.upgrade())
        else {
            return Ok(());
        };
        let caps = match sound {
            Sound::Mp3 => Some(gst::Caps::builder("audio/mpeg").field("mpegversion", 1)),
            Sound::Aac => Some(
                gst::Caps::builder("audio/mpeg")
                    .field("mpegversion", 4)
                    .field("stream-format", "adts"),
            ),
            // By the decoder, from what it is given.
            Sound::Found => None,
        };
        if let Some(caps) = caps {
            source.set_caps(Some(&caps.build()));
        }
        self.branches.watcher.bytes_arrived();
        let pad = source
            .static_pad("src")
            .ok_or_else(|| Failure::engine("a source without a pad"))?;
        self.branches.grow_as(PadKind::Sound, &pipeline, &pad)
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
    /// Where to note what comes, if anybody asks.
    facts: Option<Arc<Facts>>,
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
        self.grow_as(kind_of_pad(pad), pipeline, pad)
    }

    fn grow_as(
        &self,
        kind: PadKind,
        pipeline: &gst::Pipeline,
        pad: &gst::Pad,
    ) -> Result<(), Failure> {
        let rest = match kind {
            PadKind::Picture if !self.picture.swap(true, Ordering::Relaxed) => {
                let Outlets {
                    program, frames, ..
                } = &self.outlets;
                let sink = frame_sink(program, frames, &self.watcher);
                // The picture comes when it comes: sound need not wait for it.
                sink.set_property("async", false);
                self.pacer.attach(&sink);
                if let Some(facts) = &self.facts {
                    facts.watch_picture(pad, &sink);
                }
                vec![sink.upcast()]
            }
            PadKind::Sound if !self.sound.swap(true, Ordering::Relaxed) => {
                let sink = sound_sink(&self.outlets.program, &self.outlets.sound, None);
                self.pacer.attach(&sink);
                self.count(&sink);
                if let Some(facts) = &self.facts {
                    facts.note_sound(pad);
                }
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
