//! One scene over another: how far, where, and how loud. Pure.

use sm_common::transition::{Direction, SceneTransition, TransitionKind};

use super::motion::{eased, frames_of};
use crate::number::{to_f64, to_i32, to_usize, to_whole};
use crate::picture::{Canvas, Opacity, View};

/// How a scene comes over the one before it, by frame numbers alone. The frame that begins it still
/// shows what was; as many frames later the new scene is all there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    transition: SceneTransition,
    start: u64,
    frames: u64,
}

/// What becomes of the two pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mix {
    /// The new one is not to be seen yet.
    Before,
    /// It shows through the old one.
    Fade(Opacity),
    /// This part of it lies over the old one: left, top, width and height.
    Wipe([usize; 4]),
    /// It has moved in from there, and pushed the old one there.
    Slide { from: (i32, i32), to: (i32, i32) },
}

/// How loud the scenes on both sides are, of what only one of them plays and of what both do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    /// Of equal power: the sum of the squares is 1.
    pub(super) alone: f64,
    /// Of equal sum: it is the same sound.
    pub(super) shared: f64,
}

impl Levels {
    pub(super) const FULL: Self = Self {
        alone: 1.0,
        shared: 1.0,
    };

    pub(super) fn times(self, other: Self) -> Self {
        Self {
            alone: self.alone * other.alone,
            shared: self.shared * other.shared,
        }
    }
}

impl Crossing {
    /// Begins with this frame.
    pub(super) fn new(transition: SceneTransition, start: u64, framerate: u32) -> Self {
        let frames = if transition.is_cut() {
            0
        } else {
            frames_of(transition.duration_ms, framerate)
        };
        Self {
            transition,
            start,
            frames,
        }
    }

    /// Whether the old scene is gone on this frame.
    pub(super) fn is_over(&self, frame: u64) -> bool {
        frame.saturating_sub(self.start) >= self.frames
    }

    /// How far it is, 0 to 1.
    fn part(&self, frame: u64) -> f64 {
        if self.is_over(frame) {
            return 1.0;
        }
        let passed = to_f64(frame.saturating_sub(self.start));
        eased(self.transition.easing, passed / to_f64(self.frames))
    }

    /// How loud the old scene is, and the new one.
    pub(super) fn levels(&self, frame: u64) -> (Levels, Levels) {
        let part = self.part(frame);
        let (new, old) = (part * std::f64::consts::FRAC_PI_2).sin_cos();
        let levels = |alone, shared| Levels { alone, shared };
        if self.is_over(frame) {
            // The cosine is not quite 0.
            return (levels(0.0, 0.0), Levels::FULL);
        }
        (levels(old, 1.0 - part), levels(new, part))
    }

    /// What becomes of two pictures of this size. Edges lie between pairs of pixels, which share
    /// their colour.
    pub(super) fn mix(&self, frame: u64, (width, height): (u32, u32)) -> Mix {
        let part = self.part(frame);
        let across = even(part, width);
        let down = even(part, height);
        let direction = self.transition.direction;
        let is_whole = |length, side: u32| length >= u64::from(side);
        match self.transition.kind {
            _ if part <= 0.0 => Mix::Before,
            TransitionKind::Cut => Mix::Fade(Opacity::FULL),
            TransitionKind::Fade => Mix::Fade(Opacity::new(part)),
            TransitionKind::Wipe => {
                let (all_across, all_down) = (u64::from(width), u64::from(height));
                let across = if is_whole(across, width) {
                    all_across
                } else {
                    across
                };
                let down = if is_whole(down, height) {
                    all_down
                } else {
                    down
                };
                Mix::Wipe(
                    match direction {
                        Direction::Left => [all_across - across, 0, across, all_down],
                        Direction::Right => [0, 0, across, all_down],
                        Direction::Up => [0, all_down - down, all_across, down],
                        Direction::Down => [0, 0, all_across, down],
                    }
                    .map(to_usize),
                )
            }
            TransitionKind::Slide => {
                let signed = |length| to_i32(to_f64(length));
                let (across, down) = (signed(across), signed(down));
                let (width, height) = (signed(u64::from(width)), signed(u64::from(height)));
                let (from, to) = match direction {
                    Direction::Left => ((-across, 0), (width - across, 0)),
                    Direction::Right => ((across, 0), (across - width, 0)),
                    Direction::Up => ((0, -down), (0, height - down)),
                    Direction::Down => ((0, down), (0, down - height)),
                };
                Mix::Slide { from, to }
            }
        }
    }
}

/// A part of a length, to the nearest even number of pixels.
fn even(part: f64, length: u32) -> u64 {
    to_whole(part * f64::from(length) / 2.0) * 2
}

/// Draws the new picture over the old one, which the canvas holds.
pub(super) fn lay_over(canvas: &mut Canvas<'_>, new: &View<'_>, mix: Mix) {
    match mix {
        Mix::Before => {}
        Mix::Fade(opacity) => canvas.draw(0, 0, new, opacity),
        Mix::Wipe([x, y, width, height]) => {
            let corner = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
            let part = new.part([x, y, width, height]);
            canvas.draw(corner(x), corner(y), &part, Opacity::FULL);
        }
        Mix::Slide { to: (x, y), .. } => canvas.draw(x, y, new, Opacity::FULL),
    }
}

#[cfg(test)]
mod tests {
    use sm_common::layer::Easing;

    use super::*;

    const SIZE: (u32, u32) = (320, 180);

    fn crossing(kind: TransitionKind, direction: Direction) -> Crossing {
        let transition = SceneTransition {
            kind,
            direction,
            duration_ms: 1000,
            easing: Easing::Linear,
        };
        Crossing::new(transition, 100, 30)
    }

    #[test]
    fn a_fade_has_exactly_its_frames() {
        let fade = crossing(TransitionKind::Fade, Direction::Left);
        assert_eq!(fade.mix(100, SIZE), Mix::Before);
        for frame in 1..30_u32 {
            let wanted = Opacity::new(f64::from(frame) / 30.0);
            assert_eq!(fade.mix(100 + u64::from(frame), SIZE), Mix::Fade(wanted));
        }
        assert!(!fade.is_over(129) && fade.is_over(130));
    }

    #[test]
    fn the_sound_keeps_its_power_and_what_both_play_its_level() {
        let fade = crossing(TransitionKind::Fade, Direction::Left);
        for frame in 100..=130 {
            let (old, new) = fade.levels(frame);
            let power = old.alone * old.alone + new.alone * new.alone;
            assert!((power - 1.0).abs() < 1e-9, "frame {frame}: {power}");
            assert!((old.shared + new.shared - 1.0).abs() < 1e-9);
        }
        assert!(fade.levels(100).1.alone < f64::EPSILON);
        assert_eq!(
            fade.levels(130),
            (
                Levels {
                    alone: 0.0,
                    shared: 0.0
                },
                Levels::FULL
            )
        );
    }

    #[test]
    fn edges_move_where_they_are_told_to() {
        use Direction::{Down, Left, Right, Up};
        // Half way.
        let wipes = [
            (Left, [160, 0, 160, 180]),
            (Right, [0, 0, 160, 180]),
            (Up, [0, 90, 320, 90]),
            (Down, [0, 0, 320, 90]),
        ];
        for (direction, part) in wipes {
            let wipe = crossing(TransitionKind::Wipe, direction);
            assert_eq!(wipe.mix(115, SIZE), Mix::Wipe(part), "{direction:?}");
        }
        let slides = [
            (Left, (-160, 0), (160, 0)),
            (Right, (160, 0), (-160, 0)),
            (Up, (0, -90), (0, 90)),
            (Down, (0, 90), (0, -90)),
        ];
        for (direction, from, to) in slides {
            let slide = crossing(TransitionKind::Slide, direction);
            assert_eq!(
                slide.mix(115, SIZE),
                Mix::Slide { from, to },
                "{direction:?}"
            );
        }
        // A side with an odd number of pixels.
        let wipe = crossing(TransitionKind::Wipe, Left);
        for frame in 101..130 {
            let Mix::Wipe([x, _, width, _]) = wipe.mix(frame, (321, 181)) else {
                panic!("a wipe");
            };
            assert_eq!(x + width, 321);
        }
    }

    #[test]
    fn a_cut_takes_no_time_and_a_short_one_a_frame() {
        let of = |kind, duration_ms| {
            let transition = SceneTransition {
                kind,
                duration_ms,
                ..SceneTransition::default()
            };
            Crossing::new(transition, 7, 30)
        };
        assert!(of(TransitionKind::Cut, 1000).is_over(7));
        assert!(of(TransitionKind::Fade, 0).is_over(7));
        let short = of(TransitionKind::Fade, 1);
        assert!(!short.is_over(7) && short.is_over(8));
    }
}
