//! How often an address has sent a wrong key. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses that are remembered; the oldest is forgotten for a new one.
const ADDRESSES_MAX: usize = 10_000;

/// Counts wrong keys by address.
#[derive(Debug)]
pub(super) struct Guesses {
    most: u32,
    window: Duration,
    known: BTreeMap<IpAddr, Guessed>,
}

#[derive(Clone, Copy, Debug)]
struct Guessed {
    since: Instant,
    count: u32,
}

impl Guesses {
    /// An address may send `most` wrong keys in a `window`.
    pub(super) const fn new(most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            known: BTreeMap::new(),
        }
    }

    /// Whether keys from the address are looked at.
    pub(super) fn permits(&self, address: IpAddr, now: Instant) -> bool {
        self.known.get(&address).is_none_or(|guessed| {
            guessed.count < self.most || now.duration_since(guessed.since) >= self.window
        })
    }

    /// A key from the address was wrong.
    pub(super) fn wrong(&mut self, address: IpAddr, now: Instant) {
        if !self.known.contains_key(&address) && self.known.len() >= ADDRESSES_MAX {
            let oldest = self.known.iter().min_by_key(|(_, guessed)| guessed.since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.known.remove(&oldest);
            }
        }
        let fresh = Guessed {
            since: now,
            count: 0,
        };
        let guessed = self.known.entry(address).or_insert(fresh);
        if now.duration_since(guessed.since) >= self.window {
            *guessed = fresh;
        }
        guessed.count = guessed.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_too_many_wrong_keys_an_address_waits_and_others_do_not() {
        let (bad, good) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let start = Instant::now();
        let mut guesses = Guesses::new(3, Duration::from_mins(1));
        for _ in 0..3 {
            assert!(guesses.permits(bad, start));
            guesses.wrong(bad, start);
        }
        assert!(!guesses.permits(bad, start));
        assert!(guesses.permits(good, start));
        let later = start + Duration::from_mins(1);
        assert!(guesses.permits(bad, later));
        guesses.wrong(bad, later);
        assert!(guesses.permits(bad, later), "it counts anew");
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let start = Instant::now();
        let mut guesses = Guesses::new(1, Duration::from_mins(1));
        for number in 0..=u32::try_from(ADDRESSES_MAX).unwrap() {
            let now = start + Duration::from_millis(number.into());
            guesses.wrong(std::net::Ipv4Addr::from(number).into(), now);
        }
        assert_eq!(guesses.known.len(), ADDRESSES_MAX);
        assert!(guesses.permits([0, 0, 0, 0].into(), start), "forgotten");
        assert!(!guesses.permits([0, 0, 0, 1].into(), start));
    }
}
