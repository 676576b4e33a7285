//! How many clients watch. Whoever asked for the playlist lately, or has a WebRTC session, plays;
//! ws-fanout says who follows the stream over a WebSocket; whoever does both is one.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sm_common::audience::{AudienceKey, Client, Mark};

/// Counts distinct clients. Keeps a mark of each and nothing that could name a person.
#[derive(Debug)]
pub(crate) struct Watching {
    window: Duration,
    players_max: usize,
    key: AudienceKey,
    /// A std lock: it is held for a look-up, never across an await.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// When each player was last seen.
    players: HashMap<Mark, Instant>,
    /// Who follows; `None` when it is not known.
    followers: Option<HashSet<Mark>>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Distinct players.
    pub(crate) players: u64,
    /// Distinct clients that follow.
    pub(crate) connected: Option<u64>,
    /// Distinct clients that do either.
    pub(crate) audience: Option<u64>,
}

impl Watching {
    pub(crate) fn new(window: Duration, players_max: usize) -> Self {
        Self {
            window,
            players_max,
            key: AudienceKey::generate(),
            seen: Mutex::default(),
        }
    }

    /// What the marks are made with.
    pub(crate) const fn key(&self) -> &AudienceKey {
        &self.key
    }

    /// A player asked for the playlist. Players above the limit are not counted.
    pub(crate) fn saw(&self, address: IpAddr, user_agent: &str, now: Instant) {
        let player = self.key.mark(&Client::new(address, user_agent));
        let players = &mut self.seen().players;
        if players.len() < self.players_max || players.contains_key(&player) {
            players.insert(player, now);
        }
    }

    /// So many follow, by the marks of this key; `None` when it is not known.
    pub(crate) fn followed_by(&self, followers: Option<HashSet<Mark>>) {
        self.seen().followers = followers;
    }

    /// How many watch now.
    pub(crate) fn count(&self, now: Instant) -> Count {
        let Seen { players, followers } = &mut *self.seen();
        players.retain(|_, last| now.saturating_duration_since(*last) < self.window);
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let both = |followers: &HashSet<Mark>| {
            let others = followers.iter().filter(|mark| !players.contains_key(mark));
            players.len().saturating_add(others.count())
        };
        Count {
            players: number(players.len()),
            connected: followers.as_ref().map(|followers| number(followers.len())),
            audience: followers.as_ref().map(|followers| number(both(followers))),
        }
    }

    /// Nothing in there depends on anything else in it.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_player_is_counted_once_and_only_while_it_asks() {
        let watching = Watching::new(Duration::from_secs(10), 3);
        let now = Instant::now();
        let (home, other) = (address(1), address(2));
        watching.saw(home, "hls.js", now);
        watching.saw(home, "hls.js", now + Duration::from_secs(2));
        watching.saw(home, "vlc", now);
        watching.saw(other, "hls.js", now);
        watching.saw(other, "one too many", now);
        let count = |after| watching.count(now + Duration::from_secs(after)).players;
        assert_eq!((count(3), count(11), count(12)), (3, 1, 0));
    }

    #[test]
    fn who_plays_and_follows_is_one_of_the_audience() {
        let watching = Watching::new(Duration::from_secs(10), 9);
        let now = Instant::now();
        watching.saw(address(1), "Firefox", now);
        watching.saw(address(2), "VLC", now);
        assert_eq!(
            watching.count(now),
            Count {
                players: 2,
                connected: None,
                audience: None,
            },
            "nobody said who follows"
        );
        let follows = |last, agent| watching.key().mark(&Client::new(address(last), agent));
        let followers = [
            follows(1, "Firefox"),
            follows(2, "Firefox"),
            follows(3, "bot"),
        ];
        watching.followed_by(Some(followers.into()));
        assert_eq!(
            watching.count(now),
            Count {
                players: 2,
                connected: Some(3),
                audience: Some(4),
            }
        );
    }
}
