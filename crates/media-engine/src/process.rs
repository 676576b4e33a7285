//! The process itself: what it has from its host, and what it uses.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::number::to_f64;

/// A little before processes of ordinary priority.
const NICENESS: i32 = -5;

/// After processes of ordinary priority.
const GIVING_WAY: i32 = 5;

/// Leaves the host's process group, so that neither a Ctrl-C meant for the host nor the host's end
/// reaches the picture.
pub fn lead_group() {
    // Refused for the leader of a session, which has a group of its own already.
    let _ = rustix::process::setpgid(None, None);
}

/// The socket to listen on, which the host left as standard input. Nothing that this process starts
/// inherits it: whoever connects meets this process or nobody.
pub fn socket() -> anyhow::Result<OwnedFd> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)
        .context("standard input cannot be taken")?;
    let nothing = File::open("/dev/null").context("/dev/null cannot be opened")?;
    rustix::stdio::dup2_stdin(&nothing).context("standard input cannot be replaced")?;
    Ok(socket)
}

/// Milliseconds since the machine started, the time that it slept included.
pub(crate) fn boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let duration = Duration::try_from(now).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Puts the picture before what can wait, where the system allows it. Threads that are started
/// from now on inherit this.
pub fn prefer() {
    let preferred = rustix::process::getpriority_process(None).is_ok_and(|now| now <= NICENESS);
    if !preferred {
        // Refused without the right to it; the picture then shares the CPU like everybody else.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }
}

/// Puts what this thread does behind the rest of the picture.
pub(crate) fn give_way() {
    let thread = rustix::thread::gettid();
    // Always allowed; without it the thread shares the CPU like everybody else.
    let _ = rustix::process::setpriority_process(Some(thread), GIVING_WAY);
}

/// CPU time of this thread since it started, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let duration = Duration::try_from(now).unwrap_or_default();
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Measures what the process uses.
#[derive(Debug)]
pub(crate) struct UsageMeter {
    last: Option<(Instant, Duration)>,
}

/// What the process uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// CPU since the last measurement, in cores.
    pub(crate) cpu_cores: Option<f64>,
    /// Resident memory in bytes.
    pub(crate) memory_bytes: Option<u64>,
}

impl UsageMeter {
    pub(crate) fn new() -> Self {
        Self { last: None }
    }

    /// Measures; what the kernel does not say is not known.
    pub(crate) fn measure(&mut self) -> Usage {
        let Ok(stat) = procfs::process::Process::myself().and_then(|process| process.stat()) else {
            return Usage::default();
        };
        let ticks = to_f64(stat.utime + stat.stime) / to_f64(procfs::ticks_per_second());
        let cpu = Duration::try_from_secs_f64(ticks).unwrap_or_default();
        let now = Instant::now();
        let cpu_cores = self.last.replace((now, cpu)).and_then(|(then, before)| {
            let elapsed = now.duration_since(then).as_secs_f64();
            (elapsed > 0.0).then(|| cpu.saturating_sub(before).as_secs_f64() / elapsed)
        });
        Usage {
            cpu_cores,
            memory_bytes: stat.rss.checked_mul(procfs::page_size()),
        }
    }
}
