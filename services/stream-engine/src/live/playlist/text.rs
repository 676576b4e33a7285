//! The playlist as players read it: RFC 8216, and its second edition where the run delivers parts.

use std::fmt::Write as _;
use std::time::Duration;

use super::growing::{Growing, ListedPart, files};
use super::renditions::Sibling;
use super::{Listed, LiveFile, Playlist, Run, seconds};

/// The version of HLS that fragmented MP4 in plain playlists needs. Players pass over the tags of
/// low latency that they do not know, so those do not raise it.
const HLS_VERSION: u8 = 7;
/// The version that playlists with skipped segments need.
const HLS_VERSION_DELTA: u8 = 9;
/// How far from the end plain players should stay, and how long parts are listed, in target
/// durations.
const HOLD_BACK_TARGETS: u32 = 3;
/// How far from the end players that fetch parts should stay, in part target durations.
const HOLD_BACK_PARTS: u64 = 3;
/// How far from the end the segments are that may be skipped, in target durations.
const SKIP_TARGETS: u32 = 6;

impl Playlist {
    /// The playlist as text; `query` is appended to every address in it, `?` included.
    pub(crate) fn render(&self, query: &str) -> String {
        self.render_without(query, 0)
    }

    /// The same without the segments that a player with a recent playlist knows.
    pub(crate) fn render_delta(&self, query: &str) -> String {
        self.render_without(query, self.skippable())
    }

    /// How long an answer stays useful to caches that know what was asked.
    pub(crate) const fn cached_for(&self) -> Duration {
        self.target().saturating_mul(SKIP_TARGETS)
    }

    fn render_without(&self, query: &str, skipped: usize) -> String {
        let mut text = Text {
            written: String::with_capacity(128_usize.saturating_mul(self.listed.len())),
            query,
            run: None,
        };
        self.write_head(&mut text, skipped);
        let listed_parts = self.listed.len().saturating_sub(self.segments_with_parts());
        for (index, listed) in self.listed.iter().enumerate() {
            let run = listed.file.run();
            if index < skipped {
                text.run = Some(run);
                continue;
            }
            text.begin_segment(run, listed.starts_at);
            if index >= listed_parts {
                text.segment_parts(listed);
            }
            text.segment(listed);
        }
        if let Some((run, growing)) = self.run.as_ref().zip(self.growing.as_ref()) {
            text.begin_segment(run, growing.starts_at);
            text.parts(growing.files(run), &growing.parts);
        }
        for Sibling { uri, segment, part } in self.siblings_of(None) {
            let part = part.map(|part| format!(",LAST-PART={part}"));
            let part = part.unwrap_or_default();
            text.line(format_args!(
                "#EXT-X-RENDITION-REPORT:URI=\"{uri}{query}\",LAST-MSN={segment}{part}"
            ));
        }
        if let Some(hint) = self.hint() {
            text.line(format_args!(
                "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{hint}{query}\""
            ));
        }
        text.written
    }

    fn write_head(&self, text: &mut Text<'_>, skipped: usize) {
        let first = self.listed.front();
        let media = first.map_or(self.numbers.next_segment, |listed| listed.number);
        let discontinuity = first.map_or(self.numbers.discontinuity, |listed| listed.discontinuity);
        let version = if skipped > 0 {
            HLS_VERSION_DELTA
        } else {
            HLS_VERSION
        };
        text.line(format_args!(
            "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{}",
            self.target_s
        ));
        if let Some(target_ms) = self.longest_part_ms() {
            text.line(format_args!(
                "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={},HOLD-BACK={},PART-HOLD-BACK={:.3}",
                self.target().saturating_mul(SKIP_TARGETS).as_secs(),
                self.target().saturating_mul(HOLD_BACK_TARGETS).as_secs(),
                Duration::from_millis(target_ms.saturating_mul(HOLD_BACK_PARTS)).as_secs_f64(),
            ));
            text.line(format_args!(
                "#EXT-X-PART-INF:PART-TARGET={:.3}",
                Duration::from_millis(target_ms).as_secs_f64()
            ));
        }
        text.line(format_args!(
            "#EXT-X-MEDIA-SEQUENCE:{media}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity}\n\
             #EXT-X-INDEPENDENT-SEGMENTS"
        ));
        if skipped > 0 {
            text.line(format_args!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"));
        }
    }

    /// The part target: what the run promised, or longer while a part is listed in which frames
    /// had to be left out.
    fn longest_part_ms(&self) -> Option<u64> {
        let promised = self.part_target_ms?;
        let growing = self.growing.iter().flat_map(|growing| &growing.parts);
        let listed = self.listed.iter().rev().take(self.segments_with_parts());
        let longest = listed
            .flat_map(|listed| &listed.parts)
            .chain(growing)
            .map(|part| part.duration_s)
            .fold(0.0, f64::max);
        let longest_ms = seconds(longest).as_micros().div_ceil(1000);
        Some(promised.max(u64::try_from(longest_ms).unwrap_or(u64::MAX)))
    }

    /// How many of the last segments are listed with their parts: three target durations.
    pub(super) fn segments_with_parts(&self) -> usize {
        if self.part_target_ms.is_none() {
            return 0;
        }
        let shown_s = self
            .target()
            .saturating_mul(HOLD_BACK_TARGETS)
            .as_secs_f64();
        self.segments_nearer_than(shown_s)
    }

    /// How many of the first segments may be skipped.
    fn skippable(&self) -> usize {
        if !self.can_be_awaited() {
            return 0;
        }
        let boundary_s = self.target().saturating_mul(SKIP_TARGETS).as_secs_f64();
        self.listed
            .len()
            .saturating_sub(self.segments_nearer_than(boundary_s))
    }

    /// How many of the last segments end less than `distance_s` before the end of the playlist.
    fn segments_nearer_than(&self, distance_s: f64) -> usize {
        let mut after_s = self.growing.as_ref().map_or(0.0, Growing::duration_s);
        let mut near = 0;
        for listed in self.listed.iter().rev() {
            if after_s >= distance_s {
                break;
            }
            after_s += listed.duration_s;
            near += 1;
        }
        near
    }
}

struct Text<'a> {
    written: String,
    query: &'a str,
    /// The run of the segment before.
    run: Option<&'a Run>,
}

impl<'a> Text<'a> {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.written, "{line}");
    }

    /// What comes before a segment and before its parts.
    fn begin_segment(&mut self, run: &'a Run, starts_at: sm_common::clock::Timestamp) {
        if self.run != Some(run) {
            if self.run.is_some() {
                self.line(format_args!("#EXT-X-DISCONTINUITY"));
            }
            let (init, query) = (LiveFile::Init(run.clone()), self.query);
            self.line(format_args!("#EXT-X-MAP:URI=\"{init}{query}\""));
            self.run = Some(run);
        }
        self.line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{starts_at}"));
    }

    fn segment_parts(&mut self, listed: &Listed) {
        if let LiveFile::Segment(run, number) = &listed.file {
            self.parts(files(run, *number, &listed.parts), &listed.parts);
        }
    }

    fn parts(&mut self, files: impl Iterator<Item = LiveFile>, parts: &[ListedPart]) {
        let query = self.query;
        for (file, part) in files.zip(parts) {
            let independent = if part.independent {
                ",INDEPENDENT=YES"
            } else {
                ""
            };
            self.line(format_args!(
                "#EXT-X-PART:DURATION={:.5},URI=\"{file}{query}\"{independent}",
                part.duration_s
            ));
        }
    }

    fn segment(&mut self, listed: &Listed) {
        let query = self.query;
        if listed.gap {
            self.line(format_args!("#EXT-X-GAP"));
        }
        self.line(format_args!(
            "#EXTINF:{:.5},\n{}{query}",
            listed.duration_s, listed.file
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::growing::tests::growing;
    use super::super::tests::{part, segment};
    use super::*;

    #[test]
    fn parts_are_listed_before_their_segment_and_the_next_is_hinted_at() {
        assert_eq!(
            growing(1, 1).render("?expires=1&signature=x"),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6,HOLD-BACK=3,\
             PART-HOLD-BACK=0.750\n#EXT-X-PART-INF:PART-TARGET=0.250\n\
             #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MAP:URI=\"init-a.mp4?expires=1&signature=x\"\n\
             #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z\n\
             #EXT-X-PART:DURATION=0.25000,URI=\"a-0.0.m4s?expires=1&signature=x\",INDEPENDENT=YES\n\
             #EXT-X-PART:DURATION=0.25000,URI=\"a-0.1.m4s?expires=1&signature=x\"\n\
             #EXT-X-PART:DURATION=0.25000,URI=\"a-0.2.m4s?expires=1&signature=x\"\n\
             #EXT-X-PART:DURATION=0.25000,URI=\"a-0.3.m4s?expires=1&signature=x\"\n\
             #EXTINF:1.00000,\na-0.m4s?expires=1&signature=x\n\
             #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01Z\n\
             #EXT-X-PART:DURATION=0.25000,URI=\"a-1.0.m4s?expires=1&signature=x\",INDEPENDENT=YES\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a-1.1.m4s?expires=1&signature=x\"\n"
        );
    }

    #[test]
    fn only_the_last_three_target_durations_are_listed_in_parts() {
        let text = growing(6, 0).render("");
        assert!(
            !text.contains("a-2.3.m4s") && text.contains("a-3.0.m4s"),
            "{text}"
        );
        let later = growing(6, 1).render("");
        assert!(
            later.contains("a-3.0.m4s"),
            "it ends 2.25 s before the end: {later}"
        );
    }

    #[test]
    fn a_delta_leaves_out_what_lies_behind_six_target_durations() {
        let playlist = growing(9, 1);
        let delta = playlist.render_delta("");
        assert!(delta.starts_with("#EXTM3U\n#EXT-X-VERSION:9\n"), "{delta}");
        assert!(
            delta.contains(
                "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n\
             #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:03Z\n#EXTINF:1.00000,\na-3.m4s\n"
            ),
            "{delta}"
        );
        let whole = playlist.render("");
        let tail = |text: &str| text.split_once("00:00:03Z").unwrap().1.to_owned();
        assert_eq!(tail(&delta), tail(&whole), "the rest is the same");
        let short = growing(6, 1);
        assert_eq!(short.render_delta(""), short.render(""));
    }

    #[test]
    fn a_delta_keeps_the_discontinuity_at_its_edge() {
        let mut playlist = growing(2, 0);
        playlist.end_run(None, 10);
        playlist.begin("b".parse().unwrap(), Duration::from_secs(1));
        playlist.expect_parts(250);
        for number in 0..6 {
            playlist.push(&segment("b", number), 10).unwrap();
        }
        let delta = playlist.render_delta("");
        assert!(
            delta.contains(
                "#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n#EXT-X-DISCONTINUITY\n\
             #EXT-X-MAP:URI=\"init-b.mp4\"\n"
            ),
            "{delta}"
        );
    }

    #[test]
    fn the_part_target_covers_a_part_in_which_frames_were_left_out() {
        let mut playlist = growing(1, 1);
        let long = sm_media_protocol::Part {
            duration_s: 0.4001,
            ..part("a", 1, 1)
        };
        playlist.push_part(&long).unwrap();
        let text = playlist.render("");
        assert!(text.contains("PART-HOLD-BACK=1.203\n#EXT-X-PART-INF:PART-TARGET=0.401\n"));
        let again = growing(1, 1).render("");
        assert!(again.contains("PART-TARGET=0.250\n"));
    }
}
