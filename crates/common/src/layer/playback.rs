//! Playing of uploaded files: which part, what comes after it, and commands while it plays.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;

/// Furthest position in a file that can be named: a week, in milliseconds.
pub const POSITION_MS_MAX: u64 = 7 * 24 * 3600 * 1000;

/// Shortest part of a file that is played, in milliseconds: shorter ones are stills.
pub const PART_MS_MIN: u64 = 100;

/// What follows the end of a file that does not start again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AtEnd {
    /// Its last frame stays.
    #[default]
    Hold,
    /// The layer is no longer seen.
    Hide,
    /// The layer is no longer seen, and another is shown in its stead, from its beginning.
    Next,
}

/// A command for what a layer plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaybackAction {
    /// Goes on where it stands; from the beginning where it has ended.
    Play,
    /// Stands still.
    Pause,
    /// Goes to a position, and plays or stands still as before.
    Seek,
    /// Plays from the beginning; a playlist from its first file.
    Restart,
    /// Of a playlist: goes to the file after.
    Next,
    /// Of a playlist: goes to the file before.
    Previous,
    /// Of a playlist: goes to a file.
    Goto,
}

/// The last command for what a layer plays. It stays with the layer, so that a worker that is
/// started anew knows whether to stand still, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Playback {
    /// Grows with every command: each is carried out once.
    pub number: u64,
    /// The command.
    pub action: PlaybackAction,
    /// Whether it stands still since.
    pub paused: bool,
    /// Milliseconds of the file: of a seek, where to go; of a pause, where it stood, as far as that
    /// was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_ms: Option<u64>,
    /// Which file of a playlist, counted from 0: of a goto, where to go; of a pause, where it stood,
    /// as far as that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
}

/// Whether a layer's file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaybackState {
    /// It plays.
    Playing,
    /// It was told to stand still.
    Paused,
    /// It stands still because its layer is hidden.
    Waiting,
    /// It has come to its end.
    Ended,
}

/// Where a layer's file is. While it plays, its position grows by a millisecond a millisecond from
/// `at` on; one that loops goes from its end to its beginning without being told of again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybackStatus {
    /// Whether it plays.
    pub state: PlaybackState,
    /// Milliseconds of the file, at the moment `at`.
    pub position_ms: u64,
    /// Length of the whole file in milliseconds, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Which file of a playlist it is, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// When it was there.
    pub at: Timestamp,
}

impl PlaybackStatus {
    /// Where it is at `now`, as far as it has not looped since.
    pub fn position_at(&self, now: Timestamp) -> u64 {
        match self.state {
            PlaybackState::Playing => {
                let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
                self.position_ms.saturating_add(passed)
            }
            PlaybackState::Paused | PlaybackState::Waiting | PlaybackState::Ended => {
                self.position_ms
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_moves_only_while_it_plays() {
        let at = Timestamp::from_unix_millis(10_000);
        let later = Timestamp::from_unix_millis(12_500);
        for (state, expected) in [
            (PlaybackState::Playing, 3_500),
            (PlaybackState::Paused, 1_000),
            (PlaybackState::Waiting, 1_000),
            (PlaybackState::Ended, 1_000),
        ] {
            let status = PlaybackStatus {
                state,
                position_ms: 1_000,
                duration_ms: None,
                item: None,
                at,
            };
            assert_eq!(status.position_at(later), expected, "{state:?}");
        }
    }
}
