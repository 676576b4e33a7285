//! Which of several keys signs, and which are published. Pure: keys are known by the moment since
//! which they are there.

use std::time::Duration;

use sm_common::clock::Timestamp;

/// How keys take over from each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handover {
    /// How long a key is published before it signs.
    pub(super) publish: Duration,
    /// For how long a token of a key is believed after it was signed.
    pub(super) token_life: Duration,
}

/// The places of keys in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The one that signs.
    pub(super) signs: usize,
    /// Those that are published, newest first.
    pub(super) published: Vec<usize>,
}

/// Chooses among keys, oldest first, by the moments since which they are there. `None` when there
/// are none.
pub(super) fn choose(since: &[Timestamp], handover: Handover, now: Timestamp) -> Option<Choice> {
    let Handover {
        publish,
        token_life,
    } = handover;
    // With none that is old enough, the oldest has no predecessor whose tokens it could disturb.
    let signs = since
        .iter()
        .rposition(|since| since.plus(publish) <= now)
        .or_else(|| (!since.is_empty()).then_some(0))?;
    let is_published = |index: usize| {
        if index >= signs {
            return true;
        }
        // Until the last token of it has ended, which it signed when its successor took over.
        since
            .get(index.saturating_add(1))
            .is_some_and(|successor| successor.plus(publish).plus(token_life) > now)
    };
    let published = (0..since.len()).rev().filter(|index| is_published(*index));
    Some(Choice {
        signs,
        published: published.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDOVER: Handover = Handover {
        publish: Duration::from_mins(1),
        token_life: Duration::from_mins(15),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn chosen(since: &[i64], now: i64) -> Option<(usize, Vec<usize>)> {
        let since: Vec<Timestamp> = since.iter().map(|seconds| at(*seconds)).collect();
        choose(&since, HANDOVER, at(now)).map(|choice| (choice.signs, choice.published))
    }

    #[test]
    fn a_new_key_is_published_then_signs_and_the_old_one_leaves_when_its_tokens_have() {
        let keys = [0, 10_000];
        for (now, signs, published) in [
            (10_000, 0, vec![1, 0]),
            (10_059, 0, vec![1, 0]),
            (10_060, 1, vec![1, 0]),
            (10_959, 1, vec![1, 0]),
            (10_960, 1, vec![1]),
        ] {
            assert_eq!(chosen(&keys, now), Some((signs, published)), "{now}");
        }
    }

    #[test]
    fn keys_that_follow_fast_overlap_all() {
        assert_eq!(
            chosen(&[0, 10_000, 10_030], 10_070),
            Some((1, vec![2, 1, 0]))
        );
        assert_eq!(
            chosen(&[0, 10_000, 10_030], 10_100),
            Some((2, vec![2, 1, 0]))
        );
        assert_eq!(chosen(&[0, 10_000, 10_030], 10_965), Some((2, vec![2, 1])));
    }

    #[test]
    fn a_first_key_signs_at_once_and_nothing_signs_without_one() {
        assert_eq!(chosen(&[100], 100), Some((0, vec![0])));
        assert_eq!(chosen(&[], 100), None);
    }
}
