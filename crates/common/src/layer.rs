//! Layers: what each kind shows, and where.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AssetId, LayerId, SceneId, StreamId};
use crate::stream::LayerStatus;

/// A colour with alpha; `#rrggbb` or `#rrggbbaa` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
    /// Alpha, 0 (clear) to 255 (opaque).
    pub alpha: u8,
}

impl Color {
    /// Opaque white.
    pub const WHITE: Self = Self {
        red: 255,
        green: 255,
        blue: 255,
        alpha: 255,
    };

    /// The colour as `0xAARRGGBB`.
    pub const fn to_argb(self) -> u32 {
        u32::from_be_bytes([self.alpha, self.red, self.green, self.blue])
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)?;
        if self.alpha == 255 {
            Ok(())
        } else {
            write!(f, "{:02x}", self.alpha)
        }
    }
}

/// The text is not a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb or #rrggbbaa")]
pub struct ParseColorError;

impl FromStr for Color {
    type Err = ParseColorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').ok_or(ParseColorError)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseColorError);
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_overflow| ParseColorError)?;
        let [red, green, blue, alpha] = match digits.len() {
            6 => ((value << 8) | 0xff).to_be_bytes(),
            8 => value.to_be_bytes(),
            _ => return Err(ParseColorError),
        };
        Ok(Self {
            red,
            green,
            blue,
            alpha,
        })
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Color {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})$"))
            .examples(["#ff8800", "#00000080"])
            .build()
            .into()
    }
}

impl ToSchema for Color {}

/// Where a layer is on the canvas, in canvas pixels. Parts outside the canvas are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
}

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

/// An uploaded picture, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSource {
    /// The picture.
    pub asset: AssetId,
}

/// An uploaded video, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VideoSource {
    /// The video.
    pub asset: AssetId,
    /// Starts again at its end; otherwise its last frame stays.
    #[serde(rename = "loop", default = "yes")]
    pub looping: bool,
}

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

/// How text looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TextStyle {
    /// Font family, such as `DejaVu Sans`; 1 to 64 letters, digits, spaces and hyphens.
    #[schema(max_length = 64)]
    pub font: String,
    /// Height of the font in canvas pixels, 4 to 1000.
    #[schema(minimum = 4, maximum = 1000)]
    pub size: u32,
    /// Bold.
    pub bold: bool,
    /// Colour of the letters.
    pub color: Color,
    /// Colour behind the whole layer; clear when absent.
    pub background: Option<Color>,
    /// Where lines start.
    pub align: TextAlign,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            font: "DejaVu Sans".to_owned(),
            size: 48,
            bold: false,
            color: Color::WHITE,
            background: None,
            align: TextAlign::Left,
        }
    }
}

/// Text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSource {
    /// The text, at most 2000 characters; line breaks are kept.
    #[schema(max_length = 2000)]
    pub text: String,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
}

/// The time of day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSource {
    /// `strftime` form, at most 64 characters; `%H:%M:%S` unless said otherwise. In the time zone
    /// of the engine's host.
    #[serde(default = "clock_format")]
    #[schema(max_length = 64)]
    pub format: String,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
}

fn yes() -> bool {
    true
}

fn clock_format() -> String {
    "%H:%M:%S".to_owned()
}

macro_rules! layer_kinds {
    ($($(#[$doc:meta])* $name:ident($source:ty) = $text:literal),+ $(,)?) => {
        /// What a layer shows, by kind.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(tag = "kind", content = "source", rename_all = "kebab-case")]
        pub enum LayerSource {
            $($(#[$doc])* $name($source)),+
        }

        /// The kind of a layer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum LayerKind {
            $($(#[$doc])* $name),+
        }

        impl LayerKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind's name in bodies.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }

        impl LayerSource {
            /// The kind.
            pub const fn kind(&self) -> LayerKind {
                match self { $(Self::$name(_) => LayerKind::$name),+ }
            }
        }
    };
}

layer_kinds! {
    /// One colour.
    Color(ColorSource) = "color",
    /// A generated test picture.
    TestPattern(TestPatternSource) = "test-pattern",
    /// An uploaded picture.
    Image(ImageSource) = "image",
    /// An uploaded video.
    Video(VideoSource) = "video",
    /// Text.
    Text(TextSource) = "text",
    /// The time of day.
    Clock(ClockSource) = "clock",
}

impl LayerSource {
    /// The uploaded file it needs.
    pub const fn asset(&self) -> Option<&AssetId> {
        match self {
            Self::Image(ImageSource { asset }) | Self::Video(VideoSource { asset, .. }) => {
                Some(asset)
            }
            Self::Color(_) | Self::TestPattern(_) | Self::Text(_) | Self::Clock(_) => None,
        }
    }
}

/// Loudest volume a layer may have: +26 dB.
pub const VOLUME_MAX: f64 = 20.0;

/// A layer of a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the wire"
)]
pub struct Layer {
    /// The layer.
    pub id: LayerId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// The scene it belongs to.
    pub scene: SceneId,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// What it shows.
    #[serde(flatten)]
    pub source: LayerSource,
    /// Where it is.
    pub transform: Transform,
    /// 0 (clear) to 1 (opaque).
    #[schema(minimum = 0, maximum = 1)]
    pub opacity: f64,
    /// Whether it is in the picture.
    pub visible: bool,
    /// Whether it refuses every change but unlocking.
    pub locked: bool,
    /// Linear volume of its sound, 0 to 20 (+26 dB); 1 leaves it as it is.
    #[schema(minimum = 0, maximum = 20)]
    pub volume: f64,
    /// Whether its sound is off.
    pub muted: bool,
    /// Whether the scene must not be seen without it: while it fails, the slate is on air.
    #[serde(default)]
    pub required: bool,
    /// Raised by every change; the `ETag`.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How it does in the picture, as the engine sees it; absent while the stream is off air.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<LayerStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_reads_back_as_it_was_written() {
        for text in ["#ff8800", "#00000080", "#ffffff"] {
            assert_eq!(text.parse::<Color>().unwrap().to_string(), text);
        }
        for bad in ["ff8800", "#ff880", "#gg0000", "#+f8800", "", "#ff880000ff"] {
            assert!(bad.parse::<Color>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_layer_carries_its_kind_and_source_side_by_side() {
        let source = LayerSource::Color(ColorSource {
            color: "#102030".parse().unwrap(),
        });
        let json = serde_json::to_value(&source).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"kind": "color", "source": {"color": "#102030"}})
        );
        assert_eq!(serde_json::from_value::<LayerSource>(json).unwrap(), source);
        assert_eq!(source.kind().as_str(), "color");
    }

    #[test]
    fn every_kind_is_named_as_it_is_written() {
        for kind in LayerKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
