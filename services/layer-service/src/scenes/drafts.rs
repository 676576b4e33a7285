//! Drafts: begun, looked at, applied and discarded. Their layers are edited as those of any scene.

use sm_bus::Which;
use sm_common::id::{AssetId, SceneId, SecretId, StreamId};
use sm_common::scene::{Scene, SceneDraft};

use super::{Changed, DraftRefusal, SceneError, Scenes, holds};
use crate::domain::history::{Author, Clash, Deed, Record};
use crate::domain::scene_draft::{self, OnDraftConflict};
use crate::domain::{Expected, Operation, Proposal};
use crate::store::{Ending, Loaded};

/// What the step is called that takes an applied draft back.
const APPLY: &str = "apply draft";

/// A draft, and what applying it would meet.
#[derive(Clone, Debug)]
pub(crate) struct DraftState {
    pub(crate) draft: SceneDraft,
    pub(crate) scene: Scene,
    pub(crate) clashes: Vec<Clash>,
}

/// A draft that was applied.
#[derive(Clone, Debug)]
pub(crate) struct DraftApplied {
    pub(crate) draft: SceneId,
    /// What it made of its scene.
    pub(crate) changed: Changed,
}

/// A draft and its scene.
struct Pair {
    summary: SceneDraft,
    draft: Scene,
    live: Loaded,
}

impl Pair {
    const fn ending(&self) -> Ending<'_> {
        Ending {
            drafts: &self.live.drafts,
            draft: &self.draft,
            scene: &self.live.scene,
        }
    }
}

impl Scenes {
    /// Begins a draft of a scene, in which nothing is changed yet.
    pub(crate) async fn begin_draft(
        &self,
        stream: &StreamId,
        id: SceneId,
        expected: Option<&Expected>,
        author: &Author,
    ) -> Result<Scene, SceneError> {
        let attempt = Box::pin(async {
            for _ in 0..self.config.scene.attempts_max {
                let begun = self.try_to_begin(stream, id, expected, author);
                if let Some(draft) = begun.await? {
                    return Ok(draft);
                }
                self.metrics.count_conflict();
            }
            Err(SceneError::Contended)
        });
        self.in_turn(stream, attempt).await
    }

    /// `None` when somebody else was faster.
    async fn try_to_begin(
        &self,
        stream: &StreamId,
        id: SceneId,
        expected: Option<&Expected>,
        author: &Author,
    ) -> Result<Option<Scene>, SceneError> {
        let loaded = self.read(stream, Which::Scene(id)).await?;
        must_be_listed(&loaded)?;
        if let Some(expected) = expected {
            holds(expected, loaded.scene.revision)?;
        }
        if let Some(draft) = loaded.drafts.of(id) {
            return Err(SceneError::Draft(DraftRefusal::Exists {
                draft: draft.id,
                user: draft.user_name.clone(),
                at: draft.created_at,
            }));
        }
        let now = self.clock.now();
        let (draft, base) = scene_draft::begin(&loaded.scene, SceneId::generate(), now);
        // Its layers show the files too: nobody may remove them in between.
        if !self.claim_for(&draft).await? {
            return Ok(None);
        }
        let summary = SceneDraft {
            id: draft.id,
            base_revision: loaded.scene.revision,
            user_id: author.id,
            user_name: author.name.clone(),
            created_at: now,
        };
        let begun = (&draft, &base);
        let written = self
            .store
            .begin_draft(&loaded.drafts, &loaded.scene, begun, &summary);
        let written = written.await.map_err(SceneError::Unconfirmed)?;
        Ok(written.then_some(draft))
    }

    /// The draft of a scene, and what others have changed in the scene of what it changes.
    pub(crate) async fn draft(
        &self,
        stream: &StreamId,
        id: SceneId,
    ) -> Result<DraftState, SceneError> {
        for _ in 0..self.config.scene.attempts_max {
            let pair = self.pair(stream, id).await?;
            let wanted = self.draft_changes(&pair, OnDraftConflict::Refuse).await?;
            if let Some((_, clashes)) = wanted {
                return Ok(DraftState {
                    draft: pair.summary,
                    scene: pair.draft,
                    clashes,
                });
            }
        }
        Err(SceneError::Contended)
    }

    /// Makes all changes of a draft at once, as one step of `author`. `expected` is the draft's
    /// revision.
    pub(crate) async fn apply_draft(
        &self,
        stream: &StreamId,
        id: SceneId,
        expected: &Expected,
        on_conflict: OnDraftConflict,
        author: &Author,
    ) -> Result<DraftApplied, SceneError> {
        let attempt = Box::pin(async {
            for _ in 0..self.config.scene.attempts_max {
                let pair = self.pair(stream, id).await?;
                holds(expected, pair.draft.revision)?;
                let wanted = self.draft_changes(&pair, on_conflict).await?;
                if let Some((operations, clashes)) = wanted {
                    if on_conflict == OnDraftConflict::Refuse && !clashes.is_empty() {
                        return Err(SceneError::DraftClashes { clashes });
                    }
                    let applied = Box::pin(self.try_to_apply(pair, operations, author));
                    if let Some(applied) = applied.await? {
                        return Ok(applied);
                    }
                }
                self.metrics.count_conflict();
            }
            Err(SceneError::Contended)
        });
        self.in_turn(stream, attempt).await
    }

    /// `None` when somebody else was faster.
    async fn try_to_apply(
        &self,
        pair: Pair,
        operations: Vec<Operation>,
        author: &Author,
    ) -> Result<Option<DraftApplied>, SceneError> {
        let before = &pair.live.scene;
        let named: Vec<AssetId> = operations
            .iter()
            .flat_map(|operation| operation.assets(&before.layers))
            .collect();
        let secrets: Vec<SecretId> = operations.iter().filter_map(Operation::secret).collect();
        let origins = self.store.secret_origins(&before.stream, &secrets).await?;
        let assets = self.catalog.find(&named).await?;
        let proposal = Proposal {
            operations,
            ..Proposal::default()
        };
        let applied = self.judge(&pair.live, &proposal, &assets, &origins).await?;
        let record = Record::of_change(before, &applied, author, Deed::Change, Some(APPLY));
        let now = self.clock.now();
        if !applied.taken.is_empty() && !self.catalog.claim(&assets, &applied.taken, now).await? {
            return Ok(None);
        }
        let ending = pair.ending();
        let written = self.store.apply_draft(&ending, &applied, record.as_ref());
        if !written.await.map_err(SceneError::Unconfirmed)? {
            return Ok(None);
        }
        self.metrics.count_changes(&applied);
        Ok(Some(DraftApplied {
            draft: pair.draft.id,
            changed: Changed::new(pair.live, applied),
        }))
    }

    /// Throws a draft away. `expected` is the draft's revision.
    pub(crate) async fn discard_draft(
        &self,
        stream: &StreamId,
        id: SceneId,
        expected: &Expected,
    ) -> Result<SceneId, SceneError> {
        let attempt = Box::pin(async {
            for _ in 0..self.config.scene.attempts_max {
                let pair = self.pair(stream, id).await?;
                holds(expected, pair.draft.revision)?;
                let written = self.store.discard_draft(&pair.ending()).await;
                if written.map_err(SceneError::Unconfirmed)? {
                    return Ok(pair.draft.id);
                }
                self.metrics.count_conflict();
            }
            Err(SceneError::Contended)
        });
        self.in_turn(stream, attempt).await
    }

    async fn pair(&self, stream: &StreamId, id: SceneId) -> Result<Pair, SceneError> {
        for _ in 0..self.config.scene.attempts_max {
            let live = self.read(stream, Which::Scene(id)).await?;
            must_be_listed(&live)?;
            let summary = live.drafts.of(id).cloned();
            let summary = summary.ok_or(SceneError::Draft(DraftRefusal::None(id)))?;
            match self.read(stream, Which::Scene(summary.id)).await {
                Ok(Loaded { scene: draft, .. }) => {
                    return Ok(Pair {
                        summary,
                        draft,
                        live,
                    });
                }
                // It has ended in between.
                Err(SceneError::NoScene(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(SceneError::Contended)
    }

    /// What a draft would do to its scene; `None` when it has ended meanwhile.
    async fn draft_changes(
        &self,
        pair: &Pair,
        on_conflict: OnDraftConflict,
    ) -> Result<Option<(Vec<Operation>, Vec<Clash>)>, SceneError> {
        let live = &pair.live.scene;
        let base = self.store.draft_base(&live.stream, pair.draft.id).await?;
        Ok(base.map(|base| scene_draft::changes(&base, &pair.draft, live, on_conflict)))
    }
}

/// What is asked for is for the scenes of the list, and not for drafts of them, or templates.
pub(super) fn must_be_listed(loaded: &Loaded) -> Result<(), SceneError> {
    let id = loaded.scene.id;
    if loaded.listed {
        return Ok(());
    }
    Err(match loaded.drafts.original(id) {
        Some(scene) => SceneError::Draft(DraftRefusal::IsDraft { draft: id, scene }),
        None => SceneError::NoScene(id),
    })
}
