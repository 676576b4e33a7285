//! One further encoding of the program: the composed frames, scaled and encoded on one thread, with
//! the program's sound, in segments that begin and end with the program's.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use gstreamer as gst;
use sm_common::clock::SharedClock;
use sm_common::id::RenditionName;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{HlsSettings, RenditionFailure};

use super::encoded::Encoded;
use super::encoder::{EncoderError, VideoSettings};
use super::fanout::{Distribution, Fanout, Listener};
use super::further::{Further, Inlet, NotTaken, Order, Output, Taker};
use super::segment_writer::{SegmentWriter, Whose};
use crate::host::Reports;
use crate::timeline::Timeline;

/// Encoded frames and packets that may wait for the disk: a few seconds.
const ENCODED_WAITING_MAX: usize = 512;

/// Why a rendition cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenditionError {
    /// Its encoder cannot be built.
    #[error("its encoder cannot be built")]
    Build(#[source] EncoderError),
    /// Its encoder does not start.
    #[error("its encoder does not start")]
    Start(#[source] gst::StateChangeError),
    /// The system gives no thread.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// What every rendition of a program is made with.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) format: ProgramFormat,
    /// The caps of composed frames.
    pub(super) caps: gst::Caps,
    pub(super) hls: HlsSettings,
    pub(super) fanout: Fanout,
    pub(super) wall: SharedClock,
    pub(super) reports: Reports,
}

/// A rendition that is being made. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Rendition {
    pub(super) intake: Arc<Intake>,
    further: Further,
}

/// Where a rendition takes the program in. Nobody who brings something waits here.
#[derive(Debug)]
pub(super) struct Intake {
    inlet: Inlet,
    encoded: SyncSender<Encoded>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Begins with the program's next segment, whose number goes here.
    Waiting(SyncSender<u64>),
    /// Takes sound from this sample on.
    Taking { from_sample: u64 },
    /// Takes nothing any more.
    Failed(RenditionFailure),
}

impl Rendition {
    /// Begins with the program's next segment. `over` is dropped when the last one is written.
    pub(super) fn start(
        ground: &Ground,
        name: &RenditionName,
        format: ProgramFormat,
        over: SyncSender<()>,
    ) -> Result<Self, RenditionError> {
        let (encoded, to_write) = sync_channel(ENCODED_WAITING_MAX);
        let (start, starts) = sync_channel(1);
        let intake = Arc::new(Intake {
            inlet: Inlet::new(Timeline::new(format.framerate), &ground.caps),
            encoded: encoded.clone(),
            state: Mutex::new(State::Waiting(start)),
        });
        let further = build(&format, &intake, encoded).map_err(RenditionError::Build)?;
        let hls = HlsSettings {
            run: format!("{name}_{}", ground.hls.run),
            ..ground.hls.clone()
        };
        let writer = SegmentWriter::new(
            (hls, Whose::Rendition(name.clone())),
            format,
            SharedClock::clone(&ground.wall),
            ground.reports.clone(),
        );
        thread::Builder::new()
            .name("rendition".to_owned())
            .spawn(move || {
                if let Ok(segment) = starts.recv() {
                    writer.beginning_at(segment).run(&to_write, false);
                }
                drop(over);
            })
            .map_err(RenditionError::Thread)?;
        // In this order: none is missed between the two.
        let listener: Arc<dyn Listener> = Arc::<Intake>::clone(&intake);
        ground.fanout.add(Arc::downgrade(&listener));
        if let Some(audio) = ground.fanout.audio_configuration() {
            intake.pass(Encoded::AudioConfiguration(audio));
        }
        further.start().map_err(RenditionError::Start)?;
        Ok(Self { intake, further })
    }

    /// What it has delivered.
    pub(super) fn output(&self) -> &Output {
        &self.further.output
    }
}

impl Taker for Intake {
    fn frame(&self, buffer: &gst::Buffer, number: u64, segment: Option<u64>) {
        let mut state = self.lock_state();
        if let (State::Waiting(start), Some(segment)) = (&*state, segment) {
            // There is room for the one number.
            let _ = start.try_send(segment);
            *state = State::Taking {
                from_sample: self.inlet.timeline().samples_before(number),
            };
        }
        if !matches!(*state, State::Taking { .. }) {
            return;
        }
        match self.inlet.push(buffer, segment.is_some()) {
            Ok(()) => {}
            Err(NotTaken::TooSlow) => *state = State::Failed(too_slow()),
            Err(NotTaken::Failed) => {
                *state = State::Failed(encoder_failed("its encoder takes no frames"));
            }
        }
    }

    fn end(&self) {
        let mut state = self.lock_state();
        if matches!(*state, State::Waiting(_)) {
            // Its first segment will not begin any more: nobody waits for it.
            *state = State::Failed(encoder_failed("the program ended before it began"));
        }
        drop(state);
        self.inlet.end();
    }
}

impl Intake {
    /// Why it takes nothing any more.
    pub(super) fn failure(&self) -> Option<RenditionFailure> {
        match &*self.lock_state() {
            State::Failed(failure) => Some(failure.clone()),
            State::Waiting(_) | State::Taking { .. } => None,
        }
    }

    fn pass(&self, encoded: Encoded) {
        if self.encoded.try_send(encoded).is_err() {
            let failure = RenditionFailure {
                code: "rendition.unwritable".to_owned(),
                reason: "the disk does not take its segments in time".to_owned(),
            };
            self.fail(failure);
        }
    }

    /// What failed first is the cause of what follows.
    fn fail(&self, failure: RenditionFailure) {
        let mut state = self.lock_state();
        if !matches!(*state, State::Failed(_)) {
            *state = State::Failed(failure);
        }
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Intake {
    /// Takes the program's sound; the picture has an encoder of its own here.
    fn offer(&self, encoded: &Encoded) {
        let is_taken = match encoded {
            Encoded::Audio(packet) => match *self.lock_state() {
                State::Taking { from_sample } => packet.position >= from_sample,
                State::Waiting(_) | State::Failed(_) => false,
            },
            Encoded::AudioConfiguration(_) | Encoded::AudioEnd => true,
            Encoded::VideoConfiguration(_) | Encoded::Video(_) | Encoded::VideoEnd => false,
        };
        if is_taken {
            self.pass(encoded.clone());
        }
    }
}

fn too_slow() -> RenditionFailure {
    RenditionFailure {
        code: "rendition.too-slow".to_owned(),
        reason: "there was not enough CPU to encode it in time; the program goes first".to_owned(),
    }
}

fn encoder_failed(reason: &str) -> RenditionFailure {
    RenditionFailure {
        code: "rendition.encoder.failed".to_owned(),
        reason: reason.to_owned(),
    }
}

fn build(
    format: &ProgramFormat,
    intake: &Arc<Intake>,
    segments: SyncSender<Encoded>,
) -> Result<Further, EncoderError> {
    let order = Order {
        settings: VideoSettings::of(format),
        size: Some((format.width, format.height)),
    };
    let distribution = Distribution {
        fanout: None,
        segments,
    };
    let failing = Arc::clone(intake);
    Further::build(
        &order,
        &intake.inlet,
        move |encoded| distribution.send(encoded),
        move |reason| failing.fail(encoder_failed(&reason)),
    )
}
