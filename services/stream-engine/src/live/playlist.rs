//! The HLS playlist of a stream, over all the workers that ever delivered it. Pure.
//!
//! Media sequence numbers and discontinuity sequence numbers only ever grow: across workers,
//! across restarts of this process, and across hosts. Within a run the segments follow on one
//! another; between two runs there is a discontinuity.
//!
//! A run may deliver its segments in parts. Players then fetch the segment that is being made part
//! by part, so its number is in use before it is listed, and stays so when nobody finishes it.

mod growing;
mod reload;
mod renditions;
mod text;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::RenditionName;
use sm_common::sprite::Sprite;
use sm_media_protocol::{Part, Segment};

use super::file_name::{LiveFile, Run};
use growing::{Growing, ListedPart};
use renditions::{Rung, Sibling, bps};

pub(crate) use growing::Unfinished;
pub(crate) use reload::{Standing, Wanted};
pub(crate) use renditions::Variant;

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
    /// Its parts, where all of them are known.
    #[serde(default)]
    parts: Vec<ListedPart>,
    /// Its size; 0 where that is not known.
    #[serde(default)]
    bytes: u64,
    /// Whether there is no such file: of a rendition that failed meanwhile.
    #[serde(default)]
    gap: bool,
}

impl Listed {
    /// What a player reads of it, also in parts where it is offered those.
    fn files(&self, in_parts: bool) -> impl Iterator<Item = LiveFile> + '_ {
        let run = self.file.run();
        let parts = match &self.file {
            LiveFile::Segment(run, number) if in_parts => {
                Some(growing::files(run, *number, &self.parts))
            }
            LiveFile::Segment(..) | LiveFile::Init(_) | LiveFile::Part(..) => None,
        };
        [LiveFile::Init(run.clone()), self.file.clone()]
            .into_iter()
            .chain(parts.into_iter().flatten())
    }

    fn ends_at(&self) -> Timestamp {
        self.starts_at.plus(seconds(self.duration_s))
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
    /// Longest part to be expected, in milliseconds; `None`: the run delivers no parts.
    #[serde(default)]
    part_target_ms: Option<u64>,
    /// What the run has delivered of its next segment.
    #[serde(default)]
    growing: Option<Growing>,
    /// The most that any segment of the run needed, in bit/s.
    #[serde(default)]
    peak_bps: u64,
    /// Width, height and frame rate of the program.
    #[serde(default)]
    format: Option<(u32, u32, u32)>,
    /// What the renditions have delivered.
    #[serde(default)]
    ladder: BTreeMap<RenditionName, Rung>,
    /// The small pictures of the last minutes.
    #[serde(default)]
    pub(crate) sprite: Option<Sprite>,
    /// Of a rendition's list: how far the others are.
    #[serde(skip)]
    siblings: Vec<Sibling>,
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
            part_target_ms: None,
            growing: None,
            peak_bps: 0,
            format: None,
            ladder: BTreeMap::new(),
            sprite: None,
            siblings: Vec::new(),
        }
    }

    pub(crate) const fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Whether there is anything to play.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// When the picture ends that players have.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        let growing = self.growing.as_ref().map(Growing::ends_at);
        growing.or_else(|| self.listed.back().map(Listed::ends_at))
    }

    /// Longest segment to be expected.
    pub(crate) const fn target(&self) -> Duration {
        Duration::from_secs(self.target_s)
    }

    /// Goes on counting from `numbers` where they are ahead.
    pub(crate) fn advance_to(&mut self, numbers: Numbers) {
        // Numbers in a playlist have no gaps: after a jump it has to begin anew.
        if numbers.next_segment > self.numbers.next_segment {
            self.listed.clear();
            self.growing = None;
            let discontinuity = self.numbers.discontinuity.max(numbers.discontinuity);
            self.numbers = Numbers {
                discontinuity,
                ..numbers
            };
        }
    }

    /// Takes every segment off the list; the current run may add no more.
    pub(crate) fn clear(&mut self) {
        self.abandon();
        self.listed.clear();
        self.run = None;
    }

    /// A new worker will deliver segments, each about `segment` long.
    pub(crate) fn begin(&mut self, run: Run, segment: Duration) {
        self.abandon();
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
        self.part_target_ms = None;
        self.peak_bps = 0;
        self.begin_renditions();
    }

    /// The run will deliver its segments in parts that are at most so long.
    pub(crate) const fn expect_parts(&mut self, target_ms: u64) {
        self.part_target_ms = Some(target_ms);
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
        let number = match &file {
            LiveFile::Segment(of, number) if of == run && *number >= self.next_in_run => *number,
            LiveFile::Segment(..) | LiveFile::Init(_) | LiveFile::Part(..) => {
                return Err(ForeignSegment);
            }
        };
        if !is_measured(segment.duration_s) {
            return Err(ForeignSegment);
        }
        self.note_begin();
        let parts = self.take_parts(number);
        self.next_in_run = number.saturating_add(1);
        self.peak_bps = self.peak_bps.max(bps(segment.bytes, segment.duration_s));
        let place = (segment.starts_at, segment.duration_s);
        self.list((file, segment.bytes), place, parts, window);
        self.forget_renditions();
        Ok(())
    }

    /// The very first run of a stream follows on nothing.
    fn note_begin(&mut self) {
        if !self.begun {
            self.begun = true;
            let follows = u64::from(self.numbers.next_segment > 0);
            self.numbers.discontinuity = self.numbers.discontinuity.saturating_add(follows);
        }
    }

    fn list(
        &mut self,
        (file, bytes): (LiveFile, u64),
        (starts_at, duration_s): (Timestamp, f64),
        parts: Vec<ListedPart>,
        window: usize,
    ) {
        self.target_s = self.target_s.max(rounded(duration_s));
        self.listed.push_back(Listed {
            number: self.numbers.next_segment,
            discontinuity: self.numbers.discontinuity,
            file,
            duration_s,
            starts_at,
            parts,
            bytes,
            gap: false,
        });
        self.numbers.next_segment = self.numbers.next_segment.saturating_add(1);
        while self.listed.len() > window.max(1) {
            self.listed.pop_front();
        }
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
        self.keep_playable_parts(present);
        self.keep_playable_renditions(present);
    }

    /// Every file that players of this list may want, those of the newest segments first.
    pub(crate) fn files(&self) -> Vec<LiveFile> {
        let growing = self
            .run
            .iter()
            .zip(&self.growing)
            .flat_map(|(run, growing)| {
                let init = LiveFile::Init(run.clone());
                std::iter::once(init).chain(growing.files(run))
            });
        let with_parts = self.segments_with_parts();
        let listed = self.listed.iter().rev().enumerate();
        let listed = listed.flat_map(|(index, listed)| listed.files(index < with_parts));
        let mut files = Vec::new();
        for file in growing.chain(listed) {
            if files.contains(&file) {
                continue;
            }
            files.extend(self.renditions_of(&file));
            files.push(file);
        }
        files
    }

    /// Whether a player of this list needs the file now, or is about to.
    pub(crate) fn needs(&self, file: &LiveFile) -> bool {
        // Those of a rendition for as long as the program's.
        let file = &file.program();
        let listed = |listed: &Listed| match file {
            LiveFile::Init(run) => listed.file.run() == run,
            LiveFile::Segment(..) => listed.file == *file,
            LiveFile::Part(run, number, _) => {
                !listed.parts.is_empty() && listed.file == LiveFile::Segment(run.clone(), *number)
            }
        };
        let upcoming = match file {
            LiveFile::Init(run) => self.run.as_ref() == Some(run),
            LiveFile::Segment(..) => false,
            LiveFile::Part(run, number, _) => {
                self.run.as_ref() == Some(run) && self.next_in_run == *number
            }
        };
        upcoming || self.listed.iter().any(listed)
    }
}

/// The duration as the playlist's target has to cover it.
fn rounded(duration_s: f64) -> u64 {
    Duration::try_from_secs_f64(duration_s.round()).map_or(1, |duration| duration.as_secs())
}

fn seconds(duration_s: f64) -> Duration {
    Duration::try_from_secs_f64(duration_s).unwrap_or_default()
}

fn is_measured(duration_s: f64) -> bool {
    duration_s.is_finite() && duration_s > 0.0
}

#[cfg(test)]
#[path = "playlist_tests.rs"]
mod tests;
