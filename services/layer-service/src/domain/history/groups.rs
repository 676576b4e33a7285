//! What a change did to the groups of a scene, and what takes it back.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::group::Group;
use sm_common::id::GroupId;
use sm_common::scene::Scene;

use super::names::{RENAME, verb};
use super::{ChangedField, at, differing_fields, followed, same};
use crate::domain::group::GroupDraft;

/// What is different between the groups of two versions of a scene, as far as people decide it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct GroupDifference {
    /// Groups that are new, as they became.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) created: Vec<Group>,
    /// Groups that are gone, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deleted: Vec<Group>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changed: Vec<ChangedGroup>,
}

/// The fields of a group that are different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ChangedGroup {
    pub(super) group: GroupId,
    /// Its name before.
    name: String,
    pub(super) fields: Vec<ChangedField>,
}

impl GroupDifference {
    pub(super) fn between(before: &Scene, after: &Scene) -> Self {
        let missing = |these: &Scene, those: &Scene| -> Vec<Group> {
            let is_there = |group: &&Group| those.groups.iter().any(|known| known.id == group.id);
            let groups = these.groups.iter().filter(|group| !is_there(group));
            groups.cloned().collect()
        };
        let changed = before.groups.iter().filter_map(|group| {
            let now = after.groups.iter().find(|known| known.id == group.id)?;
            let fields = differing(group, now);
            (!fields.is_empty()).then(|| ChangedGroup {
                group: group.id,
                name: group.name.clone(),
                fields,
            })
        });
        Self {
            created: missing(after, before),
            deleted: missing(before, after),
            changed: changed.collect(),
        }
    }

    pub(super) fn of(changed: ChangedGroup) -> Self {
        Self {
            changed: vec![changed],
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The one group that is changed, where none came or went.
    pub(super) fn of_one(&self) -> Option<&ChangedGroup> {
        match self.changed.as_slice() {
            [changed] if self.created.is_empty() && self.deleted.is_empty() => Some(changed),
            _ => None,
        }
    }
}

impl ChangedGroup {
    /// From before this to after `next`; `None` where that is nothing, or no change of the same.
    pub(super) fn followed_by(&self, next: &Self) -> Option<Self> {
        if self.group != next.group {
            return None;
        }
        Some(Self {
            fields: followed(&self.fields, &next.fields)?,
            ..self.clone()
        })
    }

    /// The patch that takes back what `current` still has of the step, and what it has otherwise.
    pub(super) fn back<'a>(&'a self, current: &Group) -> (Vec<(&'a str, &'a Value)>, Vec<Foreign>) {
        let document = GroupDraft::of(current).to_document();
        let (mut back, mut foreign) = (Vec::new(), Vec::new());
        for field in &self.fields {
            let now = at(&document, &field.pointer);
            if same(&now, &field.after) {
                back.push((field.pointer.as_str(), &field.before));
            } else if !same(&now, &field.before) {
                foreign.push(Foreign {
                    pointer: field.pointer.clone(),
                    wanted: field.before.clone(),
                    current: now,
                });
            }
        }
        (back, foreign)
    }
}

/// A field that somebody else has changed since.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Foreign {
    /// JSON Pointer within the group.
    pub(super) pointer: String,
    pub(super) wanted: Value,
    pub(super) current: Value,
}

/// The fields in which a group differs from what it was.
pub(super) fn differing(before: &Group, after: &Group) -> Vec<ChangedField> {
    differing_fields(
        &GroupDraft::of(before).to_document(),
        &GroupDraft::of(after).to_document(),
    )
}

/// What a step of groups is called; `None` where it is one of layers.
pub(super) fn name(
    groups: &GroupDifference,
    keeps_layers: bool,
    makes_no_layers: bool,
) -> Option<String> {
    let GroupDifference {
        created,
        deleted,
        changed,
    } = groups;
    match (created.as_slice(), deleted.as_slice(), changed.as_slice()) {
        ([group], [], []) if makes_no_layers && keeps_layers => {
            Some(format!("group {}", group.name))
        }
        ([group], [], []) if keeps_layers => Some(format!("create {}", group.name)),
        ([], [group], []) if keeps_layers => Some(format!("ungroup {}", group.name)),
        ([], [group], []) if makes_no_layers => Some(format!("delete {}", group.name)),
        ([], [], [group]) if keeps_layers && makes_no_layers => {
            let verb = verb(&group.fields);
            let renamed = group.fields.first().and_then(|field| field.after.as_str());
            Some(match renamed.filter(|_| verb == RENAME) {
                Some(renamed) => format!("{verb} {} to {renamed}", group.name),
                None => format!("{verb} {}", group.name),
            })
        }
        _ => None,
    }
}
