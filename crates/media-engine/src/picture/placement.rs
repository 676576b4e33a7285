use sm_common::layer::{Fit, Transform};

use super::Rectangle;
use crate::number::{to_i32, to_u32, to_whole};

/// Longest side and most pixels of a picture that is kept larger than it shows because a part of
/// it is cropped away.
const SIDE_MAX: f64 = 8192.0;
const PIXELS_MAX: f64 = 16_000_000.0;

/// The part of a source that shows, as parts of its width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Window {
    /// All of it.
    pub(crate) const WHOLE: Self = Self {
        left: 0.0,
        top: 0.0,
        width: 1.0,
        height: 1.0,
    };

    /// The same part, seen from a picture that shows only `outer`.
    #[must_use]
    pub(crate) fn within(self, outer: Self) -> Self {
        Self {
            left: (self.left - outer.left) / outer.width,
            top: (self.top - outer.top) / outer.height,
            width: self.width / outer.width,
            height: self.height / outer.height,
        }
    }
}

/// What shows of a source, and where it lies on the canvas before it is rotated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Placement {
    pub(crate) place: Rectangle,
    pub(crate) window: Window,
}

impl Placement {
    /// Where `transform` puts a source of this size, to the whole pixel.
    pub(crate) fn of(transform: &Transform, (width, height): (u32, u32)) -> Self {
        let crop = transform.crop;
        let kept = (1.0 - crop.left - crop.right, 1.0 - crop.top - crop.bottom);
        let source = (f64::from(width) * kept.0, f64::from(height) * kept.1);
        let outer = (f64::from(transform.width), f64::from(transform.height));
        let (across, down) = (outer.0 / source.0, outer.1 / source.1);
        let scale = match transform.fit {
            Fit::Stretch => (across, down),
            Fit::Contain => (across.min(down), across.min(down)),
            Fit::Cover => (across.max(down), across.max(down)),
            Fit::None => (1.0, 1.0),
        };
        let anchor = transform.anchor.fractions();
        let columns = Stretch::of(source.0 * scale.0, transform.width, anchor.0);
        let rows = Stretch::of(source.1 * scale.1, transform.height, anchor.1);
        Self {
            place: Rectangle {
                x: transform.x.saturating_add(columns.offset),
                y: transform.y.saturating_add(rows.offset),
                width: columns.length,
                height: rows.length,
            },
            window: Window {
                left: kept.0.mul_add(columns.skipped, crop.left),
                top: kept.1.mul_add(rows.skipped, crop.top),
                width: kept.0 * columns.part,
                height: kept.1 * rows.part,
            },
        }
    }

    /// The size in which the whole source is to be kept so that the part that shows lies pixel on
    /// pixel, as far as that does not take too much memory.
    pub(crate) fn whole_size(&self) -> (u32, u32) {
        let width = f64::from(self.place.width) / self.window.width;
        let height = f64::from(self.place.height) / self.window.height;
        let side = (SIDE_MAX / width.max(height)).min(1.0);
        let pixels = (PIXELS_MAX / (width * height)).sqrt().min(1.0);
        let shrink = if self.window == Window::WHOLE {
            1.0
        } else {
            side.min(pixels)
        };
        let whole = |length: f64| to_u32(to_whole(length * shrink)).max(1);
        (whole(width), whole(height))
    }
}

/// A source in its box, along one axis.
struct Stretch {
    /// From the start of the box to that of the source.
    offset: i32,
    length: u32,
    /// Parts of the source that lie before the box, and in it.
    skipped: f64,
    part: f64,
}

impl Stretch {
    fn of(drawn: f64, outer: u32, anchor: f64) -> Self {
        let whole = f64::from(outer);
        let length = to_u32(to_whole(drawn)).max(1);
        if length <= outer {
            let free = f64::from(outer - length);
            return Self {
                offset: to_i32(free * anchor),
                length,
                skipped: 0.0,
                part: 1.0,
            };
        }
        let part = whole / drawn;
        Self {
            offset: 0,
            length: outer,
            skipped: (1.0 - part) * anchor,
            part,
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::layer::{Anchor, Crop};

    use super::*;

    const NO: [f64; 4] = [0.0; 4];
    const WHOLE: [f64; 4] = [0.0, 0.0, 1.0, 1.0];
    /// The left half of a source.
    const LEFT: [f64; 4] = [0.0, 0.0, 0.5, 0.0];
    const MIDDLE: [f64; 4] = [0.25, 0.0, 0.25, 0.5];

    type Case = (Fit, Anchor, [f64; 4], (u32, u32), [i64; 4], [f64; 4]);

    #[rustfmt::skip]
    const CASES: [Case; 12] = [
        (Fit::Stretch, Anchor::Center, NO, (50, 50), [10, 20, 200, 100], WHOLE),
        (Fit::Stretch, Anchor::Center, MIDDLE, (50, 50), [10, 20, 200, 100], [0.25, 0.0, 0.5, 0.5]),
        (Fit::Contain, Anchor::Center, NO, (50, 50), [60, 20, 100, 100], WHOLE),
        (Fit::Contain, Anchor::TopLeft, NO, (50, 50), [10, 20, 100, 100], WHOLE),
        (Fit::Contain, Anchor::Right, NO, (50, 50), [110, 20, 100, 100], WHOLE),
        (Fit::Contain, Anchor::Bottom, NO, (400, 100), [10, 70, 200, 50], WHOLE),
        (Fit::Contain, Anchor::Left, LEFT, (100, 50), [10, 20, 100, 100], [0.0, 0.0, 0.5, 1.0]),
        (Fit::Cover, Anchor::Center, NO, (50, 50), [10, 20, 200, 100], [0.0, 0.25, 1.0, 0.5]),
        (Fit::Cover, Anchor::Top, NO, (50, 50), [10, 20, 200, 100], [0.0, 0.0, 1.0, 0.5]),
        (Fit::Cover, Anchor::BottomRight, NO, (400, 100), [10, 20, 200, 100], [0.5, 0.0, 0.5, 1.0]),
        (Fit::None, Anchor::Center, NO, (50, 50), [85, 45, 50, 50], WHOLE),
        (Fit::None, Anchor::BottomRight, NO, (400, 50), [10, 70, 200, 50], [0.5, 0.0, 0.5, 1.0]),
    ];

    fn placed(fit: Fit, anchor: Anchor, crop: [f64; 4], size: (u32, u32)) -> ([i64; 4], [f64; 4]) {
        let [left, top, right, bottom] = crop;
        let transform = Transform {
            crop: Crop {
                left,
                top,
                right,
                bottom,
            },
            fit,
            anchor,
            ..Transform::plain(10, 20, 200, 100)
        };
        let Placement { place, window } = Placement::of(&transform, size);
        (
            [
                place.x.into(),
                place.y.into(),
                place.width.into(),
                place.height.into(),
            ],
            [window.left, window.top, window.width, window.height],
        )
    }

    #[test]
    fn a_source_lies_in_its_box_as_fit_anchor_and_crop_say() {
        for (fit, anchor, crop, size, place, window) in CASES {
            let (at, part) = placed(fit, anchor, crop, size);
            assert_eq!(at, place, "{fit:?} {anchor:?} {size:?}");
            for (is, wanted) in part.iter().zip(window) {
                assert!((is - wanted).abs() < 1e-9, "{fit:?} {anchor:?} {part:?}");
            }
        }
    }

    #[test]
    fn the_whole_of_a_cropped_picture_is_kept_in_bounds() {
        let transform = Transform {
            crop: Crop {
                left: 0.5,
                ..Crop::default()
            },
            ..Transform::plain(0, 0, 100, 100)
        };
        assert_eq!(Placement::of(&transform, (9, 9)).whole_size(), (200, 100));
        let transform = Transform {
            crop: Crop {
                left: 0.99,
                top: 0.99,
                ..Crop::default()
            },
            ..Transform::plain(0, 0, 8192, 8192)
        };
        let (width, height) = Placement::of(&transform, (9, 9)).whole_size();
        assert!(width <= 8192 && u64::from(width) * u64::from(height) <= 16_008_001);
    }
}
