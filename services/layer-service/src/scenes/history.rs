//! Taking back changes and making them again.

use sm_bus::Which;
use sm_common::id::{AssetId, SceneId, SecretId, StreamId};
use sm_common::scene::Scene;

use super::{Changed, SceneError, Scenes, holds};
use crate::domain::history::{Author, Direction, Entry, OnConflict, Record, take_back};
use crate::domain::{Expected, Operation, Proposal};
use crate::store::{Loaded, NextSteps, Page};

/// Which step is to be taken back or made again.
#[derive(Clone, Debug)]
pub(crate) struct StepRequest {
    pub(crate) which: Which,
    pub(crate) direction: Direction,
    pub(crate) on_conflict: OnConflict,
    /// The scene's revision that the caller has read.
    pub(crate) expected: Option<Expected>,
}

/// A step that was taken back or made again.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) changed: Changed,
    pub(crate) step: Entry,
    pub(crate) next: NextSteps,
}

/// The changes of a scene.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) scene: SceneId,
    pub(crate) page: Page,
    pub(crate) next: NextSteps,
}

impl Scenes {
    /// The newest changes before `before`, at most `limit`, and what `author` can do next.
    pub(crate) async fn history(
        &self,
        stream: &StreamId,
        which: Which,
        author: &Author,
        (before, limit): (Option<&str>, usize),
    ) -> Result<History, SceneError> {
        let scene = self.read(stream, which).await?.scene.id;
        Ok(History {
            scene,
            page: self.store.notes(stream, scene, before, limit).await?,
            next: self.store.next_steps(stream, scene, author.id).await?,
        })
    }

    /// Takes back the last change of `author`, or makes the last again that was taken back.
    pub(crate) async fn step(
        &self,
        stream: &StreamId,
        author: &Author,
        request: &StepRequest,
    ) -> Result<Taken, SceneError> {
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    let taken = Box::pin(self.try_to_step(stream, author, request));
                    if let Some(taken) = taken.await? {
                        return Ok(taken);
                    }
                    self.metrics.count_conflict();
                }
                Err(SceneError::Contended)
            }),
        )
        .await
    }

    /// Lets a step go on with the last one of its author, where it does the same for the same layer.
    pub(super) async fn join(&self, scene: &Scene, record: Record) -> Result<Record, SceneError> {
        let within = self.config.scene.history_join();
        if within.is_zero() || !record.entry.can_join() {
            return Ok(record);
        }
        let user = record.note.user.id;
        let next = self.store.next_steps(&scene.stream, scene.id, user).await?;
        let joined = match next {
            NextSteps {
                undo: Some(former),
                redo: None,
            } => record.entry.joined(&former, within),
            NextSteps { .. } => None,
        };
        Ok(match joined {
            Some(entry) => Record {
                entry,
                joins: true,
                ..record
            },
            None => record,
        })
    }

    /// `None` when somebody else was faster.
    async fn try_to_step(
        &self,
        stream: &StreamId,
        author: &Author,
        request: &StepRequest,
    ) -> Result<Option<Taken>, SceneError> {
        let loaded = self.read(stream, request.which).await?;
        let scene = &loaded.scene;
        if let Some(expected) = &request.expected {
            holds(expected, scene.revision)?;
        }
        // After the scene: a step is removed for the revision that was read.
        let next = self.store.next_steps(stream, scene.id, author.id).await?;
        let step = match request.direction {
            Direction::Undo => next.undo,
            Direction::Redo => next.redo,
        };
        let step = step.ok_or(SceneError::NoStep(request.direction))?;
        if step.revision > scene.revision {
            return Ok(None);
        }
        let operations = operations(&step, &loaded, request.on_conflict)?;
        let made = self.make_step(loaded, operations, &step, author, request);
        let Some(changed) = Box::pin(made).await? else {
            return Ok(None);
        };
        let scene = changed.scene.id;
        let next = self.store.next_steps(stream, scene, author.id).await?;
        Ok(Some(Taken {
            changed,
            step,
            next,
        }))
    }

    /// Does what takes `step` back. `None` when somebody else was faster.
    async fn make_step(
        &self,
        loaded: Loaded,
        operations: Vec<Operation>,
        step: &Entry,
        author: &Author,
        request: &StepRequest,
    ) -> Result<Option<Changed>, SceneError> {
        let stream = &loaded.scene.stream;
        let named: Vec<AssetId> = operations
            .iter()
            .flat_map(|operation| operation.assets(&loaded.scene.layers))
            .collect();
        let secrets: Vec<SecretId> = operations.iter().filter_map(Operation::secret).collect();
        let origins = self.store.secret_origins(stream, &secrets).await?;
        let assets = self.catalog.find(&named).await?;
        let proposal = Proposal {
            operations,
            ..Proposal::default()
        };
        let applied = self.judge(&loaded, &proposal, &assets, &origins).await?;
        let before = &loaded.scene;
        let deed = request.direction.deed();
        let record = Record::of_change(before, &applied, author, deed, Some(&step.name));
        let written = if record.is_some() {
            self.write(before, &applied, &assets, record.as_ref())
                .await?
        } else {
            let forgotten = self
                .store
                .forget_step(before, author.id, request.direction)
                .await;
            forgotten.map_err(SceneError::Unconfirmed)?
        };
        if !written {
            return Ok(None);
        }
        self.metrics.count_changes(&applied);
        Ok(Some(Changed::new(loaded, applied)))
    }
}

/// What takes `step` back, as far as others allow.
fn operations(
    step: &Entry,
    loaded: &Loaded,
    on_conflict: OnConflict,
) -> Result<Vec<Operation>, SceneError> {
    let (operations, clashes) = take_back(&step.difference, &loaded.scene);
    match on_conflict {
        OnConflict::Refuse if clashes.is_empty() => Ok(operations),
        OnConflict::Refuse => Err(SceneError::Clashes {
            step: step.name.clone(),
            clashes,
        }),
        OnConflict::Keep => Ok(operations),
        OnConflict::Skip => Ok(Vec::new()),
    }
}
