use std::path::Path;

use anyhow::Context as _;
use procfs::process::Process;

use crate::case::Case;
use crate::media::Media;
use crate::{ffmpeg, obs, worker};

/// Long enough for the start, which ours and ffmpeg's pay, to weigh little.
pub(crate) const SECONDS: u32 = 20;

/// CPU seconds for a second of stream.
pub(crate) type Cost = f64;

/// Who composes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Worker,
    Ffmpeg,
    Obs,
}

impl Contender {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Worker => "media-worker",
            Self::Ffmpeg => "ffmpeg",
            Self::Obs => "OBS",
        }
    }

    pub(crate) fn run(self, case: &Case, media: &Media, folder: &Path) -> anyhow::Result<Cost> {
        match self {
            Self::Worker => worker::run(case, media, folder),
            Self::Ffmpeg => ffmpeg::run(case, media, folder),
            Self::Obs => obs::run(case, media, folder),
        }
    }
}

/// CPU seconds of all child processes that have ended and were waited for.
pub(crate) fn cpu_of_children() -> anyhow::Result<f64> {
    let stat = Process::myself()?.stat()?;
    seconds(u64::try_from(stat.cutime + stat.cstime)?)
}

/// CPU seconds of a running process and its ended children.
pub(crate) fn cpu_of(pid: u32) -> anyhow::Result<f64> {
    let process = Process::new(i32::try_from(pid)?).context("the process is gone")?;
    let stat = process.stat()?;
    let children = u64::try_from(stat.cutime + stat.cstime)?;
    seconds(stat.utime + stat.stime + children)
}

fn seconds(ticks: u64) -> anyhow::Result<f64> {
    let per_second = u32::try_from(procfs::ticks_per_second())?;
    Ok(f64::from(u32::try_from(ticks)?) / f64::from(per_second))
}
