//! In which order the items of a playlist come. Pure.

/// Where a playlist is, and what comes next. Items are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// A permutation of the items.
    sequence: Vec<usize>,
    /// Where in it the current one is; the length of it at the end.
    place: usize,
    looping: bool,
    /// Items that cannot be played, as far as that is known.
    broken: Vec<bool>,
}

impl Order {
    /// Of so many items, from the first; with a seed in a random order.
    pub(super) fn new(items: usize, looping: bool, seed: Option<u64>) -> Self {
        let mut sequence: Vec<usize> = (0..items).collect();
        if let Some(seed) = seed {
            shuffle(&mut sequence, seed);
        }
        Self {
            sequence,
            place: 0,
            looping,
            broken: vec![false; items],
        }
    }

    /// The item that is played; `None` at the end.
    pub(super) fn current(&self) -> Option<usize> {
        self.sequence.get(self.place).copied()
    }

    /// The item after it; `None` where there is none.
    pub(super) fn upcoming(&self) -> Option<usize> {
        self.place_after().and_then(|place| self.item_at(place))
    }

    /// Goes to the next item, or to the end.
    pub(super) fn advance(&mut self) {
        self.place = self.place_after().unwrap_or(self.sequence.len());
    }

    /// Goes to the item before; to the first where there is none.
    pub(super) fn back(&mut self) {
        let before = (0..self.place).rev();
        let wrapped = (self.place.saturating_add(1)..self.sequence.len()).rev();
        let wrapped = wrapped.filter(|_| self.looping);
        let playable = before.chain(wrapped).find(|place| self.plays(*place));
        self.place = playable.unwrap_or(0);
    }

    /// Goes to an item.
    pub(super) fn go_to(&mut self, item: usize) {
        if let Some(place) = self.sequence.iter().position(|known| *known == item) {
            self.place = place;
        }
    }

    /// Goes to the first item that can be played.
    pub(super) fn restart(&mut self) {
        let first = (0..self.sequence.len()).find(|place| self.plays(*place));
        self.place = first.unwrap_or(0);
    }

    /// Begins again at its end, or not.
    pub(super) fn set_looping(&mut self, looping: bool) {
        self.looping = looping;
    }

    /// An item cannot be played, or can again.
    pub(super) fn set_broken(&mut self, item: usize, broken: bool) {
        if let Some(known) = self.broken.get_mut(item) {
            *known = broken;
        }
    }

    /// Everything is worth another attempt.
    pub(super) fn mend(&mut self) {
        self.broken.fill(false);
    }

    /// Whether nothing can be played.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.iter().all(|broken| *broken)
    }

    /// The next place of an item that can be played, the current one last of all.
    fn place_after(&self) -> Option<usize> {
        let length = self.sequence.len();
        let first = self.place.saturating_add(1);
        let last = if self.looping {
            first.saturating_add(length)
        } else {
            length
        };
        (first..last)
            .filter_map(|place| place.checked_rem(length))
            .find(|place| self.plays(*place))
    }

    fn item_at(&self, place: usize) -> Option<usize> {
        self.sequence.get(place).copied()
    }

    fn plays(&self, place: usize) -> bool {
        let broken = self.item_at(place).and_then(|item| self.broken.get(item));
        broken.is_some_and(|broken| !broken)
    }
}

/// Fisher and Yates, with a small generator: what matters is that it looks mixed.
fn shuffle(sequence: &mut [usize], seed: u64) {
    let mut state = seed | 1;
    for last in (1..sequence.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        let other = usize::try_from(state.checked_rem(bound).unwrap_or(0)).unwrap_or(0);
        sequence.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(order: &mut Order, count: usize) -> Vec<Option<usize>> {
        (0..count)
            .map(|_| {
                let current = order.current();
                order.advance();
                current
            })
            .collect()
    }

    #[test]
    fn items_come_in_order_and_again_where_they_are_to() {
        let mut once = Order::new(3, false, None);
        assert_eq!(
            played(&mut once, 5),
            [Some(0), Some(1), Some(2), None, None]
        );
        let mut round = Order::new(2, true, None);
        assert_eq!(round.upcoming(), Some(1));
        assert_eq!(played(&mut round, 3), [Some(0), Some(1), Some(0)]);
        let mut alone = Order::new(1, true, None);
        assert_eq!(alone.upcoming(), Some(0));
        assert_eq!(played(&mut alone, 2), [Some(0), Some(0)]);
    }

    #[test]
    fn broken_items_are_passed_over() {
        let mut order = Order::new(4, true, None);
        order.set_broken(1, true);
        order.set_broken(2, true);
        assert_eq!(order.upcoming(), Some(3));
        assert_eq!(played(&mut order, 3), [Some(0), Some(3), Some(0)]);
        order.set_broken(2, false);
        order.restart();
        assert_eq!(played(&mut order, 3), [Some(0), Some(2), Some(3)]);
        assert!(!order.is_broken());
        for item in 0..4 {
            order.set_broken(item, true);
        }
        assert!(order.is_broken());
        order.advance();
        assert_eq!(order.current(), None);
    }

    #[test]
    fn one_can_go_back_and_anywhere() {
        let mut order = Order::new(3, false, None);
        order.back();
        assert_eq!(order.current(), Some(0));
        order.go_to(2);
        assert_eq!((order.current(), order.upcoming()), (Some(2), None));
        order.back();
        assert_eq!(order.current(), Some(1));
        order.set_broken(0, true);
        order.back();
        assert_eq!(order.current(), Some(0), "there is no other");
        order.go_to(9);
        assert_eq!(order.current(), Some(0));
        let mut round = Order::new(3, true, None);
        round.back();
        assert_eq!(round.current(), Some(2));
        let mut ended = Order::new(3, false, None);
        played(&mut ended, 3);
        ended.back();
        assert_eq!(ended.current(), Some(2));
    }

    #[test]
    fn a_shuffled_list_has_every_item_once() {
        for seed in 0..50 {
            let mut order = Order::new(10, false, Some(seed));
            let mut items: Vec<usize> = played(&mut order, 10).into_iter().flatten().collect();
            items.sort_unstable();
            assert_eq!(items, (0..10).collect::<Vec<_>>());
        }
        let first = |seed| Order::new(10, false, Some(seed)).sequence;
        assert_ne!(first(3), first(1_000_003));
    }
}
