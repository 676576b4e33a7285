//! What a caller wants done to a scene, as far as it can be read without the scene.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use sm_common::group::Group;
use sm_common::id::{AssetId, GroupId, LayerId, SecretId};
use sm_common::layer::{Layer, LayerSource, PlaylistSource};
use utoipa::ToSchema;

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed, text};

/// A revision that the caller has read; the change is for that one alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected(String);

impl Expected {
    /// The revision in an entity tag, without its quotes.
    pub(crate) const fn new(tag: String) -> Self {
        Self(tag)
    }

    pub(crate) fn is(&self, revision: u64) -> bool {
        self.0 == revision.to_string()
    }
}

/// One thing to do. Documents are read against the scene, so that every fault of a request is
/// found in one pass.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Adds a layer; `id` was drawn for it.
    Create { id: LayerId, layer: Value },
    /// Brings back a layer that was deleted, as it was.
    Restore { layer: Box<Layer>, index: usize },
    /// Adds a copy of a layer in front of it; `copy` was drawn for it.
    Duplicate {
        id: LayerId,
        copy: LayerId,
        expected: Option<Expected>,
    },
    /// Adds a layer that was copied from elsewhere.
    Copy { layer: Box<Layer>, place: Place },
    /// Changes a layer by a merge patch.
    Update {
        id: LayerId,
        expected: Option<Expected>,
        patch: Value,
    },
    /// Removes a layer.
    Delete {
        id: LayerId,
        expected: Option<Expected>,
    },
    /// Plays what a layer plays otherwise.
    Play {
        id: LayerId,
        expected: Option<Expected>,
        order: Value,
    },
    /// Makes layers a group; `id` was drawn for it.
    Group { id: GroupId, group: Value },
    /// Adds a group without layers, as it was; operations after it give it some.
    PutGroup { group: Box<Group> },
    /// Changes a group by a merge patch.
    UpdateGroup {
        id: GroupId,
        expected: Option<Expected>,
        patch: Value,
    },
    /// Ends a group.
    Ungroup {
        id: GroupId,
        expected: Option<Expected>,
        remains: Remains,
    },
    /// Puts the layers into another order.
    Reorder { order: Value },
}

/// Where a layer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To the front of the picture.
    Front,
    /// So far from the back.
    At(usize),
    /// Right in front of this layer.
    InFrontOf(LayerId),
}

/// What remains of a group that ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Remains {
    /// Its layers, which look as they did in it.
    #[default]
    Layers,
    /// Nothing: its layers are deleted.
    Nothing,
}

/// An action, and where it stands in the request.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// JSON Pointer to the operation; empty when it is the whole request.
    pub(crate) at: String,
    pub(crate) action: Action,
}

impl Operation {
    /// An action that is a request of its own.
    pub(crate) const fn alone(action: Action) -> Self {
        Self {
            at: String::new(),
            action,
        }
    }

    /// JSON Pointer to the member that holds the action's document.
    pub(crate) fn pointer_to(&self, member: &str) -> String {
        if self.at.is_empty() {
            String::new()
        } else {
            format!("{}/{member}", self.at)
        }
    }

    /// The uploaded files that the operation names, to be looked up before it is judged; `layers` are
    /// those of the scene.
    pub(crate) fn assets(&self, layers: &[Layer]) -> Vec<AssetId> {
        let of = |layer: &Layer| layer.source.assets().cloned().collect();
        match &self.action {
            Action::Restore { layer, .. } | Action::Copy { layer, .. } => return of(layer),
            Action::Duplicate { id, .. } => {
                let original = layers.iter().find(|layer| layer.id == *id);
                return original.map(of).unwrap_or_default();
            }
            Action::Create { .. }
            | Action::Update { .. }
            | Action::Delete { .. }
            | Action::Play { .. }
            | Action::Group { .. }
            | Action::PutGroup { .. }
            | Action::UpdateGroup { .. }
            | Action::Ungroup { .. }
            | Action::Reorder { .. } => {}
        }
        let items = self.document().and_then(|document| {
            let items = document.pointer("/source/items")?.as_array()?;
            Some(items.iter().take(PlaylistSource::ITEMS_MAX))
        });
        let items = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.get("asset")?.as_str()?.parse().ok());
        ["/source/asset", "/source/style/font_asset"]
            .iter()
            .filter_map(|pointer| self.named(pointer))
            .chain(items)
            .collect()
    }

    /// The secret that the operation names, to be looked up before it is judged.
    pub(crate) fn secret(&self) -> Option<SecretId> {
        if let Action::Restore { layer, .. } = &self.action
            && let LayerSource::Network(source) = &layer.source
        {
            return source.secret;
        }
        self.named("/source/secret")
    }

    fn named<T: FromStr>(&self, pointer: &str) -> Option<T> {
        self.document()?.pointer(pointer)?.as_str()?.parse().ok()
    }

    /// What is to become of a layer.
    const fn document(&self) -> Option<&Value> {
        match &self.action {
            Action::Create { layer, .. } => Some(layer),
            Action::Update { patch, .. } => Some(patch),
            Action::Restore { .. }
            | Action::Duplicate { .. }
            | Action::Copy { .. }
            | Action::Delete { .. }
            | Action::Play { .. }
            | Action::Group { .. }
            | Action::PutGroup { .. }
            | Action::UpdateGroup { .. }
            | Action::Ungroup { .. }
            | Action::Reorder { .. } => None,
        }
    }
}

/// A whole request: all of it happens, or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposal {
    /// The scene's revision that the caller has read.
    pub(crate) expected: Option<Expected>,
    pub(crate) operations: Vec<Operation>,
    /// What is already known to be wrong.
    pub(crate) faults: Faults,
}

impl Proposal {
    /// A request of one action.
    pub(crate) fn of(action: Action) -> Self {
        Self {
            operations: vec![Operation::alone(action)],
            ..Self::default()
        }
    }

    /// The same, for this revision of the scene alone.
    #[must_use]
    pub(crate) fn expecting(mut self, expected: Option<Expected>) -> Self {
        self.expected = expected;
        self
    }

    /// Reads the body of a new order: `{"order": [...]}`.
    pub(crate) fn read_order(body: &Value) -> Self {
        let mut proposal = Self::default();
        let faults = &mut proposal.faults;
        if let Some(mut fields) = Members::of(body, "", faults) {
            let order = fields.required("order", faults, |order| Ok(order.clone()));
            fields.finish(faults);
            let action = order.map(|order| Action::Reorder { order });
            proposal.operations.extend(action.map(Operation::alone));
        }
        proposal
    }

    /// Reads the body of a batch: `{"operations": [...]}`, at most `max` of them. `draw` hands
    /// out identifiers for new layers.
    pub(crate) fn read_batch(body: &Value, max: usize, draw: impl Fn() -> LayerId) -> Self {
        let mut proposal = Self::default();
        let faults = &mut proposal.faults;
        let Some(mut fields) = Members::of(body, "", faults) else {
            return proposal;
        };
        let items = fields.required("operations", faults, |value| {
            let items = value
                .as_array()
                .ok_or_else(|| Fault::Shape("must be a list of operations".to_owned()))?;
            if items.is_empty() || items.len() > max {
                return Err(Fault::Value(format!("must hold 1 to {max} operations")));
            }
            Ok(items.clone())
        });
        fields.finish(faults);
        for (index, item) in items.unwrap_or_default().iter().enumerate() {
            let at = format!("/operations/{index}");
            if let Some(action) = read_action(item, &at, faults, &draw) {
                proposal.operations.push(Operation { at, action });
            }
        }
        proposal
    }
}

fn read_action(
    item: &Value,
    at: &str,
    faults: &mut Faults,
    draw: impl Fn() -> LayerId,
) -> Option<Action> {
    let mut fields = Members::of(item, at, faults)?;
    let whole = |value: &Value| Ok(value.clone());
    let name = fields.required("op", faults, text(1, 16, false))?;
    let action = match name.as_str() {
        "create" => fields
            .required("layer", faults, whole)
            .map(|layer| Action::Create { id: draw(), layer }),
        "update" => {
            let id = fields.required("id", faults, parsed);
            let expected = read_expected(&mut fields, faults);
            let patch = fields.required("patch", faults, whole);
            id.zip(patch).map(|(id, patch)| Action::Update {
                id,
                expected,
                patch,
            })
        }
        "duplicate" => {
            let id = fields.required("id", faults, parsed);
            let expected = read_expected(&mut fields, faults);
            id.map(|id| Action::Duplicate {
                id,
                copy: draw(),
                expected,
            })
        }
        "delete" => {
            let id = fields.required("id", faults, parsed);
            let expected = read_expected(&mut fields, faults);
            id.map(|id| Action::Delete { id, expected })
        }
        "playback" => {
            let id = fields.required("id", faults, parsed);
            let expected = read_expected(&mut fields, faults);
            let order = fields.required("command", faults, whole);
            id.zip(order).map(|(id, order)| Action::Play {
                id,
                expected,
                order,
            })
        }
        "reorder" => fields
            .required("order", faults, whole)
            .map(|order| Action::Reorder { order }),
        _ => {
            let known = "must be create, update, duplicate, delete, playback or reorder";
            faults.value(format!("{at}/op"), known);
            return None;
        }
    };
    fields.finish(faults);
    action
}

fn read_expected(fields: &mut Members<'_>, faults: &mut Faults) -> Option<Expected> {
    let revision: Option<Option<u64>> = fields.or("if_match", None, faults, |value| {
        integer(0, i64::MAX)(value).map(Some)
    });
    revision
        .flatten()
        .map(|revision| Expected(revision.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Proposal {
        Proposal::read_batch(body, 5, LayerId::generate)
    }

    #[test]
    fn a_batch_is_read_in_order() {
        let id = LayerId::generate();
        let proposal = read(&json!({"operations": [
            {"op": "create", "layer": {"source": {"asset": "ab".repeat(32)}}},
            {"op": "update", "id": id, "patch": {"source": {"items": [
                {"asset": "cd".repeat(32)}, {"asset": 7}, {"asset": "ef".repeat(32)}]}}, "if_match": 3},
            {"op": "delete", "id": id},
            {"op": "reorder", "order": []},
        ]}));
        assert!(proposal.faults.is_empty(), "{:?}", proposal.faults);
        let [create, update, delete, reorder] = proposal.operations.as_slice() else {
            panic!("{:?}", proposal.operations);
        };
        assert_eq!(create.assets(&[]).len(), 1);
        assert_eq!(update.assets(&[]).len(), 2);
        assert_eq!(create.pointer_to("layer"), "/operations/0/layer");
        assert!(
            matches!(&update.action, Action::Update { expected: Some(expected), .. } if expected.is(3))
        );
        assert!(matches!(
            &delete.action,
            Action::Delete { expected: None, .. }
        ));
        assert!(matches!(&reorder.action, Action::Reorder { .. }));
    }

    #[test]
    fn every_malformed_operation_is_named() {
        let proposal = read(&json!({"mode": 1, "operations": [
            {"op": "explode"}, {"op": "update", "id": "x"}, {"op": "delete", "if_match": -1, "force": true}, 7,
            {"layer": {}},
        ]}));
        let errors = proposal.faults.errors();
        let pointers: Vec<&str> = errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/mode",
                "/operations/0/op",
                "/operations/1/id",
                "/operations/1/patch",
                "/operations/2/id",
                "/operations/2/if_match",
                "/operations/2/force",
                "/operations/3",
                "/operations/4/op",
            ]
        );
    }

    #[test]
    fn a_batch_has_a_size() {
        let many = vec![json!({"op": "reorder", "order": []}); 6];
        for bad in [
            json!({"operations": []}),
            json!({"operations": many}),
            json!({}),
            json!([]),
        ] {
            assert!(!read(&bad).faults.is_empty(), "{bad}");
        }
    }
}
