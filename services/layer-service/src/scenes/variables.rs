//! Changes of a stream's variables.

use sm_bus::Which;
use sm_common::id::StreamId;
use sm_common::variable::Variables;

use super::{SceneError, Scenes, holds};
use crate::domain::Expected;
use crate::domain::variables::{Manner, apply};

impl Scenes {
    /// The variables of a stream.
    pub(crate) async fn variables(&self, stream: &StreamId) -> Result<Variables, SceneError> {
        // Says that there is no stream.
        self.read(stream, Which::OnAir).await?;
        Ok(self.store.variables(stream).await?)
    }

    /// Changes the variables of a stream as `body` says. What changes nothing raises no revision.
    pub(crate) async fn change_variables(
        &self,
        stream: &StreamId,
        manner: Manner,
        body: &serde_json::Value,
        expected: Option<&Expected>,
    ) -> Result<Variables, SceneError> {
        self.in_turn(
            stream,
            Box::pin(async {
                for _ in 0..self.config.scene.attempts_max {
                    let before = self.variables(stream).await?;
                    if let Some(expected) = expected {
                        holds(expected, before.revision)?;
                    }
                    let max = self.config.variables.count_max;
                    let values = apply(&before.values, body, manner, max);
                    let values = values.map_err(SceneError::Invalid)?;
                    if values == before.values {
                        return Ok(before);
                    }
                    let after = Variables {
                        revision: before.revision.saturating_add(1),
                        values,
                    };
                    let written = self.store.write_variables(stream, &before, &after).await;
                    if written.map_err(SceneError::Unconfirmed)? {
                        return Ok(after);
                    }
                    self.metrics.count_conflict();
                }
                Err(SceneError::Contended)
            }),
        )
        .await
    }
}
