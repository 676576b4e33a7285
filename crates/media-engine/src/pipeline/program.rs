use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use sm_common::clock::SharedClock;
use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{HlsSettings, SpriteSettings, Stats};

use super::clock::ProgramClock;
use super::composer::{Composer, Shared};
use super::encoder::{Encoder, Listeners, keyframe_interval_frames};
use super::fanout::{Distribution, Fanout};
use super::fitter::colorimetry;
use super::inspector::Inspector;
use super::ladder::Ladder;
use super::monitor::Monitor;
use super::pool::FramePool;
use super::rendition::Ground;
use super::segment_writer::{SegmentWriter, Whose};
use super::snapshot::Photographer;
use super::sprite;
use super::stage::Stage;
use crate::event::{Event, Events};
use crate::host::Reports;
use crate::picture::Matrix;
use crate::stats::Meter;
use crate::timeline::Timeline;

/// Encoded frames and packets that may wait for the disk: a few seconds.
const ENCODED_WAITING_MAX: usize = 512;

/// Longest wait for the last segments of renditions, after the program's own.
const RENDITIONS_END_MAX: Duration = Duration::from_secs(1);

/// The program cannot go on air.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// The encoders cannot be built.
    #[error("the encoders cannot be built")]
    Build(#[source] gst::glib::BoolError),
    /// The encoders do not start.
    #[error("the encoders do not start")]
    Start(#[source] gst::StateChangeError),
    /// The system gives no thread.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// The program on air.
#[derive(Debug)]
pub(crate) struct Program {
    shared: Shared,
    clock: Arc<ProgramClock>,
    pipeline: gst::Pipeline,
    ladder: Ladder,
    photographer: Photographer,
    /// Dropped to take no more small pictures.
    _sprite: Option<SyncSender<()>>,
    inspector: Inspector,
    /// Dropped to end the program.
    go_on: Option<SyncSender<()>>,
}

/// What a program needs to run.
#[derive(Debug)]
pub(crate) struct ProgramSettings {
    pub(crate) format: ProgramFormat,
    /// Further encodings of it.
    pub(crate) renditions: Vec<Rendition>,
    /// Where the encoders leave what they make, beside the segments.
    pub(crate) fanout: Fanout,
    /// Where the composer leaves what it mixes, beside the encoders.
    pub(crate) monitor: Monitor,
    pub(crate) hls: HlsSettings,
    pub(crate) clock: Arc<ProgramClock>,
    pub(crate) wall: SharedClock,
    pub(crate) events: Events,
    pub(crate) reports: Reports,
    /// Small pictures of the last minutes; `None` for none.
    pub(crate) sprite: Option<SpriteSettings>,
}

impl Program {
    /// Goes on air with this stage. The clock's program begins now.
    pub(crate) fn start(settings: ProgramSettings, stage: Stage) -> Result<Self, ProgramError> {
        let ProgramSettings {
            format,
            renditions,
            fanout,
            monitor,
            hls,
            clock,
            wall,
            events,
            reports,
            sprite,
        } = settings;
        let timeline = Timeline::new(format.framerate);
        let keyframe_interval = u64::from(keyframe_interval_frames(&format));
        let info = video_info(&format).map_err(ProgramError::Build)?;
        let shared = Shared {
            stage: Arc::new(Mutex::new(Arc::new(stage))),
            meter: Arc::new(Mutex::new(Meter::new(timeline))),
            latest: Arc::default(),
        };
        let (for_writer, to_write) = sync_channel(ENCODED_WAITING_MAX);
        let listeners = Listeners {
            timeline,
            clock: Arc::clone(&clock),
            meter: Arc::clone(&shared.meter),
            encoded: Distribution {
                fanout: Some(fanout.clone()),
                segments: for_writer,
            },
            events: events.clone(),
        };
        let caps = info.to_caps().map_err(ProgramError::Build)?;
        let encoder = Encoder::build(&format, &caps, &listeners).map_err(ProgramError::Build)?;
        // The callbacks hold the last senders: the writer ends when the pipeline does.
        drop(listeners);

        let photographer =
            Photographer::start(info.clone(), Arc::clone(&shared.latest), reports.clone())
                .map_err(ProgramError::Thread)?;
        let studio = sprite::Studio {
            info: info.clone(),
            latest: Arc::clone(&shared.latest),
            directory: hls.directory.clone(),
            wall: Arc::clone(&wall),
            reports: reports.clone(),
        };
        let sprite = sprite.map(|settings| sprite::start(studio, settings));
        let sprite = sprite.transpose().map_err(ProgramError::Thread)?;
        let inspector = Inspector::new(info.clone(), Arc::clone(&shared.latest));
        let (over, renditions_over) = sync_channel(0);
        let ground = Ground {
            format: format.clone(),
            caps,
            hls: hls.clone(),
            fanout,
            wall: Arc::clone(&wall),
            reports: reports.clone(),
        };
        let mut ladder = Ladder::new(ground, over);
        ladder.apply(renditions);
        let whose = (hls, Whose::Program);
        let writer = SegmentWriter::new(whose, format, Arc::clone(&wall), reports);
        let finished = events.clone();
        spawn("segment-writer", move || {
            writer.run(&to_write);
            // Disconnected when each has written its last segment.
            let _ = renditions_over.recv_timeout(RENDITIONS_END_MAX);
            finished.send(Event::Ended);
        })?;
        encoder
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(ProgramError::Start)?;
        let composer = Composer {
            timeline,
            keyframe_interval,
            clock: Arc::clone(&clock),
            wall,
            shared: shared.clone(),
            pool: FramePool::new(info).map_err(ProgramError::Build)?,
            video: encoder.video,
            audio: encoder.audio,
            renditions: ladder.takers(),
            monitor,
            events,
        };
        let (go_on, stop) = sync_channel(0);
        spawn("composer", move || composer.run(&stop))?;
        Ok(Self {
            shared,
            clock,
            pipeline: encoder.pipeline,
            ladder,
            photographer,
            _sprite: sprite,
            inspector,
            go_on: Some(go_on),
        })
    }

    /// Shows this stage from the next frame on.
    pub(crate) fn show(&self, stage: Stage) {
        *self
            .shared
            .stage
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(stage);
    }

    /// What was measured since the last call.
    pub(crate) fn take_stats(&mut self) -> Stats {
        let now_ns = self.clock.now_ns().unwrap_or(0);
        let finding = self.inspector.look(now_ns);
        let mut stats = self
            .shared
            .meter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(now_ns);
        stats.black_s = finding.map(|finding| finding.black_s);
        stats.frozen_s = finding.map(|finding| finding.frozen_s);
        let now = Instant::now();
        self.ladder.tend(now);
        stats.renditions = self.ladder.measure(now);
        stats
    }

    /// Makes these the further encodings.
    pub(crate) fn apply_ladder(&mut self, renditions: Vec<Rendition>) {
        self.ladder.apply(renditions);
    }

    /// Writes the picture on air as a JPEG file; the answer is a report.
    pub(crate) fn snapshot(&self, id: u64, path: PathBuf) {
        self.photographer.request(id, path);
    }

    /// Composes no further frame and lets the rest be written, which [`Event::Ended`] tells.
    pub(crate) fn stop(&mut self) {
        self.go_on = None;
        self.ladder.stop();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
        // Ends the encoders' threads, and with their callbacks the writer's.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn video_info(format: &ProgramFormat) -> Result<gst_video::VideoInfo, gst::glib::BoolError> {
    let framerate = i32::try_from(format.framerate).unwrap_or(i32::MAX);
    gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, format.width, format.height)
        .fps(gst::Fraction::new(framerate, 1))
        .colorimetry(&colorimetry(Matrix::for_height(format.height)))
        .build()
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ProgramError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(|_detached| ())
        .map_err(ProgramError::Thread)
}
