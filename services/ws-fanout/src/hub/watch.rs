//! Tells what the live feed did not bring from what is still on its way.

use std::collections::{BTreeMap, HashMap};

use sm_common::event::{Channel, Position};

use crate::topic::Topic;

/// Losses in a row on a channel of which nothing was heard, after which the subscription is
/// taken for deaf.
const LOSSES_MAX: u32 = 2;

/// What a look at a room says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Everything that was published was heard.
    Current,
    /// Something was not heard yet. The next look will tell.
    Behind,
    /// What was published before the last look was still not heard.
    Lost,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Where a room that was behind should be by the next look.
    expected: HashMap<Topic, Position>,
    losses: BTreeMap<Channel, u32>,
}

impl Watch {
    /// Compares what a room has (`floor`) with what was `published`.
    pub(crate) fn look(&mut self, topic: &Topic, floor: &Position, published: Position) -> Finding {
        let expected = self.expected.remove(topic);
        if reaches(floor, &published) {
            return Finding::Current;
        }
        if expected.is_some_and(|expected| !reaches(floor, &expected)) {
            return Finding::Lost;
        }
        self.expected.insert(topic.clone(), published);
        Finding::Behind
    }

    /// Forgets rooms that are gone.
    pub(crate) fn keep(&mut self, is_there: impl Fn(&Topic) -> bool) {
        self.expected.retain(|topic, _| is_there(topic));
    }

    /// An event of the channel was heard.
    pub(crate) fn heard(&mut self, channel: Channel) {
        self.losses.remove(&channel);
    }

    /// Something on the channel was lost. Returns whether the subscription is taken for deaf.
    pub(crate) fn lost(&mut self, channel: Channel) -> bool {
        let losses = self.losses.entry(channel).or_default();
        *losses = losses.saturating_add(1);
        let is_deaf = *losses >= LOSSES_MAX;
        if is_deaf {
            self.losses.clear();
        }
        is_deaf
    }
}

fn reaches(floor: &Position, position: &Position) -> bool {
    floor.epoch == position.epoch && floor.offset >= position.offset
}

#[cfg(test)]
mod tests {
    use sm_common::event::Epoch;
    use sm_common::id::StreamId;

    use super::*;

    fn at(epoch: &str, offset: u64) -> Position {
        Position {
            epoch: Epoch::from(epoch.to_owned()),
            offset,
        }
    }

    fn topic() -> Topic {
        Topic {
            channel: Channel::Chat,
            stream: StreamId::default(),
        }
    }

    #[test]
    fn what_is_on_its_way_is_not_lost() {
        // Each look: what the room has, what was published, and what that says.
        let looks = [
            (at("e", 4), at("e", 4), Finding::Current),
            (at("e", 4), at("e", 6), Finding::Behind),
            // A busy feed is behind at every look, and of something else each time.
            (at("e", 6), at("e", 9), Finding::Behind),
            (at("e", 10), at("e", 12), Finding::Behind),
            (at("e", 11), at("e", 12), Finding::Lost),
            (at("e", 11), at("e", 12), Finding::Behind),
            (at("e", 12), at("e", 12), Finding::Current),
            (at("e", 12), at("new", 13), Finding::Behind),
            (at("e", 12), at("new", 13), Finding::Lost),
            (at("new", 13), at("new", 13), Finding::Current),
        ];
        let mut watch = Watch::default();
        for (floor, published, finding) in looks {
            let label = format!("{floor:?} {published:?}");
            assert_eq!(watch.look(&topic(), &floor, published), finding, "{label}");
        }
        watch.look(&topic(), &at("e", 1), at("e", 2));
        watch.keep(|_| false);
        assert!(watch.expected.is_empty());
    }

    #[test]
    fn a_channel_of_which_nothing_is_heard_makes_the_subscription_deaf() {
        let mut watch = Watch::default();
        assert!(!watch.lost(Channel::Chat));
        watch.heard(Channel::Chat);
        assert!(!watch.lost(Channel::Chat));
        watch.heard(Channel::Metrics);
        assert!(watch.lost(Channel::Chat));
        assert!(!watch.lost(Channel::Chat), "the new one is given a chance");
    }
}
