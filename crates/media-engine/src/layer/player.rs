mod cut;
mod playback;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use gstreamer as gst;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::LayerId;
use sm_common::layer::PlaybackStatus;
use sm_media_protocol::{RetryTerms, SceneLayer};

pub(super) use cut::{Cut, DECODED, Knife, Reel};
use playback::Playback;

use super::failure::{Failure, Retry};
use super::{Mailbox, News, Surroundings};
use crate::backoff::Backoff;
use crate::pipeline::ProgramClock;

/// Messages that may wait for a player's thread. Of a flood of errors only the first counts.
const WAITING_MAX: usize = 64;

/// A source that delivered for this long has recovered from what failed before.
const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// How to build and treat a source's pipeline.
pub(super) struct Recipe {
    /// For the log and the thread's name.
    pub(super) name: &'static str,
    pub(super) ending: Ending,
    /// Which part of a file is played.
    pub(super) cut: Cut,
    pub(super) build: Build,
}

/// Builds a source's pipeline, once for every attempt.
pub(super) type Build = Box<dyn Fn(&Watcher) -> Result<Media, Failure> + Send>;

/// A source's pipeline, not yet started.
pub(super) struct Media {
    pub(super) pipeline: gst::Pipeline,
    /// How to move in it, where that can be done.
    pub(super) reel: Option<Reel>,
    /// How long it is shown, where it would not end by itself.
    pub(super) length: Option<gst::ClockTime>,
}

/// Where a file is, and what that means for what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Playing {
    pub(super) status: PlaybackStatus,
    /// When it ends, on the program's clock; `None` where it stands still, or that is not known.
    pub(super) ends_at: Option<gst::ClockTime>,
}

/// What a player uses of what is around it.
#[derive(Clone, Debug)]
pub(super) struct Props {
    program: Arc<ProgramClock>,
    retry: RetryTerms,
    wall: SharedClock,
    mailbox: Mailbox,
}

impl Props {
    pub(super) fn of(surroundings: &Surroundings, layer: LayerId) -> Self {
        Self {
            program: Arc::clone(&surroundings.program),
            retry: surroundings.retry,
            wall: SharedClock::clone(&surroundings.wall),
            mailbox: surroundings.mailbox(layer),
        }
    }

    /// The same for one of several players of the layer.
    pub(super) fn part(&self, part: u64) -> Self {
        Self {
            mailbox: self.mailbox.part(part),
            ..self.clone()
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.wall.now()
    }
}

/// What comes after the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing: the first frame is the last.
    Still,
    /// There is no last frame.
    Never,
    /// The first frame again if it loops; otherwise the last one stays.
    File,
    /// The connection ended, and is made again.
    Live,
    /// The one who pushes is gone, and may come back at any time.
    Pushed,
    /// The last frame of a file elsewhere, which stays.
    Remote,
}

impl Ending {
    /// Whether frames come from elsewhere: they come or they do not, whatever the layer wishes.
    const fn is_network(self) -> bool {
        match self {
            Self::Live | Self::Pushed | Self::Remote => true,
            Self::Still | Self::Never | Self::File => false,
        }
    }
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
    /// What the layer wishes.
    Show(bool),
    Pause(bool),
    Cut(Cut),
    Seek(Target),
    /// To play from this moment of the program's clock on.
    StartAt(gst::ClockTime),
    /// Also sent to wake the thread up.
    Close,
    /// What the pipeline says.
    Prerolled,
    FirstFrame,
    /// The source of a part that repeats has given all of it, after this many jumps.
    SegmentDone(u64),
    /// The last frame was shown, after this many jumps.
    EndOfStream(u64),
    Failed(Failure),
}

/// Where to go in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To the beginning of its part.
    Start,
    /// To a position in it.
    At(gst::ClockTime),
}

impl Player {
    /// Starts a player; a layer that is not visible is opened and then waits.
    pub(super) fn start(recipe: Recipe, surroundings: &Surroundings, layer: &SceneLayer) -> Self {
        let wishes = Wishes::new(&recipe, layer);
        Self::open(recipe, Props::of(surroundings, layer.id), wishes)
    }

    /// Starts a player with wishes of its own.
    pub(super) fn open(recipe: Recipe, props: Props, wishes: Wishes) -> Self {
        let (inbox, messages) = sync_channel(WAITING_MAX);
        let closed = Arc::new(AtomicBool::new(false));
        let Props {
            program,
            retry,
            wall,
            mailbox,
        } = props;
        let thread = Thread {
            wishes,
            recipe,
            program,
            retry,
            wall,
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

    /// Lets the source go on as its layer is seen, or wait.
    pub(super) fn show(&self, visible: bool) {
        self.send(Message::Show(visible));
    }

    /// Lets a file stand still, or go on; one that has ended begins again.
    pub(super) fn pause(&self, paused: bool) {
        self.send(Message::Pause(paused));
    }

    /// Plays another part of the file.
    pub(super) fn cut(&self, cut: Cut) {
        self.send(Message::Cut(cut));
    }

    /// Goes somewhere in the file.
    pub(super) fn seek(&self, target: Target) {
        self.send(Message::Seek(target));
    }

    /// Plays from this moment of the program's clock on; it has to be ready, and to wait.
    pub(super) fn start_at(&self, moment: gst::ClockTime) {
        self.send(Message::StartAt(moment));
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
    first: Arc<OnceLock<Instant>>,
    heard: Arc<AtomicBool>,
    inbox: SyncSender<Message>,
    mailbox: Mailbox,
}

impl Watcher {
    /// A frame arrived.
    pub(super) fn frame_arrived(&self) {
        if self.frames.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first.get_or_init(Instant::now);
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

    /// Bytes arrived, whatever they are.
    pub(super) fn bytes_arrived(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    fn heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// For how long it has delivered.
    fn delivered_for(&self) -> Duration {
        self.first.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

/// What is wanted of a player.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    /// The layer is seen, or the source is to be opened all the same.
    visible: bool,
    paused: bool,
    cut: Cut,
    /// Where to begin, other than at the beginning.
    begin: Option<Target>,
}

impl Wishes {
    /// To open this part of a file, and to play it if it is seen and not paused.
    pub(super) const fn of(cut: Cut, visible: bool, paused: bool) -> Self {
        Self {
            visible,
            paused,
            cut,
            begin: None,
        }
    }

    fn new(recipe: &Recipe, layer: &SceneLayer) -> Self {
        let command = layer
            .playback
            .filter(|_| recipe.ending == Ending::File)
            .filter(|command| command.paused);
        Self {
            // A still is read once, also for a layer that is hidden.
            visible: layer.visible || recipe.ending == Ending::Still,
            paused: command.is_some(),
            cut: recipe.cut,
            begin: command
                .and_then(|command| command.position_ms)
                .map(|position| Target::At(gst::ClockTime::from_mseconds(position))),
        }
    }

    const fn play(&self) -> bool {
        self.visible && !self.paused
    }
}

struct Thread {
    recipe: Recipe,
    program: Arc<ProgramClock>,
    retry: RetryTerms,
    wall: SharedClock,
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
        let mut backoff = Backoff::new(self.retry);
        let mut attempts = 0;
        loop {
            let wait = match self.attempt() {
                Outcome::Closed | Outcome::Done => return,
                Outcome::Failed {
                    mut failure,
                    lasted,
                } => {
                    tracing::warn!(
                        layer.id = %self.mailbox.layer,
                        source = self.recipe.name,
                        code = failure.code,
                        "{failure}"
                    );
                    if lasted >= RECOVERED_AFTER {
                        backoff.reset();
                        attempts = 0;
                    }
                    if self.recipe.ending == Ending::Pushed && failure.is_by_others() {
                        // Whoever comes next is to be taken at once.
                        self.mailbox.tell(News::Failed(failure));
                        continue;
                    }
                    let wait = backoff.next();
                    attempts += 1;
                    failure.retry = Some(Retry {
                        attempts,
                        at: self.wall.now().plus(wait),
                    });
                    self.mailbox.tell(News::Failed(failure));
                    wait
                }
            };
            if !self.wait(wait) {
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
                Ok(Message::Show(visible)) => self.wishes.visible = visible,
                Ok(Message::Pause(paused)) => self.wishes.paused = paused,
                Ok(Message::Cut(cut)) => self.wishes.cut = cut,
                Ok(Message::Seek(target)) => self.wishes.begin = Some(target),
                Ok(Message::StartAt(_)) => self.wishes.visible = true,
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return false,
                // Afterthoughts of the pipeline that failed.
                Ok(
                    Message::Prerolled
                    | Message::FirstFrame
                    | Message::SegmentDone(_)
                    | Message::EndOfStream(_)
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
            first: Arc::default(),
            heard: Arc::default(),
            inbox: self.inbox.clone(),
            mailbox: self.mailbox.clone(),
        };
        let played = (self.recipe.build)(&watcher)
            .and_then(|media| Playback::new(self, media, watcher.clone(), began).run());
        match played {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::Failed {
                failure,
                lasted: watcher.delivered_for(),
            },
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
