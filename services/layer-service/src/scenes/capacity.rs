//! Whether the host that has a stream on air can carry what is added to its scene.

use sm_common::capacity;
use sm_common::layer::LayerKind;
use sm_common::scene::Scene;

use super::{SceneError, Scenes};
use crate::store::Hosted;

impl Scenes {
    /// Refuses a scene that needs more than the host has left. What takes nothing more is never
    /// refused, nor is anything of a stream that an admin insists on.
    pub(super) async fn check_capacity(
        &self,
        before: &Scene,
        after: &Scene,
    ) -> Result<(), SceneError> {
        let [before_kinds, after_kinds] = [before, after].map(kinds);
        if !capacity::adds_layers(&before_kinds, &after_kinds) {
            return Ok(());
        }
        let Some(Hosted { engine, instances }) = self.store.hosted(&after.stream).await? else {
            return Ok(());
        };
        let refusal = capacity::refusal(
            |costs| costs.of_layers(&before_kinds, &after_kinds),
            Some(&engine),
            &instances,
        );
        refusal.map_or(Ok(()), |refusal| Err(SceneError::Capacity(refusal)))
    }
}

fn kinds(scene: &Scene) -> Vec<LayerKind> {
    scene
        .layers
        .iter()
        .map(|layer| layer.source.kind())
        .collect()
}
