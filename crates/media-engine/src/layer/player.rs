use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_media_protocol::SceneLayer;

use super::backoff::Backoff;
use super::failure::Failure;
use super::{Mailbox, News, Surroundings};
use crate::pipeline::ProgramClock;

/// Messages that may wait for a player's thread. Of a flood of errors only the first counts.
const WAITING_MAX: usize = 64;

/// Longest time to open a source.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A playing source without frames for this long has stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a playing source is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// A source that delivered for this long has recovered from what failed before.
const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// Shorter files are shown as stills: looping them would only burn CPU.
const LOOP_MIN: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// How to build and treat a source's pipeline.
pub(super) struct Recipe {
    /// For the log and the thread's name.
    pub(super) name: &'static str,
    pub(super) ending: Ending,
    pub(super) build: Build,
}

/// Builds a source's pipeline, once for every attempt.
pub(super) type Build = Box<dyn Fn(&Watcher) -> Result<Media, Failure> + Send>;

/// A source's pipeline, not yet started.
pub(super) struct Media {
    pub(super) pipeline: gst::Pipeline,
    /// The element to rewind it by, where it can be.
    pub(super) rewind: Option<gst::Element>,
}

/// What comes after the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing: the first frame is the last.
    Still,
    /// There is no last frame.
    Never,
    /// The first frame again if it loops; otherwise the last one stays.
    File { looping: bool },
}

/// Runs a source's pipeline on a thread of its own: builds it, watches it, rewinds it at its end,
/// and tries again when it fails. The thread ends when the player is dropped.
#[derive(Debug)]
pub(super) struct Player {
    inbox: SyncSender<Message>,
    closed: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Message {
    /// What the layer wishes; also sent to wake the thread up.
    Play(bool),
    Loop(bool),
    Close,
    /// What the pipeline says.
    Prerolled,
    FirstFrame,
    SegmentDone,
    EndOfStream,
    Failed(Failure),
}

impl Player {
    /// Starts a player; a layer that is not visible is opened and then waits.
    pub(super) fn start(recipe: Recipe, surroundings: &Surroundings, layer: &SceneLayer) -> Self {
        let (inbox, messages) = sync_channel(WAITING_MAX);
        let closed = Arc::new(AtomicBool::new(false));
        let mailbox = surroundings.mailbox(layer.id);
        let thread = Thread {
            wishes: Wishes {
                play: layer.visible,
                repeat: recipe.ending == Ending::File { looping: true },
            },
            recipe,
            program: Arc::clone(&surroundings.program),
            mailbox: mailbox.clone(),
            inbox: inbox.clone(),
            messages,
            closed: Arc::clone(&closed),
        };
        let started = thread::Builder::new()
            .name(thread.recipe.name.to_owned())
            .spawn(move || thread.run());
        if let Err(error) = started {
            mailbox.tell(News::Failed(Failure::engine(error.kind())));
        }
        Self { inbox, closed }
    }

    /// Lets the source go on, or wait.
    pub(super) fn play(&self, play: bool) {
        self.send(Message::Play(play));
    }

    /// Lets the source start again at its end, or not.
    pub(super) fn repeat(&self, repeat: bool) {
        self.send(Message::Loop(repeat));
    }

    fn send(&self, message: Message) {
        // Fails when the thread has ended, as after a still, and needs to know nothing more.
        let _ = self.inbox.send(message);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // A full inbox wakes the thread as well, which then sees the flag.
        let _ = self.inbox.try_send(Message::Close);
    }
}

/// Told by the sinks of a pipeline what arrives.
#[derive(Clone, Debug)]
pub(super) struct Watcher {
    frames: Arc<AtomicU64>,
    inbox: SyncSender<Message>,
    mailbox: Mailbox,
}

impl Watcher {
    /// A frame arrived.
    pub(super) fn frame_arrived(&self) {
        if self.frames.fetch_add(1, Ordering::Relaxed) == 0 {
            // The frames that follow are counted in any case.
            let _ = self.inbox.try_send(Message::FirstFrame);
        }
    }

    /// The pipeline will never deliver, for a reason that it does not report by itself.
    pub(super) fn fail(&self, failure: Failure) {
        // A full inbox holds failures that came before.
        let _ = self.inbox.try_send(Message::Failed(failure));
    }

    /// For the source itself.
    pub(super) fn tell(&self, news: News) {
        self.mailbox.tell(news);
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, Debug)]
struct Wishes {
    play: bool,
    repeat: bool,
}

struct Thread {
    recipe: Recipe,
    program: Arc<ProgramClock>,
    mailbox: Mailbox,
    inbox: SyncSender<Message>,
    messages: Receiver<Message>,
    closed: Arc<AtomicBool>,
    wishes: Wishes,
}

/// Why an attempt to play ended.
enum Outcome {
    Closed,
    Done,
    Failed { failure: Failure, lasted: Duration },
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("recipe", &self.recipe.name)
            .field("wishes", &self.wishes)
            .finish_non_exhaustive()
    }
}

impl Thread {
    fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            match self.attempt() {
                Outcome::Closed | Outcome::Done => return,
                Outcome::Failed { failure, lasted } => {
                    tracing::warn!(
                        layer.id = %self.mailbox.layer,
                        source = self.recipe.name,
                        code = failure.code,
                        "{failure}"
                    );
                    self.mailbox.tell(News::Failed(failure));
                    if lasted >= RECOVERED_AFTER {
                        backoff.reset();
                    }
                }
            }
            if !self.wait(backoff.next()) {
                return;
            }
        }
    }

    /// Waits before the next attempt; `false` when there shall be none.
    fn wait(&mut self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(Message::Play(play)) => self.wishes.play = play,
                Ok(Message::Loop(repeat)) => self.wishes.repeat = repeat,
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return false,
                // Afterthoughts of the pipeline that failed.
                Ok(
                    Message::Prerolled
                    | Message::FirstFrame
                    | Message::SegmentDone
                    | Message::EndOfStream
                    | Message::Failed(_),
                ) => {}
                Err(RecvTimeoutError::Timeout) => return !self.is_closed(),
            }
            if self.is_closed() {
                return false;
            }
        }
    }

    fn attempt(&mut self) -> Outcome {
        let began = Instant::now();
        let watcher = Watcher {
            frames: Arc::default(),
            inbox: self.inbox.clone(),
            mailbox: self.mailbox.clone(),
        };
        let played = (self.recipe.build)(&watcher).and_then(|media| {
            let pipeline = Running::new(media.pipeline, &self.program, &self.inbox);
            Playback {
                thread: self,
                pipeline,
                rewind: media.rewind,
                watcher,
                phase: Phase::Opening,
                exhausted: false,
                deadline: began + OPEN_TIMEOUT,
                frames_seen: 0,
            }
            .run()
        });
        match played {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::Failed {
                failure,
                lasted: began.elapsed(),
            },
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// A pipeline that ends when it is dropped.
struct Running(gst::Pipeline);

impl Running {
    fn new(pipeline: gst::Pipeline, program: &ProgramClock, inbox: &SyncSender<Message>) -> Self {
        pipeline.use_clock(Some(program.as_gst()));
        if let Some(bus) = pipeline.bus() {
            let inbox = inbox.clone();
            bus.set_sync_handler(move |_bus, message| {
                if let Some(message) = understood(message) {
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

fn understood(message: &gst::Message) -> Option<Message> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "GStreamer has many messages and adds more"
    )]
    match message.view() {
        gst::MessageView::Error(error) => {
            tracing::debug!(debug = ?error.debug(), "{}", error.error());
            Some(Message::Failed(Failure::of_pipeline(&error.error())))
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
struct Playback<'a> {
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

impl Playback<'_> {
    fn run(mut self) -> Result<Outcome, Failure> {
        let first = match self.thread.recipe.ending {
            Ending::File { .. } => gst::State::Paused,
            Ending::Never if !self.thread.wishes.play => gst::State::Paused,
            Ending::Still | Ending::Never => gst::State::Playing,
        };
        if let Err(failure) = self.pipeline.set_state(first) {
            return Err(self.first_error().unwrap_or(failure));
        }
        loop {
            let wait = match self.phase {
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
            }
            Message::Play(play) => {
                self.thread.wishes.play = play;
                if matches!(self.phase, Phase::Going) {
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
            Message::EndOfStream => {
                if self.watcher.frames() == 0 {
                    return Err(Failure::no_picture());
                }
                self.reached_end(gst::SeekFlags::FLUSH)?;
            }
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
            (Phase::Opening | Phase::Rewinding, _) => {
                self.phase = Phase::Going;
                self.thread.mailbox.tell(News::Flowing);
                self.go()
            }
            (Phase::Going, _) => Ok(()),
        }
    }

    /// Plays or waits, as the layer wishes.
    fn go(&mut self) -> Result<(), Failure> {
        self.deadline = Instant::now() + STALL_TIMEOUT;
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
        let frames = self.watcher.frames();
        let waiting = self.phase == Phase::Going && !self.thread.wishes.play;
        if frames != self.frames_seen || waiting {
            self.frames_seen = frames;
            if self.phase == Phase::Going {
                self.deadline = Instant::now() + STALL_TIMEOUT;
            }
        }
        let done = self.phase == Phase::Going && self.exhausted;
        if !done && Instant::now() >= self.deadline {
            return Err(Failure::stalled());
        }
        Ok(())
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
