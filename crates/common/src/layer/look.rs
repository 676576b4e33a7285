//! Where a layer is, how its source lies there, and how it joins what is behind it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a layer is on the canvas, in canvas pixels, and how its source lies in that box. Parts
/// outside the canvas are cut off.
///
/// `x`, `y`, `width` and `height` are always the unrotated box. The source is cropped, then
/// fitted into the box, then its corners are rounded, then it is rotated around the anchor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// Left edge, -16384 to 16384.
    #[schema(minimum = -16384, maximum = 16384)]
    pub x: i32,
    /// Top edge, -16384 to 16384.
    #[schema(minimum = -16384, maximum = 16384)]
    pub y: i32,
    /// Width, 1 to 8192.
    #[schema(minimum = 1, maximum = 8192)]
    pub width: u32,
    /// Height, 1 to 8192.
    #[schema(minimum = 1, maximum = 8192)]
    pub height: u32,
    /// What is cut off the source before it is fitted.
    #[serde(default)]
    pub crop: Crop,
    /// How the source fills the box.
    #[serde(default)]
    pub fit: Fit,
    /// Where a source lies that does not fill the box or is cut by it, and the point around
    /// which the box is rotated.
    #[serde(default)]
    pub anchor: Anchor,
    /// Clockwise, in degrees, -360 to 360.
    #[serde(default)]
    #[schema(minimum = -360, maximum = 360)]
    pub rotation: f64,
    /// Radius of the corners of what shows of the source, 0 to 4096; at most half of its
    /// shorter side has an effect.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 4096)]
    pub corner_radius: f64,
}

impl Transform {
    /// A box that its source fills.
    pub const fn plain(x: i32, y: i32, width: u32, height: u32) -> Self {
        Self {
            x,
            y,
            width,
            height,
            crop: Crop {
                left: 0.0,
                top: 0.0,
                right: 0.0,
                bottom: 0.0,
            },
            fit: Fit::Stretch,
            anchor: Anchor::Center,
            rotation: 0.0,
            corner_radius: 0.0,
        }
    }
}

/// What is cut off a source, as parts of its width and height: the same for a source of any
/// resolution. Left and right together, and top and bottom together, are at most 0.99.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    /// From the left edge, 0 to 0.99 of the width.
    #[schema(minimum = 0, maximum = 0.99)]
    pub left: f64,
    /// From the top edge, 0 to 0.99 of the height.
    #[schema(minimum = 0, maximum = 0.99)]
    pub top: f64,
    /// From the right edge, 0 to 0.99 of the width.
    #[schema(minimum = 0, maximum = 0.99)]
    pub right: f64,
    /// From the bottom edge, 0 to 0.99 of the height.
    #[schema(minimum = 0, maximum = 0.99)]
    pub bottom: f64,
}

/// The most that opposite sides of a [`Crop`] may take together.
pub const CROP_MAX: f64 = 0.99;

/// How a source fills its layer's box. Colours, test patterns, text and clocks are drawn in the
/// size of the box and fill it anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Exactly, whatever that does to its proportions.
    #[default]
    Stretch,
    /// As large as fits in its proportions; the rest of the box is clear.
    Contain,
    /// As small as covers the box in its proportions; what overlaps is cut off.
    Cover,
    /// In its own size, a pixel on a pixel; what overlaps is cut off.
    None,
}

/// One of nine points of a box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Upper left corner.
    TopLeft,
    /// Middle of the upper edge.
    Top,
    /// Upper right corner.
    TopRight,
    /// Middle of the left edge.
    Left,
    /// The middle.
    #[default]
    Center,
    /// Middle of the right edge.
    Right,
    /// Lower left corner.
    BottomLeft,
    /// Middle of the lower edge.
    Bottom,
    /// Lower right corner.
    BottomRight,
}

impl Anchor {
    /// Where it is, as parts of the box's width and height.
    pub const fn fractions(self) -> (f64, f64) {
        match self {
            Self::TopLeft => (0.0, 0.0),
            Self::Top => (0.5, 0.0),
            Self::TopRight => (1.0, 0.0),
            Self::Left => (0.0, 0.5),
            Self::Center => (0.5, 0.5),
            Self::Right => (1.0, 0.5),
            Self::BottomLeft => (0.0, 1.0),
            Self::Bottom => (0.5, 1.0),
            Self::BottomRight => (1.0, 1.0),
        }
    }
}

/// How the colours of a layer and of what is behind it become one. Computed in red, green and
/// blue as they are encoded (not in light), as picture editors do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Blend {
    /// The layer's colour.
    #[default]
    Normal,
    /// The product: never lighter than either.
    Multiply,
    /// The product of what is missing to white: never darker than either.
    Screen,
    /// The sum, at most white.
    Add,
    /// The lesser of each component.
    Darken,
    /// The greater of each component.
    Lighten,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_of_old_fills_its_box_and_stands_upright() {
        let old = serde_json::json!({"x": 1, "y": -2, "width": 3, "height": 4});
        let read: Transform = serde_json::from_value(old).unwrap();
        assert_eq!(read, Transform::plain(1, -2, 3, 4));
        let written = serde_json::to_value(read).unwrap();
        assert_eq!(written["crop"]["left"], 0.0);
        assert_eq!(
            (&written["fit"], &written["anchor"]),
            (&"stretch".into(), &"center".into())
        );
        assert_eq!(serde_json::from_value::<Transform>(written).unwrap(), read);
    }
}
