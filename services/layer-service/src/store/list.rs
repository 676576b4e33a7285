//! The list of scenes: every change is made for the revision of the list that was read, so that
//! its limit and its rules hold whatever replicas do at the same time.

use std::collections::BTreeMap;

use sm_bus::{BusError, Commit, Guard, SceneQuery, StoredScene, keys};
use sm_common::event::{SceneCreated, SceneDeleted, SceneReordered, SceneUpdated};
use sm_common::id::{SceneId, StreamId};
use sm_common::scene::{ListedScene, Scene, SceneDocument, SceneList, SceneSummary};
use sm_common::variable::Variables;
use sm_service_kit::http::RequestContext;

use super::variables::write_variables;
use super::{
    Drafts, SceneStore, read, remove_scene, scene_guard, unsettled, without_layers, write,
    write_scene,
};
use crate::domain::List;

/// The list of scenes, and the revision of what is wanted of the stream.
#[derive(Clone, Debug)]
pub(crate) struct LoadedList {
    pub(crate) list: List,
    pub(crate) scenes: SceneList,
    pub(crate) drafts: Box<Drafts>,
    desired_revision: Option<u64>,
}

/// What is known of a stream's list of scenes.
#[derive(Clone, Debug)]
pub(crate) enum FoundList {
    List(Box<LoadedList>),
    /// There is none yet.
    Nothing,
}

/// A scene that is to be added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewScene<'a> {
    pub(crate) scene: &'a Scene,
    /// The one that it is a copy of.
    pub(crate) original: Option<&'a Scene>,
    /// The variables before and after, where some come with it.
    pub(crate) variables: Option<(&'a Variables, &'a Variables)>,
}

impl<'a> NewScene<'a> {
    /// It alone.
    pub(crate) const fn of(scene: &'a Scene) -> Self {
        Self {
            scene,
            original: None,
            variables: None,
        }
    }
}

impl SceneStore {
    /// The list of scenes as it was at one moment.
    pub(crate) async fn load_list(&self, stream: &StreamId) -> Result<FoundList, BusError> {
        let query = SceneQuery {
            documents: true,
            ..SceneQuery::default()
        };
        let mut stored = self.bus.scenes(stream, &query).await?;
        if unsettled(&mut stored).is_some() {
            return Ok(FoundList::Nothing);
        }
        let list = List {
            revision: stored.revision.unwrap_or_default(),
            order: stored.order,
            first: stored.first,
            on_air: stored.on_air,
            preview: stored.preview,
            slate: stored.slate,
        };
        let key = keys::scenes(stream);
        let drafts = Box::new(Drafts::read(stream, stored.drafts.take())?);
        let listed = |(id, scene): (&SceneId, &StoredScene)| {
            let document: SceneDocument = read(&key, &scene.document)?;
            let scene = ListedScene {
                layer_count: document.order.len(),
                scene: SceneSummary {
                    id: *id,
                    name: document.name,
                    revision: scene.revision,
                    updated_at: document.updated_at,
                },
                draft: drafts.of(*id).cloned(),
            };
            Ok((*id, scene))
        };
        let listed: Result<BTreeMap<SceneId, ListedScene>, BusError> =
            stored.scenes.iter().map(listed).collect();
        let mut listed = listed?;
        let scenes = SceneList {
            revision: list.revision,
            first: list.first,
            scenes: list
                .order
                .iter()
                .filter_map(|id| listed.remove(id))
                .collect(),
        };
        Ok(FoundList::List(Box::new(LoadedList {
            list,
            scenes,
            drafts,
            desired_revision: stored.desired_revision,
        })))
    }

    /// Adds a scene. `false` when somebody else was faster.
    pub(crate) async fn add_scene(
        &self,
        before: &LoadedList,
        (after, index): (&List, usize),
        new: NewScene<'_>,
    ) -> Result<bool, BusError> {
        let NewScene {
            scene,
            original,
            variables,
        } = new;
        let stream = &scene.stream;
        let mut commit = write_list(before, after, stream)?;
        let mut events = Vec::new();
        if let Some(original) = original {
            commit = commit.guard(scene_guard(original));
        }
        if let Some((before, after)) = variables {
            commit = write_variables(commit, stream, before, after)?;
            events.push(self.variables_changed(stream, before, after)?);
        }
        let created = SceneCreated {
            scene: SceneSummary::of(scene),
            index,
            scenes_revision: after.revision,
        };
        events.push(self.bus.event(stream, &created, trace())?);
        let commit = write_scene(commit, &without_layers(scene), scene)?;
        self.committed(commit, events).await
    }

    /// Removes `scene` with its layers. Whoever chooses it at the same moment and this exclude
    /// each other: each is made for the revision of what the other writes.
    pub(crate) async fn remove_scene(
        &self,
        before: &LoadedList,
        after: &List,
        scene: &Scene,
    ) -> Result<bool, BusError> {
        let stream = &scene.stream;
        let desired_revision = before.desired_revision.map(|revision| revision.to_string());
        let commit = write_list(before, after, stream)?
            .guard(before.drafts.guard(stream))
            .guard(Guard::field(
                keys::desired(stream),
                "revision",
                desired_revision.as_deref(),
            ));
        let commit = remove_scene(commit, scene);
        let deleted = SceneDeleted {
            scene: scene.id,
            scenes_revision: after.revision,
        };
        let event = self.bus.event(stream, &deleted, trace())?;
        self.committed(commit, vec![event]).await
    }

    /// Puts the scenes into the order of `after`.
    pub(crate) async fn reorder_scenes(
        &self,
        stream: &StreamId,
        before: &LoadedList,
        after: &List,
    ) -> Result<bool, BusError> {
        let commit = write_list(before, after, stream)?;
        let reordered = SceneReordered {
            order: after.order.clone(),
            scenes_revision: after.revision,
        };
        let event = self.bus.event(stream, &reordered, trace())?;
        self.committed(commit, vec![event]).await
    }

    /// Writes the new name of a scene.
    pub(crate) async fn rename_scene(
        &self,
        before: &Scene,
        after: &Scene,
    ) -> Result<bool, BusError> {
        let commit = Commit::new().guard(scene_guard(before));
        let commit = write_scene(commit, before, after)?;
        let updated = SceneUpdated {
            scene: SceneSummary::of(after),
            changed: vec!["/name".to_owned()],
        };
        let event = self.bus.event(&after.stream, &updated, trace())?;
        self.committed(commit, vec![event]).await
    }
}

/// Writes the list of scenes for the one that was read.
fn write_list(before: &LoadedList, after: &List, stream: &StreamId) -> Result<Commit, BusError> {
    let key = keys::scenes(stream);
    let expected = before.list.revision.to_string();
    let first = after.first.map(|first| first.to_string());
    Ok(Commit::new()
        .guard(Guard::field(key.clone(), "revision", Some(&expected)))
        .hash_set(key.clone(), "revision", after.revision.to_string())
        .hash_set(key.clone(), "order", write(&after.order)?)
        .hash_set(key, "first", first.unwrap_or_default()))
}

fn trace() -> Option<String> {
    RequestContext::current_traceparent()
}
