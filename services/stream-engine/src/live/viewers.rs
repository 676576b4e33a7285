//! How many players watch. Whoever asked for the playlist lately is watching.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts distinct players. Keeps a keyed hash of each and nothing that could name a person.
#[derive(Debug)]
pub(crate) struct Watching {
    window: Duration,
    players_max: usize,
    key: RandomState,
    /// When each was last seen. A std lock: it is held for a look-up, never across an await.
    seen: Mutex<HashMap<u64, Instant>>,
}

impl Watching {
    pub(crate) fn new(window: Duration, players_max: usize) -> Self {
        Self {
            window,
            players_max,
            key: RandomState::new(),
            seen: Mutex::default(),
        }
    }

    /// A player asked for the playlist. Players above the limit are not counted.
    pub(crate) fn saw(&self, address: IpAddr, user_agent: &str, now: Instant) {
        let player = self.key.hash_one((address, user_agent));
        let mut seen = self.seen();
        if seen.len() < self.players_max || seen.contains_key(&player) {
            seen.insert(player, now);
        }
    }

    /// How many watch now.
    pub(crate) fn count(&self, now: Instant) -> u64 {
        let mut seen = self.seen();
        seen.retain(|_, last| now.saturating_duration_since(*last) < self.window);
        u64::try_from(seen.len()).unwrap_or(u64::MAX)
    }

    /// Nothing in the map depends on anything else in it.
    fn seen(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_is_counted_once_and_only_while_it_asks() {
        let watching = Watching::new(Duration::from_secs(10), 3);
        let now = Instant::now();
        let home: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        watching.saw(home, "hls.js", now);
        watching.saw(home, "hls.js", now + Duration::from_secs(2));
        watching.saw(home, "vlc", now);
        watching.saw(other, "hls.js", now);
        watching.saw(other, "one too many", now);
        assert_eq!(watching.count(now + Duration::from_secs(3)), 3);
        assert_eq!(watching.count(now + Duration::from_secs(11)), 1);
        assert_eq!(watching.count(now + Duration::from_secs(12)), 0);
    }
}
