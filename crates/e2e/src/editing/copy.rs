//! A copy of a scene that is kept by events alone, as every subscriber keeps one.

use serde_json::Value;
use sm_common::event::EventType;

/// The layers of a scene.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Copy {
    pub(super) revision: u64,
    pub(super) layers: Vec<Value>,
}

impl Copy {
    /// Does what an event of this scene tells.
    pub(super) fn hear(&mut self, kind: EventType, data: &Value) {
        self.revision = revision_of(kind, data);
        if kind == EventType::LayerCreated {
            let index = usize::try_from(data["index"].as_u64().unwrap()).unwrap();
            self.layers.insert(index, data["layer"].clone());
        } else if kind == EventType::LayerUpdated {
            let place = self.place(&data["layer"]["id"]);
            self.layers[place] = data["layer"].clone();
        } else if kind == EventType::LayerDeleted {
            let place = self.place(&data["layer"]);
            self.layers.remove(place);
        } else if kind == EventType::LayerReordered {
            let order = data["order"].as_array().unwrap().iter();
            let layers = order.map(|id| self.layers[self.place(id)].clone());
            self.layers = layers.collect();
        } else {
            assert_eq!(kind, EventType::SceneUpdated, "{data}");
        }
    }

    fn place(&self, id: &Value) -> usize {
        let place = self.layers.iter().position(|layer| layer["id"] == *id);
        place.unwrap_or_else(|| panic!("an event tells of layer {id}, which is not there"))
    }
}

/// The scene that an event is about; `None` where it is about the list of scenes, or none.
pub(super) fn scene_of(kind: EventType, data: &Value) -> Option<&str> {
    let scene = if kind == EventType::LayerCreated || kind == EventType::LayerUpdated {
        &data["layer"]["scene"]
    } else if kind == EventType::LayerDeleted || kind == EventType::LayerReordered {
        &data["scene"]
    } else if kind == EventType::SceneUpdated {
        &data["scene"]["id"]
    } else {
        return None;
    };
    Some(scene.as_str().unwrap())
}

/// The scene's revision that an event of a scene tells.
pub(super) fn revision_of(kind: EventType, data: &Value) -> u64 {
    let revision = if kind == EventType::SceneUpdated {
        &data["scene"]["revision"]
    } else {
        &data["scene_revision"]
    };
    revision.as_u64().unwrap()
}

/// What people see of layers: everything but revisions and times of changes.
pub(super) fn seen(layers: &[Value]) -> Vec<Value> {
    let mut seen = layers.to_vec();
    for layer in &mut seen {
        let members = layer.as_object_mut().unwrap();
        for member in ["revision", "updated_at", "status"] {
            members.remove(member);
        }
    }
    seen
}

/// Whether `whole` has every member of `part`, with its value.
pub(super) fn contains(whole: &Value, part: &Value) -> bool {
    match part.as_object() {
        Some(members) => members
            .iter()
            .all(|(name, value)| contains(&whole[name.as_str()], value)),
        None => whole == part,
    }
}
