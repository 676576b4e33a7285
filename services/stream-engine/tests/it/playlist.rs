//! A playlist as a player reads it.

/// What a playlist says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Playlist {
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) discontinuities: usize,
    pub(crate) maps: Vec<String>,
    pub(crate) segments: Vec<String>,
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
