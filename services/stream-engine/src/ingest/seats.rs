//! Who publishes to a layer: one at a time.
//!
//! ```text
//!            take                      take, and the one who sits there has been silent
//! empty ───────────────▶ taken ──────────────────────────────────────────────────────▶ taken
//!       ◀───────────────       ──┐ take, and the one who sits there sends: refused    (the other
//!            left                └─▶ taken                                              is cut)
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sm_common::id::LayerId;
use tokio_util::sync::CancellationToken;

/// Who sits where. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    /// Who has been silent for so long gives way.
    patience: Duration,
    /// A std lock: it is held for a look, never across an await.
    taken: Arc<Mutex<BTreeMap<LayerId, Taken>>>,
}

#[derive(Clone, Debug)]
struct Taken {
    number: u64,
    heard_at: Instant,
    cut: CancellationToken,
}

/// Somebody else publishes to the layer, and sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occupied;

/// A publisher's seat; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    layer: LayerId,
    number: u64,
    /// Cancelled when somebody else has the seat.
    pub(super) cut: CancellationToken,
}

impl Seats {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            taken: Arc::default(),
        }
    }

    /// Takes the layer's seat: where it is free, or who sits there has been silent.
    pub(super) fn take(&self, layer: LayerId, now: Instant) -> Result<Seat, Occupied> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let before = taken.get(&layer);
        if let Some(before) = before {
            if now.saturating_duration_since(before.heard_at) < self.patience {
                return Err(Occupied);
            }
            before.cut.cancel();
        }
        let number = before.map_or(0, |before| before.number.wrapping_add(1));
        let cut = CancellationToken::new();
        taken.insert(
            layer,
            Taken {
                number,
                heard_at: now,
                cut: cut.clone(),
            },
        );
        Ok(Seat {
            seats: self.clone(),
            layer,
            number,
            cut,
        })
    }
}

impl Seat {
    /// Who sits here has sent something.
    pub(super) fn heard(&self, now: Instant) {
        self.own(|taken| taken.heard_at = now);
    }

    fn own(&self, change: impl FnOnce(&mut Taken)) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = taken.get_mut(&self.layer)
            && seat.number == self.number
        {
            change(seat);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if taken
            .get(&self.layer)
            .is_some_and(|seat| seat.number == self.number)
        {
            taken.remove(&self.layer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_who_is_silent_gives_way() {
        let seats = Seats::new(Duration::from_secs(3));
        let (layer, start) = (LayerId::generate(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let first = seats.take(layer, at(0)).unwrap();
        assert!(
            seats.take(LayerId::generate(), at(0)).is_ok(),
            "another layer"
        );
        first.heard(at(1));
        assert_eq!(seats.take(layer, at(3)).err(), Some(Occupied));
        let second = seats.take(layer, at(4)).unwrap();
        assert!(first.cut.is_cancelled() && !second.cut.is_cancelled());
        // What is left of the first changes nothing for the second.
        first.heard(at(100));
        drop(first);
        assert_eq!(seats.take(layer, at(5)).err(), Some(Occupied));
        drop(second);
        assert!(seats.take(layer, at(5)).is_ok());
    }
}
