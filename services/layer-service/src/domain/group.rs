//! What callers decide of a group of layers, read from bodies.

use serde::Serialize;
use serde_json::Value;
use sm_common::group::{Group, GroupTransform, SCALE_MAX, SCALE_MIN};
use sm_common::layer::Transition;

use super::draft::{self, NAME_CHARS_MAX, OFFSET_MAX};
use super::fault::Faults;
use super::field::{Members, boolean, integer, number, text};

/// Everything of a group that callers decide.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GroupDraft {
    pub(crate) name: String,
    pub(crate) transform: GroupTransform,
    pub(crate) opacity: f64,
    pub(crate) visible: bool,
    pub(crate) locked: bool,
    pub(crate) transition: Transition,
}

impl GroupDraft {
    /// Reads the members of a group, and no other. What is left out of its transform is that of
    /// `standing`; else it becomes an opaque, visible, unlocked group.
    pub(crate) fn read(
        fields: &mut Members<'_>,
        standing: GroupTransform,
        faults: &mut Faults,
    ) -> Option<Self> {
        let name = fields.required("name", faults, text(1, NAME_CHARS_MAX, false));
        let transform = read_transform(fields, standing, faults);
        let opacity = fields.or("opacity", 1.0, faults, number(0.0, 1.0));
        let visible = fields.or("visible", true, faults, boolean);
        let locked = fields.or("locked", false, faults, boolean);
        let transition = draft::read_transition(fields, faults);
        Some(Self {
            name: name?,
            transform: transform?,
            opacity: opacity?,
            visible: visible?,
            locked: locked?,
            transition: transition?,
        })
    }

    /// What callers have decided of a group.
    pub(crate) fn of(group: &Group) -> Self {
        Self {
            name: group.name.clone(),
            transform: group.transform,
            opacity: group.opacity,
            visible: group.visible,
            locked: group.locked,
            transition: group.transition,
        }
    }

    /// Makes `group` what callers have decided. Destructured, so that no member is forgotten.
    pub(crate) fn write_to(self, group: &mut Group) {
        let Self {
            name,
            transform,
            opacity,
            visible,
            locked,
            transition,
        } = self;
        group.name = name;
        group.transform = transform;
        group.opacity = opacity;
        group.visible = visible;
        group.locked = locked;
        group.transition = transition;
    }

    /// The draft as a JSON object, to be patched or compared.
    pub(crate) fn to_document(&self) -> Value {
        // Strings, booleans and finite numbers can always be written.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn read_transform(
    group: &mut Members<'_>,
    standing: GroupTransform,
    faults: &mut Faults,
) -> Option<GroupTransform> {
    let Some(value) = group.raw("transform") else {
        return Some(standing);
    };
    let mut fields = Members::of(value, &group.pointer_to("transform"), faults)?;
    let pixels = || integer(-OFFSET_MAX, OFFSET_MAX);
    let x = fields.or("x", 0, faults, pixels());
    let y = fields.or("y", 0, faults, pixels());
    let scale = fields.or("scale", 1.0, faults, number(SCALE_MIN, SCALE_MAX));
    let origin_x = fields.or("origin_x", standing.origin_x, faults, pixels());
    let origin_y = fields.or("origin_y", standing.origin_y, faults, pixels());
    fields.finish(faults);
    Some(GroupTransform {
        x: x?,
        y: y?,
        scale: scale?,
        origin_x: origin_x?,
        origin_y: origin_y?,
    })
}
