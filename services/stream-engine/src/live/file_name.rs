//! Names of the files that a worker writes: `init-{run}.mp4`, `{run}-{number}.m4s` and
//! `{run}-{number}.{part}.m4s`. Those of a rendition have `{rendition}_{run}` in the place of
//! `{run}`, and the program's numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sm_common::id::RenditionName;
use uuid::Uuid;

/// Longest name of a run.
const RUN_CHARS_MAX: usize = 32;
/// Most digits of a number within a run.
const DIGITS_MAX: usize = 19;
/// Characters of a new run's name.
const RUN_CHARS: usize = 12;

/// One worker's life, as part of file names: lower-case letters and digits; with the name of a
/// rendition and `_` in front, what that delivers in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct Run(String);

impl Run {
    /// A run that no other has the name of, on any host.
    pub(crate) fn generate() -> Self {
        let unique = Uuid::new_v4().simple().to_string();
        Self(unique.chars().take(RUN_CHARS).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What a rendition delivers in this run of the program.
    pub(crate) fn of(&self, rendition: &RenditionName) -> Self {
        Self(format!("{rendition}_{}", self.0))
    }

    /// Whose it is, if it is a rendition's.
    pub(crate) fn rendition(&self) -> Option<RenditionName> {
        self.0.split_once('_')?.0.parse().ok()
    }

    /// The run of the program.
    fn program(&self) -> Self {
        let program = self.0.split_once('_').map(|(_, program)| program);
        Self(program.unwrap_or(&self.0).to_owned())
    }
}

/// The text is not what a worker may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a file that a worker writes")]
pub(crate) struct NotALiveFile;

impl FromStr for Run {
    type Err = NotALiveFile;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rendition, program) = match text.split_once('_') {
            Some((rendition, program)) => (Some(rendition), program),
            None => (None, text),
        };
        let good = rendition.is_none_or(|name| name.parse::<RenditionName>().is_ok())
            && (1..=RUN_CHARS_MAX).contains(&program.len())
            && program
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotALiveFile)
        }
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A file that a worker wrote. Nothing else in the directory can be named by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LiveFile {
    /// What a player reads before a run's first segment.
    Init(Run),
    /// A segment, by its number within the run.
    Segment(Run, u64),
    /// A part of a segment, by the segment's number and its own within it.
    Part(Run, u64, u64),
}

impl LiveFile {
    /// The run it belongs to.
    pub(crate) const fn run(&self) -> &Run {
        match self {
            Self::Init(run) | Self::Segment(run, _) | Self::Part(run, _, _) => run,
        }
    }

    /// The file of a rendition in the place of this one of the program.
    pub(crate) fn of(&self, rendition: &RenditionName) -> Self {
        self.with_run(self.run().of(rendition))
    }

    /// The file of the program in the place of this one.
    pub(crate) fn program(&self) -> Self {
        self.with_run(self.run().program())
    }

    const fn with_run(&self, run: Run) -> Self {
        match self {
            Self::Init(_) => Self::Init(run),
            Self::Segment(_, number) => Self::Segment(run, *number),
            Self::Part(_, number, part) => Self::Part(run, *number, *part),
        }
    }
}

impl fmt::Display for LiveFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(run) => write!(f, "init-{}.mp4", run.0),
            Self::Segment(run, number) => write!(f, "{}-{number}.m4s", run.0),
            Self::Part(run, number, part) => write!(f, "{}-{number}.{part}.m4s", run.0),
        }
    }
}

impl FromStr for LiveFile {
    type Err = NotALiveFile;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(run) = text
            .strip_prefix("init-")
            .and_then(|rest| rest.strip_suffix(".mp4"))
        {
            return Ok(Self::Init(run.parse()?));
        }
        let (run, numbers) = text
            .strip_suffix(".m4s")
            .and_then(|rest| rest.split_once('-'))
            .ok_or(NotALiveFile)?;
        let run = run.parse()?;
        Ok(match numbers.split_once('.') {
            None => Self::Segment(run, number(numbers)?),
            Some((segment, part)) => Self::Part(run, number(segment)?, number(part)?),
        })
    }
}

/// The only way to write a number in a name.
fn number(text: &str) -> Result<u64, NotALiveFile> {
    let canonical = text.len() <= DIGITS_MAX
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if canonical {
        text.parse().map_err(|_not_a_number| NotALiveFile)
    } else {
        Err(NotALiveFile)
    }
}

impl Serialize for LiveFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LiveFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        let run = Run::generate();
        for file in [
            LiveFile::Init(run.clone()),
            LiveFile::Segment(run.clone(), 1234),
            LiveFile::Part(run, 1234, 0),
        ] {
            let low = "360p".parse().unwrap();
            let of_low = file.of(&low);
            assert_eq!(of_low.run().rendition(), Some(low));
            assert_eq!(of_low.program(), file);
            assert_eq!(file.program(), file);
            assert_eq!(of_low.to_string().parse(), Ok(of_low));
            assert_eq!(file.to_string().parse(), Ok(file));
        }
    }

    #[test]
    fn nothing_else_is_a_live_file() {
        for name in [
            "",
            "playlist.json",
            "snapshot.jpg",
            "../a-0.m4s",
            "a/../b-0.m4s",
            "a-0.m4s/..",
            "A-0.m4s",
            "a-.m4s",
            "a-00.m4s",
            "a-+1.m4s",
            "a-1.m4s ",
            "a-1..m4s",
            "a-1.02.m4s",
            "a-1.2.3.m4s",
            "a-.2.m4s",
            "a-1.+2.m4s",
            "-1.m4s",
            "a-99999999999999999999.m4s",
            "_a-0.m4s",
            "360p_-0.m4s",
            "360P_a-0.m4s",
            "a_b_c-0.m4s",
            "init-master_a.mp4",
            "init-.mp4",
            "init-a.b.mp4",
            "init-a-0.mp4",
            ".m4s",
            "a-0.m4s\0",
        ] {
            assert_eq!(name.parse::<LiveFile>(), Err(NotALiveFile), "{name:?}");
        }
    }
}
