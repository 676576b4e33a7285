//! Scenes to show.

use std::path::Path;

use sm_common::id::LayerId;
use sm_common::layer::{TextStyle, Transform};
use sm_media_protocol::{Clip, LayerContent, SceneLayer, WantedScene};

pub(crate) fn scene(revision: u64, layers: &[SceneLayer]) -> WantedScene {
    WantedScene {
        revision,
        layers: layers.to_vec(),
        ..WantedScene::default()
    }
}

/// A visible, opaque layer at this place.
pub(crate) fn layer(content: LayerContent, place: [i32; 4]) -> SceneLayer {
    let [x, y, width, height] = place;
    SceneLayer {
        id: LayerId::generate(),
        content,
        transform: Transform::plain(x, y, width.cast_unsigned(), height.cast_unsigned()),
        opacity: 1.0,
        blend: sm_common::layer::Blend::default(),
        transition: sm_common::layer::Transition::default(),
        visible: true,
        volume: 1.0,
        muted: false,
        audio_delay_ms: 0,
        playback: None,
    }
}

pub(crate) fn color(text: &str) -> LayerContent {
    LayerContent::Color {
        color: text.parse().unwrap(),
    }
}

pub(crate) fn text(text: &str, style: TextStyle) -> LayerContent {
    LayerContent::Text {
        text: text.to_owned(),
        style,
        font: None,
    }
}

pub(crate) fn image(path: &Path) -> LayerContent {
    LayerContent::Image {
        path: path.to_owned(),
    }
}

pub(crate) fn video(path: &Path, looping: bool) -> LayerContent {
    LayerContent::Video {
        path: path.to_owned(),
        looping,
        clip: Clip::default(),
    }
}

/// White text of this size.
pub(crate) fn style(size: u32) -> TextStyle {
    TextStyle {
        size,
        ..TextStyle::default()
    }
}

/// A sound file.
pub(crate) fn audio(path: &Path, looping: bool) -> LayerContent {
    LayerContent::Audio {
        path: path.to_owned(),
        looping,
        clip: Clip::default(),
    }
}
