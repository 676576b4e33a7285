//! One attempt: a pipeline from its start to its end.

use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::{Ending, Media, Message, Outcome, Thread, Watcher};
use crate::layer::News;
use crate::layer::failure::Failure;
use crate::pipeline::ProgramClock;

/// Longest time to open a source.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A playing source without frames for this long has stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The same for what comes over the network in pieces.
const REMOTE_STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a playing source is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Shorter files are shown as stills: looping them would only burn CPU.
const LOOP_MIN: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// A pipeline that ends when it is dropped.
struct Running(gst::Pipeline);

impl Running {
    fn new(
        pipeline: gst::Pipeline,
        program: &ProgramClock,
        inbox: &SyncSender<Message>,
        network: Option<Watcher>,
    ) -> Self {
        pipeline.use_clock(Some(program.as_gst()));
        if let Some(bus) = pipeline.bus() {
            let inbox = inbox.clone();
            bus.set_sync_handler(move |_bus, message| {
                if let Some(message) = understood(message, network.as_ref()) {
                    // A full inbox holds the errors that came before.
                    let _ = inbox.try_send(message);
                }
                gst::BusSyncReply::Drop
            });
        }
        Self(pipeline)
    }

    fn set_state(&self, state: gst::State) -> Result<(), Failure> {
        self.0
            .set_state(state)
            .map(|_success| ())
            .map_err(Failure::engine)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to be done about a pipeline that does not end.
        let _ = self.0.set_state(gst::State::Null);
    }
}

fn understood(message: &gst::Message, network: Option<&Watcher>) -> Option<Message> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "GStreamer has many messages and adds more"
    )]
    match message.view() {
        gst::MessageView::Error(error) => {
            let error_of = error.error();
            Some(Message::Failed(if let Some(watcher) = network {
                Failure::of_network(&error_of, watcher.frames() > 0)
            } else {
                tracing::debug!(debug = ?error.debug(), "{error_of}");
                Failure::of_pipeline(&error_of)
            }))
        }
        gst::MessageView::Eos(_) => Some(Message::EndOfStream),
        gst::MessageView::SegmentDone(_) => Some(Message::SegmentDone),
        gst::MessageView::AsyncDone(_) => Some(Message::Prerolled),
        _ => None,
    }
}

/// Where a pipeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On its way to the first frame.
    Opening,
    /// Going back to the start, so that it says when its end is reached.
    Rewinding,
    /// Playing, or waiting to.
    Going,
}

/// One pipeline from its start to its end.
pub(super) struct Playback<'a> {
    thread: &'a mut Thread,
    pipeline: Running,
    rewind: Option<gst::Element>,
    watcher: Watcher,
    phase: Phase,
    /// The source has given all it has, and what is on its way is the last. May come before the
    /// first frame: short files are read at once.
    exhausted: bool,
    /// When something must have happened.
    deadline: Instant,
    frames_seen: u64,
}

impl<'a> Playback<'a> {
    /// Of a pipeline that is not yet started.
    pub(super) fn new(
        thread: &'a mut Thread,
        media: Media,
        watcher: Watcher,
        began: Instant,
    ) -> Self {
        let pipeline = Running::new(
            media.pipeline,
            &thread.program,
            &thread.inbox,
            thread.recipe.ending.is_network().then(|| watcher.clone()),
        );
        Self {
            thread,
            pipeline,
            rewind: media.rewind,
            watcher,
            phase: Phase::Opening,
            exhausted: false,
            deadline: began + OPEN_TIMEOUT,
            frames_seen: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        let first = match self.thread.recipe.ending {
            Ending::File { .. } => gst::State::Paused,
            Ending::Never if !self.thread.wishes.play => gst::State::Paused,
            Ending::Still | Ending::Never | Ending::Live | Ending::Pushed | Ending::Remote => {
                gst::State::Playing
            }
        };
        if let Err(failure) = self.pipeline.set_state(first) {
            return Err(self.first_error().unwrap_or(failure));
        }
        loop {
            let wait = match self.phase {
                Phase::Opening if self.is_awaited() => WATCH_INTERVAL,
                Phase::Opening | Phase::Rewinding => {
                    self.deadline.saturating_duration_since(Instant::now())
                }
                Phase::Going => WATCH_INTERVAL,
            };
            match self.thread.messages.recv_timeout(wait) {
                Ok(message) => {
                    if let Some(outcome) = self.hear(message)? {
                        return Ok(outcome);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Outcome::Closed),
            }
            if self.thread.is_closed() {
                return Ok(Outcome::Closed);
            }
            self.watch()?;
        }
    }

    fn hear(&mut self, message: Message) -> Result<Option<Outcome>, Failure> {
        match message {
            Message::Close => return Ok(Some(Outcome::Closed)),
            Message::Failed(failure) => return Err(failure),
            Message::FirstFrame => {
                if self.thread.recipe.ending == Ending::Still {
                    return Ok(Some(Outcome::Done));
                }
                if self.thread.recipe.ending.is_network() {
                    self.phase = Phase::Going;
                    self.deadline = Instant::now() + self.stall_timeout();
                    self.thread.mailbox.tell(News::Flowing);
                }
            }
            Message::Play(play) => {
                self.thread.wishes.play = play;
                if matches!(self.phase, Phase::Going) && !self.thread.recipe.ending.is_network() {
                    self.go()?;
                }
            }
            Message::Loop(repeat) => {
                self.thread.wishes.repeat = repeat;
                if repeat && self.exhausted {
                    self.reached_end(gst::SeekFlags::empty())?;
                }
            }
            Message::Prerolled => self.prerolled()?,
            Message::SegmentDone => self.reached_end(gst::SeekFlags::empty())?,
            Message::EndOfStream => match (self.thread.recipe.ending, self.watcher.frames()) {
                (Ending::Live | Ending::Pushed | Ending::Remote, 0) => {
                    return Err(Failure::no_media());
                }
                (_, 0) => return Err(Failure::no_picture()),
                (Ending::Live, _) => return Err(Failure::lost()),
                (Ending::Pushed, _) => return Err(Failure::publisher_gone()),
                (Ending::Still | Ending::Never | Ending::File { .. } | Ending::Remote, _) => {
                    self.reached_end(gst::SeekFlags::FLUSH)?;
                }
            },
        }
        Ok(None)
    }

    fn prerolled(&mut self) -> Result<(), Failure> {
        match (self.phase, self.thread.recipe.ending) {
            (Phase::Opening, Ending::File { .. }) => {
                if self.watcher.frames() == 0 {
                    return Err(Failure::no_picture());
                }
                self.rewind(gst::SeekFlags::FLUSH)?;
                self.phase = Phase::Rewinding;
                Ok(())
            }
            (
                Phase::Opening | Phase::Rewinding,
                Ending::Still | Ending::Never | Ending::File { .. },
            ) => {
                self.phase = Phase::Going;
                self.thread.mailbox.tell(News::Flowing);
                self.go()
            }
            // Of network sources, the first frame says so.
            (Phase::Going, _) | (_, Ending::Live | Ending::Pushed | Ending::Remote) => Ok(()),
        }
    }

    /// Plays or waits, as the layer wishes.
    fn go(&mut self) -> Result<(), Failure> {
        self.deadline = Instant::now() + self.stall_timeout();
        self.pipeline.set_state(if self.thread.wishes.play {
            gst::State::Playing
        } else {
            gst::State::Paused
        })
    }

    fn reached_end(&mut self, flags: gst::SeekFlags) -> Result<(), Failure> {
        let length = self.pipeline.0.query_duration::<gst::ClockTime>();
        if self.thread.wishes.repeat && length.is_none_or(|length| length >= LOOP_MIN) {
            self.exhausted = false;
            self.deadline = Instant::now() + STALL_TIMEOUT;
            self.rewind(flags)
        } else {
            self.exhausted = true;
            Ok(())
        }
    }

    /// Back to the start. Without flushing, what is on its way is still shown, and the first
    /// frame follows the last without a gap.
    fn rewind(&self, flags: gst::SeekFlags) -> Result<(), Failure> {
        let Some(element) = &self.rewind else {
            return Ok(());
        };
        element
            .seek(
                1.0,
                flags | gst::SeekFlags::SEGMENT,
                gst::SeekType::Set,
                gst::ClockTime::ZERO,
                gst::SeekType::None,
                gst::ClockTime::NONE,
            )
            .map_err(|_refused| Failure::undecodable("the file cannot be rewound"))
    }

    /// Fails when nothing has happened for too long.
    fn watch(&mut self) -> Result<(), Failure> {
        if self.is_awaited() {
            self.deadline = Instant::now() + OPEN_TIMEOUT;
        }
        let frames = self.watcher.frames();
        let network = self.thread.recipe.ending.is_network();
        let waiting = self.phase == Phase::Going && !self.thread.wishes.play && !network;
        if frames != self.frames_seen || waiting {
            self.frames_seen = frames;
            if self.phase == Phase::Going {
                self.deadline = Instant::now() + self.stall_timeout();
            }
        }
        let done = self.phase == Phase::Going && self.exhausted;
        if !done && Instant::now() >= self.deadline {
            return Err(
                match (
                    network && self.phase == Phase::Opening,
                    self.watcher.heard(),
                ) {
                    (true, true) => Failure::no_media(),
                    (true, false) => Failure::silent(),
                    (false, _) => Failure::stalled(),
                },
            );
        }
        Ok(())
    }

    /// Whether it is somebody else's to begin.
    fn is_awaited(&self) -> bool {
        self.thread.recipe.ending == Ending::Pushed
            && self.phase == Phase::Opening
            && !self.watcher.heard()
    }

    const fn stall_timeout(&self) -> Duration {
        match self.thread.recipe.ending {
            Ending::Remote => REMOTE_STALL_TIMEOUT,
            Ending::Still | Ending::Never | Ending::File { .. } | Ending::Live | Ending::Pushed => {
                STALL_TIMEOUT
            }
        }
    }

    /// The error that the pipeline reported while it refused a state.
    fn first_error(&self) -> Option<Failure> {
        self.thread
            .messages
            .try_iter()
            .find_map(|message| match message {
                Message::Failed(failure) => Some(failure),
                Message::Play(_)
                | Message::Loop(_)
                | Message::Close
                | Message::Prerolled
                | Message::FirstFrame
                | Message::SegmentDone
                | Message::EndOfStream => None,
            })
    }
}
