//! One media worker process: launched, spoken with, watched, and ended.
//!
//! Architecture invariant: the worker's standard input and output never hold anything up. What
//! cannot be written waits in a bounded queue, and a worker that does not read or write is killed
//! by the watchdog.

mod end;
mod lines;
mod log;
mod process;
mod watchdog;

use std::time::{Duration, Instant};

use sm_common::clock::SharedClock;
use sm_common::id::StreamId;
use sm_media_protocol::{Command, FinishReason, LINE_BYTES_MAX, Report, decode, encode};
use sm_service_kit::Lifecycle;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use end::{Cause, End};
use lines::{Line, Lines};
use process::{Launched, Process};
use watchdog::{Patience, Watchdog};

use crate::config::WorkerConfig;

/// Commands that wait for a worker at most.
const COMMANDS_MAX: usize = 64;
/// Reports that wait for the stream's task at most; a full queue holds the worker's output back.
const REPORTS_MAX: usize = 256;
/// Lines in a row that are no messages, after which a worker is ended.
const GARBAGE_MAX: u32 = 100;
/// How long to read on after the process has ended: its last words are in the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

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
    told: mpsc::Receiver<Told>,
    stop: CancellationToken,
    kill: CancellationToken,
}

/// The worker does not read its commands.
#[derive(Debug)]
pub(crate) struct Busy;

impl Worker {
    /// Launches a worker for `stream`, whose segments will be `segment` long.
    pub(crate) fn launch(
        config: &WorkerConfig,
        stream: &StreamId,
        segment: Duration,
        (clock, lifecycle): (SharedClock, &Lifecycle),
    ) -> std::io::Result<Self> {
        let Launched {
            process,
            stdin,
            stdout,
            stderr,
        } = process::launch(&config.program, &config.pid_directory, stream)?;
        let pid = process.pid;
        tracing::info!(stream.id = %stream, pid, "media worker launched");
        let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
        let (telling, told) = mpsc::channel(REPORTS_MAX);
        let stop = CancellationToken::new();
        let kill = CancellationToken::new();
        let supervision = Supervision {
            stream: stream.clone(),
            watchdog: Watchdog::new(Patience::new(config, segment), Instant::now()),
            process,
            lines: Lines::new(stdout, LINE_BYTES_MAX),
            telling,
            clock,
            finished: None,
            garbage: 0,
        };
        lifecycle.spawn(log::forward(stderr, stream.clone(), pid));
        lifecycle.spawn(write_commands(stdin, waiting, stop.clone(), kill.clone()));
        lifecycle.spawn(supervision.run(stop.clone(), kill.clone()));
        Ok(Self {
            pid,
            commands,
            told,
            stop,
            kill,
        })
    }

    /// What the worker tells next; `None` after [`Told::Ended`]. Cancel-safe.
    pub(crate) async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Hands the worker a command.
    pub(crate) fn send(&self, command: Command) -> Result<(), Busy> {
        self.commands.try_send(command).map_err(|_full| Busy)
    }

    /// Tells the worker to end in good order; it is killed when it takes too long.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends the worker this instant.
    pub(crate) fn kill(&self) {
        self.kill.cancel();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Writes commands until the worker is told to end, and then tells it. The worker's standard
/// input stays open until the process is gone: its end would mean that the host is gone.
async fn write_commands(
    mut stdin: ChildStdin,
    mut commands: mpsc::Receiver<Command>,
    stop: CancellationToken,
    gone: CancellationToken,
) {
    let work = async {
        loop {
            let command = tokio::select! {
                biased;
                Some(command) = commands.recv() => command,
                () = stop.cancelled() => Command::Stop,
            };
            match encode(&command) {
                // A broken pipe shows as the end of the process.
                Ok(line) => drop(stdin.write_all(&line).await),
                Err(error) => tracing::error!(%error, "a command cannot be written"),
            }
            if command == Command::Stop {
                return;
            }
        }
    };
    gone.run_until_cancelled(work).await;
    gone.cancelled().await;
    drop(stdin);
}

/// Watches over one process until it is gone.
struct Supervision {
    stream: StreamId,
    watchdog: Watchdog,
    process: Process,
    lines: Lines<ChildStdout>,
    telling: mpsc::Sender<Told>,
    clock: SharedClock,
    finished: Option<FinishReason>,
    garbage: u32,
}

impl Supervision {
    async fn run(mut self, stop: CancellationToken, kill: CancellationToken) {
        // The verdict that made us end it, if one did.
        let mut verdict: Option<Cause> = None;
        let mut stopping = false;
        let mut reading = true;
        let status = loop {
            let (due, ruling) = self.watchdog.due();
            tokio::select! {
                status = self.process.wait() => break status,
                line = self.lines.next(), if reading => match line {
                    Some(line) => {
                        if !self.take(line).await && verdict.is_none() {
                            verdict = Some(Cause::Garbled);
                            self.process.kill();
                        }
                    }
                    None => reading = false,
                },
                () = sleep_until(due.into()), if verdict.is_none() => {
                    verdict = Some(ruling);
                    self.process.kill();
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.watchdog.stopping(Instant::now());
                }
                () = kill.cancelled(), if verdict.is_none() => {
                    verdict = Some(Cause::Stopped);
                    self.process.kill();
                }
            }
        };
        let at = self.clock.now();
        let last_words = async {
            while let Some(line) = self.lines.next().await {
                self.take(line).await;
            }
        };
        // A child of the worker's may hold the pipe open.
        let _rest = timeout(LAST_WORDS, last_words).await;
        // Ends the task that writes.
        kill.cancel();
        let asked = stopping && verdict.is_none();
        let cause = match verdict {
            Some(verdict) => verdict,
            None if asked => Cause::Stopped,
            None => Cause::of(self.finished.take(), status),
        };
        tracing::info!(
            stream.id = %self.stream, pid = self.process.pid, cause = cause.code(), "media worker ended"
        );
        // Nobody listens any more when the stream's task has dropped the worker.
        let _unheard = self.telling.send(Told::Ended(End { at, cause })).await;
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
