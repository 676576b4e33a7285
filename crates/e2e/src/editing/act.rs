//! What a person can do to layers, drawn at random, and what it must make of them.

use fastrand::Rng;
use serde_json::{Value, json};

/// Layers that a scene gets at most.
const LAYERS_MAX: usize = 12;

/// A change of one scene's layers.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Create { layer: Value, index: usize },
    Patch { id: Value, patch: Value },
    Delete { id: Value },
    Reorder { order: Vec<Value> },
}

/// A locked layer was to be changed.
#[derive(Debug)]
pub(super) struct Locked;

impl Act {
    /// Something that can be done to these layers.
    pub(super) fn draw(rng: &mut Rng, layers: &[Value]) -> Self {
        let count = layers.len();
        if count == 0 {
            return Self::create(rng, count);
        }
        let layer = &layers[rng.usize(..count)];
        let id = layer["id"].clone();
        match rng.u8(..10) {
            0..=1 if count < LAYERS_MAX => Self::create(rng, count),
            2 => Self::Delete { id },
            3 => {
                let mut order: Vec<Value> =
                    layers.iter().map(|layer| layer["id"].clone()).collect();
                rng.shuffle(&mut order);
                Self::Reorder { order }
            }
            4 if count >= LAYERS_MAX => Self::Delete { id },
            _ => Self::Patch {
                id,
                patch: patch(rng, layer),
            },
        }
    }

    fn create(rng: &mut Rng, count: usize) -> Self {
        let (red, width) = (rng.u8(..), rng.i64(1..1280));
        let layer = json!({
            "name": format!("layer {}", rng.u32(..)), "kind": "color",
            "source": {"color": format!("#{red:02x}2030")}, "transform": {"width": width},
        });
        Self::Create {
            layer,
            index: rng.usize(..=count),
        }
    }

    /// The body that creates the layer.
    pub(super) fn new_layer(layer: &Value, index: usize) -> Value {
        let mut body = layer.clone();
        body["index"] = json!(index);
        body
    }

    /// The same as an operation of a batch.
    pub(super) fn operation(&self) -> Value {
        match self {
            Self::Create { layer, index } => {
                json!({"op": "create", "layer": Self::new_layer(layer, *index)})
            }
            Self::Patch { id, patch } => json!({"op": "update", "id": id, "patch": patch}),
            Self::Delete { id } => json!({"op": "delete", "id": id}),
            Self::Reorder { order } => json!({"op": "reorder", "order": order}),
        }
    }

    /// What it makes of `layers`. A new layer is what was sent of it, and has no id.
    pub(super) fn apply(&self, layers: &mut Vec<Value>) -> Result<(), Locked> {
        match self {
            Self::Create { layer, index } => layers.insert(*index, layer.clone()),
            Self::Patch { id, patch } => {
                let layer = find(layers, id);
                let unlocks = *patch == json!({"locked": false});
                if layer["locked"] == true && !unlocks && !super::copy::contains(layer, patch) {
                    return Err(Locked);
                }
                merge(layer, patch);
            }
            Self::Delete { id } => {
                if find(layers, id)["locked"] == true {
                    return Err(Locked);
                }
                layers.retain(|layer| layer["id"] != *id);
            }
            Self::Reorder { order } => {
                layers.sort_by_key(|layer| order.iter().position(|id| *id == layer["id"]));
            }
        }
        Ok(())
    }
}

/// Several changes, each possible after those before it.
pub(super) fn draw_batch(rng: &mut Rng, layers: &[Value]) -> Vec<Act> {
    let mut known = layers.to_vec();
    let mut acts: Vec<Act> = Vec::new();
    for _ in 0..rng.usize(2..=5) {
        let act = Act::draw(rng, &known);
        // A layer that the same batch creates has no id yet that could be named.
        let created = acts.iter().any(|act| matches!(act, Act::Create { .. }));
        let is_possible = match &act {
            Act::Create { .. } => true,
            Act::Patch { id, .. } | Act::Delete { id } => id.is_string(),
            Act::Reorder { .. } => !created,
        };
        if is_possible && act.apply(&mut known).is_ok() {
            acts.push(act);
        }
    }
    acts
}

fn patch(rng: &mut Rng, layer: &Value) -> Value {
    if layer["locked"] == true && rng.bool() {
        return json!({"locked": false});
    }
    match rng.u8(..8) {
        0 => json!({"opacity": f64::from(rng.u8(0..=8)) / 8.0}),
        1 => json!({"transform": {"x": rng.i32(-500..500), "y": rng.i32(-500..500)}}),
        2 => json!({"transform": {"width": rng.i32(1..1280)}, "visible": rng.bool()}),
        3 => json!({"name": format!("layer {}", rng.u32(..))}),
        4 => json!({"source": {"color": format!("#{:06x}", rng.u32(..0x0100_0000))}}),
        5 => json!({"volume": f64::from(rng.u8(0..=80)) / 4.0, "muted": rng.bool()}),
        6 => json!({"blend": if rng.bool() { "add" } else { "normal" }}),
        _ => json!({"locked": rng.bool()}),
    }
}

fn find<'a>(layers: &'a mut [Value], id: &Value) -> &'a mut Value {
    let layer = layers.iter_mut().find(|layer| layer["id"] == *id);
    layer.expect("the layer is there")
}

fn merge(target: &mut Value, patch: &Value) {
    match patch.as_object() {
        Some(members) => {
            for (name, value) in members {
                merge(&mut target[name.as_str()], value);
            }
        }
        None => target.clone_from(patch),
    }
}
