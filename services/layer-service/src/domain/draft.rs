use serde::Serialize;
use serde_json::Value;
use sm_common::layer::{Layer, LayerKind, LayerSource, Transform, VOLUME_MAX};

use super::fault::Faults;
use super::field::{Members, boolean, integer, number, parsed, text};
use super::source;

/// Longest name of a layer, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Furthest that a layer's left and top edges may be from the canvas' own, in pixels.
const OFFSET_MAX: i64 = 16_384;
/// Largest width and height of a layer, in pixels.
const SIDE_MAX: i64 = 8_192;

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
    pub(crate) transform: Transform,
    pub(crate) opacity: f64,
    pub(crate) visible: bool,
    pub(crate) locked: bool,
    pub(crate) volume: f64,
    pub(crate) muted: bool,
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
        let transform = read_transform(fields, canvas, faults);
        let opacity = fields.or("opacity", 1.0, faults, number(0.0, 1.0));
        let visible = fields.or("visible", true, faults, boolean);
        let locked = fields.or("locked", false, faults, boolean);
        let volume = fields.or("volume", 1.0, faults, number(0.0, VOLUME_MAX));
        let muted = fields.or("muted", false, faults, boolean);
        let required = fields.or("required", false, faults, boolean);
        Some(Self {
            name: name?,
            source: source?,
            transform: transform?,
            opacity: opacity?,
            visible: visible?,
            locked: locked?,
            volume: volume?,
            muted: muted?,
            required: required?,
        })
    }

    /// What callers have decided of a layer.
    pub(crate) fn of(layer: &Layer) -> Self {
        Self {
            name: layer.name.clone(),
            source: layer.source.clone(),
            transform: layer.transform,
            opacity: layer.opacity,
            visible: layer.visible,
            locked: layer.locked,
            volume: layer.volume,
            muted: layer.muted,
            required: layer.required,
        }
    }

    /// Makes `layer` what callers have decided. Destructured, so that no member is forgotten.
    pub(crate) fn write_to(self, layer: &mut Layer) {
        let Self {
            name,
            source,
            transform,
            opacity,
            visible,
            locked,
            volume,
            muted,
            required,
        } = self;
        layer.name = name;
        layer.source = source;
        layer.transform = transform;
        layer.opacity = opacity;
        layer.visible = visible;
        layer.locked = locked;
        layer.volume = volume;
        layer.muted = muted;
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
    let whole = Transform {
        x: 0,
        y: 0,
        width: canvas.width,
        height: canvas.height,
    };
    let Some(value) = layer.raw("transform") else {
        return Some(whole);
    };
    let mut fields = Members::of(value, &layer.pointer_to("transform"), faults)?;
    let x = fields.or("x", whole.x, faults, integer(-OFFSET_MAX, OFFSET_MAX));
    let y = fields.or("y", whole.y, faults, integer(-OFFSET_MAX, OFFSET_MAX));
    let width = fields.or("width", whole.width, faults, integer(1, SIDE_MAX));
    let height = fields.or("height", whole.height, faults, integer(1, SIDE_MAX));
    fields.finish(faults);
    Some(Transform {
        x: x?,
        y: y?,
        width: width?,
        height: height?,
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
            ("/opacity", json!(-0.001), false),
            ("/opacity", json!(1.001), false),
            ("/opacity", json!(1e308), false),
            ("/opacity", json!("NaN"), true),
            ("/volume", json!(20.5), false),
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
