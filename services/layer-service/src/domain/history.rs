//! What a change did to a scene, kept so that whoever made it can take it back.
//!
//! A step is the difference between the scene before and after a change. Taking it back is an
//! ordinary change, whose own difference is what making it again takes back.

mod groups;
mod insist;
mod names;
mod order;
mod take_back;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::auth::Identity;
use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, UserId};
use sm_common::layer::{Layer, LayerSource};
use sm_common::scene::Scene;
use utoipa::ToSchema;

use super::change::{Applied, Step};
use super::draft::Draft;
use super::patch;

use self::groups::{ChangedGroup, GroupDifference};
pub(crate) use self::take_back::{Clash, take_back};

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Author {
    /// The user.
    pub(crate) id: UserId,
    /// The user's name.
    pub(crate) name: String,
}

impl From<&Identity> for Author {
    fn from(identity: &Identity) -> Self {
        Self {
            id: identity.user,
            name: identity.name.clone(),
        }
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Deed {
    /// It was made.
    Change,
    /// It was taken back.
    Undo,
    /// It was made again.
    Redo,
}

/// Which of a person's steps is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The last one that was made: it is taken back.
    Undo,
    /// The last one that was taken back: it is made again.
    Redo,
}

impl Direction {
    pub(crate) const fn deed(self) -> Deed {
        match self {
            Self::Undo => Deed::Undo,
            Self::Redo => Deed::Redo,
        }
    }
}

/// What is done where others have changed since what a step changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnConflict {
    /// Nothing: the answer says what they have changed.
    #[default]
    Refuse,
    /// The rest of the step; what they have changed stays.
    Keep,
    /// Nothing, and the step is forgotten: the one before it is the next.
    Skip,
}

/// A change of the layers of a scene, for everybody to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Note {
    /// Who did it.
    pub(crate) user: Author,
    /// Whether it was made, taken back or made again.
    pub(crate) deed: Deed,
    /// What was done, such as "move Camera" or "undo of move Camera".
    pub(crate) name: String,
    /// When.
    pub(crate) at: Timestamp,
    /// The scene's revision that it made.
    pub(crate) scene_revision: u64,
}

/// What is written of a change beside the change.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) note: Note,
    /// What takes it back.
    pub(crate) entry: Entry,
    /// Whether the step before it is a part of it.
    pub(crate) joins: bool,
}

impl Record {
    /// Of what a change made of `before`; otherwise as [`Self::of`].
    pub(crate) fn of_change(
        before: &Scene,
        applied: &Applied,
        author: &Author,
        deed: Deed,
        step: Option<&str>,
    ) -> Option<Self> {
        let mut record = Self::of(before, &applied.scene, author, deed, step)?;
        record.entry.difference.note_revisions(&applied.steps);
        Some(record)
    }

    /// Of what made `after` of `before`; `None` where there is nothing to take back. `step` is the
    /// name of the step that was taken back or made again.
    pub(crate) fn of(
        before: &Scene,
        after: &Scene,
        author: &Author,
        deed: Deed,
        step: Option<&str>,
    ) -> Option<Self> {
        let mut entry = Entry::of(before, after)?;
        if let Some(step) = step {
            step.clone_into(&mut entry.name);
        }
        let name = match deed {
            Deed::Change => entry.name.clone(),
            Deed::Undo => format!("undo of {}", entry.name),
            Deed::Redo => format!("redo of {}", entry.name),
        };
        let note = Note {
            user: author.clone(),
            deed,
            name,
            at: entry.at,
            scene_revision: entry.revision,
        };
        Some(Self {
            note,
            entry,
            joins: false,
        })
    }
}

/// A change that its author can take back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What it did, such as "move Camera".
    pub(crate) name: String,
    /// When the difference was made.
    pub(crate) at: Timestamp,
    /// The scene's revision that it made.
    pub(crate) revision: u64,
    #[serde(flatten)]
    pub(crate) difference: Difference,
}

impl Entry {
    /// What made `after` of `before`; `None` where there is nothing to take back.
    pub(crate) fn of(before: &Scene, after: &Scene) -> Option<Self> {
        let difference = Difference::between(before, after);
        (!difference.is_empty()).then(|| Self {
            name: names::name(&difference),
            at: after.updated_at,
            revision: after.revision,
            difference,
        })
    }
}

impl Entry {
    /// Whether it may go on with the step before it.
    pub(crate) fn can_join(&self) -> bool {
        self.difference.of_one_layer().is_some() || self.difference.of_one_group().is_some()
    }

    /// This step and `former`, the one before it, as one: that of a slider which is still moving.
    /// `None` unless both gave the same fields of one layer new values within this time, and nobody
    /// came in between.
    pub(crate) fn joined(&self, former: &Self, within: Duration) -> Option<Self> {
        if self.name != former.name || self.at.since(former.at) > within {
            return None;
        }
        let (one, other) = (&former.difference, &self.difference);
        let of_layer = || Some((one.of_one_layer()?, other.of_one_layer()?));
        let of_group = || Some((one.of_one_group()?, other.of_one_group()?));
        let difference = if let Some((one, other)) = of_layer() {
            Difference {
                changed: vec![one.followed_by(other)?],
                ..Difference::default()
            }
        } else {
            let (one, other) = of_group()?;
            Difference {
                groups: GroupDifference::of(one.followed_by(other)?),
                ..Difference::default()
            }
        };
        Some(Self {
            difference,
            ..self.clone()
        })
    }
}

/// What is different between two versions of a scene, as far as people decide it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// Layers that are new, as they became.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    created: Vec<Layer>,
    /// Layers that are gone, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<Layer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changed: Vec<ChangedLayer>,
    /// Where layers are gone or in another order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Orders>,
    #[serde(default, skip_serializing_if = "GroupDifference::is_empty")]
    groups: GroupDifference,
}

/// The fields of a layer that are different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ChangedLayer {
    layer: LayerId,
    /// Its name before.
    name: String,
    fields: Vec<ChangedField>,
}

/// A field before and after; null stands for one that is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ChangedField {
    /// JSON Pointer within the layer.
    pointer: String,
    before: Value,
    after: Value,
}

/// All layers before and after, from the back of the picture to the front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Orders {
    before: Vec<LayerId>,
    after: Vec<LayerId>,
}

impl Orders {
    /// Whether layers that are in both have changed places.
    fn are_different(&self) -> bool {
        let common = |these: &[LayerId], those: &[LayerId]| -> Vec<LayerId> {
            let both = these.iter().filter(|id| those.contains(id));
            both.copied().collect()
        };
        common(&self.before, &self.after) != common(&self.after, &self.before)
    }
}

impl Difference {
    pub(crate) fn between(before: &Scene, after: &Scene) -> Self {
        let (old, new) = (by_id(before), by_id(after));
        let gone = |layers: &Scene, others: &BTreeMap<LayerId, &Layer>| -> Vec<Layer> {
            let layers = layers.layers.iter();
            let gone = layers.filter(|layer| !others.contains_key(&layer.id));
            gone.cloned().collect()
        };
        let changed = before.layers.iter().filter_map(|layer| {
            let fields = differing(layer, new.get(&layer.id)?);
            (!fields.is_empty()).then(|| ChangedLayer {
                layer: layer.id,
                name: layer.name.clone(),
                fields,
            })
        });
        let deleted = gone(before, &new);
        let orders = Orders {
            before: order_of(before),
            after: order_of(after),
        };
        let groups = GroupDifference::between(before, after);
        let needed = !deleted.is_empty() || orders.are_different();
        Self {
            created: gone(after, &old),
            changed: changed.collect(),
            order: needed.then_some(orders),
            deleted,
            groups,
        }
    }

    /// Keeps layers that are gone with the last revision that they had: they may have been changed on
    /// their way out, and nobody is to see a revision twice.
    fn note_revisions(&mut self, steps: &[Step]) {
        for step in steps {
            let Step::Updated { layer, .. } = step else {
                continue;
            };
            let gone = self.deleted.iter_mut().filter(|gone| gone.id == layer.id);
            for gone in gone {
                gone.revision = gone.revision.max(layer.revision);
            }
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The one group whose fields are different, where nothing else is.
    fn of_one_group(&self) -> Option<&ChangedGroup> {
        match self {
            Self {
                created,
                deleted,
                changed,
                order: None,
                groups,
            } if created.is_empty() && deleted.is_empty() && changed.is_empty() => groups.of_one(),
            _ => None,
        }
    }

    /// The one layer whose fields are different, where nothing else is.
    fn of_one_layer(&self) -> Option<&ChangedLayer> {
        match self {
            Self {
                created,
                deleted,
                changed,
                order: None,
                groups,
            } if groups.is_empty() && created.is_empty() && deleted.is_empty() => {
                match changed.as_slice() {
                    [changed] => Some(changed),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl ChangedLayer {
    /// From before this to after `next`; `None` where that is nothing, or no change of the same.
    fn followed_by(&self, next: &Self) -> Option<Self> {
        if self.layer != next.layer {
            return None;
        }
        Some(Self {
            fields: followed(&self.fields, &next.fields)?,
            ..self.clone()
        })
    }
}

/// Fields from before one change to after the next; `None` where that is nothing, or the next is no
/// change of the same.
fn followed(these: &[ChangedField], next: &[ChangedField]) -> Option<Vec<ChangedField>> {
    if these.len() != next.len() {
        return None;
    }
    let pairs = these.iter().zip(next);
    let fields = pairs.map(|(one, other)| {
        let goes_on = one.pointer == other.pointer && same(&one.after, &other.before);
        goes_on.then(|| ChangedField {
            after: other.after.clone(),
            ..one.clone()
        })
    });
    let fields = fields.collect::<Option<Vec<ChangedField>>>()?;
    let is_change = fields
        .iter()
        .any(|field| !same(&field.before, &field.after));
    is_change.then_some(fields)
}

/// The fields in which a layer differs from what it was.
fn differing(before: &Layer, after: &Layer) -> Vec<ChangedField> {
    differing_fields(&document(before), &document(after))
}

/// The fields in which two documents differ.
fn differing_fields(before: &Value, after: &Value) -> Vec<ChangedField> {
    let pointers = patch::changed(before, after).into_iter();
    let fields = pointers.map(|pointer| ChangedField {
        before: at(before, &pointer),
        after: at(after, &pointer),
        pointer,
    });
    fields
        .filter(|field| !same(&field.before, &field.after))
        .collect()
}

/// Whether two values are the same. A number that was written and read again may differ in its last
/// digit.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => {
            (one - other).abs() <= f64::EPSILON * one.abs().max(other.abs())
        }
        _ => one == other,
    }
}

/// What people decide of a layer and may take back. A key that was replaced is never valid again.
fn document(layer: &Layer) -> Value {
    let mut document = Draft::of(layer).to_document();
    if let LayerSource::Ingest(_) = layer.source
        && let Some(source) = document.get_mut("source").and_then(Value::as_object_mut)
    {
        source.remove("generation");
    }
    document
}

fn at(document: &Value, pointer: &str) -> Value {
    document.pointer(pointer).cloned().unwrap_or_default()
}

fn by_id(scene: &Scene) -> BTreeMap<LayerId, &Layer> {
    scene.layers.iter().map(|layer| (layer.id, layer)).collect()
}

fn order_of(scene: &Scene) -> Vec<LayerId> {
    scene.layers.iter().map(|layer| layer.id).collect()
}
