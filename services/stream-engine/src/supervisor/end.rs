use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use sm_common::clock::Timestamp;
use sm_media_protocol::FinishReason;

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// When.
    pub(crate) at: Timestamp,
    /// Why.
    pub(crate) cause: Cause,
}

/// Why a worker ended, or had to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It could not be launched at all.
    NotStarted(String),
    /// It did not say in time that it takes commands.
    NotReady,
    /// It did not deliver a first segment in time.
    NotOnAir,
    /// It was on air and fell silent.
    Stalled(&'static str),
    /// What it said was no longer a message.
    Garbled,
    /// It was told to end and had to be killed.
    StopIgnored,
    /// It ended as it was told to.
    Stopped,
    /// Its pipeline failed.
    PipelineFailed(String),
    /// It cannot carry out its configuration.
    ConfigurationRefused(String),
    /// Somebody else killed it.
    Killed(i32),
    /// It ended by itself without a word.
    Exited(Option<i32>),
}

impl Cause {
    /// What became of a process: what it said last, and how it left.
    pub(super) fn of(finished: Option<FinishReason>, status: std::io::Result<ExitStatus>) -> Self {
        match finished {
            Some(FinishReason::Stopped | FinishReason::HostGone) => return Self::Stopped,
            Some(FinishReason::PipelineFailed { message }) => return Self::PipelineFailed(message),
            Some(FinishReason::ConfigurationRefused { message }) => {
                return Self::ConfigurationRefused(message);
            }
            None => {}
        }
        let status = status.ok();
        match status.and_then(|status| status.signal()) {
            Some(signal) => Self::Killed(signal),
            None => Self::Exited(status.and_then(|status| status.code())),
        }
    }

    /// Stable, dotted code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotStarted(_) => "worker.not-started",
            Self::NotReady => "worker.not-ready",
            Self::NotOnAir => "worker.not-on-air",
            Self::Stalled(_) => "worker.stalled",
            Self::Garbled => "worker.garbled",
            Self::StopIgnored => "worker.stop-ignored",
            Self::Stopped => "worker.stopped",
            Self::PipelineFailed(_) => "worker.pipeline-failed",
            Self::ConfigurationRefused(_) => "worker.configuration-refused",
            Self::Killed(_) => "worker.killed",
            Self::Exited(_) => "worker.exited",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(why) => write!(f, "the media worker could not be launched: {why}"),
            Self::NotReady => f.write_str("the media worker was not ready in time"),
            Self::NotOnAir => f.write_str("the media worker delivered no first segment in time"),
            Self::Stalled(what) => write!(f, "the media worker stalled: {what}"),
            Self::Garbled => f.write_str("the media worker no longer spoke its protocol"),
            Self::StopIgnored => f.write_str("the media worker did not end when told to"),
            Self::Stopped => f.write_str("the media worker ended as it was told to"),
            Self::PipelineFailed(why) => write!(f, "the program's pipeline failed: {why}"),
            Self::ConfigurationRefused(why) => write!(f, "the program is not possible: {why}"),
            Self::Killed(signal) => write!(f, "the media worker was killed by signal {signal}"),
            Self::Exited(Some(code)) => write!(f, "the media worker exited with code {code}"),
            Self::Exited(None) => f.write_str("the media worker was gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_more_than_the_way_out() {
        let killed = || Ok(ExitStatus::from_raw(9));
        let failed = Some(FinishReason::PipelineFailed {
            message: "x264enc".to_owned(),
        });
        assert_eq!(
            Cause::of(failed, killed()),
            Cause::PipelineFailed("x264enc".to_owned())
        );
        assert_eq!(Cause::of(None, killed()), Cause::Killed(9));
        let code_3 = ExitStatus::from_raw(3 << 8);
        assert_eq!(Cause::of(None, Ok(code_3)), Cause::Exited(Some(3)));
    }
}
