//! The HLS playlist of a stream, over all the workers that ever delivered it. Pure.
//!
//! Media sequence numbers and discontinuity sequence numbers only ever grow: across workers,
//! across restarts of this process, and across hosts. Within a run the segments follow on one
//! another; between two runs there is a discontinuity.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_media_protocol::Segment;

use super::file_name::{LiveFile, Run};

/// The version of HLS that fragmented MP4 in plain playlists needs.
const HLS_VERSION: u8 = 7;

/// A segment in the playlist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// Media sequence number.
    number: u64,
    /// Discontinuity sequence number of its run.
    discontinuity: u64,
    file: LiveFile,
    duration_s: f64,
    starts_at: Timestamp,
}

impl Listed {
    fn ends_at(&self) -> Timestamp {
        let length = Duration::try_from_secs_f64(self.duration_s).unwrap_or_default();
        self.starts_at.plus(length)
    }
}

/// Where a playlist's numbers stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// The media sequence number of the next segment.
    pub(crate) next_segment: u64,
    /// The discontinuity sequence number of the latest run.
    pub(crate) discontinuity: u64,
}

/// The worker's report does not fit the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the segment is not one of the current run's, or is known already")]
pub(crate) struct ForeignSegment;

/// The playlist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Playlist {
    numbers: Numbers,
    listed: VecDeque<Listed>,
    /// Longest segment to be expected, in whole seconds; only grows while on air.
    target_s: u64,
    /// The run that may add segments.
    run: Option<Run>,
    /// Whether it has added one: a run without a segment makes no discontinuity.
    begun: bool,
    /// The number, within the run, of the next segment that is not known here yet.
    #[serde(default)]
    next_in_run: u64,
}

impl Default for Playlist {
    fn default() -> Self {
        Self::new(Numbers::default())
    }
}

impl Playlist {
    /// A playlist without segments that counts on from `numbers`.
    pub(crate) const fn new(numbers: Numbers) -> Self {
        Self {
            numbers,
            listed: VecDeque::new(),
            target_s: 1,
            run: None,
            begun: false,
            next_in_run: 0,
        }
    }

    pub(crate) const fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Whether there is anything to play.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// When the last segment's picture ends.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        self.listed.back().map(Listed::ends_at)
    }

    /// Goes on counting from `numbers` where they are ahead.
    pub(crate) fn advance_to(&mut self, numbers: Numbers) {
        // Numbers in a playlist have no gaps: after a jump it has to begin anew.
        if numbers.next_segment > self.numbers.next_segment {
            self.listed.clear();
            let discontinuity = self.numbers.discontinuity.max(numbers.discontinuity);
            self.numbers = Numbers {
                discontinuity,
                ..numbers
            };
        }
    }

    /// Takes every segment off the list; the current run may add no more.
    pub(crate) fn clear(&mut self) {
        self.listed.clear();
        self.run = None;
    }

    /// A new worker will deliver segments, each about `segment` long.
    pub(crate) fn begin(&mut self, run: Run, segment: Duration) {
        let rounded_up = segment.saturating_add(Duration::from_millis(999)).as_secs();
        self.target_s = rounded_up.max(1);
        if let Some(longest) = self
            .listed
            .iter()
            .map(|listed| rounded(listed.duration_s))
            .max()
        {
            self.target_s = self.target_s.max(longest);
        }
        self.run = Some(run);
        self.begun = false;
        self.next_in_run = 0;
    }

    /// Whether this run has added segments, and may add more.
    pub(crate) fn has_of(&self, run: &Run) -> bool {
        self.begun && self.run.as_ref() == Some(run)
    }

    /// The number, within the run, of the next segment that is not known here yet.
    pub(crate) const fn next_in_run(&self) -> u64 {
        self.next_in_run
    }

    /// Segments of the run before this number are not listed any more, if they ever were.
    pub(crate) fn skip_to(&mut self, next_in_run: u64) {
        self.next_in_run = self.next_in_run.max(next_in_run);
    }

    /// Adds a segment of the current run, and takes the oldest off the list where there are more
    /// than `window`. A segment that was there before is refused: none is listed twice.
    pub(crate) fn push(&mut self, segment: &Segment, window: usize) -> Result<(), ForeignSegment> {
        let file: LiveFile = segment.file.parse().map_err(|_not_one| ForeignSegment)?;
        let run = self.run.as_ref().ok_or(ForeignSegment)?;
        let next = self.next_in_run;
        let fits = matches!(&file, LiveFile::Segment(of, number) if of == run && *number >= next);
        let measured = segment.duration_s.is_finite() && segment.duration_s > 0.0;
        if !fits || !measured {
            return Err(ForeignSegment);
        }
        self.next_in_run = segment.number.saturating_add(1);
        self.target_s = self.target_s.max(rounded(segment.duration_s));
        if !self.begun {
            self.begun = true;
            // The very first run of a stream follows on nothing.
            let follows = u64::from(self.numbers.next_segment > 0);
            self.numbers.discontinuity = self.numbers.discontinuity.saturating_add(follows);
        }
        self.listed.push_back(Listed {
            number: self.numbers.next_segment,
            discontinuity: self.numbers.discontinuity,
            file,
            duration_s: segment.duration_s,
            starts_at: segment.starts_at,
        });
        self.numbers.next_segment = self.numbers.next_segment.saturating_add(1);
        while self.listed.len() > window.max(1) {
            self.listed.pop_front();
        }
        Ok(())
    }

    /// Keeps only what can still be played: `present` are the files that exist.
    pub(crate) fn keep_playable(&mut self, present: &[LiveFile]) {
        let playable = |listed: &Listed| {
            let init = LiveFile::Init(listed.file.run().clone());
            present.contains(&listed.file) && present.contains(&init)
        };
        if let Some(last_missing) = self.listed.iter().rposition(|listed| !playable(listed)) {
            self.listed.drain(..=last_missing);
        }
    }

    /// Whether a player of this list needs the file now, or is about to.
    pub(crate) fn needs(&self, file: &LiveFile) -> bool {
        let listed = |listed: &Listed| match file {
            LiveFile::Init(run) => listed.file.run() == run,
            LiveFile::Segment(..) => listed.file == *file,
        };
        let upcoming = matches!(file, LiveFile::Init(run) if self.run.as_ref() == Some(run));
        upcoming || self.listed.iter().any(listed)
    }

    /// The playlist as text; `query` is appended to every address in it, `?` included.
    pub(crate) fn render(&self, query: &str) -> String {
        let mut text = String::with_capacity(128_usize.saturating_mul(self.listed.len()));
        let first = self.listed.front();
        let media = first.map_or(self.numbers.next_segment, |listed| listed.number);
        let discontinuity = first.map_or(self.numbers.discontinuity, |listed| listed.discontinuity);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "#EXTM3U\n#EXT-X-VERSION:{HLS_VERSION}\n#EXT-X-TARGETDURATION:{}\n\
             #EXT-X-MEDIA-SEQUENCE:{media}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity}\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n",
            self.target_s
        );
        let mut before: Option<&Run> = None;
        for listed in &self.listed {
            let run = listed.file.run();
            if before != Some(run) {
                if before.is_some() {
                    text.push_str("#EXT-X-DISCONTINUITY\n");
                }
                let init = LiveFile::Init(run.clone());
                let _ = writeln!(text, "#EXT-X-MAP:URI=\"{init}{query}\"");
                before = Some(run);
            }
            let _ = write!(
                text,
                "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{:.5},\n{}{query}\n",
                listed.starts_at, listed.duration_s, listed.file
            );
        }
        text
    }
}

/// The duration as the playlist's target has to cover it.
fn rounded(duration_s: f64) -> u64 {
    Duration::try_from_secs_f64(duration_s.round()).map_or(1, |duration| duration.as_secs())
}

#[cfg(test)]
#[path = "playlist_tests.rs"]
mod tests;
