//! One attempt: a pipeline from its start to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_common::layer::{PlaybackState, PlaybackStatus};

use super::cut::drain;
use super::{Cut, Ending, Media, Message, Outcome, Playing, Reel, Target, Thread, Watcher};
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

/// A pipeline that ends when it is dropped.
struct Running {
    pipeline: gst::Pipeline,
    /// How long it is shown, where it would not end by itself.
    shown_for: Option<gst::ClockTime>,
    /// Jumps so far: what the pipeline says of its end is only true until the next.
    jumps: Arc<AtomicU64>,
}

impl Running {
    fn new(
        Media {
            pipeline, length, ..
        }: &Media,
        program: &ProgramClock,
        inbox: &SyncSender<Message>,
        network: Option<Watcher>,
    ) -> Self {
        pipeline.use_clock(Some(program.as_gst()));
        let jumps = Arc::<AtomicU64>::default();
        if let Some(bus) = pipeline.bus() {
            let (inbox, jumps) = (inbox.clone(), Arc::clone(&jumps));
            bus.set_sync_handler(move |_bus, message| {
                if let Some(message) = understood(message, network.as_ref(), &jumps) {
                    // A full inbox holds the errors that came before.
                    let _ = inbox.try_send(message);
                }
                gst::BusSyncReply::Drop
            });
        }
        Self {
            pipeline: pipeline.clone(),
            shown_for: *length,
            jumps,
        }
    }

    fn set_state(&self, state: gst::State) -> Result<(), Failure> {
        self.pipeline
            .set_state(state)
            .map(|_success| ())
            .map_err(Failure::engine)
    }

    /// Whether nothing jumped since.
    fn is_current(&self, jumps: u64) -> bool {
        self.jumps.load(Ordering::Relaxed) == jumps
    }

    fn length(&self) -> Option<gst::ClockTime> {
        self.shown_for
            .or_else(|| self.pipeline.query_duration::<gst::ClockTime>())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to be done about a pipeline that does not end.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn understood(
    message: &gst::Message,
    network: Option<&Watcher>,
    jumps: &AtomicU64,
) -> Option<Message> {
    let jumps = || jumps.load(Ordering::Relaxed);
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
        gst::MessageView::Eos(_) => Some(Message::EndOfStream(jumps())),
        gst::MessageView::SegmentDone(_) => Some(Message::SegmentDone(jumps())),
        gst::MessageView::AsyncDone(_) => Some(Message::Prerolled),
        _ => None,
    }
}

/// Where a pipeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On its way to the first frame.
    Opening,
    /// Going to another place, until its frame is there.
    Jumping,
    /// Playing, or waiting to.
    Going,
}

/// How far the source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// There is more.
    Ahead,
    /// The source has given all it has, and what is on its way is the last. May come before the
    /// first frame: short files are read at once.
    Given,
    /// The last frame was shown.
    Shown,
}

/// One pipeline from its start to its end.
pub(super) struct Playback<'a> {
    thread: &'a mut Thread,
    pipeline: Running,
    reel: Option<Reel>,
    watcher: Watcher,
    phase: Phase,
    rest: Rest,
    /// Where to go when it is where it is going.
    pending: Option<Target>,
    /// Where the last jump went.
    landed: gst::ClockTime,
    /// Whether it stands at its beginning and has not moved.
    fresh: bool,
    /// When it begins, on the program's clock, where it plays and that is to come.
    starts_at: Option<gst::ClockTime>,
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
            &media,
            &thread.program,
            &thread.inbox,
            thread.recipe.ending.is_network().then(|| watcher.clone()),
        );
        Self {
            thread,
            pipeline,
            reel: media.reel,
            watcher,
            phase: Phase::Opening,
            rest: Rest::Ahead,
            pending: None,
            landed: gst::ClockTime::ZERO,
            fresh: false,
            starts_at: None,
            deadline: began + OPEN_TIMEOUT,
            frames_seen: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        let first = match self.thread.recipe.ending {
            Ending::File => gst::State::Paused,
            Ending::Never if !self.thread.wishes.play() => gst::State::Paused,
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
                Phase::Opening | Phase::Jumping => {
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
            Message::Show(visible) => {
                self.thread.wishes.visible = visible;
                if self.phase == Phase::Going && !self.thread.recipe.ending.is_network() {
                    self.go()?;
                    self.note(self.position());
                }
            }
            Message::Pause(paused) => self.pause(paused)?,
            Message::Cut(cut) => self.recut(cut)?,
            Message::Seek(target) => self.go_to(target)?,
            Message::StartAt(moment) => self.start_at(moment)?,
            Message::Prerolled => self.prerolled()?,
            Message::SegmentDone(jumps) => {
                if self.pipeline.is_current(jumps) {
                    self.given()?;
                }
            }
            Message::EndOfStream(jumps) => {
                if self.pipeline.is_current(jumps) {
                    self.shown()?;
                }
            }
        }
        Ok(None)
    }

    fn prerolled(&mut self) -> Result<(), Failure> {
        match (self.phase, self.thread.recipe.ending) {
            (Phase::Opening, Ending::File) => {
                if self.watcher.frames() == 0 {
                    return Err(Failure::no_picture());
                }
                let length = self.pipeline.length();
                if length.is_some_and(|length| length <= self.thread.wishes.cut.start) {
                    return Err(Failure::past_the_end());
                }
                let begin = self.thread.wishes.begin.take();
                self.jump(begin.unwrap_or(Target::Start))
            }
            (Phase::Jumping, Ending::File) => match self.pending.take() {
                Some(target) => self.jump(target),
                None => self.arrived(),
            },
            (Phase::Opening | Phase::Jumping, Ending::Still | Ending::Never) => self.arrived(),
            // Of network sources, the first frame says so.
            (Phase::Going | Phase::Jumping, _)
            | (_, Ending::Live | Ending::Pushed | Ending::Remote) => Ok(()),
        }
    }

    fn arrived(&mut self) -> Result<(), Failure> {
        self.phase = Phase::Going;
        self.thread.mailbox.tell(News::Flowing);
        self.go()?;
        // The pipeline itself only knows when its clock goes on.
        self.note(self.landed);
        Ok(())
    }

    /// Plays or waits, as the layer wishes.
    fn go(&mut self) -> Result<(), Failure> {
        let play = self.thread.wishes.play();
        self.deadline = Instant::now() + self.stall_timeout();
        self.fresh &= !play;
        self.pipeline.set_state(if play {
            gst::State::Playing
        } else {
            gst::State::Paused
        })
    }

    /// Plays from this moment on: its first frame is shown then.
    fn start_at(&mut self, moment: gst::ClockTime) -> Result<(), Failure> {
        self.thread.wishes.visible = true;
        if self.phase != Phase::Going || !self.fresh || self.thread.wishes.paused {
            return if self.phase == Phase::Going {
                self.go()
            } else {
                Ok(())
            };
        }
        let pipeline = &self.pipeline.pipeline;
        // Without a start time, GStreamer leaves the base time as it is.
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(moment);
        self.starts_at = Some(moment);
        self.go()?;
        self.pipeline.pipeline.set_start_time(gst::ClockTime::ZERO);
        self.note(self.landed);
        Ok(())
    }

    fn pause(&mut self, paused: bool) -> Result<(), Failure> {
        self.thread.wishes.paused = paused;
        if self.phase != Phase::Going || self.thread.recipe.ending != Ending::File {
            return Ok(());
        }
        if self.rest == Rest::Shown && !paused {
            return self.jump(Target::Start);
        }
        self.go()?;
        self.note(self.position());
        Ok(())
    }

    fn recut(&mut self, cut: Cut) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.thread.wishes.cut, cut);
        let ended = self.rest == Rest::Shown;
        if cut.is_same_part(&before) {
            let again = ended && cut.repeats(self.pipeline.length());
            return if again {
                self.go_to(Target::Start)
            } else {
                Ok(())
            };
        }
        let position = self.position();
        let within = position >= cut.start && cut.stop.is_none_or(|stop| position < stop);
        self.go_to(if within && !ended {
            Target::At(position)
        } else {
            Target::Start
        })
    }

    /// Goes somewhere now, or when it is where it is going.
    fn go_to(&mut self, target: Target) -> Result<(), Failure> {
        match self.phase {
            Phase::Opening => self.thread.wishes.begin = Some(target),
            Phase::Jumping => self.pending = Some(target),
            Phase::Going if target == Target::Start && self.fresh => {}
            Phase::Going => self.jump(target)?,
        }
        Ok(())
    }

    fn jump(&mut self, target: Target) -> Result<(), Failure> {
        let Some(reel) = &self.reel else {
            return self.arrived();
        };
        let (cut, length) = (self.thread.wishes.cut, self.pipeline.length());
        self.phase = Phase::Jumping;
        self.rest = Rest::Ahead;
        self.fresh = target == Target::Start;
        self.landed = cut.place(target, length);
        self.deadline = Instant::now() + OPEN_TIMEOUT;
        // Sound does not wait for the picture's first frame: while it plays, it would run past the
        // moment at which the pipeline goes on.
        self.pipeline.set_state(gst::State::Paused)?;
        self.pipeline.jumps.fetch_add(1, Ordering::Relaxed);
        self.starts_at = None;
        let stop = cut.stop.or(self.pipeline.shown_for);
        reel.jump(self.landed, stop, cut.repeats(length))
    }

    /// The source has given all of the part.
    fn given(&mut self) -> Result<(), Failure> {
        let cut = self.thread.wishes.cut;
        if cut.repeats(self.pipeline.length()) {
            self.deadline = Instant::now() + STALL_TIMEOUT;
            if let Some(reel) = &self.reel {
                reel.repeat(&cut)?;
            }
        } else {
            self.rest = Rest::Given;
            drain(&self.pipeline.pipeline);
        }
        Ok(())
    }

    /// The last frame was shown.
    fn shown(&mut self) -> Result<(), Failure> {
        match (self.thread.recipe.ending, self.watcher.frames()) {
            (Ending::Live | Ending::Pushed | Ending::Remote, 0) => Err(Failure::no_media()),
            (_, 0) => Err(Failure::no_picture()),
            (Ending::Live, _) => Err(Failure::lost()),
            (Ending::Pushed, _) => Err(Failure::publisher_gone()),
            (Ending::File, _) if self.thread.wishes.cut.repeats(self.pipeline.length()) => {
                self.jump(Target::Start)
            }
            (Ending::Still | Ending::Never | Ending::File | Ending::Remote, _) => {
                self.rest = Rest::Shown;
                self.note(self.position());
                Ok(())
            }
        }
    }

    fn position(&self) -> gst::ClockTime {
        let position = self.pipeline.pipeline.query_position::<gst::ClockTime>();
        position.unwrap_or(self.thread.wishes.cut.start)
    }

    /// Tells where it is.
    fn note(&self, position: gst::ClockTime) {
        if self.thread.recipe.ending != Ending::File {
            return;
        }
        let wishes = &self.thread.wishes;
        let length = self.pipeline.length();
        let state = match (self.rest, wishes.visible, wishes.paused) {
            (Rest::Shown, _, _) => PlaybackState::Ended,
            (Rest::Ahead | Rest::Given, _, true) => PlaybackState::Paused,
            (Rest::Ahead | Rest::Given, false, false) => PlaybackState::Waiting,
            (Rest::Ahead | Rest::Given, true, false) => PlaybackState::Playing,
        };
        let position = match state {
            PlaybackState::Ended => wishes.cut.end(length).unwrap_or(position),
            PlaybackState::Paused | PlaybackState::Waiting | PlaybackState::Playing => position,
        };
        let ends_at = (state == PlaybackState::Playing && !wishes.cut.repeats(length))
            .then(|| self.ends_at(length))
            .flatten();
        let status = PlaybackStatus {
            state,
            position_ms: position.mseconds(),
            duration_ms: length.map(gst::ClockTime::mseconds),
            item: None,
            at: self.thread.wall.now(),
        };
        let playing = Playing { status, ends_at };
        self.thread.mailbox.tell(News::Playback(playing));
    }

    /// When it ends if it goes on as it does.
    fn ends_at(&self, length: Option<gst::ClockTime>) -> Option<gst::ClockTime> {
        let end = self.thread.wishes.cut.end(length)?;
        let base = self.pipeline.pipeline.base_time()?;
        base.checked_add(end.checked_sub(self.landed)?)
    }

    /// Whether it plays, but its time has not come.
    fn is_early(&self) -> bool {
        let now = self.thread.program.as_gst().time();
        self.starts_at.is_some_and(|moment| now < moment)
    }

    /// Fails when nothing has happened for too long.
    fn watch(&mut self) -> Result<(), Failure> {
        if self.is_awaited() {
            self.deadline = Instant::now() + OPEN_TIMEOUT;
        }
        let frames = self.watcher.frames();
        let network = self.thread.recipe.ending.is_network();
        let still = !self.thread.wishes.play() || self.is_early();
        let waiting = self.phase == Phase::Going && still && !network;
        if frames != self.frames_seen || waiting {
            self.frames_seen = frames;
            if self.phase == Phase::Going {
                self.deadline = Instant::now() + self.stall_timeout();
            }
        }
        let done = self.phase == Phase::Going && self.rest != Rest::Ahead;
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
            Ending::Still | Ending::Never | Ending::File | Ending::Live | Ending::Pushed => {
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
                Message::Show(_)
                | Message::Pause(_)
                | Message::Cut(_)
                | Message::Seek(_)
                | Message::StartAt(_)
                | Message::Close
                | Message::Prerolled
                | Message::FirstFrame
                | Message::SegmentDone(_)
                | Message::EndOfStream(_) => None,
            })
    }
}
