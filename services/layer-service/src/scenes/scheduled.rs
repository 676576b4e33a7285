//! Changes that were asked for earlier: made as anybody's, and once.

use std::collections::BTreeMap;

use sm_bus::Which;
use sm_common::id::{AssetId, LayerId, SceneId, SecretId, StreamId};
use sm_common::schedule::{EndedSchedule, ScheduleOutcome};

use super::{SceneError, Scenes};
use crate::domain::history::{Deed, Record};
use crate::domain::{Applied, Operation, Proposal};
use crate::store::{Kept, Loaded, SceneStore};

impl Scenes {
    /// Where schedules are kept.
    pub(crate) const fn store(&self) -> &SceneStore {
        &self.store
    }

    /// What a change would make of a scene now; nothing is made. The scene that was meant.
    pub(crate) async fn try_out(
        &self,
        stream: &StreamId,
        which: Which,
        proposal: &Proposal,
    ) -> Result<(SceneId, Applied), SceneError> {
        let (loaded, applied) = self.apply_to(stream, which, proposal).await?;
        Ok((loaded.scene.id, applied))
    }

    /// Makes the change of a schedule and ends it. `None` when another replica was faster.
    pub(crate) async fn make_scheduled(
        &self,
        stream: &StreamId,
        kept: &Kept,
    ) -> Result<Option<EndedSchedule>, SceneError> {
        let attempt = Box::pin(async {
            for _ in 0..self.config.scene.attempts_max {
                match Box::pin(self.try_to_make(stream, kept)).await {
                    Ok(Some(ended)) => return Ok(Some(ended)),
                    Ok(None) => self.metrics.count_conflict(),
                    Err(error) => return Err(error),
                }
                let id = kept.schedule.summary.id;
                if self.store.schedule(stream, id).await?.is_none() {
                    return Ok(None);
                }
            }
            Err(SceneError::Contended)
        });
        self.in_turn(stream, attempt).await
    }

    /// `None` when somebody else was faster.
    async fn try_to_make(
        &self,
        stream: &StreamId,
        kept: &Kept,
    ) -> Result<Option<EndedSchedule>, SceneError> {
        let schedule = &kept.schedule;
        let operations_max = self.config.scene.operations_max;
        let proposal = Proposal::read_batch(&schedule.change, operations_max, LayerId::generate);
        let which = schedule.summary.scene.map_or(Which::OnAir, Which::Scene);
        let (loaded, applied) = self.apply_to(stream, which, &proposal).await?;
        let before = &loaded.scene;
        let author = schedule.author();
        let record = Record::of_change(before, &applied, &author, Deed::Change, None);
        if !applied.taken.is_empty() {
            let assets = self.catalog.find(&applied.taken).await?;
            let now = self.clock.now();
            if !self.catalog.claim(&assets, &applied.taken, now).await? {
                return Ok(None);
            }
        }
        let ended = EndedSchedule {
            schedule: schedule.summary.clone(),
            outcome: ScheduleOutcome::Done,
            detail: None,
            scene_revision: Some(applied.scene.revision),
            operation: None,
            ended_at: self.clock.now(),
        };
        let listed_max = self.config.schedules.ended_max;
        let change = (&applied, record.as_ref());
        let written = self
            .store
            .write_scheduled(before, change, kept, &ended, listed_max);
        if !written.await.map_err(SceneError::Unconfirmed)? {
            return Ok(None);
        }
        self.metrics.count_changes(&applied);
        Ok(Some(ended))
    }

    async fn apply_to(
        &self,
        stream: &StreamId,
        which: Which,
        proposal: &Proposal,
    ) -> Result<(Loaded, Applied), SceneError> {
        let operations = proposal.operations.iter();
        let secrets: Vec<SecretId> = operations.clone().filter_map(Operation::secret).collect();
        let origins: BTreeMap<SecretId, String> =
            self.store.secret_origins(stream, &secrets).await?;
        let loaded = self.read(stream, which).await?;
        let named: Vec<AssetId> = operations
            .flat_map(|operation| operation.assets(&loaded.scene.layers))
            .collect();
        let assets = self.catalog.find(&named).await?;
        let applied = self.judge(&loaded, proposal, &assets, &origins).await?;
        Ok((loaded, applied))
    }
}
