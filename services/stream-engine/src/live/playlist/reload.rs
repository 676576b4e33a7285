//! What a player may wait for (draft-pantos-hls-rfc8216bis, 6.2.5.2).

use super::Playlist;

/// A playlist that a player wants: one with this segment, or with this part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Media sequence number.
    pub(crate) segment: u64,
    /// Number of a part within the segment; `None`: all of it.
    pub(crate) part: Option<u64>,
}

/// How the playlist stands to what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds it, or held it.
    There,
    /// It will hold it soon.
    Coming,
    /// Nobody who read the playlist asks for that.
    TooFar,
}

impl Playlist {
    /// Whether players may wait for updates: runs that deliver no parts offer nothing of the kind.
    pub(crate) const fn can_be_awaited(&self) -> bool {
        self.part_target_ms.is_some()
    }

    /// How the playlist stands to what is wanted.
    pub(crate) fn standing(&self, wanted: Wanted) -> Standing {
        let next = self.numbers.next_segment;
        let growing = self.growing_parts();
        let Wanted { segment, part } = self.settled(wanted);
        let there = segment < next || segment == next && part.is_some_and(|part| part < growing);
        if there {
            return Standing::There;
        }
        // The last segment's number plus two.
        let segments_too_far = segment > next.saturating_add(1);
        let last_part = if segment == next {
            growing.saturating_sub(1)
        } else {
            0
        };
        let parts_too_far =
            part.is_some_and(|part| part > last_part.saturating_add(self.advance_part_limit()));
        if segments_too_far || parts_too_far {
            Standing::TooFar
        } else {
            Standing::Coming
        }
    }

    /// A part behind the last one of a listed segment is the first one of the next.
    fn settled(&self, wanted: Wanted) -> Wanted {
        let (Some(part), Some(last)) = (wanted.part, self.listed.back()) else {
            return wanted;
        };
        let parts = u64::try_from(last.parts.len()).unwrap_or(u64::MAX);
        if wanted.segment == last.number && parts > 0 && part >= parts {
            Wanted {
                segment: wanted.segment.saturating_add(1),
                part: Some(0),
            }
        } else {
            wanted
        }
    }

    fn growing_parts(&self) -> u64 {
        let parts = self
            .growing
            .as_ref()
            .map_or(0, |growing| growing.parts.len());
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    /// Three seconds of parts, and at least three.
    fn advance_part_limit(&self) -> u64 {
        let target_ms = self.part_target_ms.unwrap_or(1000).clamp(1, 1000);
        3000_u64.div_ceil(target_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::growing::tests::growing;
    use super::*;

    #[test]
    fn what_is_there_what_comes_and_what_is_out_of_the_question() {
        use Standing::{Coming, There, TooFar};
        // Two segments of four parts, 0 and 1, and two parts of segment 2. Parts of 250 ms: the
        // limit is twelve parts behind the last.
        let playlist = growing(2, 2);
        let cases = [
            (0, None, There),
            (1, None, There),
            (2, None, Coming),
            (3, None, Coming),
            (4, None, TooFar),
            (u64::MAX, None, TooFar),
            (0, Some(9), There),
            (1, Some(3), There),
            (1, Some(4), There),
            (2, Some(0), There),
            (2, Some(1), There),
            (2, Some(2), Coming),
            (2, Some(13), Coming),
            (2, Some(14), TooFar),
            (3, Some(0), Coming),
            (3, Some(12), Coming),
            (3, Some(13), TooFar),
            (4, Some(0), TooFar),
        ];
        for (segment, part, expected) in cases {
            let wanted = Wanted { segment, part };
            assert_eq!(playlist.standing(wanted), expected, "{wanted:?}");
        }
        // The part behind a segment's last is the next segment's first.
        let between = growing(2, 0);
        for (part, expected) in [(3, There), (4, Coming), (99, Coming)] {
            let wanted = Wanted {
                segment: 1,
                part: Some(part),
            };
            assert_eq!(between.standing(wanted), expected, "{part}");
        }
    }
}
