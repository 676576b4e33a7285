//! Groups of layers in the scene that is changed.
//!
//! The layers of a group lie next to each other in the order of the scene. Whatever would come
//! between them comes in front of them; an order that would separate them is refused.

use std::collections::BTreeSet;

use serde_json::Value;
use sm_common::group::{Group, GroupTransform};
use sm_common::id::{GroupId, LayerId};
use sm_common::layer::Layer;

use super::{Expected, Refusal, Step, Work, holds};
use crate::domain::draft::Draft;
use crate::domain::fault::Fault;
use crate::domain::field::{Members, parsed};
use crate::domain::group::GroupDraft;
use crate::domain::patch;
use crate::domain::proposal::Remains;

impl Work<'_> {
    /// Makes layers a group; `document` names them. Nothing of the picture changes.
    pub(super) fn group(
        &mut self,
        id: GroupId,
        document: &Value,
        at: &str,
    ) -> Result<Option<Step>, Refusal> {
        let Some(mut fields) = Members::of(document, at, &mut self.faults) else {
            return Ok(None);
        };
        let named = fields.required("layers", &mut self.faults, |value| {
            let items = value.as_array().filter(|items| !items.is_empty());
            let items = items.ok_or_else(|| {
                Fault::Shape("must be a list of one or more layer identifiers".to_owned())
            });
            items.cloned()
        });
        let pointer = fields.pointer_to("layers");
        let members = named.and_then(|named| self.read_members(&named, &pointer));
        let boxes = self.scene.layers.iter();
        let boxes = boxes.filter(|layer| {
            let members: Option<&BTreeSet<LayerId>> = members.as_ref();
            members.is_some_and(|members| members.contains(&layer.id))
        });
        let standing = GroupTransform::around(boxes.map(|layer| &layer.transform));
        let draft = GroupDraft::read(&mut fields, standing, &mut self.faults);
        fields.finish(&mut self.faults);
        let (Some(members), Some(draft)) = (members, draft) else {
            return Ok(None);
        };
        if !self.are_together(&members, &pointer) {
            return Ok(None);
        }
        self.check_room_for_group()?;
        let layers = self.scene.layers.iter();
        let mut members_of_scene = layers.filter(|layer| members.contains(&layer.id));
        if let Some(locked) = members_of_scene.find(|layer| layer.locked) {
            return Err(Refusal::Locked(locked.id));
        }
        let now = self.surroundings.now;
        let mut group = Group {
            id,
            scene: self.scene.id,
            name: String::new(),
            transform: standing,
            opacity: 1.0,
            visible: true,
            locked: false,
            transition: draft.transition,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        draft.write_to(&mut group);
        self.scene.groups.push(group.clone());
        for member in members {
            self.rewrite(member, |layer| layer.group = Some(id));
        }
        Ok(Some(Step::Grouped { group }))
    }

    /// Adds a group without layers, which operations after this one give it.
    pub(super) fn put_group(&mut self, group: &Group) -> Result<Option<Step>, Refusal> {
        if self.scene.groups.iter().any(|known| known.id == group.id) {
            return Ok(None);
        }
        self.check_room_for_group()?;
        let mut group = group.clone();
        group.scene = self.scene.id;
        if group.revision == 0 {
            group.created_at = self.surroundings.now;
        }
        group.revision = group.revision.saturating_add(1);
        group.updated_at = self.surroundings.now;
        self.scene.groups.push(group.clone());
        Ok(Some(Step::Grouped { group }))
    }

    pub(super) fn update_group(
        &mut self,
        id: GroupId,
        expected: Option<&Expected>,
        patch: &Value,
        at: &str,
    ) -> Result<Option<Step>, Refusal> {
        let mut group = self.find_group(id, expected)?.clone();
        let Some(members) = patch.as_object() else {
            self.faults.shape(at, "must be an object");
            return Ok(None);
        };
        let before = GroupDraft::of(&group).to_document();
        let mut document = before.clone();
        patch::merge(&mut document, members);
        let Some(mut fields) = Members::of(&document, at, &mut self.faults) else {
            return Ok(None);
        };
        let draft = GroupDraft::read(&mut fields, group.transform, &mut self.faults);
        fields.finish(&mut self.faults);
        let Some(draft) = draft else {
            return Ok(None);
        };
        let changed = patch::changed(&before, &draft.to_document());
        if group.locked && changed.iter().any(|pointer| pointer != "/locked") {
            return Err(Refusal::GroupLocked(id));
        }
        if !changed.is_empty() {
            draft.write_to(&mut group);
            group.revision = group.revision.saturating_add(1);
            group.updated_at = self.surroundings.now;
            let mut groups = self.scene.groups.iter_mut();
            if let Some(place) = groups.find(|known| known.id == id) {
                place.clone_from(&group);
            }
        }
        Ok(Some(Step::Regrouped { group, changed }))
    }

    /// Ends a group. Layers that remain look as they did in it.
    pub(super) fn ungroup(
        &mut self,
        id: GroupId,
        expected: Option<&Expected>,
        remains: Remains,
    ) -> Result<Step, Refusal> {
        let group = self.find_group(id, expected)?.clone();
        if group.locked {
            return Err(Refusal::GroupLocked(id));
        }
        let members: Vec<LayerId> = self.members(id).map(|layer| layer.id).collect();
        if let Some(locked) = self.members(id).find(|layer| layer.locked) {
            return Err(Refusal::Locked(locked.id));
        }
        self.scene.groups.retain(|known| known.id != id);
        match remains {
            Remains::Layers => {
                for member in members {
                    self.rewrite(member, |layer| *layer = group.applied_to(layer));
                }
            }
            Remains::Nothing => {
                self.scene
                    .layers
                    .retain(|layer| !members.contains(&layer.id));
                let deleted = members.into_iter().map(|layer| Step::Deleted { layer });
                self.further.extend(deleted);
            }
        }
        Ok(Step::Ungrouped { group: id })
    }

    /// What follows from the operations as a whole: groups that nothing is left of, and an order
    /// that has changed by itself.
    pub(super) fn settle(&mut self) {
        let used: BTreeSet<GroupId> = self
            .scene
            .layers
            .iter()
            .filter_map(|layer| layer.group)
            .collect();
        let groups = std::mem::take(&mut self.scene.groups);
        let (kept, empty): (Vec<Group>, Vec<Group>) = groups
            .into_iter()
            .partition(|group| used.contains(&group.id));
        self.scene.groups = kept;
        let gone = empty
            .into_iter()
            .map(|group| Step::Ungrouped { group: group.id });
        self.further.extend(gone);
        if self.has_moved {
            let order = self.scene.layers.iter().map(|layer| layer.id).collect();
            self.further.push(Step::Reordered {
                order,
                changed: true,
            });
        }
    }

    /// What belongs to a locked group is locked.
    pub(super) fn check_group_lock(&self, group: Option<GroupId>) -> Result<(), Refusal> {
        let mut groups = self.scene.groups.iter();
        match groups.find(|known| Some(known.id) == group) {
            Some(group) if group.locked => Err(Refusal::GroupLocked(group.id)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the group that a layer is to have is one of the scene; notes the fault if not.
    pub(super) fn group_exists(&mut self, group: Option<GroupId>, at: &str) -> bool {
        let exists = self.has_group(group);
        if !exists {
            let detail = "is no group of this scene; make one at /api/groups";
            self.faults.value(format!("{at}/group"), detail);
        }
        exists
    }

    /// Whether there is such a group; no group is always there.
    pub(super) fn has_group(&self, group: Option<GroupId>) -> bool {
        group.is_none_or(|id| self.scene.groups.iter().any(|known| known.id == id))
    }

    /// The place for a layer that is wanted at `index`: beside the layers of its group, and between
    /// those of no other.
    pub(super) fn place_for(&self, group: Option<GroupId>, index: usize) -> usize {
        let group_at = |place: usize| self.scene.layers.get(place).and_then(|layer| layer.group);
        let index = index.min(self.scene.layers.len());
        let end_of = |group: Option<GroupId>| {
            let last = self
                .scene
                .layers
                .iter()
                .rposition(|layer| layer.group == group);
            last.map(|last| last.saturating_add(1))
        };
        if group.is_some()
            && let Some(end) = end_of(group)
        {
            let first = self
                .scene
                .layers
                .iter()
                .position(|layer| layer.group == group);
            return index.clamp(first.unwrap_or(end), end);
        }
        let behind = index.checked_sub(1).and_then(group_at);
        match group_at(index) {
            Some(around) if behind == Some(around) => end_of(Some(around)).unwrap_or(index),
            Some(_) | None => index,
        }
    }

    /// Brings a layer whose group has changed to its place: to the nearer end of its new group, or
    /// out of the old one that it lies within.
    pub(super) fn move_beside_group(&mut self, id: LayerId) {
        let Some(place) = self.scene.layers.iter().position(|layer| layer.id == id) else {
            return;
        };
        let layer = self.scene.layers.remove(place);
        let wanted = self.place_for(layer.group, place);
        self.scene.layers.insert(wanted, layer);
        self.has_moved |= wanted != place;
    }

    /// Whether an order leaves the layers of each group together; notes the fault if not.
    pub(super) fn keeps_groups(&mut self, order: &[LayerId], at: &str) -> bool {
        let group_of = |id: &LayerId| {
            let mut layers = self.scene.layers.iter();
            layers.find(|layer| layer.id == *id)?.group
        };
        let mut ended = BTreeSet::new();
        let mut last = None;
        for (place, id) in order.iter().enumerate() {
            let group = group_of(id);
            if group == last {
                continue;
            }
            ended.extend(last);
            last = group;
            let Some(group) = group.filter(|group| ended.contains(group)) else {
                continue;
            };
            let mut groups = self.scene.groups.iter();
            let name = groups.find(|known| known.id == group);
            let name = name.map_or_else(String::new, |group| group.name.clone());
            let detail = format!(
                "is apart from the other layers of the group \"{name}\"; keep them together, or \
                 take the layer out of the group first"
            );
            self.faults.value(format!("{at}/{place}"), detail);
            return false;
        }
        true
    }

    fn read_members(&mut self, named: &[Value], pointer: &str) -> Option<BTreeSet<LayerId>> {
        let mut members = BTreeSet::new();
        let mut faultless = true;
        for (place, item) in named.iter().enumerate() {
            let pointer = format!("{pointer}/{place}");
            let id = match parsed::<LayerId>(item) {
                Ok(id) => id,
                Err(fault) => {
                    self.faults.note(pointer, fault);
                    faultless = false;
                    continue;
                }
            };
            let layer = self.scene.layers.iter().find(|layer| layer.id == id);
            let fault = match layer.map(|layer| layer.group) {
                None => "is no layer of this scene",
                Some(Some(_)) => "is in a group; take it out of that first",
                Some(None) if members.contains(&id) => "is named twice",
                Some(None) => {
                    members.insert(id);
                    continue;
                }
            };
            self.faults.value(pointer, fault);
            faultless = false;
        }
        faultless.then_some(members)
    }

    /// Whether layers lie next to each other; notes the fault if not.
    fn are_together(&mut self, members: &BTreeSet<LayerId>, pointer: &str) -> bool {
        let is_member = |layer: &Layer| members.contains(&layer.id);
        let layers = &self.scene.layers;
        let first = layers.iter().position(is_member).unwrap_or(0);
        let last = layers.iter().rposition(is_member).unwrap_or(first);
        let within = layers.get(first..=last).unwrap_or_default();
        let Some(between) = within.iter().find(|layer| !is_member(layer)) else {
            return true;
        };
        let detail = format!(
            "must lie next to each other; \"{}\" is between them: move it away, or name it too",
            between.name
        );
        self.faults.value(pointer, detail);
        false
    }

    fn check_room_for_group(&self) -> Result<(), Refusal> {
        let max = self.surroundings.groups_max;
        if self.scene.groups.len() >= max {
            return Err(Refusal::GroupsFull { max });
        }
        Ok(())
    }

    fn members(&self, id: GroupId) -> impl Iterator<Item = &Layer> {
        let layers = self.scene.layers.iter();
        layers.filter(move |layer| layer.group == Some(id))
    }

    /// Changes a layer beside what the operation itself is about.
    fn rewrite(&mut self, id: LayerId, change: impl FnOnce(&mut Layer)) {
        let now = self.surroundings.now;
        let mut layers = self.scene.layers.iter_mut();
        let Some(layer) = layers.find(|layer| layer.id == id) else {
            return;
        };
        let before = Draft::of(layer).to_document();
        change(layer);
        let changed = patch::changed(&before, &Draft::of(layer).to_document());
        if changed.is_empty() {
            return;
        }
        layer.revision = layer.revision.saturating_add(1);
        layer.updated_at = now;
        let layer = layer.clone();
        self.further.push(Step::Updated { layer, changed });
    }

    fn find_group(&self, id: GroupId, expected: Option<&Expected>) -> Result<&Group, Refusal> {
        let mut groups = self.scene.groups.iter();
        let group = groups
            .find(|group| group.id == id)
            .ok_or(Refusal::NoSuchGroup(id))?;
        let read = self.groups_read.get(&id).copied();
        let current = read.unwrap_or(group.revision);
        if holds(expected, current) {
            Ok(group)
        } else {
            Err(Refusal::GroupStale { group: id, current })
        }
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
