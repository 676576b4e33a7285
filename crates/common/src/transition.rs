//! Takes: how one scene replaces another in the picture.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::SceneId;
use crate::layer::Easing;

/// Longest transition, in milliseconds.
pub const TRANSITION_MS_MAX: u32 = 10_000;

/// Length of a transition that nobody has given one, in milliseconds.
pub const TRANSITION_MS: u32 = 500;

/// What happens between two scenes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TransitionKind {
    /// The new scene is there from one frame to the next.
    #[default]
    Cut,
    /// The new scene appears through the old one.
    Fade,
    /// An edge moves over the picture and leaves the new scene behind it.
    Wipe,
    /// The new scene moves in and pushes the old one out.
    Slide,
}

/// Where a wipe or a slide moves to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the right edge to the left.
    #[default]
    Left,
    /// From the left edge to the right.
    Right,
    /// From the bottom to the top.
    Up,
    /// From the top to the bottom.
    Down,
}

/// How one scene replaces another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct SceneTransition {
    /// What happens.
    #[serde(default)]
    pub kind: TransitionKind,
    /// Where it moves to; of no meaning for a cut or a fade.
    #[serde(default)]
    pub direction: Direction,
    /// How long it takes, 0 to 10000; a cut takes no time.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10000)]
    pub duration_ms: u32,
    /// How it moves over that time.
    #[serde(default)]
    pub easing: Easing,
}

impl SceneTransition {
    /// Whether the new scene is there from one frame to the next.
    pub const fn is_cut(&self) -> bool {
        matches!(self.kind, TransitionKind::Cut) || self.duration_ms == 0
    }
}

/// A scene was put on air.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Take {
    /// The scene.
    pub scene: SceneId,
    /// How it replaces the one before.
    pub transition: SceneTransition,
    /// Raised by every take, so that a new one is told from an old one.
    pub number: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_take_of_a_former_version_still_reads() {
        let scene = SceneId::generate();
        let old = json!({"scene": scene, "number": 3,
            "transition": {"kind": "wipe", "direction": "up", "duration_ms": 400}});
        let take: Take = serde_json::from_value(old).unwrap();
        assert_eq!(take.transition.easing, Easing::Linear);
        assert!(!take.transition.is_cut());
        let cut: SceneTransition = serde_json::from_value(json!({})).unwrap();
        assert!(cut.is_cut());
        let no_time = SceneTransition {
            kind: TransitionKind::Fade,
            ..cut
        };
        assert!(no_time.is_cut());
    }
}
