//! Copies of layers in the scene that is changed.

use sm_common::id::LayerId;
use sm_common::layer::Layer;

use super::{Expected, Refusal, Step, Work};
use crate::domain::copying;
use crate::domain::draft::NAME_CHARS_MAX;
use crate::domain::proposal::Place;

impl Work<'_> {
    /// Adds a copy of a layer, right in front of it. A copy of a locked layer is not locked: it is
    /// made to be changed.
    pub(super) fn duplicate(
        &mut self,
        id: LayerId,
        copy: LayerId,
        expected: Option<&Expected>,
    ) -> Result<Step, Refusal> {
        let original = self.find(id, expected)?.clone();
        self.check_group_lock(original.group)?;
        let copies = copying::copies(
            &[original],
            || copy,
            |layer| layer.name = copying::name_of_copy(&layer.name, NAME_CHARS_MAX),
        );
        let Some(layer) = copies.into_iter().next() else {
            return Err(Refusal::NoSuchLayer(id));
        };
        self.copy(layer, Place::InFrontOf(id))
    }

    /// Adds a copy.
    pub(super) fn copy(&mut self, mut layer: Layer, place: Place) -> Result<Step, Refusal> {
        let (count, max) = (self.scene.layers.len(), self.surroundings.layers_max);
        if count >= max {
            return Err(Refusal::Full { max });
        }
        layer.scene = self.scene.id;
        if !self.has_group(layer.group) {
            layer.group = None;
        }
        layer.locked = false;
        layer.created_at = self.surroundings.now;
        layer.updated_at = self.surroundings.now;
        self.taken.extend(layer.source.assets().cloned());
        let index = match place {
            Place::Front => count,
            Place::At(index) => index,
            Place::InFrontOf(behind) => {
                let mut layers = self.scene.layers.iter();
                let behind = layers.position(|layer| layer.id == behind);
                behind.map_or(count, |behind| behind.saturating_add(1))
            }
        };
        let index = self.place_for(layer.group, index);
        self.scene.layers.insert(index, layer.clone());
        Ok(Step::Created { layer, index })
    }
}
