use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Color;
use crate::id::AssetId;

/// Where lines start in the layer's box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextAlign {
    /// At the left edge.
    #[default]
    Left,
    /// In the middle.
    Center,
    /// At the right edge.
    Right,
}

/// Where the lines as a whole stand in the layer's box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerticalAlign {
    /// At the upper edge.
    Top,
    /// In the middle.
    #[default]
    Middle,
    /// At the lower edge.
    Bottom,
}

/// What becomes of a line that is wider than the layer's box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextWrap {
    /// It goes on in the next line, after a word where there is one.
    #[default]
    Word,
    /// It is cut off.
    None,
}

/// A line around every letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextOutline {
    /// Its colour.
    pub color: Color,
    /// How far it reaches beyond the letters, in canvas pixels, 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    pub width: u32,
}

/// A shadow of letters and outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextShadow {
    /// Its colour.
    pub color: Color,
    /// How far it lies to the right, in canvas pixels, -200 to 200; 2 unless said otherwise.
    #[serde(default = "shadow_offset")]
    #[schema(minimum = -200, maximum = 200)]
    pub x: i32,
    /// How far it lies below, in canvas pixels, -200 to 200; 2 unless said otherwise.
    #[serde(default = "shadow_offset")]
    #[schema(minimum = -200, maximum = 200)]
    pub y: i32,
    /// How far its edge runs out, in canvas pixels, 0 (sharp) to 100.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    pub blur: u32,
}

fn shadow_offset() -> i32 {
    2
}

/// How text looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TextStyle {
    /// Font family, such as `DejaVu Sans`; 1 to 64 letters, digits, spaces and hyphens.
    #[schema(max_length = 64)]
    pub font: String,
    /// An uploaded font that is used instead; where it cannot be read, `font` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font_asset: Option<AssetId>,
    /// Height of the font in canvas pixels, 4 to 1000.
    #[schema(minimum = 4, maximum = 1000)]
    pub size: u32,
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Colour of the letters.
    pub color: Color,
    /// Colour behind the whole layer; clear when absent.
    pub background: Option<Color>,
    /// Radius of the background's corners in canvas pixels, 0 to 1000.
    #[schema(minimum = 0, maximum = 1000)]
    pub background_radius: u32,
    /// Pixels that letters keep away from the layer's edges, 0 to 1000. When absent, a third of
    /// the size at the left and right over a background, and none without one.
    #[schema(minimum = 0, maximum = 1000)]
    pub padding: Option<u32>,
    /// Where lines start.
    pub align: TextAlign,
    /// Where the lines as a whole stand.
    pub vertical_align: VerticalAlign,
    /// What becomes of lines that are too wide.
    pub wrap: TextWrap,
    /// Whether letters become smaller, down to 4 pixels, until all of the text fits into the layer.
    pub shrink: bool,
    /// Distance of lines in percent of what is usual for the size, 50 to 400.
    #[schema(minimum = 50, maximum = 400)]
    pub line_spacing: u32,
    /// Pixels between letters beside what the font says, -100 to 500.
    #[schema(minimum = -100, maximum = 500)]
    pub letter_spacing: i32,
    /// A line around every letter.
    pub outline: Option<TextOutline>,
    /// A shadow of letters and outline.
    pub shadow: Option<TextShadow>,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            font: "DejaVu Sans".to_owned(),
            font_asset: None,
            size: 48,
            bold: false,
            italic: false,
            color: Color::WHITE,
            background: None,
            background_radius: 0,
            padding: None,
            align: TextAlign::Left,
            vertical_align: VerticalAlign::Middle,
            wrap: TextWrap::Word,
            shrink: false,
            line_spacing: 100,
            letter_spacing: 0,
            outline: None,
            shadow: None,
        }
    }
}
