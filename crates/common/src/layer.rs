//! Layers: what each kind shows, and where.

mod text_style;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AssetId, LayerId, SceneId, StreamId};
use crate::stream::LayerStatus;

pub use text_style::{TextAlign, TextOutline, TextShadow, TextStyle, TextWrap, VerticalAlign};

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

/// How a change moves over its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Easing {
    /// Evenly.
    #[default]
    Linear,
    /// Slowly at first.
    EaseIn,
    /// Slowly at last.
    EaseOut,
    /// Slowly at first and at last.
    EaseInOut,
}

/// How changes of a layer's place, size, crop, rotation, corner radius, opacity, volume and
/// visibility are made from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Transition {
    /// How long they take, 0 (at once) to 60000.
    #[schema(minimum = 0, maximum = 60000)]
    pub duration_ms: u32,
    /// How they move.
    pub easing: Easing,
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

/// What a layer shows while its source delivers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// Nothing: what is behind it shows.
    #[default]
    Hide,
    /// The last frame.
    Hold,
}

/// Live sound and picture that are fetched from elsewhere, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSource {
    /// `rtmp://host/app/stream`, `srt://host:port` (which we call), or the `http://` or `https://`
    /// address of an HLS playlist, a transport stream or a file. At most 2048 bytes, without user
    /// and password: everybody who sees the layer sees its address.
    #[schema(max_length = 2048, examples("rtmp://live.example.com/app/stream"))]
    pub url: String,
    /// The stream to ask an SRT listener for, at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub stream_id: Option<String>,
    /// How long frames wait for those that come late, in milliseconds, 20 to 8000.
    #[serde(default = "network_latency_ms")]
    #[schema(minimum = 20, maximum = 8000)]
    pub latency_ms: u32,
    /// What shows while nothing comes.
    #[serde(default)]
    pub on_loss: OnLoss,
}

impl NetworkSource {
    /// [`Self::latency_ms`] unless said otherwise.
    pub const LATENCY_MS: u32 = 500;
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
    /// `strftime` form, at most 64 characters; `%H:%M:%S` unless said otherwise.
    #[serde(default = "clock_format")]
    #[schema(max_length = 64)]
    pub format: String,
    /// A time zone's name in the IANA database, such as `Europe/Berlin`; that of the engine's host
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub timezone: Option<String>,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
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

/// Colours that run into each other along a line.
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
}

/// What a countdown does when its moment has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AtZero {
    /// It stays at zero.
    #[default]
    Stop,
    /// It is no longer seen.
    Hide,
    /// It counts the time that has passed, with a plus sign.
    CountUp,
}

/// The time until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountdownSource {
    /// The moment. Either this or `duration_s` and `started_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Seconds from `started_at` to the moment, 1 to 8640000 (a hundred days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8_640_000)]
    pub duration_s: Option<u32>,
    /// When the duration began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Days, hours, minutes and seconds as `%d`, `%H`, `%M` and `%S`, at most 64 characters. The
    /// largest of them holds what would be in larger ones. When absent, as many as are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub format: Option<String>,
    /// What it does when the moment has come.
    #[serde(default)]
    pub at_zero: AtZero,
    /// What stands before the time, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub text_before: String,
    /// What stands after it, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub text_after: String,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
}

impl CountdownSource {
    /// The moment it counts down to; the beginning of time when it names none.
    pub fn end(&self) -> Timestamp {
        let duration = Duration::from_secs(u64::from(self.duration_s.unwrap_or(0)));
        let started = self.started_at.map(|start| start.plus(duration));
        self.to
            .or(started)
            .unwrap_or(Timestamp::from_unix_millis(0))
    }
}

/// Where the text of a ticker goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TickerDirection {
    /// To the left, as text is read.
    #[default]
    Left,
    /// To the right.
    Right,
}

/// Text in one line that moves through the layer, over and over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TickerSource {
    /// The text, 1 to 2000 characters; line breaks become spaces. Either this or `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub text: Option<String>,
    /// 1 to 100 texts that follow each other, 2000 characters in all. Either these or `text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub items: Vec<String>,
    /// What stands after each text, at most 32 characters.
    #[serde(default = "ticker_separator")]
    #[schema(max_length = 32)]
    pub separator: String,
    /// Canvas pixels a second, 10 to 2000. The text moves by the same whole number of pixels on
    /// every frame, or by one pixel every so many frames: by what comes nearest to this speed.
    #[serde(default = "ticker_speed")]
    #[schema(minimum = 10, maximum = 2000)]
    pub speed: u32,
    /// Where the text goes.
    #[serde(default)]
    pub direction: TickerDirection,
    /// How it looks. It is never wrapped or shrunk, and a background has no round corners.
    #[serde(default)]
    pub style: TextStyle,
}

impl TickerSource {
    /// All of the text, each part with its separator behind it.
    pub fn line(&self) -> String {
        self.text
            .iter()
            .chain(&self.items)
            .flat_map(|text| [text.as_str(), self.separator.as_str()])
            .collect()
    }
}

fn ticker_separator() -> String {
    "   •   ".to_owned()
}

fn ticker_speed() -> u32 {
    120
}

fn yes() -> bool {
    true
}

fn network_latency_ms() -> u32 {
    NetworkSource::LATENCY_MS
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
    /// Colours that run into each other.
    Gradient(GradientSource) = "gradient",
    /// The time until a moment.
    Countdown(CountdownSource) = "countdown",
    /// Text that moves through the layer.
    Ticker(TickerSource) = "ticker",
    /// Live sound and picture from elsewhere.
    Network(NetworkSource) = "network",
}

impl LayerSource {
    /// The uploaded file it needs.
    pub const fn asset(&self) -> Option<&AssetId> {
        match self {
            Self::Image(ImageSource { asset }) | Self::Video(VideoSource { asset, .. }) => {
                Some(asset)
            }
            Self::Color(_)
            | Self::TestPattern(_)
            | Self::Text(_)
            | Self::Clock(_)
            | Self::Countdown(_)
            | Self::Gradient(_)
            | Self::Ticker(_)
            | Self::Network(_) => None,
        }
    }
}

/// Loudest volume a layer may have: +26 dB.
pub const VOLUME_MAX: f64 = 20.0;

/// Longest delay of a layer's sound, in milliseconds.
pub const AUDIO_DELAY_MS_MAX: u32 = 5000;

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
    /// How its colours join those behind it.
    #[serde(default)]
    pub blend: Blend,
    /// How its changes are made.
    #[serde(default)]
    pub transition: Transition,
    /// Whether it is in the picture.
    pub visible: bool,
    /// Whether it refuses every change but unlocking.
    pub locked: bool,
    /// Linear volume of its sound, 0 to 20 (+26 dB); 1 leaves it as it is.
    #[schema(minimum = 0, maximum = 20)]
    pub volume: f64,
    /// Whether its sound is off.
    pub muted: bool,
    /// How much later than the picture its sound comes, in milliseconds, 0 to 5000.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 5000)]
    pub audio_delay_ms: u32,
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

    #[test]
    fn a_style_from_before_it_had_all_its_members_still_reads() {
        let stored = serde_json::json!({"kind": "text", "source": {"text": "a", "style": {
            "font": "DejaVu Sans", "size": 40, "bold": true, "color": "#ffffff",
            "background": null, "align": "center"}}});
        let LayerSource::Text(TextSource { style, .. }) = serde_json::from_value(stored).unwrap()
        else {
            panic!("it is a text");
        };
        let expected = TextStyle {
            size: 40,
            bold: true,
            align: TextAlign::Center,
            ..TextStyle::default()
        };
        assert_eq!(style, expected);
    }

    #[test]
    fn every_kind_is_named_as_it_is_written() {
        for kind in LayerKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
