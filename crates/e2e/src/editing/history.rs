//! Everything that was ever told of layers and scenes, read back from Redis and checked for order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sm_bus::Bus;
use sm_common::event::{Channel, EventType};
use sm_common::id::StreamId;

use super::copy::{Copy, revision_of, scene_of};

/// Entries that are read at a time.
const PAGE: usize = 500;

/// A commit: what it raised (a scene, or the list of scenes), and to which revision.
pub(super) type CommitId = (String, u64);

/// The name of the list of scenes in a [`CommitId`].
const LIST: &str = "list";

/// What was told, by commit.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) commits: BTreeMap<CommitId, Vec<(EventType, Value)>>,
    /// Scenes as the events leave them.
    pub(super) scenes: BTreeMap<String, Copy>,
    /// The order of scenes as the events leave it.
    pub(super) order: Vec<Value>,
    /// Layers by id and revision, with the commit that told.
    layers: BTreeMap<(String, u64), (CommitId, Value)>,
    /// Deletions by layer and its last revision.
    deletions: BTreeMap<(String, u64), CommitId>,
    /// Drafts that were begun.
    drafts: BTreeSet<String>,
    /// The newest revision of each layer that was ever told.
    newest: BTreeMap<String, u64>,
    /// The commit of the event before.
    last: Option<CommitId>,
}

impl History {
    /// Reads all of it. `first` is the scene that was there before anything was told.
    pub(super) async fn read(bus: &Bus, first: &str) -> Self {
        let mut history = Self {
            order: vec![json!(first)],
            ..Self::default()
        };
        history.scenes.insert(first.to_owned(), Copy::default());
        let (stream, mut offset) = (StreamId::default(), 0);
        loop {
            let page = bus.log_after(&stream, Channel::LayerUpdates, offset, PAGE);
            let page = page.await.unwrap();
            for entry in &page.entries {
                offset += 1;
                assert_eq!(entry.position.offset, offset, "the history has no gap");
                let event = entry.event.as_ref().unwrap();
                history.hear(event.kind, &event.data);
            }
            if page.entries.is_empty() {
                let end = page.current.map(|current| current.offset);
                assert_eq!(end.unwrap_or_default(), offset, "all of it is kept");
                return history;
            }
        }
    }

    fn hear(&mut self, kind: EventType, data: &Value) {
        if self.is_of_draft(kind, data) {
            return;
        }
        let id = match scene_of(kind, data) {
            Some(scene) => self.hear_of_scene(scene, kind, data),
            None => self.hear_of_list(kind, data),
        };
        let commit = self.commits.entry(id.clone()).or_default();
        commit.push((kind, data.clone()));
        self.last = Some(id);
    }

    /// Whether something is told of a draft, which is compared with its scene when it is applied. The
    /// revisions of its layers go on in the scene.
    fn is_of_draft(&mut self, kind: EventType, data: &Value) -> bool {
        if kind == EventType::SceneDraftBegun {
            let draft = data["draft"]["id"].as_str().unwrap().to_owned();
            return self.drafts.insert(draft);
        }
        if kind == EventType::SceneDraftEnded {
            assert!(self.drafts.contains(data["draft"].as_str().unwrap()));
            return true;
        }
        let is_of_draft = scene_of(kind, data).is_some_and(|scene| self.drafts.contains(scene));
        if is_of_draft && data["layer"].is_object() {
            let layer = &data["layer"];
            let revision = layer["revision"].as_u64().unwrap();
            let name = layer["id"].as_str().unwrap().to_owned();
            if let Some(before) = self.newest.insert(name, revision) {
                assert_eq!(revision, before + 1, "{layer}");
            }
        }
        is_of_draft
    }

    fn hear_of_scene(&mut self, scene: &str, kind: EventType, data: &Value) -> CommitId {
        let revision = revision_of(kind, data);
        let id = (scene.to_owned(), revision);
        let copy = self.scenes.get_mut(scene);
        let copy = copy.unwrap_or_else(|| panic!("{kind:?} of a scene that is not there: {data}"));
        if self.last.as_ref() != Some(&id) {
            let next = copy.revision + 1;
            assert_eq!(revision, next, "revisions of {scene} go up by one");
        }
        if kind == EventType::LayerDeleted {
            let layer = data["layer"].as_str().unwrap().to_owned();
            let revision = self.newest[&layer];
            self.deletions.insert((layer, revision), id.clone());
        } else if data["layer"].is_object() {
            let layer = &data["layer"];
            let name = layer["id"].as_str().unwrap().to_owned();
            let revision = layer["revision"].as_u64().unwrap();
            let newest = self.newest.entry(name.clone()).or_default();
            *newest += 1;
            assert_eq!(revision, *newest, "revisions of layer {name} go up by one");
            self.layers
                .insert((name, revision), (id.clone(), layer.clone()));
        }
        copy.hear(kind, data);
        id
    }

    fn hear_of_list(&mut self, kind: EventType, data: &Value) -> CommitId {
        let revision = data["scenes_revision"].as_u64();
        let revision = revision.unwrap_or_else(|| panic!("{kind:?} was not expected"));
        let lists = self.commits.keys().filter(|(what, _)| what == LIST);
        let last = lists.map(|(_, revision)| *revision).max();
        assert_eq!(revision, last.unwrap_or(1) + 1, "the list goes up by one");
        let scene = data["scene"].clone();
        if kind == EventType::SceneCreated {
            let index = usize::try_from(data["index"].as_u64().unwrap()).unwrap();
            self.order.insert(index, scene["id"].clone());
            let id = scene["id"].as_str().unwrap().to_owned();
            self.scenes.insert(id, Copy::default());
        } else if kind == EventType::SceneDeleted {
            self.order.retain(|known| *known != scene);
            self.scenes.remove(scene.as_str().unwrap()).unwrap();
        } else {
            self.order.clone_from(data["order"].as_array().unwrap());
        }
        (LIST.to_owned(), revision)
    }

    pub(super) fn layer(&self, layer: &Value) -> CommitId {
        let id = layer["id"].as_str().unwrap().to_owned();
        let revision = layer["revision"].as_u64().unwrap();
        let told = self.layers.get(&(id, revision));
        let (commit, told) = told.unwrap_or_else(|| panic!("acknowledged and lost: {layer}"));
        let mut layer = layer.clone();
        layer.as_object_mut().unwrap().remove("status");
        assert_eq!(*told, layer, "another layer was told than answered");
        commit.clone()
    }

    pub(super) fn deletion(&self, layer: &Value, revision: u64) -> CommitId {
        let id = layer.as_str().unwrap().to_owned();
        let commit = self.deletions.get(&(id, revision));
        commit
            .unwrap_or_else(|| panic!("the deletion of {layer} at {revision} is lost"))
            .clone()
    }

    /// `None` where the layers were in this order before.
    pub(super) fn order(&self, scene: &str, revision: u64, order: &[Value]) -> Option<CommitId> {
        let id = (scene.to_owned(), revision);
        let commit = self.commits.get(&id)?;
        let told = commit.iter().any(|(kind, data)| {
            *kind == EventType::LayerReordered && data["order"].as_array().unwrap() == order
        });
        told.then_some(id)
    }

    /// The events of a commit that did several things are those that were answered. `None` where
    /// nothing had to be done.
    pub(super) fn together(
        &self,
        scene: &str,
        revision: u64,
        results: &[Value],
    ) -> Option<CommitId> {
        let is_certain = |result: &Value| match result["op"].as_str().unwrap() {
            "update" => result["changed"] != json!([]),
            "reorder" => false,
            _ => true,
        };
        if !results.iter().any(is_certain) {
            // At most the last of several orders is another one.
            let order = results
                .iter()
                .rev()
                .find(|result| result["op"] == "reorder")?;
            return self.order(scene, revision, order["order"].as_array().unwrap());
        }
        let id = (scene.to_owned(), revision);
        let commit = self.commits.get(&id);
        let commit = commit.unwrap_or_else(|| panic!("acknowledged and lost: {results:?}"));
        let mut told = commit.iter().peekable();
        for result in results {
            let says_so = |(_, data): &&(EventType, Value)| match result["op"].as_str().unwrap() {
                "delete" => data["layer"] == result["id"],
                "reorder" => data["order"] == result["order"],
                _ => data["layer"] == result["layer"],
            };
            let found = told.next_if(says_so).is_some();
            assert!(
                found || !is_certain(result),
                "{result} is not in {commit:?}"
            );
        }
        assert_eq!(
            told.next(),
            None,
            "more was done than was answered: {results:?}"
        );
        Some(id)
    }

    pub(super) fn name(&self, scene: &str, revision: u64, name: &str) -> CommitId {
        let id = (scene.to_owned(), revision);
        let commit = self.commits.get(&id);
        let commit = commit.unwrap_or_else(|| panic!("the name {name} is lost"));
        assert_eq!(commit[0].1["scene"]["name"], name);
        id
    }

    pub(super) fn added(&self, scene: &str) -> CommitId {
        self.list_commit(EventType::SceneCreated, |data| data["scene"]["id"] == scene)
    }

    pub(super) fn gone(&self, scene: &str) -> CommitId {
        self.list_commit(EventType::SceneDeleted, |data| data["scene"] == scene)
    }

    fn list_commit(&self, wanted: EventType, is_it: impl Fn(&Value) -> bool) -> CommitId {
        let mut commits = self.commits.iter();
        let found = commits.find(|((what, _), events)| {
            let mut events = events.iter();
            what == LIST && events.any(|(kind, data)| *kind == wanted && is_it(data))
        });
        found.expect("acknowledged and lost: a scene").0.clone()
    }
}
