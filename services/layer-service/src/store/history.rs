//! The history of a scene's layers: what each person can take back, and a list for everybody. Both
//! are written with the change, for the revision of the scene that was read.

use sm_bus::{BusError, Commit, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::id::{SceneId, StreamId, UserId};
use sm_common::scene::Scene;

use super::{SceneStore, read, scene_guard, write};
use crate::domain::history::{Deed, Direction, Entry, Note, Record};

/// A part of the list of changes.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// With their place in the list, newest first.
    pub(crate) notes: Vec<(String, Note)>,
    /// Whether there are older ones.
    pub(crate) has_older: bool,
}

/// What a person can do next.
#[derive(Clone, Debug)]
pub(crate) struct NextSteps {
    pub(crate) undo: Option<Entry>,
    pub(crate) redo: Option<Entry>,
}

impl SceneStore {
    /// The steps that are next to be taken back and made again.
    pub(crate) async fn next_steps(
        &self,
        stream: &StreamId,
        scene: SceneId,
        user: UserId,
    ) -> Result<NextSteps, BusError> {
        let (undo_key, redo_key) = steps_keys(stream, scene, user);
        let mut pipeline = redis::pipe();
        pipeline.cmd("LINDEX").arg(&undo_key).arg(0);
        pipeline.cmd("LINDEX").arg(&redo_key).arg(0);
        let (undo, redo): (Option<String>, Option<String>) = self.bus.pipeline(&pipeline).await?;
        let now = self.bus.clock().now();
        Ok(NextSteps {
            undo: self.usable(&undo_key, undo, now)?,
            redo: self.usable(&redo_key, redo, now)?,
        })
    }

    /// A step that is not too old: what it needs may be gone by then.
    fn usable(
        &self,
        key: &str,
        text: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Entry>, BusError> {
        let entry: Option<Entry> = text.map(|text| read(key, &text)).transpose()?;
        Ok(entry.filter(|entry| now.since(entry.at) <= self.history.keep))
    }

    /// The newest changes before `before`, at most `limit`.
    pub(crate) async fn notes(
        &self,
        stream: &StreamId,
        scene: SceneId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page, BusError> {
        let key = keys::layer_history(stream, scene);
        let from = before.map_or_else(|| "+".to_owned(), |before| format!("({before}"));
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&key).arg(from).arg("-");
        command.arg("COUNT").arg(limit.saturating_add(1));
        let stored: Vec<(String, Vec<(String, String)>)> = self.bus.query(&command).await?;
        let has_older = stored.len() > limit;
        let mut notes = Vec::with_capacity(limit.min(stored.len()));
        for (place, fields) in stored.into_iter().take(limit) {
            for (_, text) in fields {
                notes.push((place.clone(), read(&key, &text)?));
            }
        }
        Ok(Page { notes, has_older })
    }

    /// Forgets a step of which nothing is to be done. `false` when somebody else was faster.
    pub(crate) async fn forget_step(
        &self,
        scene: &Scene,
        user: UserId,
        direction: Direction,
    ) -> Result<bool, BusError> {
        let (undo, redo) = steps_keys(&scene.stream, scene.id, user);
        let key = match direction {
            Direction::Undo => undo,
            Direction::Redo => redo,
        };
        let commit = Commit::new().guard(scene_guard(scene));
        let commit = commit.write("LPOP", key, Vec::new());
        self.committed(commit, Vec::new()).await
    }

    /// Adds to a change what takes it back, and that it was made.
    pub(super) fn write_history(
        &self,
        commit: Commit,
        scene: &Scene,
        record: &Record,
    ) -> Result<Commit, BusError> {
        let Record { note, entry, joins } = record;
        let (undo, redo) = steps_keys(&scene.stream, scene.id, note.user.id);
        let entry = write(entry)?;
        let commit = match note.deed {
            // The list says it already.
            Deed::Change if *joins => {
                let commit = commit.write("LPOP", undo.clone(), Vec::new());
                return Ok(commit.push(undo, entry, self.history));
            }
            Deed::Change => commit
                .write("DEL", redo, Vec::new())
                .push(undo, entry, self.history),
            Deed::Undo => commit
                .write("LPOP", undo, Vec::new())
                .push(redo, entry, self.history),
            Deed::Redo => commit
                .write("LPOP", redo, Vec::new())
                .push(undo, entry, self.history),
        };
        let listed = keys::layer_history(&scene.stream, scene.id);
        Ok(commit.append(listed, &write(note)?, self.listed_max))
    }
}

fn steps_keys(stream: &StreamId, scene: SceneId, user: UserId) -> (String, String) {
    (
        keys::layer_undo(stream, scene, user),
        keys::layer_redo(stream, scene, user),
    )
}
