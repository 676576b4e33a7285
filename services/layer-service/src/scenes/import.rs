//! Scenes that come from another installation.

use std::collections::BTreeMap;

use sm_common::asset::AssetKind;
use sm_common::id::{AssetId, LayerId, SceneId, StreamId};
use sm_common::scene::Scene;
use sm_common::variable::Variables;

use super::{SceneError, Scenes};
use crate::assets::Inventory;
use crate::domain::scene_file::ReadScene;
use crate::domain::variables::{self, Brought, Values};
use crate::domain::{Faults, Rejected, apply};
use crate::store::NewScene;

/// The revision of a layer that is new.
const FIRST_REVISION: u64 = 1;

impl Scenes {
    /// What becomes of a scene that was read, judged as if somebody created its layers one by one. `kinds`
    /// are the uploaded files that it names, as far as there are such.
    pub(crate) fn compose(
        &self,
        stream: &StreamId,
        read: &ReadScene,
        kinds: BTreeMap<AssetId, AssetKind>,
    ) -> Result<Scene, SceneError> {
        let empty = Scene {
            id: SceneId::generate(),
            stream: stream.clone(),
            name: read.name.clone(),
            revision: 0,
            updated_at: self.clock.now(),
            layers: Vec::new(),
            groups: Vec::new(),
        };
        let nothing = (Inventory::default(), BTreeMap::new(), BTreeMap::new());
        let mut surroundings = self.surroundings(nothing.0, nothing.1, &nothing.2);
        surroundings.assets = kinds;
        let applied = apply(empty, &read.proposal, &surroundings).map_err(SceneError::Rejected)?;
        if !applied.sealed.is_empty() {
            let mut faults = Faults::default();
            let detail = "secrets are not taken in with a scene; leave them out and set them after";
            faults.value("/layers", detail);
            return Err(SceneError::Rejected(Rejected::Invalid(faults)));
        }
        let mut scene = applied.scene;
        scene.revision = 0;
        for layer in &mut scene.layers {
            layer.revision = FIRST_REVISION;
        }
        Ok(scene)
    }

    /// Adds a composed scene at the end of the list, and sets the variables that come with it: those that are
    /// set already keep their values, unless they are to be replaced.
    pub(crate) async fn add_imported(
        &self,
        scene: &Scene,
        brought: (&Values, bool),
    ) -> Result<Brought, SceneError> {
        let stream = &scene.stream;
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    if let Some(brought) = self.try_to_add(scene, brought).await? {
                        return Ok(brought);
                    }
                    self.metrics.count_conflict();
                }
                Err(SceneError::Contended)
            }),
        )
        .await
    }

    /// `None` when somebody else was faster.
    async fn try_to_add(
        &self,
        scene: &Scene,
        (brought, replaced): (&Values, bool),
    ) -> Result<Option<Brought>, SceneError> {
        let before = self.load_list(&scene.stream).await?;
        let (after, index) = self.add(&before, scene.id, None)?;
        let known = self.store.variables(&scene.stream).await?;
        let max = self.config.variables.count_max;
        let joined = variables::bring(&known.values, brought, replaced, max);
        let joined = joined.map_err(|faults| SceneError::Rejected(Rejected::Invalid(faults)))?;
        if !self.claim_for(scene).await? {
            return Ok(None);
        }
        let values = Variables {
            revision: known.revision.saturating_add(1),
            values: joined.after.clone(),
        };
        let set = (!joined.set.is_empty()).then_some((&known, &values));
        let new = NewScene {
            scene,
            original: None,
            variables: set,
        };
        let written = self.store.add_scene(&before, (&after, index), new);
        let written = written.await.map_err(SceneError::Unconfirmed)?;
        Ok(written.then_some(joined))
    }

    /// Claims the files that a new scene shows, so that nobody removes them in between. `false` when
    /// their index has changed meanwhile.
    pub(super) async fn claim_for(&self, scene: &Scene) -> Result<bool, SceneError> {
        let assets = scene.layers.iter().flat_map(|layer| layer.source.assets());
        let assets: Vec<AssetId> = assets.cloned().collect();
        if assets.is_empty() {
            return Ok(true);
        }
        let known = self.catalog.find(&assets).await?;
        if let Some((layer, asset)) = missing(scene, &known) {
            let mut faults = Faults::default();
            let detail = format!("file {asset} of layer {layer} was deleted meanwhile");
            faults.value("/assets", detail);
            return Err(SceneError::Rejected(Rejected::Invalid(faults)));
        }
        Ok(self
            .catalog
            .claim(&known, &assets, self.clock.now())
            .await?)
    }
}

/// A layer and a file that it needs and that is not there.
fn missing(scene: &Scene, known: &Inventory) -> Option<(LayerId, AssetId)> {
    scene.layers.iter().find_map(|layer| {
        let mut assets = layer.source.assets();
        let missing = assets.find(|id| !known.assets.contains_key(id))?;
        Some((layer.id, missing.clone()))
    })
}
