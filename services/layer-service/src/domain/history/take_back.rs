//! What has to be done to take a step back, and what others have made of the same since.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use sm_common::group::Group;
use sm_common::id::{GroupId, LayerId};
use sm_common::layer::Layer;
use sm_common::scene::Scene;
use utoipa::ToSchema;

use super::groups::{self, GroupDifference};
use super::{
    ChangedField, ChangedLayer, Difference, at, by_id, differing, document, order, order_of, same,
};
use crate::domain::ordering;
use crate::domain::proposal::{Action, Operation};

/// Where a layer says which group it belongs to.
const GROUP: &str = "/group";

/// Something that others have changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Clash {
    /// The layer; none for the order of the layers and for groups.
    pub(crate) layer: Option<LayerId>,
    /// JSON Pointer within the layer, or `/groups/` and a group's identifier; empty for all of it.
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
        groups: scene
            .layers
            .iter()
            .filter_map(|layer| Some((layer.id, layer.group?)))
            .collect(),
        kept_groups: BTreeSet::new(),
        locks: Vec::new(),
        operations: Vec::new(),
        clashes: Vec::new(),
    };
    work.bring_groups_back(&step.groups, scene);
    for layer in &step.created {
        work.remove(layer);
    }
    let rest: Vec<_> = step
        .changed
        .iter()
        .map(|changed| (changed.layer, work.change_group_back(changed)))
        .collect();
    work.reorder(step);
    for layer in &step.deleted {
        work.restore(layer, step);
    }
    for (layer, fields) in rest {
        work.patch_all(layer, fields);
    }
    work.operations.append(&mut work.locks);
    (work.operations, work.clashes)
}

struct Work<'a> {
    layers: BTreeMap<LayerId, &'a Layer>,
    /// As the operations so far leave it.
    order: Vec<LayerId>,
    /// The same of the groups that layers belong to.
    groups: BTreeMap<LayerId, GroupId>,
    /// Groups that the step made and others have changed since.
    kept_groups: BTreeSet<GroupId>,
    /// Locks of groups, which are set when their layers are as they are to be.
    locks: Vec<Operation>,
    operations: Vec<Operation>,
    clashes: Vec<Clash>,
}

impl Work<'_> {
    /// Brings back groups that the step ended, before layers are given to them again, and takes back
    /// what it changed of others. A group that it made ends with its last layer; one that others have
    /// changed since stays.
    fn bring_groups_back(&mut self, step: &GroupDifference, scene: &Scene) {
        let find = |id: GroupId| scene.groups.iter().find(|group| group.id == id);
        for group in step.deleted.iter().filter(|group| find(group.id).is_none()) {
            let action = Action::PutGroup {
                group: Box::new(Group {
                    locked: false,
                    ..group.clone()
                }),
            };
            self.operate_group(group.id, action);
            if group.locked {
                self.lock_group(group.id);
            }
        }
        for created in &step.created {
            let Some(current) = find(created.id) else {
                continue;
            };
            let others = groups::differing(created, current);
            if !others.is_empty() {
                self.kept_groups.insert(created.id);
            } else if current.locked {
                // By the step itself.
                self.patch_group(created.id, [("/locked", &Value::Bool(false))]);
            }
            let clashes = others.into_iter().map(|field| Clash {
                layer: None,
                pointer: format!("/groups/{}{}", created.id, field.pointer),
                wanted: Value::Null,
                current: field.after,
            });
            self.clashes.extend(clashes);
        }
        for changed in &step.changed {
            let Some(current) = find(changed.group) else {
                continue;
            };
            let (mut back, foreign) = changed.back(current);
            let clashes = foreign.into_iter().map(|field| Clash {
                layer: None,
                pointer: format!("/groups/{}{}", changed.group, field.pointer),
                wanted: field.wanted,
                current: field.current,
            });
            self.clashes.extend(clashes);
            if let Some(lock) = back.iter().position(|(pointer, _)| *pointer == "/locked") {
                let (pointer, before) = back.remove(lock);
                if *before == Value::Bool(true) {
                    self.lock_group(changed.group);
                } else {
                    self.patch_group(changed.group, [(pointer, before)]);
                }
            }
            if !back.is_empty() {
                self.patch_group(changed.group, back);
            }
        }
    }

    /// Whether the group that a step gave a layer is one that it does not take away again.
    fn keeps_group(&self, given: &Value) -> bool {
        let given = serde_json::from_value::<Option<GroupId>>(given.clone());
        given.is_ok_and(|given| given.is_some_and(|id| self.kept_groups.contains(&id)))
    }

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
        let order = ordering::together(&order, |id| self.groups.get(&id).copied());
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

    /// Gives a layer its former group, where it still has the one that the step gave it: what is
    /// ordered after it must know. Returns what else is to have its former value, where it still
    /// has the one of the step.
    fn change_group_back<'s>(
        &mut self,
        ChangedLayer {
            layer: id, fields, ..
        }: &'s ChangedLayer,
    ) -> Vec<(&'s str, &'s Value)> {
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
            if pointer == GROUP && self.keeps_group(after) {
                // Others have changed the group; it stays.
                continue;
            }
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
        if let Some(place) = back.iter().position(|(pointer, _)| *pointer == GROUP) {
            let (pointer, before) = back.remove(place);
            match serde_json::from_value(before.clone()) {
                Ok(Some(group)) => self.groups.insert(*id, group),
                Ok(None) | Err(_) => self.groups.remove(id),
            };
            self.patch(*id, [(pointer, before)]);
        }
        back
    }

    fn patch_all(&mut self, id: LayerId, fields: Vec<(&str, &Value)>) {
        if !fields.is_empty() {
            self.patch(id, fields);
        }
    }

    fn patch<'v>(&mut self, id: LayerId, fields: impl IntoIterator<Item = (&'v str, &'v Value)>) {
        let action = Action::Update {
            id,
            expected: None,
            patch: patch_of(fields),
        };
        self.operate(id, action);
    }

    fn patch_group<'v>(
        &mut self,
        id: GroupId,
        fields: impl IntoIterator<Item = (&'v str, &'v Value)>,
    ) {
        let action = Action::UpdateGroup {
            id,
            expected: None,
            patch: patch_of(fields),
        };
        self.operate_group(id, action);
    }

    fn lock_group(&mut self, id: GroupId) {
        let action = Action::UpdateGroup {
            id,
            expected: None,
            patch: patch_of([("/locked", &Value::Bool(true))]),
        };
        let at = format!("/groups/{id}");
        self.locks.push(Operation { at, action });
    }

    fn operate_group(&mut self, id: GroupId, action: Action) {
        let at = format!("/groups/{id}");
        self.operations.push(Operation { at, action });
    }

    fn operate(&mut self, id: LayerId, action: Action) {
        let at = format!("/layers/{id}");
        self.operations.push(Operation { at, action });
    }
}

fn patch_of<'v>(fields: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Value {
    let mut patch = Map::new();
    for (pointer, value) in fields {
        put(&mut patch, pointer, value);
    }
    Value::Object(patch)
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
