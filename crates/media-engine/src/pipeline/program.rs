use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
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
use super::composer::{Composer, Progress, Shared};
use super::encoded::Encoded;
use super::encoder::{Encoder, EncoderError, Listeners, keyframe_interval_frames};
use super::fanout::{Distribution, Fanout, Frames};
use super::fitter::colorimetry;
use super::gallery::Gallery;
use super::inspector::Inspector;
use super::ladder::Ladder;
use super::monitor::Monitor;
use super::pool::FramePool;
use super::rendition::Ground;
use super::segment_writer::{SegmentWriter, Whose};
use super::sprite::Studio;
use super::stage::Stage;
use super::takers::Takers;
use crate::event::{Event, Events};
use crate::host::Reports;
use crate::number::to_f64;
use crate::picture::Matrix;
use crate::stats::Meter;
use crate::timeline::Timeline;

/// Encoded frames and packets that may wait for the disk: a few seconds.
const ENCODED_WAITING_MAX: usize = 512;

/// Longest wait for the last segments of renditions, after the program's own.
const RENDITIONS_END_MAX: Duration = Duration::from_secs(1);

/// The program cannot go on air, or not in this format.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// The encoders cannot be built.
    #[error("the encoders cannot be built")]
    Encoders(#[from] EncoderError),
    /// Nothing can be drawn.
    #[error("there can be no frames of this format")]
    Frames(#[source] gst::glib::BoolError),
    /// The encoders do not start.
    #[error("the encoders do not start")]
    Start(#[source] gst::StateChangeError),
    /// The system gives no thread.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// Another format is to follow already.
    #[error("the program is on its way to another format already")]
    Leaving,
}

/// The program on air in one format.
#[derive(Debug)]
pub(crate) struct Program {
    number: u64,
    format: ProgramFormat,
    fanout: Fanout,
    hls: HlsSettings,
    matrix: Matrix,
    shared: Shared,
    clock: Arc<ProgramClock>,
    encoder: Encoder,
    ladder: Ladder,
    gallery: Gallery,
    inspector: Inspector,
    /// Dropped to end it.
    go_on: Option<SyncSender<()>>,
    /// For the format that follows.
    relay: Option<Relay>,
}

/// What a format of the program leaves to the next.
#[derive(Debug)]
struct Relay {
    /// Where its composer came to.
    left: Receiver<Progress>,
    /// Disconnected when its last segment is written.
    written: Receiver<()>,
}

/// What a program needs to run.
#[derive(Debug)]
pub(crate) struct ProgramSettings {
    /// Counts the formats of the program, from 0.
    pub(crate) number: u64,
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

impl ProgramSettings {
    /// What hears the encoder, and hands on what it delivers.
    fn listeners(
        &self,
        timeline: Timeline,
        (meter, for_writer): (&Arc<Mutex<Meter>>, SyncSender<Encoded>),
    ) -> Listeners {
        Listeners {
            program: self.number,
            timeline,
            clock: Arc::clone(&self.clock),
            meter: Arc::clone(meter),
            encoded: Distribution {
                fanout: Some(self.fanout.clone()),
                segments: for_writer,
            },
            events: self.events.clone(),
        }
    }

    /// What small pictures are made of.
    fn studio(
        &self,
        info: &gst_video::VideoInfo,
        latest: &Arc<Mutex<Option<gst::Buffer>>>,
    ) -> Studio {
        Studio {
            info: info.clone(),
            latest: Arc::clone(latest),
            directory: self.hls.directory.clone(),
            wall: Arc::clone(&self.wall),
            reports: self.reports.clone(),
        }
    }

    /// What further encodings stand on.
    fn ground(&self, caps: gst::Caps) -> Ground {
        Ground {
            format: self.format.clone(),
            caps,
            hls: self.hls.clone(),
            fanout: self.fanout.clone(),
            wall: Arc::clone(&self.wall),
            reports: self.reports.clone(),
        }
    }
}

impl Program {
    /// Goes on air with this stage. The clock's program begins now.
    pub(crate) fn start(settings: ProgramSettings, stage: Stage) -> Result<Self, ProgramError> {
        Self::build(settings, stage, None)
    }

    /// The same program in another format. Everything is ready, and waits: the first of its frames
    /// is the one after the last of this one, which comes with [`Program::stop`].
    pub(crate) fn succeed(
        &mut self,
        settings: ProgramSettings,
        stage: Stage,
    ) -> Result<Self, ProgramError> {
        Self::build(settings, stage, Some(self))
    }

    fn build(
        settings: ProgramSettings,
        stage: Stage,
        former: Option<&mut Self>,
    ) -> Result<Self, ProgramError> {
        let timeline = Timeline::new(settings.format.framerate);
        // What layers have drawn is in the colours of the first format, and stays right.
        let matrix = former.as_ref().map_or_else(
            || Matrix::for_height(settings.format.height),
            |former| former.matrix,
        );
        let info = video_info(&settings.format, matrix).map_err(ProgramError::Frames)?;
        let shared = share(stage, former.as_ref().map(|former| &former.shared));
        let (for_writer, to_write) = sync_channel(ENCODED_WAITING_MAX);
        let listeners = settings.listeners(timeline, (&shared.meter, for_writer));
        let caps = info.to_caps().map_err(ProgramError::Frames)?;
        let encoder = Encoder::build(&settings.format, &caps, &listeners)?;
        // The callbacks hold the last senders: the writer ends when the pipeline does.
        drop(listeners);
        let studio = settings.studio(&info, &shared.latest);
        let gallery = Gallery::open(
            (studio, settings.sprite),
            (timeline, matrix),
            former.as_ref().map(|former| &former.gallery),
        )?;
        let inspector = Inspector::new(info.clone(), Arc::clone(&shared.latest));
        let (over, renditions_over) = sync_channel(0);
        let takers = Takers::default();
        settings.fanout.lend(Frames {
            caps: caps.clone(),
            takers: takers.downgrade(),
        });
        let mut ladder = Ladder::new(settings.ground(caps), takers.clone(), over);
        ladder.apply(settings.renditions);
        let composer = Composer {
            program: settings.number,
            matrix,
            timeline,
            keyframe_interval: u64::from(keyframe_interval_frames(&settings.format)),
            clock: Arc::clone(&settings.clock),
            wall: Arc::clone(&settings.wall),
            shared: shared.clone(),
            pool: FramePool::new(info).map_err(ProgramError::Frames)?,
            video: encoder.video.clone(),
            sound: encoder.sound.clone(),
            renditions: takers,
            monitor: settings.monitor,
            events: settings.events.clone(),
        };
        let writer = SegmentWriter::new(
            (settings.hls.clone(), Whose::Program),
            settings.format.clone(),
            settings.wall,
            settings.reports,
        );
        encoder
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(ProgramError::Start)?;
        let before = former.map(Self::hand_over).transpose()?;
        lock(&shared.meter).begin(settings.number, timeline);
        let (relay, go_on) = run(
            (composer, settings.format.clone()),
            (writer, to_write, renditions_over),
            before,
            settings.events,
        )?;
        Ok(Self {
            number: settings.number,
            format: settings.format,
            fanout: settings.fanout,
            hls: settings.hls,
            matrix,
            shared,
            clock: settings.clock,
            encoder,
            ladder,
            gallery,
            inspector,
            go_on: Some(go_on),
            relay: Some(relay),
        })
    }

    /// What the next format goes on from.
    fn hand_over(&mut self) -> Result<(Relay, ProgramFormat), ProgramError> {
        let relay = self.relay.take().ok_or(ProgramError::Leaving)?;
        Ok((relay, self.format.clone()))
    }

    /// Which of the program's formats it is.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The format.
    pub(crate) const fn format(&self) -> &ProgramFormat {
        &self.format
    }

    /// Where its segments go.
    pub(crate) const fn hls(&self) -> &HlsSettings {
        &self.hls
    }

    /// Goes on at the rates of this format. Nothing is interrupted.
    pub(crate) fn set_rates(&mut self, format: &ProgramFormat) -> Result<(), ProgramError> {
        self.encoder.set_rates(format)?;
        self.fanout.set_video_kbps(format.video_bitrate_kbps);
        self.format.video_bitrate_kbps = format.video_bitrate_kbps;
        self.format.audio_bitrate_kbps = format.audio_bitrate_kbps;
        Ok(())
    }

    /// Shows this stage from the next frame on.
    pub(crate) fn show(&self, stage: Stage) {
        *lock(&self.shared.stage) = Arc::new(stage);
    }

    /// Has this beside the program from now on, or nothing.
    pub(crate) fn show_preview(&self, stage: Option<Stage>) {
        self.gallery.show_beside(stage);
    }

    /// What was measured since the last call.
    pub(crate) fn take_stats(&mut self) -> Stats {
        let now_ns = self.clock.now_ns().unwrap_or(0);
        let finding = self.inspector.look(now_ns);
        let frames_waiting = self.encoder.video.current_level_buffers();
        let timeline = Timeline::new(self.format.framerate);
        let mut stats = lock(&self.shared.meter).take(now_ns);
        stats.black_s = finding.map(|finding| finding.black_s);
        stats.frozen_s = finding.map(|finding| finding.frozen_s);
        stats.encoder_queue_frames = Some(frames_waiting);
        stats.encoder_queue_ms = Some(timeline.seconds(frames_waiting) * 1000.0);
        stats.sound_queue_ms = Some(to_f64(self.encoder.sound.waiting_ms()));
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
        self.gallery.take_on_air(id, path);
    }

    /// Writes the picture of the preview as a JPEG file of at most so many pixels in a row; the
    /// answer is a report.
    pub(crate) fn picture_of_preview(&self, id: u64, path: PathBuf, width_max: u32) {
        self.gallery.take_beside(id, path, width_max);
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
        let _ = self.encoder.pipeline.set_state(gst::State::Null);
        lock(&self.shared.meter).end(self.number);
    }
}

/// Starts what composes and what writes. Both go on where those of the format before leave off.
fn run(
    (composer, format): (Composer, ProgramFormat),
    (writer, to_write, renditions_over): (SegmentWriter, Receiver<Encoded>, Receiver<()>),
    before: Option<(Relay, ProgramFormat)>,
    events: Events,
) -> Result<(Relay, SyncSender<()>), ProgramError> {
    let number = composer.program;
    let (from, former_written) = match before {
        Some((relay, format)) => (Some((relay.left, format)), Some(relay.written)),
        None => (None, None),
    };
    let (writing, written) = sync_channel(0);
    spawn("segment-writer", move || {
        let follows = former_written.is_some();
        if let Some(former) = former_written {
            // Nothing is sent: it disconnects when the last segment before is written.
            let _ = former.recv();
        }
        writer.run(&to_write, follows);
        // Disconnected when each has written its last segment.
        let _ = renditions_over.recv_timeout(RENDITIONS_END_MAX);
        drop::<SyncSender<()>>(writing);
        events.send(Event::Ended { program: number });
    })?;
    let (go_on, stop) = sync_channel(0);
    let (leaving, left) = sync_channel(1);
    spawn("composer", move || {
        let progress = match from {
            Some((left, before)) => left
                .recv()
                .map(|progress: Progress| progress.carried(&before, &format))
                .ok(),
            None => Some(Progress::default()),
        };
        // Without a word from the one before, there is nothing to go on with.
        if let Some(progress) = progress {
            // Nobody takes it when no other format follows.
            let _ = leaving.send(composer.run(progress, &stop));
        }
    })?;
    Ok((Relay { left, written }, go_on))
}

/// What the composer shares with the rest. What is measured goes on from the format before.
fn share(stage: Stage, former: Option<&Shared>) -> Shared {
    Shared {
        stage: Arc::new(Mutex::new(Arc::new(stage))),
        meter: former.map_or_else(
            || Arc::new(Mutex::new(Meter::new())),
            |former| Arc::clone(&former.meter),
        ),
        latest: Arc::default(),
    }
}

fn video_info(
    format: &ProgramFormat,
    matrix: Matrix,
) -> Result<gst_video::VideoInfo, gst::glib::BoolError> {
    let framerate = i32::try_from(format.framerate).unwrap_or(i32::MAX);
    gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, format.width, format.height)
        .fps(gst::Fraction::new(framerate, 1))
        .colorimetry(&colorimetry(matrix))
        .build()
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ProgramError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(|_detached| ())
        .map_err(ProgramError::Thread)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
