//! The scenes that are in the picture, and how each comes over the one before it. Pure.

use super::crossing::{Crossing, Levels};
use super::motion::Motions;
use super::stage::{Act, Stage};

/// The scenes on the stage, as frames go by.
#[derive(Debug, Default)]
pub(super) struct Acts {
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    number: u64,
    crossing: Crossing,
    motions: Motions,
}

/// A scene that is to be drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) act: &'a Act,
    pub(super) motions: &'a Motions,
    /// How it comes over what was drawn before; of no meaning for the first.
    pub(super) crossing: &'a Crossing,
    /// How loud it is.
    pub(super) levels: Levels,
}

impl Acts {
    /// Learns that `frame` is the first one of `stage`. New scenes begin to come with it, and
    /// what changes in the others begins to move.
    pub(super) fn follow(&mut self, stage: &Stage, frame: u64, framerate: u32) {
        let mut before = std::mem::take(&mut self.running);
        for act in &stage.acts {
            let known = before.iter().position(|known| known.number == act.number);
            let mut running = match known {
                Some(known) => before.swap_remove(known),
                None => Running {
                    number: act.number,
                    crossing: Crossing::new(act.entrance, frame, framerate),
                    motions: Motions::default(),
                },
            };
            running.motions.follow(&act.items, frame, framerate);
            self.running.push(running);
        }
    }

    /// The scenes in the picture, back to front. The first one hides what was before it; of those
    /// that are left of `stage`, which was followed.
    pub(super) fn scenes<'a>(&'a self, stage: &'a Stage, frame: u64) -> Vec<Scene<'a>> {
        let skipped = self.first(frame);
        let mut scenes: Vec<Scene<'_>> = Vec::new();
        for (running, act) in self.running.iter().zip(&stage.acts).skip(skipped) {
            let mut levels = Levels::FULL;
            if !scenes.is_empty() {
                let (old, new) = running.crossing.levels(frame);
                for scene in &mut scenes {
                    scene.levels = scene.levels.times(old);
                }
                levels = new;
            }
            scenes.push(Scene {
                act,
                motions: &running.motions,
                crossing: &running.crossing,
                levels,
            });
        }
        scenes
    }

    /// The number of the scene that nothing is seen behind, and whether it is all there is.
    pub(super) fn settled(&self, frame: u64) -> Option<(u64, bool)> {
        let first = self.first(frame);
        let number = self.running.get(first)?.number;
        Some((number, first + 1 == self.running.len()))
    }

    /// The newest scene.
    pub(super) fn newest(&self) -> Option<u64> {
        self.running.last().map(|running| running.number)
    }

    fn first(&self, frame: u64) -> usize {
        let over = |running: &Running| running.crossing.is_over(frame);
        self.running.iter().rposition(over).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use sm_common::transition::{SceneTransition, TransitionKind};

    use super::*;

    const FADE: SceneTransition = SceneTransition {
        kind: TransitionKind::Fade,
        direction: sm_common::transition::Direction::Left,
        duration_ms: 1000,
        easing: sm_common::layer::Easing::Linear,
    };

    fn stage(acts: &[(u64, SceneTransition)]) -> Stage {
        let acts = acts.iter().map(|&(number, entrance)| Act {
            number,
            entrance,
            items: Vec::new(),
        });
        Stage {
            revision: Some(1),
            acts: acts.collect(),
        }
    }

    fn numbers(acts: &Acts, stage: &Stage, frame: u64) -> Vec<u64> {
        let scenes = acts.scenes(stage, frame);
        scenes.iter().map(|scene| scene.act.number).collect()
    }

    #[test]
    fn a_scene_leaves_when_the_next_has_come() {
        let mut acts = Acts::default();
        acts.follow(&stage(&[(1, FADE)]), 0, 30);
        assert_eq!(
            acts.settled(0),
            Some((1, true)),
            "there is nothing to fade from"
        );
        let both = stage(&[(1, FADE), (2, FADE)]);
        acts.follow(&both, 10, 30);
        assert_eq!(numbers(&acts, &both, 39), [1, 2]);
        assert_eq!(acts.settled(39), Some((1, false)));
        assert_eq!(numbers(&acts, &both, 40), [2]);
        assert_eq!(acts.settled(40), Some((2, true)));
        // What changes on the way begins nothing anew.
        acts.follow(&both, 25, 30);
        assert_eq!(acts.settled(40), Some((2, true)));
    }

    #[test]
    fn a_take_on_the_way_comes_over_what_is_there() {
        let mut acts = Acts::default();
        acts.follow(&stage(&[(1, FADE)]), 0, 30);
        acts.follow(&stage(&[(1, FADE), (2, FADE)]), 10, 30);
        let three = stage(&[(1, FADE), (2, FADE), (3, FADE)]);
        acts.follow(&three, 25, 30);
        assert_eq!(numbers(&acts, &three, 25), [1, 2, 3]);
        let scenes = acts.scenes(&three, 30);
        let power: f64 = scenes.iter().map(|scene| scene.levels.alone.powi(2)).sum();
        let sum: f64 = scenes.iter().map(|scene| scene.levels.shared).sum();
        assert!((power - 1.0).abs() < 1e-9 && (sum - 1.0).abs() < 1e-9);
        assert_eq!(numbers(&acts, &three, 40), [2, 3]);
        assert_eq!(numbers(&acts, &three, 55), [3]);
        let cut = stage(&[(3, FADE), (4, SceneTransition::default())]);
        acts.follow(&cut, 41, 30);
        assert_eq!(acts.settled(41), Some((4, true)));
    }
}
