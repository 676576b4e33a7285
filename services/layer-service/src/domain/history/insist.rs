//! Steps that are taken back whatever others have made of the same since.

use sm_common::scene::Scene;

use super::groups::GroupDifference;
use super::{ChangedField, Difference, at, document, order, order_of};
use crate::domain::group::GroupDraft;

impl Difference {
    /// The same step, as if it had made what `scene` has now of everything that it changed: nobody is
    /// in its way then. What is gone since stays so.
    #[must_use]
    pub(crate) fn insisting(mut self, scene: &Scene) -> Self {
        let find = |id| scene.layers.iter().find(|layer| layer.id == id);
        for created in &mut self.created {
            if let Some(now) = find(created.id) {
                created.clone_from(now);
            }
        }
        for changed in &mut self.changed {
            if let Some(now) = find(changed.layer) {
                follow(&mut changed.fields, &document(now));
            }
        }
        let order = order_of(scene);
        if let Some(orders) = &mut self.order
            && order::turn_back(&order, orders).is_none()
        {
            orders.after = order;
        }
        self.groups = insisting_groups(self.groups, scene);
        self
    }
}

fn insisting_groups(mut difference: GroupDifference, scene: &Scene) -> GroupDifference {
    let find = |id| scene.groups.iter().find(|group| group.id == id);
    for created in &mut difference.created {
        if let Some(now) = find(created.id) {
            created.clone_from(now);
        }
    }
    for changed in &mut difference.changed {
        if let Some(now) = find(changed.group) {
            follow(&mut changed.fields, &GroupDraft::of(now).to_document());
        }
    }
    difference
}

fn follow(fields: &mut [ChangedField], now: &serde_json::Value) {
    for field in fields {
        field.after = at(now, &field.pointer);
    }
}
