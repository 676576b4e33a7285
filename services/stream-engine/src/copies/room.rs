//! What is on this host, and what goes when there is no room for more. Pure.

use std::collections::{BTreeMap, BTreeSet};

use sm_common::id::AssetId;

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{wanted} bytes are needed of the {bytes_max} that copies may take, and scenes need the others"
)]
pub(super) struct NoRoom {
    pub(super) wanted: u64,
    pub(super) bytes_max: u64,
}

#[derive(Clone, Copy, Debug)]
struct Copy {
    bytes: u64,
    /// A larger number was used later.
    used: u64,
}

/// The copies on this host, and those that are being made.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: u64,
    copies: BTreeMap<AssetId, Copy>,
    /// Uses so far.
    uses: u64,
}

impl Room {
    pub(super) const fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            copies: BTreeMap::new(),
            uses: 0,
        }
    }

    /// Bytes of all copies.
    pub(super) fn bytes(&self) -> u64 {
        let copies = self.copies.values();
        copies.fold(0, |sum, copy| sum.saturating_add(copy.bytes))
    }

    /// A copy is there, found by a start; whatever is added later was used later.
    pub(super) fn add(&mut self, id: AssetId, bytes: u64) {
        self.uses += 1;
        let used = self.uses;
        self.copies.insert(id, Copy { bytes, used });
    }

    /// A copy is used.
    pub(super) fn touch(&mut self, id: &AssetId) {
        self.uses += 1;
        if let Some(copy) = self.copies.get_mut(id) {
            copy.used = self.uses;
        }
    }

    /// A copy is gone, or was not made.
    pub(super) fn remove(&mut self, id: &AssetId) {
        self.copies.remove(id);
    }

    /// Makes room for a copy and takes it: what has to go for it, the longest unused first, but nothing
    /// that is `needed`.
    pub(super) fn make(
        &mut self,
        id: &AssetId,
        bytes: u64,
        needed: &BTreeSet<AssetId>,
    ) -> Result<Vec<AssetId>, NoRoom> {
        let mut unneeded: Vec<(u64, AssetId, u64)> = self
            .copies
            .iter()
            .filter(|(known, _)| !needed.contains(*known))
            .map(|(known, copy)| (copy.used, known.clone(), copy.bytes))
            .collect();
        unneeded.sort_unstable();
        let mut taken = self.bytes().saturating_add(bytes);
        let mut going = Vec::new();
        for (_, known, freed) in unneeded {
            if taken <= self.bytes_max {
                break;
            }
            taken = taken.saturating_sub(freed);
            going.push(known);
        }
        if taken > self.bytes_max {
            return Err(NoRoom {
                wanted: bytes,
                bytes_max: self.bytes_max,
            });
        }
        for known in &going {
            self.copies.remove(known);
        }
        self.add(id.clone(), bytes);
        Ok(going)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> AssetId {
        AssetId::from_sha256(&[number; 32])
    }

    #[test]
    fn the_longest_unused_goes_first_and_what_is_needed_never() {
        let mut room = Room::new(100);
        let none = BTreeSet::new();
        for number in 1..=3 {
            assert_eq!(room.make(&id(number), 30, &none), Ok(Vec::new()));
        }
        room.touch(&id(1));
        assert_eq!(room.make(&id(4), 30, &none), Ok(vec![id(2)]));
        assert_eq!(room.bytes(), 90);
        let needed = BTreeSet::from([id(3), id(1)]);
        assert_eq!(room.make(&id(5), 40, &needed), Ok(vec![id(4)]));
        assert_eq!(room.bytes(), 100);
    }

    #[test]
    fn nothing_goes_in_vain() {
        let mut room = Room::new(100);
        room.add(id(1), 60);
        room.add(id(2), 30);
        let needed = BTreeSet::from([id(1)]);
        let refused = NoRoom {
            wanted: 50,
            bytes_max: 100,
        };
        assert_eq!(room.make(&id(3), 50, &needed), Err(refused));
        assert_eq!(room.bytes(), 90);
        room.remove(&id(2));
        assert_eq!(room.bytes(), 60);
    }
}
