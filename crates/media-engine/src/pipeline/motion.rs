//! How layers get from what they were to what they are to be: frame by frame, by frame numbers
//! alone. Pure.

use std::collections::BTreeMap;

use sm_common::id::LayerId;
use sm_common::layer::{Crop, Easing, Transform};

use super::stage::{Item, Surface};
use crate::number::{to_f64, to_i32, to_u32, to_whole};

/// What of a layer can move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub(super) transform: Transform,
    pub(super) opacity: f64,
    /// Linear volume.
    pub(super) gain: f64,
}

/// The members of a [`Look`] as numbers.
type Numbers = [f64; 12];

impl Look {
    /// What an item is to be.
    fn wanted(item: &Item) -> Self {
        Self {
            transform: item.transform,
            opacity: item.opacity,
            gain: item.voice.as_ref().map_or(0.0, |voice| voice.gain),
        }
    }

    fn unseen(self) -> Self {
        Self {
            opacity: 0.0,
            gain: 0.0,
            ..self
        }
    }

    fn numbers(&self) -> Numbers {
        let Transform {
            x,
            y,
            width,
            height,
            crop,
            rotation,
            corner_radius,
            ..
        } = self.transform;
        [
            f64::from(x),
            f64::from(y),
            f64::from(width),
            f64::from(height),
            crop.left,
            crop.top,
            crop.right,
            crop.bottom,
            rotation,
            corner_radius,
            self.opacity,
            self.gain,
        ]
    }

    /// With these numbers; the box to the nearest whole pixel.
    fn with(&self, numbers: Numbers) -> Self {
        let [
            x,
            y,
            width,
            height,
            left,
            top,
            right,
            bottom,
            rotation,
            corner_radius,
            opacity,
            gain,
        ] = numbers;
        Self {
            transform: Transform {
                x: to_i32(x),
                y: to_i32(y),
                width: to_u32(to_whole(width)).max(1),
                height: to_u32(to_whole(height)).max(1),
                crop: Crop {
                    left,
                    top,
                    right,
                    bottom,
                },
                rotation,
                corner_radius,
                ..self.transform
            },
            opacity,
            gain,
        }
    }
}

/// A way from one look to another.
#[derive(Clone, Copy, Debug)]
struct Motion {
    from: Numbers,
    to: Look,
    /// The frame that still shows what was.
    start: u64,
    /// Until the frame that shows what is to be.
    frames: u64,
    easing: Easing,
}

impl Motion {
    fn numbers_at(&self, frame: u64) -> Numbers {
        let passed = frame.saturating_sub(self.start);
        if passed >= self.frames {
            return self.to.numbers();
        }
        let part = eased(self.easing, to_f64(passed) / to_f64(self.frames));
        let mut numbers = self.from;
        for (number, to) in numbers.iter_mut().zip(self.to.numbers()) {
            *number = (to - *number).mul_add(part, *number);
        }
        numbers
    }

    fn at(&self, frame: u64) -> Look {
        if frame.saturating_sub(self.start) >= self.frames {
            self.to
        } else {
            self.to.with(self.numbers_at(frame))
        }
    }
}

/// How far a change is when this part of its time, 0 to 1, has passed.
pub(super) fn eased(easing: Easing, part: f64) -> f64 {
    let left = 1.0 - part;
    match easing {
        Easing::Linear => part,
        Easing::EaseIn => part * part,
        Easing::EaseOut => 1.0 - left * left,
        Easing::EaseInOut if part < 0.5 => 2.0 * part * part,
        Easing::EaseInOut => 1.0 - 2.0 * left * left,
    }
}

/// The motions of all layers of a scene.
#[derive(Debug, Default)]
pub(super) struct Motions {
    layers: BTreeMap<LayerId, Motion>,
    begun: bool,
}

impl Motions {
    /// Learns that `frame` is the first one of these items. Whatever is to change begins to move
    /// with it, from where it is by then. A layer that was not in the picture fades in, unless it
    /// is there from the start of the scene.
    pub(super) fn follow(&mut self, items: &[Item], frame: u64, framerate: u32) {
        self.layers
            .retain(|id, _| items.iter().any(|item| item.layer == *id));
        for item in items {
            let to = Look::wanted(item);
            let known = self.layers.get(&item.layer);
            if known.is_some_and(|motion| motion.to == to)
                || (known.is_none() && self.begun && matches!(item.surface, Surface::Empty))
            {
                // Where it should be; or nothing that could fade in has arrived yet.
                continue;
            }
            let from = match known.map(|motion| motion.numbers_at(frame)) {
                Some(now) if !is_unseen(&now) => now,
                // What nobody sees is moved before it shows.
                Some(_) => to.unseen().numbers(),
                None if self.begun => to.unseen().numbers(),
                None => to.numbers(),
            };
            let motion = Motion {
                from,
                to,
                start: frame,
                frames: frames_of(item.transition.duration_ms, framerate),
                easing: item.transition.easing,
            };
            self.layers.insert(item.layer, motion);
        }
        self.begun = true;
    }

    /// What the item looks like on `frame`.
    pub(super) fn look(&self, item: &Item, frame: u64) -> Look {
        match self.layers.get(&item.layer) {
            Some(motion) => motion.at(frame),
            None => Look::wanted(item),
        }
    }
}

fn is_unseen(numbers: &Numbers) -> bool {
    let [.., opacity, gain] = *numbers;
    opacity <= 0.0 && gain <= 0.0
}

/// The frames that come nearest to a duration; at least one where there is any.
pub(super) fn frames_of(duration_ms: u32, framerate: u32) -> u64 {
    let thousandths = u64::from(duration_ms) * u64::from(framerate);
    ((thousandths + 500) / 1000).max(u64::from(duration_ms > 0))
}

#[cfg(test)]
mod tests {
    use sm_common::layer::{Blend, Transition};

    use super::*;
    use crate::picture::{Opacity, Yuv};

    fn item(layer: LayerId, x: i32, duration_ms: u32) -> Item {
        Item {
            layer,
            transform: Transform::plain(x, 0, 10, 10),
            opacity: 1.0,
            blend: Blend::Normal,
            transition: Transition {
                duration_ms,
                easing: Easing::Linear,
            },
            surface: Surface::Solid(Yuv::BLACK, Opacity::FULL),
            voice: None,
        }
    }

    fn x(motions: &Motions, items: &[Item], frame: u64) -> i32 {
        motions.look(&items[0], frame).transform.x
    }

    #[test]
    fn easings_begin_and_end_exactly_and_are_half_way_where_they_should() {
        let cases = [
            (Easing::Linear, 0.25, 0.5, 0.75),
            (Easing::EaseIn, 0.0625, 0.25, 0.5625),
            (Easing::EaseOut, 0.4375, 0.75, 0.9375),
            (Easing::EaseInOut, 0.125, 0.5, 0.875),
        ];
        for (easing, first, half, last) in cases {
            let parts = [
                (0.0, 0.0),
                (0.25, first),
                (0.5, half),
                (0.75, last),
                (1.0, 1.0),
            ];
            for (part, wanted) in parts {
                let is = eased(easing, part);
                assert!(
                    (is - wanted).abs() < f64::EPSILON,
                    "{easing:?} {part}: {is}"
                );
            }
        }
    }

    #[test]
    fn durations_are_whole_frames() {
        let cases = [(0, 0), (1, 1), (33, 1), (50, 2), (1000, 30), (60_000, 1800)];
        for (duration_ms, frames) in cases {
            assert_eq!(frames_of(duration_ms, 30), frames, "{duration_ms} ms");
        }
    }

    #[test]
    fn a_change_is_exact_on_its_first_and_last_frame() {
        let id = LayerId::generate();
        let mut motions = Motions::default();
        motions.follow(&[item(id, 0, 1000)], 0, 30);
        let moved = [item(id, 300, 1000)];
        motions.follow(&moved, 100, 30);
        for frame in 0..=30 {
            let at = i32::try_from(frame).unwrap() * 10;
            assert_eq!(x(&motions, &moved, 100 + frame), at);
        }
        assert_eq!(x(&motions, &moved, 1_000_000), 300);
    }

    #[test]
    fn a_change_on_the_way_goes_on_from_where_the_layer_is() {
        let id = LayerId::generate();
        let mut motions = Motions::default();
        motions.follow(&[item(id, 0, 1000)], 0, 30);
        motions.follow(&[item(id, 300, 1000)], 100, 30);
        let back = [item(id, 0, 500)];
        motions.follow(&back, 115, 30);
        assert_eq!(x(&motions, &back, 115), 150);
        assert_eq!(x(&motions, &back, 116), 140);
        assert_eq!(x(&motions, &back, 130), 0);
        // The same scene again, as when a clock ticks, begins nothing anew.
        motions.follow(&back, 120, 30);
        assert_eq!(x(&motions, &back, 125), 50);
    }

    #[test]
    fn without_a_transition_a_change_is_at_once() {
        let id = LayerId::generate();
        let mut motions = Motions::default();
        motions.follow(&[item(id, 0, 1000)], 0, 30);
        let moved = [item(id, 300, 0)];
        motions.follow(&moved, 100, 30);
        assert_eq!(x(&motions, &moved, 100), 300);
    }

    #[test]
    fn a_new_layer_fades_in_but_not_with_the_program() {
        let (first, second) = (LayerId::generate(), LayerId::generate());
        let mut motions = Motions::default();
        let start = [item(first, 0, 1000)];
        motions.follow(&start, 0, 30);
        let opacity = |motions: &Motions, item: &Item, frame| motions.look(item, frame).opacity;
        assert!((opacity(&motions, &start[0], 0) - 1.0).abs() < f64::EPSILON);
        let more = [item(first, 0, 1000), item(second, 0, 1000)];
        motions.follow(&more, 30, 30);
        for (frame, wanted) in [(30, 0.0), (45, 0.5), (60, 1.0)] {
            let is = opacity(&motions, &more[1], frame);
            assert!((is - wanted).abs() < f64::EPSILON, "{frame}: {is}");
        }
    }
}
