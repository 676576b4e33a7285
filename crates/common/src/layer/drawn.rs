//! Pictures that are drawn: colours, test patterns, gradients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;

/// One colour over the whole layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColorSource {
    /// The colour.
    pub color: Color,
}

/// A generated picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// SMPTE colour bars.
    #[default]
    Smpte,
    /// A ball that moves over black.
    Ball,
    /// Bars of full colour.
    Bars,
    /// A checkerboard of single pixels.
    Checkers,
    /// A gradient.
    Gradient,
    /// White noise.
    Snow,
}

/// A generated test picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPatternSource {
    /// Which one; SMPTE bars unless said otherwise.
    #[serde(default)]
    pub pattern: Pattern,
}

/// A colour of a gradient, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GradientStop {
    /// Percent of the way from the first edge to the last, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    pub offset: u32,
    /// The colour there.
    pub color: Color,
}

/// How the colours of a gradient lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GradientShape {
    /// Along a line, from edge to edge.
    #[default]
    Linear,
    /// From the middle outwards to the corners, in the layer's proportions.
    Radial,
}

impl GradientShape {
    /// Whether it is the one that older readers know.
    pub fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}

/// Colours that run into each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GradientSource {
    /// 2 to 16 colours, in the order of their offsets.
    #[schema(min_items = 2, max_items = 16)]
    pub stops: Vec<GradientStop>,
    /// Direction in degrees, 0 to 359: 0 from left to right, 90 from top to bottom.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 359)]
    pub angle: u32,
    /// How they lie. The angle is that of a linear one.
    #[serde(default, skip_serializing_if = "GradientShape::is_linear")]
    pub shape: GradientShape,
}
