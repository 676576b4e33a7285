//! One media worker process: launched or found, spoken with, watched, and ended or left.
//!
//! Architecture invariant: the line to the worker never holds anything up. What cannot be written
//! waits in a bounded queue, and a worker that does not read or write is killed by the watchdog. A
//! line that breaks is taken up again for as long as the process lives.

mod adopt;
mod end;
mod feeds;
mod lines;
mod paths;
mod process;
mod tapping;
mod watchdog;
mod writer;

use std::time::{Duration, Instant};

use sm_common::clock::SharedClock;
use sm_common::id::StreamId;
use sm_media_protocol::{Command, FinishReason, LINE_BYTES_MAX, LeaseTerms, Report, decode};
use sm_service_kit::Lifecycle;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use adopt::{Found, adopt, is_vacant};
pub(crate) use end::{Cause, End};
pub(crate) use feeds::Feeds;
use lines::{Line, Lines};
use paths::Paths;
use process::Process;
pub(crate) use tapping::tap;
use watchdog::{Patience, Watchdog};
use writer::write_commands;

use crate::config::WorkerConfig;

/// Commands that wait for a worker at most.
const COMMANDS_MAX: usize = 64;
/// Reports that wait for the stream's task at most; a full queue holds the worker's output back.
const REPORTS_MAX: usize = 256;
/// Lines in a row that are no messages, after which a worker is ended.
const GARBAGE_MAX: u32 = 100;
/// How long to read on after the process has ended: its last words are on the line.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Wait before a line that broke, or that nobody answers yet, is tried again.
const CONNECT_AGAIN: Duration = Duration::from_millis(50);
/// Connections that wait for the task that writes at most.
const LINES_MAX: usize = 4;

/// What a worker tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// A message.
    Report(Report),
    /// It is gone. Always the last.
    Ended(End),
}

/// A running worker. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: u32,
    commands: mpsc::Sender<Command>,
    lease: watch::Sender<LeaseTerms>,
    told: mpsc::Receiver<Told>,
    orders: Orders,
}

/// The worker does not read its commands.
#[derive(Debug)]
pub(crate) struct Busy;

/// Whose worker it is, and what it runs in.
#[derive(Clone, Debug)]
pub(crate) struct Employment<'a> {
    pub(crate) config: &'a WorkerConfig,
    pub(crate) stream: &'a StreamId,
    /// The host's right to the stream.
    pub(crate) lease: LeaseTerms,
    pub(crate) clock: &'a SharedClock,
    pub(crate) lifecycle: &'a Lifecycle,
}

impl Employment<'_> {
    fn paths(&self) -> Paths {
        Paths::new(&self.config.pid_directory, self.stream)
    }
}

impl Worker {
    /// Launches a worker whose segments will be `segment` long.
    pub(crate) fn launch(employment: &Employment<'_>, segment: Duration) -> std::io::Result<Self> {
        let Employment { config, stream, .. } = employment;
        let paths = employment.paths();
        let socket = paths.make_socket()?;
        let process = process::launch(&config.program, paths, stream, socket)?;
        tracing::info!(stream.id = %stream, pid = process.pid, "media worker launched");
        let watchdog = Watchdog::new(Patience::new(config, segment), Instant::now());
        Ok(Self::supervise(employment, process, watchdog, None))
    }

    /// Watches over a process, which is spoken with over `line` if there is one already.
    fn supervise(
        employment: &Employment<'_>,
        process: Process,
        watchdog: Watchdog,
        line: Option<(Lines<OwnedReadHalf>, OwnedWriteHalf)>,
    ) -> Self {
        let pid = process.pid;
        let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
        let (lease, terms) = watch::channel(employment.lease);
        let (telling, told) = mpsc::channel(REPORTS_MAX);
        let (opened, to_write) = mpsc::channel(LINES_MAX);
        let orders = Orders::default();
        let mut supervision = Supervision {
            stream: employment.stream.clone(),
            paths: employment.paths(),
            watchdog,
            process,
            line: Conversation::Broken {
                again_at: Instant::now(),
            },
            opened,
            telling,
            clock: SharedClock::clone(employment.clock),
            finished: None,
            garbage: 0,
        };
        if let Some((lines, half)) = line {
            supervision.speak(lines, half);
        }
        employment.lifecycle.spawn(write_commands(
            to_write,
            waiting,
            terms,
            orders.stop.clone(),
            orders.kill.clone(),
        ));
        employment.lifecycle.spawn(supervision.run(orders.clone()));
        Self {
            pid,
            commands,
            lease,
            told,
            orders,
        }
    }

    /// What the worker tells next; `None` after [`Told::Ended`]. Cancel-safe.
    pub(crate) async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Hands the worker a command.
    pub(crate) fn send(&self, command: Command) -> Result<(), Busy> {
        self.commands.try_send(command).map_err(|_full| Busy)
    }

    /// Tells the worker how long its host has the stream.
    pub(crate) fn renew(&self, lease: LeaseTerms) {
        self.lease.send_replace(lease);
    }

    /// Tells the worker to end in good order; it is killed when it takes too long.
    pub(crate) fn stop(&self) {
        self.orders.stop.cancel();
    }

    /// Ends the worker this instant.
    pub(crate) fn kill(&self) {
        self.orders.kill.cancel();
    }

    /// Leaves the worker on air, for the next process of this host.
    pub(crate) fn leave(self) {
        self.orders.leave.cancel();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.orders.kill.cancel();
    }
}

/// What the stream's task wants of a worker's end.
#[derive(Clone, Debug, Default)]
struct Orders {
    stop: CancellationToken,
    kill: CancellationToken,
    /// Cancelled before `kill`, if at all.
    leave: CancellationToken,
}

/// The line to the worker.
#[derive(Debug)]
enum Conversation {
    Open(Lines<OwnedReadHalf>),
    /// There is none; another is tried at this moment.
    Broken {
        again_at: Instant,
    },
}

impl Conversation {
    const fn again_at(&self) -> Option<Instant> {
        match self {
            Self::Open(_) => None,
            Self::Broken { again_at } => Some(*again_at),
        }
    }

    /// The next line, or `None` when there will be no more. Waits for ever while there is no
    /// conversation. Cancel-safe.
    async fn next(&mut self) -> Option<Line> {
        match self {
            Self::Open(lines) => lines.next().await,
            Self::Broken { .. } => std::future::pending().await,
        }
    }
}

/// Watches over one process until it is gone, or left.
struct Supervision {
    stream: StreamId,
    paths: Paths,
    watchdog: Watchdog,
    process: Process,
    line: Conversation,
    opened: mpsc::Sender<OwnedWriteHalf>,
    telling: mpsc::Sender<Told>,
    clock: SharedClock,
    finished: Option<FinishReason>,
    garbage: u32,
}

impl Supervision {
    async fn run(mut self, orders: Orders) {
        let Orders { stop, kill, leave } = orders;
        // The verdict that made us end it, if one did.
        let mut verdict: Option<Cause> = None;
        let mut stopping = false;
        let status = loop {
            let (due, ruling) = self.watchdog.due();
            let again_at = self.line.again_at();
            tokio::select! {
                status = self.process.wait() => break status,
                line = self.line.next() => match line {
                    Some(line) => {
                        if !self.take(line).await && verdict.is_none() {
                            verdict = Some(Cause::Garbled);
                            self.process.kill();
                        }
                    }
                    None => self.line = broken(CONNECT_AGAIN),
                },
                opened = open(&self.paths, again_at) => match opened {
                    Some(stream) if leads_to(&stream, self.process.pid) => {
                        let (reading, writing) = stream.into_split();
                        self.speak(Lines::new(reading, LINE_BYTES_MAX), writing);
                    }
                    Some(_) | None => self.line = broken(CONNECT_AGAIN),
                },
                () = sleep_until(due.into()), if verdict.is_none() => {
                    verdict = Some(ruling);
                    self.process.kill();
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.watchdog.stopping(Instant::now());
                }
                () = leave.cancelled() => return self.leave(),
                () = kill.cancelled(), if verdict.is_none() => {
                    if leave.is_cancelled() {
                        return self.leave();
                    }
                    verdict = Some(Cause::Stopped);
                    self.process.kill();
                }
            }
        };
        let at = self.clock.now();
        self.hear_last_words().await;
        // Ends the task that writes.
        kill.cancel();
        let asked = stopping && verdict.is_none();
        let cause = match verdict {
            Some(verdict) => verdict,
            None if asked => Cause::Stopped,
            None => Cause::of(self.finished.take(), status),
        };
        let Self {
            stream,
            process,
            telling,
            ..
        } = self;
        tracing::info!(
            stream.id = %stream, pid = process.pid, cause = cause.code(), "media worker ended"
        );
        // Its files go before the next worker's come.
        drop(process);
        // Nobody listens any more when the stream's task has dropped the worker.
        let _unheard = telling.send(Told::Ended(End { at, cause })).await;
    }

    /// The line is open.
    fn speak(&mut self, lines: Lines<OwnedReadHalf>, writing: OwnedWriteHalf) {
        // The task that writes may be stuck in an older line, which the worker has closed.
        if self.opened.try_send(writing).is_ok() {
            self.line = Conversation::Open(lines);
        } else {
            self.line = broken(CONNECT_AGAIN);
        }
    }

    fn leave(mut self) {
        tracing::info!(
            stream.id = %self.stream, pid = self.process.pid, "media worker left on air"
        );
        self.process.release();
    }

    async fn hear_last_words(&mut self) {
        let last_words = async {
            while let Conversation::Open(lines) = &mut self.line
                && let Some(line) = lines.next().await
            {
                self.take(line).await;
            }
        };
        // A child of the worker's may hold the line open.
        let _rest = timeout(LAST_WORDS, last_words).await;
    }

    /// Reads one line. Whether the worker still makes sense.
    async fn take(&mut self, line: Line) -> bool {
        let report = match &line {
            Line::Whole(text) => decode::<Report>(text),
            Line::TooLong => Err(sm_media_protocol::FrameError::TooLong),
        };
        match report {
            Ok(report) => {
                self.garbage = 0;
                self.watchdog.heard(&report, Instant::now());
                if let Report::Finished { reason } = &report {
                    self.finished = Some(reason.clone());
                }
                let _unheard = self.telling.send(Told::Report(report)).await;
            }
            Err(error) => {
                // Its content may be anything, so it is not logged.
                tracing::warn!(stream.id = %self.stream, %error, "the worker said what is no message");
                self.garbage = self.garbage.saturating_add(1);
            }
        }
        self.garbage < GARBAGE_MAX
    }
}

/// Whether this process is the one that listens at the other end.
fn leads_to(stream: &UnixStream, pid: u32) -> bool {
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    peer.and_then(|peer| u32::try_from(peer).ok()) == Some(pid)
}

fn broken(wait: Duration) -> Conversation {
    let now = Instant::now();
    Conversation::Broken {
        again_at: now.checked_add(wait).unwrap_or(now),
    }
}

/// Takes up a line that is broken, at `again_at`; `None` when that fails. Cancel-safe.
async fn open(paths: &Paths, again_at: Option<Instant>) -> Option<UnixStream> {
    let Some(again_at) = again_at else {
        return std::future::pending().await;
    };
    sleep_until(again_at.into()).await;
    match paths.connect().await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "the worker cannot be connected to");
            None
        }
    }
}
