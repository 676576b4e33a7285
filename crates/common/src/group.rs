//! Groups: layers of one scene that move, fade, hide and order together.
//!
//! A group has no picture of its own. It is applied to its layers before the engine gets the scene,
//! so that the engine knows layers alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{GroupId, SceneId};
use crate::layer::{
    ChatSource, CountdownSource, Layer, LayerSource, TextStyle, TickerSource, Transform, Transition,
};
use crate::layer::{ClockSource, TextSource};

/// Smallest scale of a group.
pub const SCALE_MIN: f64 = 0.05;
/// Largest scale of a group.
pub const SCALE_MAX: f64 = 20.0;

/// Furthest that the edges of what a group makes of a layer may be from the canvas' own.
const OFFSET_MAX: f64 = 16_384.0;
/// Largest side of what a group makes of a layer.
const SIDE_MAX: f64 = 8_192.0;
/// Largest radius of its corners.
const CORNER_RADIUS_MAX: f64 = 4_096.0;

/// Layers of a scene that are handled as one. They lie next to each other in the scene's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// The group.
    pub id: GroupId,
    /// The scene it belongs to.
    pub scene: SceneId,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// How its layers are moved and scaled.
    pub transform: GroupTransform,
    /// 0 (clear) to 1: multiplies the opacity of each of its layers.
    #[schema(minimum = 0, maximum = 1)]
    pub opacity: f64,
    /// Whether its layers are in the picture, as far as they are visible themselves.
    pub visible: bool,
    /// Whether it and its layers refuse every change but its unlocking and commands for what they
    /// play.
    pub locked: bool,
    /// How its changes are made, and those of its layers; with a duration of 0, as each layer says.
    pub transition: Transition,
    /// Raised by every change of the group itself; the `ETag`.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How the layers of a group are moved and scaled: each point `p` of them goes to
/// `origin + (x, y) + (p - origin) * scale`, in canvas pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupTransform {
    /// To the right, -16384 to 16384.
    #[schema(minimum = -16384, maximum = 16384)]
    pub x: i32,
    /// Downwards, -16384 to 16384.
    #[schema(minimum = -16384, maximum = 16384)]
    pub y: i32,
    /// 0.05 to 20. Boxes, corners and text become so much larger; a source that is shown in its own
    /// size keeps it.
    #[schema(minimum = 0.05, maximum = 20)]
    pub scale: f64,
    /// The point that scaling leaves where it is: its distance from the left edge, -16384 to 16384.
    #[schema(minimum = -16384, maximum = 16384)]
    pub origin_x: i32,
    /// Its distance from the upper edge, -16384 to 16384.
    #[schema(minimum = -16384, maximum = 16384)]
    pub origin_y: i32,
}

impl GroupTransform {
    /// One that leaves everything where it is, for scaling around the upper left corner of the box
    /// around `layers`.
    pub fn around<'a>(layers: impl Iterator<Item = &'a Transform> + Clone) -> Self {
        Self {
            x: 0,
            y: 0,
            scale: 1.0,
            origin_x: layers.clone().map(|place| place.x).min().unwrap_or(0),
            origin_y: layers.map(|place| place.y).min().unwrap_or(0),
        }
    }

    /// Where it puts a box. Edges are rounded, not sides, so that boxes that touch still do.
    fn applied(&self, place: &Transform) -> Transform {
        if (self.x, self.y) == (0, 0) && self.is_unscaled() {
            return *place;
        }
        let edge = |at: f64, origin: i32, offset: i32| {
            let origin = f64::from(origin);
            let at = origin + f64::from(offset) + (at - origin) * self.scale;
            at.clamp(-OFFSET_MAX, OFFSET_MAX + SIDE_MAX).round()
        };
        let (x, y) = (f64::from(place.x), f64::from(place.y));
        let (width, height) = (f64::from(place.width), f64::from(place.height));
        let left = edge(x, self.origin_x, self.x);
        let right = edge(x + width, self.origin_x, self.x);
        let top = edge(y, self.origin_y, self.y);
        let bottom = edge(y + height, self.origin_y, self.y);
        Transform {
            x: signed(left.min(OFFSET_MAX)),
            y: signed(top.min(OFFSET_MAX)),
            width: unsigned((right - left).clamp(1.0, SIDE_MAX)),
            height: unsigned((bottom - top).clamp(1.0, SIDE_MAX)),
            corner_radius: (place.corner_radius * self.scale).min(CORNER_RADIUS_MAX),
            ..*place
        }
    }

    fn is_unscaled(&self) -> bool {
        (self.scale - 1.0).abs() < f64::EPSILON
    }
}

impl Group {
    /// A layer of the group as it is seen: what is left when the group is gone and the picture the
    /// same.
    #[must_use]
    pub fn applied_to(&self, layer: &Layer) -> Layer {
        let mut layer = layer.clone();
        layer.group = None;
        layer.transform = self.transform.applied(&layer.transform);
        layer.opacity *= self.opacity;
        layer.visible &= self.visible;
        if self.transition.duration_ms > 0 {
            layer.transition = self.transition;
        }
        if !self.transform.is_unscaled() {
            scale_source(&mut layer.source, self.transform.scale);
        }
        layer
    }
}

/// Makes what is measured in canvas pixels so many times larger, within the bounds of each.
fn scale_source(source: &mut LayerSource, scale: f64) {
    match source {
        LayerSource::Text(TextSource { style, .. })
        | LayerSource::Clock(ClockSource { style, .. })
        | LayerSource::Countdown(CountdownSource { style, .. }) => scale_style(style, scale),
        LayerSource::Ticker(TickerSource { style, speed, .. }) => {
            scale_style(style, scale);
            *speed = scaled(*speed, scale, (10, 2000));
        }
        LayerSource::Chat(ChatSource { style, gap, .. }) => {
            scale_style(style, scale);
            *gap = scaled(*gap, scale, (0, 500));
        }
        LayerSource::Color(_)
        | LayerSource::TestPattern(_)
        | LayerSource::Image(_)
        | LayerSource::Video(_)
        | LayerSource::Audio(_)
        | LayerSource::Playlist(_)
        | LayerSource::Gradient(_)
        | LayerSource::Network(_)
        | LayerSource::Ingest(_)
        | LayerSource::Web(_) => {}
    }
}

fn scale_style(style: &mut TextStyle, scale: f64) {
    style.size = scaled(style.size, scale, (4, 1000));
    style.background_radius = scaled(style.background_radius, scale, (0, 1000));
    style.padding = style
        .padding
        .map(|padding| scaled(padding, scale, (0, 1000)));
    style.letter_spacing = scaled_signed(style.letter_spacing, scale, (-100, 500));
    if let Some(outline) = &mut style.outline {
        outline.width = scaled(outline.width, scale, (1, 100));
    }
    if let Some(shadow) = &mut style.shadow {
        shadow.x = scaled_signed(shadow.x, scale, (-200, 200));
        shadow.y = scaled_signed(shadow.y, scale, (-200, 200));
        shadow.blur = scaled(shadow.blur, scale, (0, 100));
    }
}

fn scaled(value: u32, scale: f64, (least, most): (u32, u32)) -> u32 {
    unsigned((f64::from(value) * scale).round()).clamp(least, most)
}

fn scaled_signed(value: i32, scale: f64, (least, most): (i32, i32)) -> i32 {
    signed((f64::from(value) * scale).round()).clamp(least, most)
}

fn signed(pixels: f64) -> i32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "a whole number of pixels within bounds, and `as` saturates"
    )]
    let pixels = pixels as i32;
    pixels
}

fn unsigned(pixels: f64) -> u32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number of pixels within bounds, and `as` saturates"
    )]
    let pixels = pixels as u32;
    pixels
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::LayerId;

    fn layer(transform: &serde_json::Value, source: &serde_json::Value) -> Layer {
        let mut layer = json!({
            "id": LayerId::generate(), "stream": "main", "scene": SceneId::generate(), "name": "a",
            "transform": transform, "opacity": 0.5, "visible": true, "locked": false,
            "volume": 1.0, "muted": false, "revision": 1, "group": GroupId::generate(),
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        });
        let members = source.as_object().unwrap().clone();
        layer.as_object_mut().unwrap().extend(members);
        serde_json::from_value(layer).unwrap()
    }

    fn color(x: i32, y: i32, width: u32, height: u32) -> Layer {
        let transform = json!({"x": x, "y": y, "width": width, "height": height,
            "corner_radius": 10});
        layer(
            &transform,
            &json!({"kind": "color", "source": {"color": "#102030"}}),
        )
    }

    fn group(layers: &[Layer]) -> Group {
        let now = Timestamp::from_unix_millis(0);
        Group {
            id: GroupId::generate(),
            scene: SceneId::generate(),
            name: "g".to_owned(),
            transform: GroupTransform::around(layers.iter().map(|layer| &layer.transform)),
            opacity: 1.0,
            visible: true,
            locked: false,
            transition: Transition::default(),
            revision: 1,
            created_at: now,
            updated_at: now,
        }
    }

    fn box_of(layer: &Layer) -> (i32, i32, u32, u32) {
        let Transform {
            x,
            y,
            width,
            height,
            ..
        } = layer.transform;
        (x, y, width, height)
    }

    #[test]
    fn a_new_group_changes_nothing_that_is_seen() {
        let layers = [color(-3, 7, 33, 41), color(100, 50, 1, 8192)];
        let group = group(&layers);
        assert_eq!(
            (group.transform.origin_x, group.transform.origin_y),
            (-3, 7)
        );
        for layer in layers {
            let alone = Layer {
                group: None,
                ..layer.clone()
            };
            assert_eq!(group.applied_to(&layer), alone);
        }
    }

    #[test]
    fn layers_move_and_scale_around_the_origin_and_still_touch() {
        let layers = [color(10, 10, 33, 20), color(43, 10, 33, 20)];
        let mut group = group(&layers);
        (group.transform.x, group.transform.y) = (100, -10);
        group.transform.scale = 0.5;
        (group.opacity, group.visible) = (0.5, false);
        let [left, right] = layers.map(|layer| group.applied_to(&layer));
        assert_eq!(box_of(&left), (110, 0, 17, 10));
        assert_eq!(box_of(&right), (127, 0, 16, 10));
        assert_eq!((left.opacity, left.visible), (0.25, false));
        assert!((left.transform.corner_radius - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn text_grows_with_its_box_within_its_bounds() {
        let style = json!({"size": 40, "padding": 3, "letter_spacing": -2, "background_radius": 4,
            "outline": {"color": "#000000", "width": 60},
            "shadow": {"color": "#000000", "x": -3, "y": 150, "blur": 1}});
        let text = json!({"kind": "text", "source": {"text": "a", "style": style}});
        let place = json!({"x": 0, "y": 0, "width": 5000, "height": 10});
        let layers = [layer(&place, &text)];
        let mut group = group(&layers);
        group.transform.scale = 2.0;
        let seen = group.applied_to(&layers[0]);
        assert_eq!(box_of(&seen), (0, 0, 8192, 20));
        let style = seen.source.style().unwrap();
        assert_eq!((style.size, style.padding), (80, Some(6)));
        assert_eq!((style.letter_spacing, style.background_radius), (-4, 8));
        assert_eq!(style.outline.unwrap().width, 100);
        let shadow = style.shadow.unwrap();
        assert_eq!((shadow.x, shadow.y, shadow.blur), (-6, 200, 2));
    }

    #[test]
    fn the_groups_transition_counts_where_it_takes_time() {
        let mut own = color(0, 0, 1, 1);
        own.transition.duration_ms = 70;
        let mut group = group(&[own.clone()]);
        assert_eq!(group.applied_to(&own).transition.duration_ms, 70);
        group.transition.duration_ms = 500;
        assert_eq!(group.applied_to(&own).transition.duration_ms, 500);
    }
}
