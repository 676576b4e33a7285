//! A playlist as a player reads it.

use std::time::Duration;

use serde_json::json;
use sm_common::clock::Timestamp;

/// What a playlist says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Playlist {
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) discontinuities: usize,
    pub(crate) maps: Vec<String>,
    pub(crate) segments: Vec<String>,
    /// From when to when each of them was on air.
    pub(crate) spans: Vec<(Timestamp, Timestamp)>,
}

impl Playlist {
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U\n"), "{text}");
        let number = |tag: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(tag));
            line.unwrap().parse().unwrap()
        };
        let map = |line: &str| {
            Some(
                line.strip_prefix("#EXT-X-MAP:URI=\"")?
                    .trim_end_matches('"')
                    .to_owned(),
            )
        };
        Self {
            media_sequence: number("#EXT-X-MEDIA-SEQUENCE:"),
            discontinuity_sequence: number("#EXT-X-DISCONTINUITY-SEQUENCE:"),
            discontinuities: text
                .lines()
                .filter(|line| *line == "#EXT-X-DISCONTINUITY")
                .count(),
            maps: text.lines().filter_map(map).collect(),
            segments: text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(str::to_owned)
                .collect(),
            spans: spans(text),
        }
    }

    /// The media sequence number of the next segment.
    pub(crate) fn next(&self) -> u64 {
        self.media_sequence + u64::try_from(self.segments.len()).unwrap()
    }

    /// The segments with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &String)> {
        (self.media_sequence..).zip(&self.segments)
    }
}

fn spans(text: &str) -> Vec<(Timestamp, Timestamp)> {
    let (mut start, mut length) = (None, Duration::ZERO);
    let mut spans = Vec::new();
    for line in text.lines() {
        if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            start = Some(serde_json::from_value::<Timestamp>(json!(date)).unwrap());
        } else if let Some(duration) = line.strip_prefix("#EXTINF:") {
            let seconds = duration.trim_end_matches(',').parse().unwrap();
            length = Duration::from_secs_f64(seconds);
        } else if !line.starts_with('#') {
            let start = start.unwrap();
            spans.push((start, start.plus(length)));
        }
    }
    spans
}
