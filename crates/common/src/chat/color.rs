use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::UserId;

/// The colour of a name. Which shade of it can be read depends on what is behind it, so each client
/// chooses its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChatColor {
    Red,
    Orange,
    Amber,
    Lime,
    Green,
    Emerald,
    Teal,
    Sky,
    Blue,
    Violet,
    Purple,
    Pink,
}

impl ChatColor {
    /// Every colour, in the order of the colour wheel.
    pub const ALL: [Self; 12] = [
        Self::Red,
        Self::Orange,
        Self::Amber,
        Self::Lime,
        Self::Green,
        Self::Emerald,
        Self::Teal,
        Self::Sky,
        Self::Blue,
        Self::Violet,
        Self::Purple,
        Self::Pink,
    ];

    /// The colour's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Amber => "amber",
            Self::Lime => "lime",
            Self::Green => "green",
            Self::Emerald => "emerald",
            Self::Teal => "teal",
            Self::Sky => "sky",
            Self::Blue => "blue",
            Self::Violet => "violet",
            Self::Purple => "purple",
            Self::Pink => "pink",
        }
    }

    /// The colour of a person who chose none: always the same for the same person.
    pub fn of(user: UserId) -> Self {
        /// FNV-1a, which is the same in every version of this program.
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let hash = user.to_string().bytes().fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
        let count = u64::try_from(Self::ALL.len()).unwrap_or(1);
        usize::try_from(hash % count)
            .ok()
            .and_then(|place| Self::ALL.get(place).copied())
            .unwrap_or(Self::Red)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_named_as_it_is_written() {
        for color in ChatColor::ALL {
            assert_eq!(serde_json::to_value(color).unwrap(), color.as_str());
        }
    }

    #[test]
    fn a_person_keeps_their_colour_and_people_differ() {
        let person: UserId = "0190d5c4-7e2a-7000-8000-000000000001".parse().unwrap();
        assert_eq!(ChatColor::of(person), ChatColor::of(person));
        let colors: std::collections::HashSet<_> = (0..200)
            .map(|_| ChatColor::of(UserId::from_uuid(uuid::Uuid::new_v4())))
            .collect();
        assert!(colors.len() > 6, "{colors:?}");
    }
}
