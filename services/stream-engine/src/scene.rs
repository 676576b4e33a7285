//! The scene as the worker needs it, and the slate that stands in for it. Pure.

use std::path::Path;

use sm_common::clock::Timestamp;
use sm_common::id::LayerId;
use sm_common::layer::{
    Blend, ColorSource, ImageSource, Layer, LayerSource, PlaylistItem, TestPatternSource,
    TextAlign, TextSource, TextStyle, Transform, Transition,
};
use sm_common::program::ProgramFormat;
use sm_common::scene::Scene;
use sm_common::stream::SceneOnAir;
use sm_media_protocol::{
    Clip, Countdown, Cover, CoverReason, LayerContent, PlaylistEntry, SceneLayer, WantedScene,
};
use uuid::Uuid;

use crate::config::SlateConfig;

/// The slate's layers; constant, so that a worker sees the same ones again.
const SLATE_BACKGROUND: LayerId = LayerId::from_uuid(Uuid::from_u128(1));
const SLATE_TEXT: LayerId = LayerId::from_uuid(Uuid::from_u128(2));
/// Height of a line of text as a multiple of its letters'.
const LINE_HEIGHT: f64 = 1.5;
/// Bounds of [`TextStyle::size`].
const TEXT_SIZE: (f64, f64) = (4.0, 1000.0);

/// When the earliest change that makes `scene` differ from `before` was acknowledged, as far as the
/// scene tells.
pub(crate) fn changed_at(scene: &Scene, before: &Scene) -> Timestamp {
    let changed = scene.layers.iter().filter(|layer| {
        !before
            .layers
            .iter()
            .any(|known| known.id == layer.id && known.revision == layer.revision)
    });
    changed
        .map(|layer| layer.updated_at)
        .min()
        .unwrap_or(scene.updated_at)
}

/// The scene as the worker needs it. `assets` is where uploaded files are.
pub(crate) fn wanted(scene: &Scene, revision: u64, assets: &Path) -> WantedScene {
    WantedScene {
        revision,
        scene: Some(on_air(scene)),
        layers: scene_layers(scene, assets),
        ..WantedScene::default()
    }
}

/// A scene without a layer.
pub(crate) fn black(revision: u64) -> WantedScene {
    WantedScene {
        revision,
        ..WantedScene::default()
    }
}

/// The scene as it is told of.
pub(crate) fn on_air(scene: &Scene) -> SceneOnAir {
    SceneOnAir {
        id: scene.id,
        name: scene.name.clone(),
        revision: scene.revision,
    }
}

/// The scene as a slate.
pub(crate) fn cover(why: CoverReason, scene: &Scene, assets: &Path) -> Cover {
    Cover {
        why,
        scene: Some(on_air(scene)),
        layers: scene_layers(scene, assets),
    }
}

fn scene_layers(scene: &Scene, assets: &Path) -> Vec<SceneLayer> {
    let layers = scene.layers.iter();
    layers.map(|layer| scene_layer(layer, assets)).collect()
}

/// The built-in slate in a picture of this format.
pub(crate) fn slate(why: CoverReason, config: &SlateConfig, program: &ProgramFormat) -> Cover {
    let height = f64::from(program.height);
    let (least, most) = TEXT_SIZE;
    let size = (height * config.text_height).clamp(least, most);
    let line = size * LINE_HEIGHT;
    let background = LayerContent::Color {
        color: config.color,
    };
    let text = LayerContent::Text {
        text: config.text.clone(),
        style: TextStyle {
            size: whole(size),
            bold: true,
            color: config.text_color,
            align: TextAlign::Center,
            ..TextStyle::default()
        },
        font: None,
    };
    let whole_picture = Transform::plain(0, 0, program.width, program.height);
    let middle = Transform {
        y: i32::try_from(whole((height - line) / 2.0)).unwrap_or(0),
        height: whole(line).max(1),
        ..whole_picture
    };
    Cover {
        why,
        scene: None,
        layers: vec![
            standing(SLATE_BACKGROUND, background, whole_picture),
            standing(SLATE_TEXT, text, middle),
        ],
    }
}

fn standing(id: LayerId, content: LayerContent, transform: Transform) -> SceneLayer {
    SceneLayer {
        id,
        content,
        transform,
        opacity: 1.0,
        blend: Blend::default(),
        transition: Transition::default(),
        visible: true,
        volume: 1.0,
        muted: false,
        audio_delay_ms: 0,
        playback: None,
    }
}

/// The nearest whole number of pixels.
fn whole(pixels: f64) -> u32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a picture's measures are small and `as` saturates"
    )]
    let whole = pixels.round() as u32;
    whole
}

fn scene_layer(layer: &Layer, assets: &Path) -> SceneLayer {
    SceneLayer {
        id: layer.id,
        content: content(layer, assets),
        transform: layer.transform,
        opacity: layer.opacity,
        blend: layer.blend,
        transition: layer.transition,
        visible: layer.visible,
        volume: layer.volume,
        muted: layer.muted,
        audio_delay_ms: layer.audio_delay_ms,
        playback: layer.playback,
    }
}

fn entry(item: &PlaylistItem, assets: &Path) -> PlaylistEntry {
    PlaylistEntry {
        path: assets.join(item.asset.relative_path()),
        in_ms: item.in_ms,
        out_ms: item.out_ms,
        duration_ms: item.duration_ms,
    }
}

fn content(layer: &Layer, assets: &Path) -> LayerContent {
    let font = |style: &TextStyle| {
        let asset = style.font_asset.as_ref();
        asset.map(|asset| assets.join(asset.relative_path()))
    };
    match &layer.source {
        LayerSource::Color(ColorSource { color }) => LayerContent::Color { color: *color },
        LayerSource::TestPattern(TestPatternSource { pattern }) => {
            LayerContent::TestPattern { pattern: *pattern }
        }
        LayerSource::Image(ImageSource { asset }) => LayerContent::Image {
            path: assets.join(asset.relative_path()),
        },
        LayerSource::Video(video) => LayerContent::Video {
            path: assets.join(video.asset.relative_path()),
            looping: video.looping,
            clip: Clip {
                in_ms: video.in_ms,
                out_ms: video.out_ms,
                at_end: video.at_end,
                next: video.next,
            },
        },
        LayerSource::Audio(audio) => LayerContent::Audio {
            path: assets.join(audio.asset.relative_path()),
            looping: audio.looping,
            clip: Clip {
                in_ms: audio.in_ms,
                out_ms: audio.out_ms,
                at_end: audio.at_end,
                next: audio.next,
            },
        },
        LayerSource::Playlist(list) => LayerContent::Playlist {
            items: list.items.iter().map(|item| entry(item, assets)).collect(),
            looping: list.looping,
            shuffle: list.shuffle,
            at_end: list.at_end,
            next: list.next,
        },
        LayerSource::Text(TextSource { text, style }) => LayerContent::Text {
            text: text.clone(),
            style: style.clone(),
            font: font(style),
        },
        LayerSource::Clock(clock) => LayerContent::Clock {
            format: clock.format.clone(),
            timezone: clock.timezone.clone(),
            style: clock.style.clone(),
            font: font(&clock.style),
        },
        LayerSource::Gradient(gradient) => LayerContent::Gradient {
            stops: gradient.stops.clone(),
            angle: gradient.angle,
            shape: gradient.shape,
        },
        LayerSource::Countdown(countdown) => LayerContent::Countdown(Countdown {
            to: countdown.end(),
            format: countdown.format.clone(),
            at_zero: countdown.at_zero,
            before: countdown.text_before.clone(),
            after: countdown.text_after.clone(),
            style: countdown.style.clone(),
            font: font(&countdown.style),
        }),
        LayerSource::Ticker(ticker) => LayerContent::Ticker {
            text: ticker.line(),
            speed: ticker.speed,
            direction: ticker.direction,
            style: ticker.style.clone(),
            font: font(&ticker.style),
        },
        LayerSource::Network(source) => LayerContent::Network {
            source: source.clone(),
            secret: source.plain().cloned(),
        },
        LayerSource::Web(source) => LayerContent::Web {
            source: source.clone(),
        },
        LayerSource::Ingest(source) => LayerContent::Ingest {
            feed: layer.id,
            latency_ms: source.latency_ms,
            on_loss: source.on_loss,
        },
        LayerSource::Chat(source) => LayerContent::Chat {
            source: source.clone(),
            font: font(&source.style),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::id::{SceneId, StreamId};

    use super::*;

    fn layer(id: LayerId, revision: u64, updated_ms: i64, source: &serde_json::Value) -> Layer {
        let mut layer = json!({
            "id": id, "stream": "main", "scene": SceneId::from_uuid(Uuid::from_u128(9)), "name": "a",
            "transform": {"x": 1, "y": -2, "width": 3, "height": 4}, "opacity": 0.5,
            "visible": true, "locked": false, "volume": 2.0, "muted": true, "revision": revision,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": Timestamp::from_unix_millis(updated_ms),
            "blend": "screen", "transition": {"duration_ms": 250, "easing": "ease-in"},
        });
        layer
            .as_object_mut()
            .unwrap()
            .extend(source.as_object().unwrap().clone());
        serde_json::from_value(layer).unwrap()
    }

    fn color() -> serde_json::Value {
        json!({"kind": "color", "source": {"color": "#102030"}})
    }

    fn scene(revision: u64, updated_ms: i64, layers: &[Layer]) -> Scene {
        Scene {
            id: SceneId::from_uuid(Uuid::from_u128(9)),
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision,
            updated_at: Timestamp::from_unix_millis(updated_ms),
            layers: layers.to_vec(),
            groups: Vec::new(),
        }
    }

    #[test]
    fn layers_come_in_their_order_with_files_in_the_assets_directory() {
        let asset = "ab".repeat(32);
        let image = json!({"kind": "image", "source": {"asset": asset}});
        let (back, front) = (LayerId::generate(), LayerId::generate());
        let layers = [layer(front, 1, 0, &image), layer(back, 1, 0, &color())];
        let wanted = super::wanted(&scene(4, 0, &layers), 77, Path::new("/assets"));
        assert_eq!(wanted.revision, 77);
        let ids: Vec<_> = wanted.layers.iter().map(|layer| layer.id).collect();
        assert_eq!(ids, [front, back]);
        assert_eq!(
            wanted.layers[0].content,
            LayerContent::Image {
                path: Path::new("/assets/ab").join(asset)
            }
        );
        assert_eq!(
            (wanted.layers[1].transform.y, wanted.layers[1].muted),
            (-2, true)
        );
        assert_eq!(wanted.layers[1].blend, Blend::Screen);
        assert_eq!(wanted.layers[1].transition.duration_ms, 250);
    }

    #[test]
    fn a_change_is_as_old_as_its_oldest_part() {
        let (first, second) = (LayerId::generate(), LayerId::generate());
        let before = scene(
            1,
            10,
            &[layer(first, 1, 5, &color()), layer(second, 1, 99, &color())],
        );
        let after = scene(
            2,
            20,
            &[
                layer(first, 2, 15, &color()),
                layer(second, 1, 99, &color()),
            ],
        );
        assert_eq!(changed_at(&after, &before).as_unix_millis(), 15);
        let reordered = scene(3, 30, &after.layers);
        assert_eq!(changed_at(&reordered, &after).as_unix_millis(), 30);
    }

    #[test]
    fn the_slate_fills_the_picture() {
        let config = json!({
            "text": "Soon", "color": "#000000", "text_color": "#ffffff", "text_height": 0.1,
        });
        let config = serde_json::from_value(config).unwrap();
        let slate = slate(CoverReason::Paused, &config, &ProgramFormat::default());
        let boxes: Vec<_> = slate
            .layers
            .iter()
            .map(|layer| {
                let Transform {
                    x,
                    y,
                    width,
                    height,
                    ..
                } = layer.transform;
                (x, y, width, height)
            })
            .collect();
        assert_eq!(boxes, [(0, 0, 1280, 720), (0, 306, 1280, 108)]);
    }
}
