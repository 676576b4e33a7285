//! What has to be done to take a step back, and what others have made of the same since.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use sm_common::id::LayerId;
use sm_common::layer::Layer;
use sm_common::scene::Scene;
use utoipa::ToSchema;

use super::{
    ChangedField, ChangedLayer, Difference, at, by_id, differing, document, order, order_of, same,
};
use crate::domain::proposal::{Action, Operation};

/// Something that others have changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Clash {
    /// The layer; none for the order of the layers.
    pub(crate) layer: Option<LayerId>,
    /// JSON Pointer within the layer; empty for all of it.
    pub(crate) pointer: String,
    /// What the step or the patch would make of it; null for nothing.
    pub(crate) wanted: Value,
    /// What it is now; null for nothing.
    pub(crate) current: Value,
}

/// The operations that take `step` back, and what others have changed since, which they leave as
/// it is.
pub(crate) fn take_back(step: &Difference, scene: &Scene) -> (Vec<Operation>, Vec<Clash>) {
    let mut work = Work {
        layers: by_id(scene),
        order: order_of(scene),
        operations: Vec::new(),
        clashes: Vec::new(),
    };
    for layer in &step.created {
        work.remove(layer);
    }
    work.reorder(step);
    for layer in &step.deleted {
        work.restore(layer, step);
    }
    for changed in &step.changed {
        work.change_back(changed);
    }
    (work.operations, work.clashes)
}

struct Work<'a> {
    layers: BTreeMap<LayerId, &'a Layer>,
    /// As the operations so far leave it.
    order: Vec<LayerId>,
    operations: Vec<Operation>,
    clashes: Vec<Clash>,
}

impl Work<'_> {
    /// Removes a layer that the step created, unless others have put something into it.
    fn remove(&mut self, created: &Layer) {
        let id = created.id;
        let Some(current) = self.layers.get(&id) else {
            return;
        };
        let others = differing(created, current);
        if !others.is_empty() {
            let clashes = others.into_iter().map(|field| Clash {
                layer: Some(id),
                pointer: field.pointer,
                wanted: Value::Null,
                current: field.after,
            });
            self.clashes.extend(clashes);
            return;
        }
        if current.locked {
            // By the step itself.
            self.patch(id, [("/locked", &Value::Bool(false))]);
        }
        self.order.retain(|known| *known != id);
        let action = Action::Delete { id, expected: None };
        self.operate(id, action);
    }

    fn reorder(&mut self, step: &Difference) {
        let Some(orders) = step.order.as_ref().filter(|orders| orders.are_different()) else {
            return;
        };
        let Some(order) = order::turn_back(&self.order, orders) else {
            self.clashes.push(Clash {
                layer: None,
                pointer: "/order".to_owned(),
                wanted: list(&orders.before),
                current: list(&self.order),
            });
            return;
        };
        if order != self.order {
            let action = Action::Reorder {
                order: list(&order),
            };
            self.operations.push(Operation::alone(action));
            self.order = order;
        }
    }

    /// Brings back a layer that the step deleted.
    fn restore(&mut self, deleted: &Layer, step: &Difference) {
        let id = deleted.id;
        if self.layers.contains_key(&id) {
            return;
        }
        let before = step.order.as_ref().map(|orders| orders.before.as_slice());
        let index = order::place_of(id, before.unwrap_or_default(), &self.order);
        self.order.insert(index, id);
        let layer = Box::new(deleted.clone());
        self.operate(id, Action::Restore { layer, index });
    }

    /// Gives fields their former values, where they still have those that the step gave them.
    fn change_back(
        &mut self,
        ChangedLayer {
            layer: id, fields, ..
        }: &ChangedLayer,
    ) {
        let current = self.layers.get(id).map(|layer| document(layer));
        let mut back = Vec::new();
        for ChangedField {
            pointer,
            before,
            after,
        } in fields
        {
            let now = current.as_ref().map(|document| at(document, pointer));
            let is = |value: &Value| now.as_ref().is_some_and(|now| same(now, value));
            if is(after) {
                back.push((pointer.as_str(), before));
            } else if !is(before) {
                self.clashes.push(Clash {
                    layer: Some(*id),
                    pointer: pointer.clone(),
                    wanted: before.clone(),
                    current: now.unwrap_or_default(),
                });
            }
        }
        let of_source = |pointer: &str| pointer == "/kind" || pointer.starts_with("/source");
        if fields.iter().any(|field| field.pointer == "/kind")
            && self
                .clashes
                .iter()
                .any(|clash| clash.layer == Some(*id) && of_source(&clash.pointer))
        {
            // A kind and its source belong together.
            back.retain(|(pointer, _)| !of_source(pointer));
        }
        if let Some(lock) = back.iter().position(|(pointer, _)| *pointer == "/locked")
            && back.len() > 1
            && back
                .get(lock)
                .is_some_and(|(_, before)| **before == Value::Bool(false))
        {
            // The lock is the step's own: it does not keep the rest of the step.
            let lock = back.remove(lock);
            self.patch(*id, [lock]);
        }
        if !back.is_empty() {
            self.patch(*id, back);
        }
    }

    fn patch<'v>(&mut self, id: LayerId, fields: impl IntoIterator<Item = (&'v str, &'v Value)>) {
        let mut patch = Map::new();
        for (pointer, value) in fields {
            put(&mut patch, pointer, value);
        }
        let action = Action::Update {
            id,
            expected: None,
            patch: Value::Object(patch),
        };
        self.operate(id, action);
    }

    fn operate(&mut self, id: LayerId, action: Action) {
        let at = format!("/layers/{id}");
        self.operations.push(Operation { at, action });
    }
}

/// Sets the member at `pointer`, whose names need no escape: they are those of a layer.
fn put(members: &mut Map<String, Value>, pointer: &str, value: &Value) {
    let path = pointer.trim_start_matches('/');
    match path.split_once('/') {
        None => {
            members.insert(path.to_owned(), value.clone());
        }
        Some((name, rest)) => {
            let inner = members
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

fn list(order: &[LayerId]) -> Value {
    order
        .iter()
        .map(|id| Value::String(id.to_string()))
        .collect()
}
