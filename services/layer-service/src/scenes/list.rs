//! Changes of the list of scenes.

use sm_bus::{BusError, Which};
use sm_common::id::{AssetId, LayerId, SceneId, StreamId};
use sm_common::scene::{Scene, SceneList};

use super::drafts::must_be_listed;
use super::{Loaded, SceneError, Scenes, holds};
use crate::domain::{Expected, List, ListRefusal, scene_list};
use crate::store::{FoundList, LoadedList, NewScene};

impl Scenes {
    /// The scenes of a stream. The first look makes the first.
    pub(crate) async fn list(&self, stream: &StreamId) -> Result<SceneList, SceneError> {
        Ok(self.load_list(stream).await?.scenes)
    }

    /// Adds a scene without a layer.
    pub(crate) async fn create(
        &self,
        stream: &StreamId,
        name: String,
    ) -> Result<Scene, SceneError> {
        let scene = Scene {
            id: SceneId::generate(),
            stream: stream.clone(),
            name,
            revision: 0,
            updated_at: self.clock.now(),
            layers: Vec::new(),
            groups: Vec::new(),
        };
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    let before = self.load_list(stream).await?;
                    let (after, index) = self.add(&before, scene.id, None)?;
                    let written = self
                        .store
                        .add_scene(&before, (&after, index), NewScene::of(&scene))
                        .await;
                    if self.is_written(written)? {
                        return Ok(());
                    }
                }
                Err(SceneError::Contended)
            }),
        )
        .await?;
        Ok(scene)
    }

    /// Adds a copy of a scene, behind it in the list.
    pub(crate) async fn duplicate(
        &self,
        stream: &StreamId,
        original: SceneId,
    ) -> Result<Scene, SceneError> {
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    if let Some(copy) = self.try_to_duplicate(stream, original).await? {
                        return Ok(copy);
                    }
                    self.metrics.count_conflict();
                }
                Err(SceneError::Contended)
            }),
        )
        .await
    }

    /// `None` when somebody else was faster.
    async fn try_to_duplicate(
        &self,
        stream: &StreamId,
        original: SceneId,
    ) -> Result<Option<Scene>, SceneError> {
        let before = self.load_list(stream).await?;
        let Loaded { scene, .. } = self.read(stream, Which::Scene(original)).await?;
        let place = before
            .list
            .order
            .iter()
            .position(|known| *known == original);
        let index = place.map(|place| place.saturating_add(1));
        let now = self.clock.now();
        let copy = scene_list::copy(&scene, SceneId::generate(), now, LayerId::generate);
        let (after, index) = self.add(&before, copy.id, index)?;
        let assets: Vec<AssetId> = copy
            .layers
            .iter()
            .flat_map(|layer| layer.source.assets().cloned())
            .collect();
        if !assets.is_empty() {
            // The copies show the files too: nobody may remove them in between.
            let known = self.catalog.find(&assets).await?;
            if !self.catalog.claim(&known, &assets, now).await? {
                return Ok(None);
            }
        }
        let new = NewScene {
            original: Some(&scene),
            ..NewScene::of(&copy)
        };
        let written = self.store.add_scene(&before, (&after, index), new).await;
        let written = written.map_err(SceneError::Unconfirmed)?;
        Ok(written.then_some(copy))
    }

    /// Gives a scene another name; `None` leaves it as it is.
    pub(crate) async fn rename(
        &self,
        stream: &StreamId,
        id: SceneId,
        expected: &Expected,
        name: Option<String>,
    ) -> Result<Scene, SceneError> {
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    let loaded = self.read(stream, Which::Scene(id)).await?;
                    must_be_listed(&loaded)?;
                    let scene = &loaded.scene;
                    holds(expected, scene.revision)?;
                    let changed = name.as_ref().filter(|name| **name != scene.name);
                    let Some(name) = changed else {
                        return Ok(loaded.joined());
                    };
                    let renamed = Scene {
                        name: name.clone(),
                        revision: scene.revision.saturating_add(1),
                        updated_at: self.clock.now(),
                        ..scene.clone()
                    };
                    let written = self.store.rename_scene(scene, &renamed).await;
                    if self.is_written(written)? {
                        let renamed = Loaded {
                            scene: renamed,
                            ..loaded
                        };
                        return Ok(renamed.joined());
                    }
                }
                Err(SceneError::Contended)
            }),
        )
        .await
    }

    /// Removes a scene with its layers.
    pub(crate) async fn delete(
        &self,
        stream: &StreamId,
        id: SceneId,
        expected: &Expected,
    ) -> Result<(), SceneError> {
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    let before = self.load_list(stream).await?;
                    let loaded = self.read(stream, Which::Scene(id)).await?;
                    must_be_listed(&loaded)?;
                    let Loaded { scene, .. } = loaded;
                    holds(expected, scene.revision)?;
                    if before.drafts.of(id).is_some() {
                        return Err(SceneError::List(ListRefusal::HasDraft(id)));
                    }
                    let after = before.list.clone().remove(id).map_err(SceneError::List)?;
                    let written = self.store.remove_scene(&before, &after, &scene).await;
                    if self.is_written(written)? {
                        return Ok(());
                    }
                }
                Err(SceneError::Contended)
            }),
        )
        .await
    }

    /// Puts the scenes into the order that `body` names.
    pub(crate) async fn reorder(
        &self,
        stream: &StreamId,
        expected: &Expected,
        body: &serde_json::Value,
    ) -> Result<SceneList, SceneError> {
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    let before = self.load_list(stream).await?;
                    holds(expected, before.list.revision)?;
                    let after = before.list.clone().reorder(body);
                    let Some(after) = after.map_err(SceneError::Invalid)? else {
                        return Ok(());
                    };
                    let written = self.store.reorder_scenes(stream, &before, &after).await;
                    if self.is_written(written)? {
                        return Ok(());
                    }
                }
                Err(SceneError::Contended)
            }),
        )
        .await?;
        self.list(stream).await
    }

    pub(super) fn add(
        &self,
        before: &LoadedList,
        scene: SceneId,
        index: Option<usize>,
    ) -> Result<(List, usize), SceneError> {
        let list = before.list.clone();
        list.add(scene, index, self.config.scene.scenes_max)
            .map_err(SceneError::List)
    }

    /// `false`, and counted, when somebody else was faster.
    fn is_written(&self, written: Result<bool, BusError>) -> Result<bool, SceneError> {
        let written = written.map_err(SceneError::Unconfirmed)?;
        if !written {
            self.metrics.count_conflict();
        }
        Ok(written)
    }

    pub(super) async fn load_list(&self, stream: &StreamId) -> Result<LoadedList, SceneError> {
        if let FoundList::List(loaded) = self.store.load_list(stream).await? {
            return Ok(*loaded);
        }
        // Makes the list, or says that there is no stream.
        self.read(stream, Which::OnAir).await?;
        match self.store.load_list(stream).await? {
            FoundList::List(loaded) => Ok(*loaded),
            FoundList::Nothing => Err(SceneError::NoStream(stream.clone())),
        }
    }
}
