//! Drafts: scenes that are in no list. Which there are is a field beside the list, and each begins and ends
//! for the field that was read.

use sm_bus::{BusError, Commit, Guard, keys, redis};
use sm_common::event::{SceneDraftBegun, SceneDraftEnded};
use sm_common::id::{SceneId, StreamId};
use sm_common::scene::{DraftOutcome, Scene, SceneDraft, SceneDrafts};
use sm_service_kit::http::RequestContext;

use super::{SceneStore, read, remove_scene, scene_guard, without_layers, write, write_scene};
use crate::domain::Applied;
use crate::domain::history::Record;
use crate::domain::scene_draft::Base;

const FIELD: &str = "drafts";

/// The drafts of a stream as they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drafts {
    text: Option<String>,
    by_scene: SceneDrafts,
}

impl Drafts {
    pub(super) fn read(stream: &StreamId, text: Option<String>) -> Result<Self, BusError> {
        let by_scene = text
            .as_deref()
            .map(|text| read(&keys::scenes(stream), text));
        Ok(Self {
            by_scene: by_scene.transpose()?.unwrap_or_default(),
            text,
        })
    }

    /// The draft of a scene.
    pub(crate) fn of(&self, scene: SceneId) -> Option<&SceneDraft> {
        self.by_scene.get(&scene)
    }

    /// The scene that this is a draft of.
    pub(crate) fn original(&self, draft: SceneId) -> Option<SceneId> {
        let mut drafts = self.by_scene.iter();
        drafts.find_map(|(scene, known)| (known.id == draft).then_some(*scene))
    }

    /// Nobody has begun or ended one since.
    pub(super) fn guard(&self, stream: &StreamId) -> Guard {
        Guard::field(keys::scenes(stream), FIELD, self.text.as_deref())
    }

    fn write(
        &self,
        commit: Commit,
        stream: &StreamId,
        after: &SceneDrafts,
    ) -> Result<Commit, BusError> {
        let commit = commit.guard(self.guard(stream));
        let key = keys::scenes(stream);
        Ok(if after.is_empty() {
            commit.hash_delete(key, FIELD)
        } else {
            commit.hash_set(key, FIELD, write(after)?)
        })
    }
}

/// A draft that is to end.
#[derive(Clone, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) drafts: &'a Drafts,
    /// The draft as it was read.
    pub(crate) draft: &'a Scene,
    /// The scene that it is of, as it was read.
    pub(crate) scene: &'a Scene,
}

impl SceneStore {
    /// Adds a draft of `scene`. `false` when somebody else was faster.
    pub(crate) async fn begin_draft(
        &self,
        drafts: &Drafts,
        scene: &Scene,
        (draft, base): (&Scene, &Base),
        summary: &SceneDraft,
    ) -> Result<bool, BusError> {
        let stream = &scene.stream;
        let mut after = drafts.by_scene.clone();
        after.insert(scene.id, summary.clone());
        let commit = Commit::new().guard(scene_guard(scene));
        let commit = drafts.write(commit, stream, &after)?;
        let commit = write_scene(commit, &without_layers(draft), draft)?.hash_set(
            keys::scenes(stream),
            &keys::draft_base_field(draft.id),
            write(base)?,
        );
        let begun = SceneDraftBegun {
            scene: scene.id,
            draft: summary.clone(),
        };
        let event = self.bus.event(stream, &begun, trace())?;
        self.committed(commit, vec![event]).await
    }

    /// What a draft began with; `None` when it has ended.
    pub(crate) async fn draft_base(
        &self,
        stream: &StreamId,
        draft: SceneId,
    ) -> Result<Option<Base>, BusError> {
        let key = keys::scenes(stream);
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(keys::draft_base_field(draft));
        let text: Option<String> = self.bus.query(&command).await?;
        text.map(|text| read(&key, &text)).transpose()
    }

    /// Writes what a draft made of its scene, and removes the draft. `false` when somebody else was
    /// faster.
    pub(crate) async fn apply_draft(
        &self,
        ending: &Ending<'_>,
        applied: &Applied,
        record: Option<&Record>,
    ) -> Result<bool, BusError> {
        // The draft goes first: layers that are new in it come into the scene as themselves.
        let mut commit = remove(Commit::new(), ending)?;
        if applied.is_change() {
            commit = self.plan(commit, ending.scene, applied, record)?;
        } else {
            commit = commit.guard(scene_guard(ending.scene));
        }
        let mut events = self.events(applied)?;
        let revision = applied.scene.revision;
        events.push(self.ended(ending, DraftOutcome::Applied, revision)?);
        self.committed(commit, events).await
    }

    /// Removes a draft. `false` when somebody else was faster.
    pub(crate) async fn discard_draft(&self, ending: &Ending<'_>) -> Result<bool, BusError> {
        let commit = remove(Commit::new(), ending)?;
        let revision = ending.scene.revision;
        let event = self.ended(ending, DraftOutcome::Discarded, revision)?;
        self.committed(commit, vec![event]).await
    }

    fn ended(
        &self,
        ending: &Ending<'_>,
        outcome: DraftOutcome,
        scene_revision: u64,
    ) -> Result<sm_bus::OutgoingEvent, BusError> {
        let ended = SceneDraftEnded {
            scene: ending.scene.id,
            draft: ending.draft.id,
            outcome,
            scene_revision,
        };
        self.bus.event(&ending.scene.stream, &ended, trace())
    }
}

fn remove(commit: Commit, ending: &Ending<'_>) -> Result<Commit, BusError> {
    let Ending {
        drafts,
        draft,
        scene,
    } = ending;
    let stream = &draft.stream;
    let mut after = drafts.by_scene.clone();
    after.remove(&scene.id);
    let commit = remove_scene(drafts.write(commit, stream, &after)?, draft);
    Ok(commit.hash_delete(keys::scenes(stream), &keys::draft_base_field(draft.id)))
}

fn trace() -> Option<String> {
    RequestContext::current_traceparent()
}
