//! The segment that is being made, as far as players have it.

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;

use super::{ForeignSegment, LiveFile, Part, Playlist, Run, is_measured, seconds};

/// A part in the playlist. The name of its file follows from its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ListedPart {
    pub(super) duration_s: f64,
    pub(super) independent: bool,
}

/// A segment that is delivered in parts, from its first part on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Growing {
    /// The run's number of the segment.
    pub(super) number: u64,
    pub(super) starts_at: Timestamp,
    pub(super) parts: Vec<ListedPart>,
    /// Whether that is all of them: the segment itself is about to be reported.
    pub(super) complete: bool,
}

/// A segment whose run ended before it, although players have parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// What it is going to be.
    pub(crate) segment: LiveFile,
    /// What it is made of.
    pub(crate) parts: Vec<LiveFile>,
}

impl Growing {
    pub(super) fn duration_s(&self) -> f64 {
        self.parts.iter().map(|part| part.duration_s).sum()
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        self.starts_at.plus(seconds(self.duration_s()))
    }

    pub(super) fn files<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = LiveFile> + 'a {
        files(run, self.number, &self.parts)
    }
}

/// The files of a segment's parts.
pub(super) fn files<'a>(
    run: &'a Run,
    number: u64,
    parts: &'a [ListedPart],
) -> impl Iterator<Item = LiveFile> + 'a {
    (0..)
        .zip(parts)
        .map(move |(part, _)| LiveFile::Part(run.clone(), number, part))
}

impl Playlist {
    /// Adds a part of the current run's next segment. False when the list stays as it is, because
    /// an earlier part of the segment is not known: the segment will be listed as a whole.
    pub(crate) fn push_part(&mut self, part: &Part) -> Result<bool, ForeignSegment> {
        let file: LiveFile = part.file.parse().map_err(|_not_one| ForeignSegment)?;
        let run = self.run.clone().ok_or(ForeignSegment)?;
        let fits = file == LiveFile::Part(run, part.number, part.part);
        if !fits || self.part_target_ms.is_none() || !is_measured(part.duration_s) {
            return Err(ForeignSegment);
        }
        let known = match &self.growing {
            Some(growing) if growing.number == part.number => Some(growing.parts.len()),
            None if self.next_in_run == part.number => Some(0),
            Some(_) | None => None,
        };
        if known.and_then(|known| u64::try_from(known).ok()) != Some(part.part) {
            return Ok(false);
        }
        self.note_begin();
        let growing = self.growing.get_or_insert_with(|| Growing {
            number: part.number,
            starts_at: part.starts_at,
            parts: Vec::new(),
            complete: false,
        });
        growing.complete = part.last;
        growing.parts.push(ListedPart {
            duration_s: part.duration_s,
            independent: part.independent,
        });
        Ok(true)
    }

    /// The parts of the segment that is to be listed, where all of them are known.
    pub(super) fn take_parts(&mut self, number: u64) -> Vec<ListedPart> {
        match self.growing.take() {
            Some(growing) if growing.number == number && growing.complete => growing.parts,
            Some(growing) if growing.number != number => {
                self.growing = Some(growing);
                self.abandon();
                Vec::new()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The file that a player should ask for next, before it is there.
    pub(crate) fn hint(&self) -> Option<LiveFile> {
        let run = self.run.clone().filter(|_| self.begun)?;
        self.part_target_ms?;
        Some(match &self.growing {
            Some(growing) if !growing.complete => {
                let part = u64::try_from(growing.parts.len()).ok()?;
                LiveFile::Part(run, growing.number, part)
            }
            Some(growing) => LiveFile::Part(run, growing.number.saturating_add(1), 0),
            None => LiveFile::Part(run, self.next_in_run, 0),
        })
    }

    /// What the run has left when it ends now.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        let growing = self.growing.as_ref()?;
        let run = self.run.as_ref()?;
        Some(Unfinished {
            segment: LiveFile::Segment(run.clone(), growing.number),
            parts: growing.files(run).collect(),
        })
    }

    /// The run has ended. Its unfinished segment is listed as short as it is, which needs its file,
    /// or else its number is not given out again.
    pub(crate) fn end_run(&mut self, finished: Option<&Unfinished>, window: usize) {
        if let Some(finished) = finished
            && let Some(growing) = self.growing.take()
        {
            let place = (growing.starts_at, growing.duration_s());
            // How large it is, was not reported.
            self.list((finished.segment.clone(), 0), place, growing.parts, window);
        }
        self.abandon();
        self.run = None;
    }

    /// Nobody will finish the segment. To players its number means the parts that they have.
    pub(super) fn abandon(&mut self) {
        if let Some(growing) = self.growing.take() {
            // The run's own number is used up with it.
            self.next_in_run = self.next_in_run.max(growing.number.saturating_add(1));
            self.numbers.next_segment = self.numbers.next_segment.saturating_add(1);
            // Numbers in a playlist have no gaps.
            self.listed.clear();
        }
    }

    /// Keeps only parts that can still be played: `present` are the files that exist.
    pub(super) fn keep_playable_parts(&mut self, present: &[LiveFile]) {
        for listed in &mut self.listed {
            let LiveFile::Segment(run, number) = &listed.file else {
                continue;
            };
            if !files(run, *number, &listed.parts).all(|part| present.contains(&part)) {
                listed.parts.clear();
            }
        }
        let playable =
            self.run
                .as_ref()
                .zip(self.growing.as_ref())
                .is_some_and(|(run, growing)| {
                    present.contains(&LiveFile::Init(run.clone()))
                        && growing.files(run).all(|part| present.contains(&part))
                });
        if !playable {
            self.abandon();
        }
    }
}

#[cfg(test)]
#[path = "growing_tests.rs"]
pub(super) mod tests;
