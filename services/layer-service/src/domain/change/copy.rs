//! Copies of layers in the scene that is changed.

use sm_common::id::LayerId;
use sm_common::layer::Layer;

use super::{Expected, Refusal, Step, Work};
use crate::domain::copying;
use crate::domain::draft::NAME_CHARS_MAX;

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
        let place = self.scene.layers.iter().position(|layer| layer.id == id);
        let copies = copying::copies(
            &[original],
            || copy,
            |layer| layer.name = copying::name_of_copy(&layer.name, NAME_CHARS_MAX),
        );
        let Some(layer) = copies.into_iter().next() else {
            return Err(Refusal::NoSuchLayer(id));
        };
        self.copy(layer, place.map(|place| place.saturating_add(1)))
    }

    /// Adds a copy, at this place from the back or at the front.
    pub(super) fn copy(&mut self, mut layer: Layer, index: Option<usize>) -> Result<Step, Refusal> {
        let (count, max) = (self.scene.layers.len(), self.surroundings.layers_max);
        if count >= max {
            return Err(Refusal::Full { max });
        }
        layer.scene = self.scene.id;
        layer.locked = false;
        layer.created_at = self.surroundings.now;
        layer.updated_at = self.surroundings.now;
        self.taken.extend(layer.source.assets().cloned());
        let index = index.map_or(count, |index| index.min(count));
        self.scene.layers.insert(index, layer.clone());
        Ok(Step::Created { layer, index })
    }
}
