//! The playlists of the program's renditions. Each is the program's own list, with the rendition's
//! files in it: so numbers, discontinuities and times are the program's, whatever happens to a
//! rendition, an engine or a host. Only which of the files are there is a rendition's own.

use std::collections::BTreeMap;

use sm_common::id::RenditionName;
use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;

use super::growing::Growing;
use super::{
    Deserialize, ForeignSegment, Listed, LiveFile, Numbers, Part, Playlist, Run, Segment,
    Serialize, Unfinished, VecDeque, growing,
};

/// What a rendition has delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rung {
    /// Whether it is offered: it is wanted and does not fail.
    offered: bool,
    size: (u32, u32),
    /// Its segments, with their sizes in bytes.
    segments: BTreeMap<LiveFile, u64>,
    /// The segment of which it delivered parts last, and how many.
    growing: Option<(LiveFile, u64)>,
    peak_bps: u64,
}

/// An encoding of the program, as players choose among them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variant {
    /// Its playlist, beside the one that tells of it.
    pub(crate) uri: String,
    /// What a player reads before its segments.
    pub(crate) init: LiveFile,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Frames a second.
    pub(crate) framerate: u32,
    /// The most that any of its segments needed since its run began, in bit/s.
    pub(crate) peak_bps: u64,
    /// What the segments need on the average that are listed now.
    pub(crate) average_bps: u64,
}

/// How far the playlist of another encoding is (EXT-X-RENDITION-REPORT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) uri: String,
    pub(super) segment: u64,
    pub(super) part: Option<u64>,
}

/// What the list of a rendition ends with: the first segment that it does not have as a whole.
struct Next<'a> {
    segment: LiveFile,
    growing: Option<Growing>,
    run: Option<&'a Run>,
}

impl Playlist {
    /// The run delivers these encodings beside the program. What those delivered stays that go on.
    pub(crate) fn expect_ladder(&mut self, program: &ProgramFormat, ladder: &[Rendition]) {
        self.format = Some((program.width, program.height, program.framerate));
        let mut before = std::mem::take(&mut self.ladder);
        for rendition in ladder {
            let rung = before.remove(&rendition.name);
            let rung = Rung {
                // One that fails goes on failing until it is said that it does not.
                offered: rung.as_ref().is_none_or(|rung| rung.offered),
                size: rendition.size(program),
                ..rung.unwrap_or_default()
            };
            self.ladder.insert(rendition.name.clone(), rung);
        }
    }

    /// Another run begins: nothing is known yet of how its renditions do.
    pub(super) fn begin_renditions(&mut self) {
        for rung in self.ladder.values_mut() {
            (rung.offered, rung.growing, rung.peak_bps) = (true, None, 0);
        }
    }

    /// A rendition delivers, or does not. Whether that is news.
    pub(crate) fn offer(&mut self, name: &RenditionName, delivers: bool) -> bool {
        self.ladder
            .get_mut(name)
            .is_some_and(|rung| std::mem::replace(&mut rung.offered, delivers) != delivers)
    }

    /// A rendition has written a segment.
    pub(crate) fn push_rendition(
        &mut self,
        name: &RenditionName,
        segment: &Segment,
    ) -> Result<(), ForeignSegment> {
        let file = self.own_file(name, &segment.file)?;
        if !matches!(&file, LiveFile::Segment(_, number) if *number == segment.number) {
            return Err(ForeignSegment);
        }
        let rung = self.ladder.get_mut(name).ok_or(ForeignSegment)?;
        rung.peak_bps = rung.peak_bps.max(bps(segment.bytes, segment.duration_s));
        rung.segments.insert(file, segment.bytes);
        Ok(())
    }

    /// A rendition has written a part of a segment. False when nothing changes by it.
    pub(crate) fn push_rendition_part(
        &mut self,
        name: &RenditionName,
        part: &Part,
    ) -> Result<bool, ForeignSegment> {
        let LiveFile::Part(run, number, index) = self.own_file(name, &part.file)? else {
            return Err(ForeignSegment);
        };
        if (number, index) != (part.number, part.part) {
            return Err(ForeignSegment);
        }
        let rung = self.ladder.get_mut(name).ok_or(ForeignSegment)?;
        let segment = LiveFile::Segment(run, number);
        let known = match &rung.growing {
            Some((growing, parts)) if *growing == segment => *parts,
            Some(_) | None => 0,
        };
        let is_next = index == known;
        if is_next {
            rung.growing = Some((segment, known.saturating_add(1)));
        }
        Ok(is_next)
    }

    /// The file of this name, if it is one of the rendition's in the current run.
    fn own_file(&self, name: &RenditionName, file: &str) -> Result<LiveFile, ForeignSegment> {
        let file: LiveFile = file.parse().map_err(|_not_one| ForeignSegment)?;
        let run = self.run.as_ref().ok_or(ForeignSegment)?;
        if *file.run() == run.of(name) {
            Ok(file)
        } else {
            Err(ForeignSegment)
        }
    }

    /// The playlist of a rendition; `None` when it is not offered, or has nothing to play.
    pub(crate) fn rendition(&self, name: &RenditionName) -> Option<Self> {
        let mut view = self.list_of(name)?;
        view.siblings = self.siblings_of(Some(name));
        Some(view)
    }

    fn list_of(&self, name: &RenditionName) -> Option<Self> {
        let rung = self.ladder.get(name).filter(|rung| rung.offered)?;
        let mut listed: VecDeque<Listed> = self
            .listed
            .iter()
            .map(|listed| rung.listed(listed, name))
            .collect();
        let behind = listed.iter().rev().take_while(|listed| listed.gap).count();
        let next = self.next_of(name, rung, behind);
        listed.truncate(listed.len().saturating_sub(behind));
        while listed.front().is_some_and(|first| first.gap) {
            listed.pop_front();
        }
        let last = listed.back()?.number;
        let run = next.run.map(|run| run.of(name));
        let next_in_run = match next.segment {
            LiveFile::Segment(_, number) => number,
            LiveFile::Init(_) | LiveFile::Part(..) => self.next_in_run,
        };
        Some(Self {
            numbers: Numbers {
                next_segment: last.saturating_add(1),
                ..self.numbers
            },
            listed,
            run,
            next_in_run,
            growing: next.growing,
            ..self.without_segments()
        })
    }

    /// The first segment that the rendition does not have, which is the program's `behind`th from
    /// the last one that is listed, or the one that grows.
    fn next_of(&self, name: &RenditionName, rung: &Rung, behind: usize) -> Next<'_> {
        let current = self.run.as_ref();
        let (program, parts, starts_at, complete) = match behind {
            0 => match (&self.growing, current) {
                (Some(growing), Some(run)) => {
                    let file = LiveFile::Segment(run.clone(), growing.number);
                    (file, &growing.parts, growing.starts_at, growing.complete)
                }
                (_, run) => {
                    let run = run.or_else(|| self.listed.back().map(|last| last.file.run()));
                    let segment = run.map(|run| LiveFile::Segment(run.of(name), self.next_in_run));
                    return Next {
                        segment: segment.unwrap_or_else(|| LiveFile::Segment(Run::default(), 0)),
                        growing: None,
                        run: current,
                    };
                }
            },
            behind => match self.listed.iter().rev().nth(behind.saturating_sub(1)) {
                Some(listed) => {
                    let file = listed.file.clone();
                    (file, &listed.parts, listed.starts_at, true)
                }
                None => {
                    return Next {
                        segment: LiveFile::Segment(Run::default(), 0),
                        growing: None,
                        run: None,
                    };
                }
            },
        };
        let segment = program.of(name);
        let number = match segment {
            LiveFile::Segment(_, number) | LiveFile::Part(_, number, _) => number,
            LiveFile::Init(_) => 0,
        };
        let has = match &rung.growing {
            Some((growing, has)) if *growing == segment => usize::try_from(*has).unwrap_or(0),
            Some(_) | None => 0,
        };
        let has = has.min(parts.len());
        Next {
            growing: (has > 0).then(|| Growing {
                number,
                starts_at,
                parts: parts.iter().take(has).cloned().collect(),
                complete: complete && has == parts.len(),
            }),
            run: current.filter(|run| *run == program.run()),
            segment,
        }
    }

    /// Everything but what is listed.
    fn without_segments(&self) -> Self {
        Self {
            numbers: self.numbers,
            listed: VecDeque::new(),
            target_s: self.target_s,
            run: None,
            begun: self.begun,
            next_in_run: self.next_in_run,
            part_target_ms: self.part_target_ms,
            growing: None,
            peak_bps: self.peak_bps,
            format: self.format,
            ladder: BTreeMap::new(),
            sprite: None,
            siblings: Vec::new(),
        }
    }

    /// How far the lists of the other encodings are, for the list of `name` or the program's.
    pub(super) fn siblings_of(&self, name: Option<&RenditionName>) -> Vec<Sibling> {
        if self.part_target_ms.is_none() || self.ladder.is_empty() {
            return self.siblings.clone();
        }
        let program = name.and_then(|_| self.as_sibling("index.m3u8".to_owned()));
        let others = self.ladder.keys().filter(|other| Some(*other) != name);
        let others = others.filter_map(|other| {
            let list = self.list_of(other)?;
            list.as_sibling(format!("{other}.m3u8"))
        });
        program.into_iter().chain(others).collect()
    }

    fn as_sibling(&self, uri: String) -> Option<Sibling> {
        let last = |parts: usize| u64::try_from(parts.checked_sub(1)?).ok();
        Some(match (&self.growing, self.listed.back()) {
            (Some(growing), _) => Sibling {
                uri,
                segment: self.numbers.next_segment,
                part: last(growing.parts.len()),
            },
            (None, Some(listed)) => Sibling {
                uri,
                segment: listed.number,
                part: last(listed.parts.len()),
            },
            (None, None) => return None,
        })
    }

    /// The encodings to choose from: the program itself, then the others, the largest first.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        let Some((width, height, framerate)) = self.format else {
            return Vec::new();
        };
        let mut ladder: Vec<_> = self.ladder.iter().collect();
        ladder.sort_by_key(|(_, rung)| std::cmp::Reverse(rung.size.1));
        let renditions = ladder.into_iter().filter_map(|(name, rung)| {
            let list = self.list_of(name)?;
            list.variant(
                format!("{name}.m3u8"),
                (rung.size, framerate),
                rung.peak_bps,
            )
        });
        self.variant(
            "index.m3u8".to_owned(),
            ((width, height), framerate),
            self.peak_bps,
        )
        .into_iter()
        .chain(renditions)
        .collect()
    }

    fn variant(
        &self,
        uri: String,
        (size, framerate): ((u32, u32), u32),
        peak_bps: u64,
    ) -> Option<Variant> {
        let measured = self.listed.iter().filter(|listed| listed.bytes > 0);
        let (bytes, duration_s) = measured.fold((0_u64, 0.0), |(bytes, duration_s), listed| {
            (
                bytes.saturating_add(listed.bytes),
                duration_s + listed.duration_s,
            )
        });
        let average_bps = bps(bytes, duration_s);
        Some(Variant {
            uri,
            init: LiveFile::Init(self.listed.back()?.file.run().clone()),
            size,
            framerate,
            peak_bps: peak_bps.max(average_bps),
            average_bps,
        })
    }

    /// What renditions have left when the run ends now, where they have as much as the program.
    pub(crate) fn unfinished_renditions(&self) -> Vec<(RenditionName, Unfinished)> {
        let Some((run, growing)) = self.run.as_ref().zip(self.growing.as_ref()) else {
            return Vec::new();
        };
        let program = LiveFile::Segment(run.clone(), growing.number);
        let left = self.ladder.iter().filter_map(|(name, rung)| {
            let segment = program.of(name);
            let has = match &rung.growing {
                Some((growing, has)) if *growing == segment => usize::try_from(*has).ok()?,
                Some(_) | None => return None,
            };
            (has >= growing.parts.len()).then(|| {
                let parts = growing::files(segment.run(), growing.number, &growing.parts);
                let parts = parts.collect();
                (name.clone(), Unfinished { segment, parts })
            })
        });
        left.collect()
    }

    /// A rendition's unfinished segment is a file now.
    pub(crate) fn finished_rendition(&mut self, name: &RenditionName, segment: LiveFile) {
        if let Some(rung) = self.ladder.get_mut(name) {
            // How large it is, was not reported.
            rung.segments.insert(segment, 0);
        }
    }

    /// The files of renditions in the place of this one of the program.
    pub(super) fn renditions_of(&self, file: &LiveFile) -> impl Iterator<Item = LiveFile> {
        self.ladder.keys().map(|name| file.of(name))
    }

    /// Forgets what renditions delivered that is listed no more, and is not about to be.
    pub(super) fn forget_renditions(&mut self) {
        let mut ladder = std::mem::take(&mut self.ladder);
        for rung in ladder.values_mut() {
            rung.segments.retain(|file, _| {
                let program = file.program();
                let upcoming = match &program {
                    LiveFile::Segment(run, number) => {
                        self.run.as_ref() == Some(run) && *number >= self.next_in_run
                    }
                    LiveFile::Init(_) | LiveFile::Part(..) => false,
                };
                upcoming || self.listed.iter().any(|listed| listed.file == program)
            });
        }
        self.ladder = ladder;
    }

    /// Keeps only what can still be played: `present` are the files that exist.
    pub(super) fn keep_playable_renditions(&mut self, present: &[LiveFile]) {
        for rung in self.ladder.values_mut() {
            rung.segments.retain(|file, _| {
                present.contains(file) && present.contains(&LiveFile::Init(file.run().clone()))
            });
            let is_broken = rung.growing.as_ref().is_some_and(|(segment, parts)| {
                let LiveFile::Segment(run, number) = segment else {
                    return true;
                };
                (0..*parts)
                    .any(|part| !present.contains(&LiveFile::Part(run.clone(), *number, part)))
            });
            if is_broken {
                rung.growing = None;
            }
        }
    }
}

impl Rung {
    /// The program's segment, as this rendition has it.
    fn listed(&self, program: &Listed, name: &RenditionName) -> Listed {
        let file = program.file.of(name);
        let bytes = self.segments.get(&file).copied();
        Listed {
            gap: bytes.is_none(),
            bytes: bytes.unwrap_or(0),
            file,
            parts: match bytes {
                Some(_) => program.parts.clone(),
                None => Vec::new(),
            },
            ..program.clone()
        }
    }
}

/// What so many bytes in so many seconds need, in bit/s, rounded up.
pub(super) fn bps(bytes: u64, duration_s: f64) -> u64 {
    let ms = std::time::Duration::try_from_secs_f64(duration_s).map_or(0, |it| it.as_millis());
    let bits = u128::from(bytes).saturating_mul(8000);
    bits.checked_div(ms)
        .map_or(0, |bps| u64::try_from(bps).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "renditions_tests.rs"]
mod tests;
