use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::Room;

/// Rooms that hold a batch, by the moment it is due.
#[derive(Debug, Default)]
pub(crate) struct DueBatches {
    rooms: BTreeMap<(Instant, u64), Arc<Room>>,
    /// Tells apart what is due at the same moment.
    added: u64,
}

impl DueBatches {
    pub(crate) fn add(&mut self, at: Instant, room: Arc<Room>) {
        self.added = self.added.wrapping_add(1);
        self.rooms.insert((at, self.added), room);
    }

    /// When the next batch is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.rooms.first_key_value().map(|((at, _), _)| *at)
    }

    /// Sends what is due.
    pub(crate) fn flush(&mut self, now: Instant) {
        while let Some(first) = self.rooms.first_entry() {
            if first.key().0 > now {
                return;
            }
            first.remove().flush(now);
        }
    }

    /// Sends everything.
    pub(crate) fn flush_all(&mut self) {
        for room in std::mem::take(&mut self.rooms).into_values() {
            room.flush(Instant::now());
        }
    }
}
