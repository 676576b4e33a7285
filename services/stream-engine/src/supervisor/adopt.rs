//! Takes over the worker that an earlier process of this host left on air.
//!
//! What is adopted is proven, not guessed: the kernel says which process listens on the stream's
//! socket, a descriptor of that process is taken, and only then is it spoken to. Its answer proves
//! that it lived after the descriptor was taken. A recycled number cannot get in between.

use std::path::Path;
use std::time::{Duration, Instant};

use sm_media_protocol::{Command, LINE_BYTES_MAX, OnAir, Report, decode, encode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::lines::{Line, Lines};
use super::process::{self, Process};
use super::watchdog::{Patience, Watchdog};
use super::{Employment, Worker};
use crate::live::file_name::Run;

/// Longest wait for the end of a worker that is not adopted.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A worker that was on air already.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) worker: Worker,
    pub(crate) run: Run,
    pub(crate) on_air: OnAir,
}

/// Why a worker is ended instead.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("the line cannot be used")]
    Line(#[from] std::io::Error),
    #[error("it does not answer")]
    Silent,
    #[error("what it says is no message")]
    Garbled,
    #[error("another process answers")]
    Impostor,
    #[error("it has nothing on air")]
    Idle,
    #[error("it delivers to another host of this machine")]
    Elsewhere,
}

/// Takes over the stream's worker if one is on air that delivers into `directory`. Only the holder
/// of the lease may ask: any other worker of the stream on this machine is ended.
pub(crate) async fn adopt(employment: &Employment<'_>, directory: &Path) -> Option<Found> {
    let stream = employment.stream;
    let line = match employment.paths().connect().await {
        Ok(line) => line?,
        Err(error) => {
            tracing::error!(stream.id = %stream, %error, "a worker of an earlier host is not looked for");
            return None;
        }
    };
    let process = match listener(&line, employment) {
        Ok(process) => process,
        Err(error) => {
            // It has ended in this moment, or belongs to somebody else.
            tracing::warn!(stream.id = %stream, %error, "a worker of an earlier host is not found");
            return None;
        }
    };
    let patience = employment.config.adopt_timeout();
    let introduced = timeout(patience, introduce(line, &process, employment));
    let introduced = introduced.await.unwrap_or(Err(Unfit::Silent));
    let fit = introduced.and_then(|(on_air, line)| Ok((run_in(directory, &on_air)?, on_air, line)));
    match fit {
        Ok((run, on_air, line)) => Some(Found {
            worker: take(employment, process, &on_air, line),
            run,
            on_air,
        }),
        Err(reason) => {
            let pid = process.pid;
            tracing::warn!(stream.id = %stream, pid, %reason, "a worker of an earlier host is ended");
            end(process).await;
            None
        }
    }
}

/// Whether no worker of the stream runs on this host.
pub(crate) async fn is_vacant(employment: &Employment<'_>) -> bool {
    matches!(employment.paths().connect().await, Ok(None))
}

/// The run that the worker delivers into `directory`.
fn run_in(directory: &Path, on_air: &OnAir) -> Result<Run, Unfit> {
    if on_air.hls.directory == directory {
        on_air.hls.run.parse().map_err(|_no_run| Unfit::Garbled)
    } else {
        Err(Unfit::Elsewhere)
    }
}

/// The process that listens at the other end.
fn listener(line: &UnixStream, employment: &Employment<'_>) -> std::io::Result<Process> {
    let peer = line.peer_cred()?;
    let own = peer.uid() == rustix::process::geteuid().as_raw();
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
    match pid.filter(|_| own) {
        Some(pid) => process::find_running(pid, employment.paths(), employment.stream),
        None => Err(std::io::Error::other("not this user's process")),
    }
}

type Spoken = (Lines<OwnedReadHalf>, OwnedWriteHalf);

async fn introduce(
    line: UnixStream,
    process: &Process,
    employment: &Employment<'_>,
) -> Result<(OnAir, Spoken), Unfit> {
    let (reading, mut writing) = line.into_split();
    let mut lines = Lines::new(reading, LINE_BYTES_MAX);
    let lease = encode(&Command::Lease(employment.lease)).map_err(|_unwritable| Unfit::Garbled)?;
    writing.write_all(&lease).await?;
    let answer = match lines.next().await {
        Some(Line::Whole(text)) => decode::<Report>(&text).map_err(|_no_message| Unfit::Garbled)?,
        Some(Line::TooLong) => return Err(Unfit::Garbled),
        None => return Err(Unfit::Silent),
    };
    match answer {
        Report::Ready { pid, .. } if pid != process.pid => Err(Unfit::Impostor),
        Report::Ready {
            on_air: Some(on_air),
            ..
        } => Ok((*on_air, (lines, writing))),
        Report::Ready { on_air: None, .. } => Err(Unfit::Idle),
        Report::StateChanged { .. }
        | Report::TakeStarted { .. }
        | Report::SceneApplied { .. }
        | Report::Layer(_)
        | Report::Output(_)
        | Report::ProgramChanged { .. }
        | Report::ProgramRefused { .. }
        | Report::InitWritten { .. }
        | Report::PartWritten(_)
        | Report::SegmentWritten(_)
        | Report::Stats(_)
        | Report::Snapshot { .. }
        | Report::Fault { .. }
        | Report::Sprite(_)
        | Report::Rendition(_)
        | Report::RenditionPart { .. }
        | Report::RenditionSegment { .. }
        | Report::Finished { .. } => Err(Unfit::Garbled),
    }
}

fn take(employment: &Employment<'_>, process: Process, on_air: &OnAir, line: Spoken) -> Worker {
    let segment = Duration::from_millis(on_air.program.keyframe_interval_ms.into());
    let patience = Patience::new(employment.config, segment);
    let watchdog = Watchdog::on_air(patience, Instant::now());
    tracing::info!(
        stream.id = %employment.stream, pid = process.pid, run = on_air.hls.run,
        "media worker adopted"
    );
    Worker::supervise(employment, process, watchdog, Some(line))
}

/// Ends a worker that cannot be adopted, so that the next does not run beside it.
async fn end(mut process: Process) {
    process.kill();
    if timeout(END_TIMEOUT, process.wait()).await.is_err() {
        tracing::error!(pid = process.pid, "a killed worker does not end");
    }
}
