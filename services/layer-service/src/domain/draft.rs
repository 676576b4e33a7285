use serde::Serialize;
use serde_json::Value;
use sm_common::id::GroupId;
use sm_common::layer::{
    AUDIO_DELAY_MS_MAX, Blend, CROP_MAX, Crop, Layer, LayerKind, LayerSource, Transform,
    Transition, VOLUME_MAX,
};

use super::fault::{Fault, Faults};
use super::field::{Members, boolean, integer, number, parsed, text};
use super::source;

/// Longest name of a layer, in characters.
pub(super) const NAME_CHARS_MAX: usize = 100;
/// Furthest that a layer's left and top edges may be from the canvas' own, in pixels.
pub(super) const OFFSET_MAX: i64 = 16_384;
/// Largest width and height of a layer, in pixels.
const SIDE_MAX: i64 = 8_192;
/// Furthest that a layer may be turned either way, in degrees.
const ROTATION_MAX: f64 = 360.0;
/// Largest radius of a layer's corners, in pixels.
const CORNER_RADIUS_MAX: f64 = 4_096.0;
/// Longest that a change of a layer may take.
const TRANSITION_MS_MAX: i64 = 60_000;

/// Size of the picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Everything of a layer that callers decide.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the wire"
)]
pub(crate) struct Draft {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) source: LayerSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<GroupId>,
    pub(crate) transform: Transform,
    pub(crate) opacity: f64,
    pub(crate) blend: Blend,
    pub(crate) transition: Transition,
    pub(crate) visible: bool,
    pub(crate) locked: bool,
    pub(crate) volume: f64,
    pub(crate) muted: bool,
    pub(crate) audio_delay_ms: u32,
    pub(crate) required: bool,
}

impl Draft {
    /// Reads the members of a layer, and no other. What is left out becomes an opaque, visible,
    /// unlocked layer over the whole canvas.
    pub(crate) fn read(
        fields: &mut Members<'_>,
        canvas: Canvas,
        faults: &mut Faults,
    ) -> Option<Self> {
        let name = fields.required("name", faults, text(1, NAME_CHARS_MAX, false));
        let kind: Option<LayerKind> = fields.required("kind", faults, parsed);
        let source = fields.raw("source");
        let source = kind.and_then(|kind| {
            let pointer = fields.pointer_to("source");
            source::read(kind, source, &pointer, faults)
        });
        let group = fields.or("group", None, faults, |value| parsed(value).map(Some));
        let transform = read_transform(fields, canvas, faults);
        let opacity = fields.or("opacity", 1.0, faults, number(0.0, 1.0));
        let blend = fields.or("blend", Blend::default(), faults, parsed);
        let transition = read_transition(fields, faults);
        let visible = fields.or("visible", true, faults, boolean);
        let locked = fields.or("locked", false, faults, boolean);
        let volume = fields.or("volume", 1.0, faults, number(0.0, VOLUME_MAX));
        let muted = fields.or("muted", false, faults, boolean);
        let delay = integer(0, AUDIO_DELAY_MS_MAX.into());
        let audio_delay_ms = fields.or("audio_delay_ms", 0, faults, delay);
        let required = fields.or("required", false, faults, boolean);
        Some(Self {
            name: name?,
            source: source?,
            group: group?,
            transform: transform?,
            opacity: opacity?,
            blend: blend?,
            transition: transition?,
            visible: visible?,
            locked: locked?,
            volume: volume?,
            muted: muted?,
            audio_delay_ms: audio_delay_ms?,
            required: required?,
        })
    }

    /// What callers have decided of a layer.
    pub(crate) fn of(layer: &Layer) -> Self {
        Self {
            name: layer.name.clone(),
            source: layer.source.clone(),
            group: layer.group,
            transform: layer.transform,
            opacity: layer.opacity,
            blend: layer.blend,
            transition: layer.transition,
            visible: layer.visible,
            locked: layer.locked,
            volume: layer.volume,
            muted: layer.muted,
            audio_delay_ms: layer.audio_delay_ms,
            required: layer.required,
        }
    }

    /// Makes `layer` what callers have decided. Destructured, so that no member is forgotten.
    pub(crate) fn write_to(self, layer: &mut Layer) {
        let Self {
            name,
            source,
            group,
            transform,
            opacity,
            blend,
            transition,
            visible,
            locked,
            volume,
            muted,
            audio_delay_ms,
            required,
        } = self;
        layer.name = name;
        layer.source = source;
        layer.group = group;
        layer.transform = transform;
        layer.opacity = opacity;
        layer.blend = blend;
        layer.transition = transition;
        layer.visible = visible;
        layer.locked = locked;
        layer.volume = volume;
        layer.muted = muted;
        layer.audio_delay_ms = audio_delay_ms;
        layer.required = required;
    }

    /// The draft as a JSON object, to be patched or compared.
    pub(crate) fn to_document(&self) -> Value {
        // Strings, booleans and finite numbers can always be written.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn read_transform(
    layer: &mut Members<'_>,
    canvas: Canvas,
    faults: &mut Faults,
) -> Option<Transform> {
    let whole = Transform::plain(0, 0, canvas.width, canvas.height);
    let Some(value) = layer.raw("transform") else {
        return Some(whole);
    };
    let mut fields = Members::of(value, &layer.pointer_to("transform"), faults)?;
    let x = fields.or("x", whole.x, faults, integer(-OFFSET_MAX, OFFSET_MAX));
    let y = fields.or("y", whole.y, faults, integer(-OFFSET_MAX, OFFSET_MAX));
    let width = fields.or("width", whole.width, faults, integer(1, SIDE_MAX));
    let height = fields.or("height", whole.height, faults, integer(1, SIDE_MAX));
    let crop = read_crop(&mut fields, faults);
    let fit = fields.or("fit", whole.fit, faults, parsed);
    let anchor = fields.or("anchor", whole.anchor, faults, parsed);
    let angle = number(-ROTATION_MAX, ROTATION_MAX);
    let rotation = fields.or("rotation", whole.rotation, faults, angle);
    let radius = number(0.0, CORNER_RADIUS_MAX);
    let corner_radius = fields.or("corner_radius", whole.corner_radius, faults, radius);
    fields.finish(faults);
    Some(Transform {
        x: x?,
        y: y?,
        width: width?,
        height: height?,
        crop: crop?,
        fit: fit?,
        anchor: anchor?,
        rotation: rotation?,
        corner_radius: corner_radius?,
    })
}

/// Reads what is cut off the source; something of it must remain.
fn read_crop(transform: &mut Members<'_>, faults: &mut Faults) -> Option<Crop> {
    let Some(value) = transform.raw("crop") else {
        return Some(Crop::default());
    };
    let mut fields = Members::of(value, &transform.pointer_to("crop"), faults)?;
    let left = fields.or("left", 0.0, faults, number(0.0, CROP_MAX));
    let top = fields.or("top", 0.0, faults, number(0.0, CROP_MAX));
    let right = fields.or("right", 0.0, faults, beside("left", left));
    let bottom = fields.or("bottom", 0.0, faults, beside("top", top));
    fields.finish(faults);
    Some(Crop {
        left: left?,
        top: top?,
        right: right?,
        bottom: bottom?,
    })
}

/// A part that, with the one on the other side, leaves something.
fn beside(name: &str, other: Option<f64>) -> impl FnOnce(&Value) -> Result<f64, Fault> {
    move |value| {
        let part = number(0.0, CROP_MAX)(value)?;
        if other.is_some_and(|other| part + other > CROP_MAX) {
            let detail = format!("and `{name}` must together be at most {CROP_MAX}");
            return Err(Fault::Value(detail));
        }
        Ok(part)
    }
}

pub(super) fn read_transition(layer: &mut Members<'_>, faults: &mut Faults) -> Option<Transition> {
    let none = Transition::default();
    let Some(value) = layer.raw("transition") else {
        return Some(none);
    };
    let mut fields = Members::of(value, &layer.pointer_to("transition"), faults)?;
    let duration = integer(0, TRANSITION_MS_MAX);
    let duration_ms = fields.or("duration_ms", none.duration_ms, faults, duration);
    let easing = fields.or("easing", none.easing, faults, parsed);
    fields.finish(faults);
    Some(Transition {
        duration_ms: duration_ms?,
        easing: easing?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CANVAS: Canvas = Canvas {
        width: 1280,
        height: 720,
    };

    fn read(body: &Value) -> (Option<Draft>, Faults) {
        let mut faults = Faults::default();
        let draft = Members::of(body, "", &mut faults).and_then(|mut fields| {
            let draft = Draft::read(&mut fields, CANVAS, &mut faults);
            fields.finish(&mut faults);
            draft
        });
        (draft, faults)
    }

    #[test]
    fn what_is_left_out_makes_an_ordinary_layer() {
        let body = json!({"name": "a", "kind": "color", "source": {"color": "#000000"},
            "opacity": null, "transform": {"x": 8}});
        let (draft, faults) = read(&body);
        let draft = draft.unwrap();
        assert!(faults.is_empty());
        assert_eq!((draft.transform.x, draft.transform.width), (8, 1280));
        assert!(draft.visible && !draft.locked && !draft.muted);
        assert_eq!(read(&draft.to_document()).0, Some(draft));
    }

    #[test]
    fn a_look_reads_back_as_it_was_written() {
        let body = json!({"name": "a", "kind": "color", "source": {"color": "#000000"},
            "blend": "add", "transition": {"duration_ms": 60_000, "easing": "ease-in-out"},
            "transform": {"crop": {"left": 0.5, "right": 0.49}, "fit": "contain",
                "anchor": "bottom-right", "rotation": -360, "corner_radius": 4096}});
        let (draft, faults) = read(&body);
        let draft = draft.unwrap();
        assert!(faults.is_empty());
        let written = draft.to_document();
        assert_eq!(written["transform"]["crop"]["right"], 0.49);
        assert_eq!(written["transform"]["rotation"], -360.0);
        assert_eq!(written["transition"]["easing"], "ease-in-out");
        assert_eq!(read(&written).0, Some(draft));
    }

    #[test]
    fn every_bound_is_kept_and_every_fault_named() {
        let good = json!({"name": "a", "kind": "color", "source": {"color": "#000000"}});
        let cases = [
            ("/name", json!(""), false),
            ("/name", json!("x".repeat(101)), false),
            ("/name", json!("a\u{7}"), false),
            ("/name", json!(5), true),
            ("/name", Value::Null, true),
            ("/kind", json!("hologram"), false),
            ("/kind", json!(["color"]), true),
            ("/source", json!([]), true),
            ("/transform", json!("full"), true),
            ("/transform/x", json!({"x": 16_385}), false),
            ("/transform/y", json!({"y": -16_385}), false),
            ("/transform/width", json!({"width": 0}), false),
            ("/transform/width", json!({"width": -1}), false),
            ("/transform/height", json!({"height": 8_193}), false),
            ("/transform/height", json!({"height": 7.5}), false),
            ("/transform/depth", json!({"depth": 1}), true),
            ("/transform/crop", json!({"crop": 1}), true),
            (
                "/transform/crop/left",
                json!({"crop": {"left": -0.1}}),
                false,
            ),
            (
                "/transform/crop/top",
                json!({"crop": {"top": 0.995}}),
                false,
            ),
            (
                "/transform/crop/right",
                json!({"crop": {"left": 0.5, "right": 0.5}}),
                false,
            ),
            (
                "/transform/crop/bottom",
                json!({"crop": {"top": 0.9, "bottom": 0.1}}),
                false,
            ),
            ("/transform/crop/near", json!({"crop": {"near": 0}}), true),
            ("/transform/fit", json!({"fit": "squeeze"}), false),
            ("/transform/anchor", json!({"anchor": "middle"}), false),
            ("/transform/rotation", json!({"rotation": 360.1}), false),
            ("/transform/rotation", json!({"rotation": "90"}), true),
            (
                "/transform/corner_radius",
                json!({"corner_radius": -1}),
                false,
            ),
            (
                "/transform/corner_radius",
                json!({"corner_radius": 4097}),
                false,
            ),
            ("/blend", json!("overlay"), false),
            ("/blend", json!(1), true),
            ("/transition", json!("fade"), true),
            (
                "/transition/duration_ms",
                json!({"duration_ms": 60_001}),
                false,
            ),
            (
                "/transition/duration_ms",
                json!({"duration_ms": 0.5}),
                false,
            ),
            ("/transition/easing", json!({"easing": "bounce"}), false),
            ("/transition/delay", json!({"delay": 1}), true),
            ("/opacity", json!(-0.001), false),
            ("/opacity", json!(1.001), false),
            ("/opacity", json!(1e308), false),
            ("/opacity", json!("NaN"), true),
            ("/volume", json!(20.5), false),
            ("/audio_delay_ms", json!(5001), false),
            ("/audio_delay_ms", json!(-1), false),
            ("/visible", json!(1), true),
            ("/rotation", json!(90), true),
        ];
        for (pointer, value, misshapen) in cases {
            let mut body = good.clone();
            let member = pointer.split('/').nth(1).unwrap();
            body[member] = value;
            let (draft, faults) = read(&body);
            assert!(draft.is_none() || misshapen, "{pointer}: {body}");
            assert_eq!(faults.errors().len(), 1, "{:?}", faults.errors());
            assert_eq!(faults.errors()[0].pointer, pointer);
            assert_eq!(faults.is_misshapen(), misshapen, "{pointer}");
        }
    }

    #[test]
    fn all_faults_of_a_body_are_told_at_once() {
        let body = json!({"name": "", "kind": "text", "source": {"text": 5},
            "transform": {"width": 0, "height": 0}, "opacity": 2, "visible": "yes", "x": 1});
        let (draft, faults) = read(&body);
        assert!(draft.is_none());
        let pointers: Vec<&str> = faults.errors().iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/source/text",
                "/transform/width",
                "/transform/height",
                "/opacity",
                "/visible",
                "/x"
            ]
        );
    }
}
