//! An encoding of the program for one reader alone, at a bitrate that changes while it runs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use gstreamer as gst;
use sm_common::program::{ProgramFormat, VideoEncoder};

use super::encoded::{Encoded, EncodedFrame};
use super::encoder::{EncoderError, VideoSettings};
use super::fanout::Frames;
use super::further::{Further, Inlet, NotTaken, Order, Taker};
use super::takers::Takers;
use crate::number::to_f64;
use crate::timeline::Timeline;

/// Who is given an encoding of its own. Must not wait for anything nor take long: it is called on
/// the threads of the composer and of the encoder.
pub(crate) trait ApartListener: Send + Sync {
    /// Its frames begin with this one, which is not encoded yet.
    fn begins(&self, frame: u64);

    /// The program's frames go on with this one, a keyframe, which is not encoded yet.
    fn ends(&self, frame: u64);

    /// A frame of it.
    fn frame(&self, frame: EncodedFrame);

    /// No more frames of it come.
    fn over(&self);
}

/// Why there is no encoding for one reader alone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApartError {
    /// There are no frames to encode.
    #[error("the program composes no frames")]
    NoProgram,
    /// Its encoder cannot be built.
    #[error("its encoder cannot be built")]
    Build(#[source] EncoderError),
    /// Its encoder does not start.
    #[error("its encoder does not start")]
    Start(#[source] gst::StateChangeError),
}

/// An encoding for one reader. Ends when it is dropped.
pub(crate) struct Apart {
    intake: Arc<Intake>,
    takers: Takers,
    listener: Weak<dyn ApartListener>,
    encoder: Further,
}

/// Where it takes the program's frames in.
struct Intake {
    inlet: Inlet,
    listener: Weak<dyn ApartListener>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Begins with the next frame.
    Waiting,
    Taking,
    /// Takes frames up to the program's next keyframe.
    Leaving,
    /// Takes none any more.
    Left,
    /// Takes none any more, because of this.
    Failed(&'static str),
}

impl Apart {
    /// Begins with the next frame that is composed.
    pub(super) fn start(
        (frames, format): (Frames, &ProgramFormat),
        kbps: u32,
        listener: Weak<dyn ApartListener>,
    ) -> Result<Self, ApartError> {
        let takers = frames.takers.upgrade().ok_or(ApartError::NoProgram)?;
        let intake = Arc::new(Intake {
            inlet: Inlet::new(Timeline::new(format.framerate), &frames.caps),
            listener: Weak::clone(&listener),
            state: Mutex::new(State::Waiting),
        });
        let encoder = build(&intake, settings(format, kbps)).map_err(ApartError::Build)?;
        encoder.start().map_err(ApartError::Start)?;
        takers.add(Arc::<Intake>::clone(&intake));
        Ok(Self {
            intake,
            takers,
            listener,
            encoder,
        })
    }

    /// Changes the bitrate from the next frame on.
    pub(crate) fn set_bitrate(&self, kbps: u32) {
        self.encoder.set_bitrate(kbps);
    }

    /// Lets the program's frames follow from their next keyframe on.
    pub(crate) fn leave(&self) {
        let mut state = self.intake.lock();
        match *state {
            // It has not begun, and will not.
            State::Waiting => *state = State::Left,
            State::Taking => *state = State::Leaving,
            State::Leaving | State::Left | State::Failed(_) => {}
        }
    }

    /// Goes on after all; whether it still can.
    pub(crate) fn stay(&self) -> bool {
        let mut state = self.intake.lock();
        if *state == State::Leaving {
            *state = State::Taking;
        }
        matches!(*state, State::Waiting | State::Taking)
    }

    /// Whether it takes no more frames, as it was told to.
    pub(crate) fn has_left(&self) -> bool {
        *self.intake.lock() == State::Left
    }

    /// The stable code of why it takes nothing any more.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        match *self.intake.lock() {
            State::Failed(code) => Some(code),
            State::Waiting | State::Taking | State::Leaving | State::Left => None,
        }
    }

    /// Frames that it encoded, and the CPU time of each on average in milliseconds.
    pub(crate) fn cost(&self) -> (u64, Option<f64>) {
        let output = &self.encoder.output;
        let frames = output.frames.load(Ordering::Relaxed);
        let cpu_ns = output.cpu_ns.load(Ordering::Relaxed);
        (
            frames,
            (frames > 0).then(|| to_f64(cpu_ns) / to_f64(frames) / 1e6),
        )
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.takers.remove(&*self.intake);
        self.intake.inlet.end();
        if let Some(listener) = self.listener.upgrade() {
            listener.over();
        }
    }
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("state", &*self.lock())
            .finish_non_exhaustive()
    }
}

impl Taker for Intake {
    fn frame(&self, buffer: &gst::Buffer, number: u64, segment: Option<u64>) {
        let mut state = self.lock();
        if *state == State::Leaving && segment.is_some() {
            *state = State::Left;
            self.tell(|listener| listener.ends(number));
            self.inlet.end();
        }
        if *state == State::Waiting {
            *state = State::Taking;
            self.tell(|listener| listener.begins(number));
        }
        if !matches!(*state, State::Taking | State::Leaving) {
            return;
        }
        match self.inlet.push(buffer, segment.is_some()) {
            Ok(()) => return,
            Err(NotTaken::TooSlow) => *state = State::Failed(TOO_SLOW),
            Err(NotTaken::Failed) => *state = State::Failed(ENCODER_FAILED),
        }
        // What it was given is still delivered; then the program's frames follow.
        self.inlet.end();
    }

    fn end(&self) {
        *self.lock() = State::Left;
        self.inlet.end();
    }
}

impl Intake {
    fn tell(&self, what: impl FnOnce(&dyn ApartListener)) {
        if let Some(listener) = self.listener.upgrade() {
            what(&*listener);
        }
    }

    fn fail(&self, code: &'static str) {
        let mut state = self.lock();
        // What failed first is the cause of what follows.
        if !matches!(*state, State::Failed(_)) {
            *state = State::Failed(code);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TOO_SLOW: &str = "output.adaptive.too-slow";
/// The code of an encoder that does not work.
pub(crate) const ENCODER_FAILED: &str = "output.adaptive.encoder";

/// Those of the program, with the one encoder whose bitrate changes while it runs, and nothing
/// that the program's own decoders need not know.
fn settings(format: &ProgramFormat, kbps: u32) -> VideoSettings {
    VideoSettings {
        encoder: VideoEncoder::X264,
        profile: format.profile.min(format.encoder.profile_max()),
        bitrate_kbps: kbps,
        ..VideoSettings::of(format)
    }
}

fn build(intake: &Arc<Intake>, settings: VideoSettings) -> Result<Further, EncoderError> {
    let order = Order {
        settings,
        size: None,
    };
    let listener = Weak::clone(&intake.listener);
    let configuration = Mutex::new(None);
    let failing = Arc::downgrade(intake);
    Further::build(
        &order,
        &intake.inlet,
        move |encoded| deliver(&listener, &configuration, encoded),
        move |reason| {
            tracing::warn!(%reason, "an output's own encoder failed");
            if let Some(intake) = failing.upgrade() {
                intake.fail(ENCODER_FAILED);
                intake.tell(|listener| listener.over());
            }
        },
    )
}

fn deliver(
    listener: &Weak<dyn ApartListener>,
    configuration: &Mutex<Option<Arc<[u8]>>>,
    encoded: Encoded,
) -> bool {
    let Some(listener) = listener.upgrade() else {
        return false;
    };
    match encoded {
        Encoded::VideoConfiguration(news) => {
            *configuration.lock().unwrap_or_else(PoisonError::into_inner) = Some(news);
        }
        Encoded::Video(frame) => {
            let known = configuration.lock().unwrap_or_else(PoisonError::into_inner);
            listener.frame(EncodedFrame {
                apart: known.clone(),
                ..frame
            });
        }
        Encoded::VideoEnd => listener.over(),
        Encoded::AudioConfiguration(_) | Encoded::Audio(_) | Encoded::AudioEnd => {}
    }
    true
}
