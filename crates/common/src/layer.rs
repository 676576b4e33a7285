//! Layers: what each kind shows, and where.

mod chat;
mod color;
mod countdown;
mod drawn;
mod file;
mod ingest;
mod look;
mod motion;
mod network;
mod playback;
mod playlist;
mod text;
mod text_style;
mod ticker;
mod web;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AssetId, GroupId, LayerId, SceneId, StreamId};
use crate::stream::LayerStatus;

pub use chat::{ChatEntrance, ChatOrder, ChatSource};
pub use color::{Color, ParseColorError};
pub use countdown::{AtZero, CountdownSource};
pub use drawn::{
    ColorSource, GradientShape, GradientSource, GradientStop, Pattern, TestPatternSource,
};
pub use file::{AudioSource, ImageSource, VideoSource};
pub use ingest::{IngestProtocol, IngestSource};
pub use look::{Anchor, Blend, CROP_MAX, Crop, Fit, Transform};
pub use motion::{Easing, Transition};
pub use network::{KeyLength, NetworkSource, OnLoss};
pub use playback::{
    AtEnd, PART_MS_MIN, POSITION_MS_MAX, Playback, PlaybackAction, PlaybackState, PlaybackStatus,
};
pub use playlist::{PlaylistItem, PlaylistSource};
pub use text::{ClockSource, TextSource};
pub use text_style::{TextAlign, TextOutline, TextShadow, TextStyle, TextWrap, VerticalAlign};
pub use ticker::{TickerDirection, TickerSource};
pub use web::WebSource;

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
    /// An uploaded sound.
    Audio(AudioSource) = "audio",
    /// Uploaded files, one after another.
    Playlist(PlaylistSource) = "playlist",
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
    /// Live sound and picture that somebody pushes to us.
    Ingest(IngestSource) = "ingest",
    /// The stream's chat.
    Chat(ChatSource) = "chat",
    /// A web page.
    Web(WebSource) = "web",
}

impl LayerSource {
    /// The layer that is shown when this one has come to its end.
    pub const fn next(&self) -> Option<&LayerId> {
        match self {
            Self::Video(VideoSource { next, .. })
            | Self::Audio(AudioSource { next, .. })
            | Self::Playlist(PlaylistSource { next, .. }) => next.as_ref(),
            Self::Image(_)
            | Self::Color(_)
            | Self::TestPattern(_)
            | Self::Text(_)
            | Self::Clock(_)
            | Self::Countdown(_)
            | Self::Gradient(_)
            | Self::Ticker(_)
            | Self::Chat(_)
            | Self::Network(_)
            | Self::Ingest(_)
            | Self::Web(_) => None,
        }
    }

    /// The same, to be changed.
    pub const fn next_mut(&mut self) -> Option<&mut LayerId> {
        match self {
            Self::Video(VideoSource { next, .. })
            | Self::Audio(AudioSource { next, .. })
            | Self::Playlist(PlaylistSource { next, .. }) => next.as_mut(),
            Self::Image(_)
            | Self::Color(_)
            | Self::TestPattern(_)
            | Self::Text(_)
            | Self::Clock(_)
            | Self::Countdown(_)
            | Self::Gradient(_)
            | Self::Ticker(_)
            | Self::Chat(_)
            | Self::Network(_)
            | Self::Ingest(_)
            | Self::Web(_) => None,
        }
    }

    /// The uploaded files it needs: what it shows or plays, and the font it is written in.
    pub fn assets(&self) -> impl Iterator<Item = &AssetId> {
        let (file, items): (_, &[PlaylistItem]) = match self {
            Self::Image(ImageSource { asset })
            | Self::Video(VideoSource { asset, .. })
            | Self::Audio(AudioSource { asset, .. }) => (Some(asset), &[]),
            Self::Playlist(PlaylistSource { items, .. }) => (None, items),
            Self::Color(_)
            | Self::TestPattern(_)
            | Self::Text(_)
            | Self::Clock(_)
            | Self::Countdown(_)
            | Self::Gradient(_)
            | Self::Ticker(_)
            | Self::Network(_)
            | Self::Ingest(_)
            | Self::Chat(_)
            | Self::Web(_) => (None, &[]),
        };
        let font = self.style().and_then(|style| style.font_asset.as_ref());
        let items = items.iter().map(|item| &item.asset);
        file.into_iter().chain(items).chain(font)
    }

    /// How its text looks, where it is text.
    pub const fn style(&self) -> Option<&TextStyle> {
        match self {
            Self::Text(TextSource { style, .. })
            | Self::Clock(ClockSource { style, .. })
            | Self::Countdown(CountdownSource { style, .. })
            | Self::Ticker(TickerSource { style, .. })
            | Self::Chat(ChatSource { style, .. }) => Some(style),
            Self::Color(_)
            | Self::TestPattern(_)
            | Self::Image(_)
            | Self::Video(_)
            | Self::Audio(_)
            | Self::Playlist(_)
            | Self::Gradient(_)
            | Self::Network(_)
            | Self::Ingest(_)
            | Self::Web(_) => None,
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
    /// The group it belongs to, if it does; the group says how it is moved and seen besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
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
    /// Whether it refuses every change but unlocking and commands for what it plays.
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
    /// The last command for what it plays, where it plays something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback: Option<Playback>,
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
    fn a_video_from_before_it_had_all_its_members_still_reads() {
        let stored = serde_json::json!({"kind": "video",
            "source": {"asset": "ab".repeat(32), "loop": false}});
        let LayerSource::Video(video) = serde_json::from_value(stored.clone()).unwrap() else {
            panic!("it is a video");
        };
        assert_eq!((video.in_ms, video.out_ms, video.next), (0, None, None));
        assert_eq!(video.at_end, AtEnd::Hold);
        // And an older reader still understands one that uses none of them.
        assert_eq!(
            serde_json::to_value(LayerSource::Video(video)).unwrap(),
            stored
        );
    }

    #[test]
    fn every_kind_is_named_as_it_is_written() {
        for kind in LayerKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
