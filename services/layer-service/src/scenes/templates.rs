//! Making layers from templates.

use serde_json::{Map, Value, json};
use sm_bus::Which;
use sm_common::id::StreamId;

use super::{Changed, SceneError, Scenes};
use crate::domain::history::Author;
use crate::domain::templates::{Plan, Template};
use crate::domain::variables::Manner;
use crate::domain::{Expected, Proposal};

impl Scenes {
    /// Makes the layers of a template, as a group in front of the others. The variables that they
    /// show are set before, where there are no such, so that they are never seen without a value.
    pub(crate) async fn use_template(
        &self,
        (stream, which): (&StreamId, Which),
        template: &Template,
        body: &Value,
        expected: Option<Expected>,
        author: &Author,
    ) -> Result<Changed, SceneError> {
        let canvas = self.config.scene.canvas();
        let plan = template.plan(body, canvas, self.clock.now());
        let Plan {
            proposal,
            variables,
        } = plan.map_err(SceneError::Invalid)?;
        self.set_missing(stream, variables).await?;
        let proposal: Proposal = proposal.expecting(expected);
        self.change(stream, which, &proposal, author).await
    }

    /// Sets variables, as far as there are none of their names.
    async fn set_missing(
        &self,
        stream: &StreamId,
        variables: Map<String, Value>,
    ) -> Result<(), SceneError> {
        let known = self.variables(stream).await?.values;
        let is_known = |name: &str| known.keys().any(|known| known.as_str() == name);
        let missing: Map<String, Value> = variables
            .into_iter()
            .filter(|(name, _)| !is_known(name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let body = json!({"values": missing});
        self.change_variables(stream, Manner::Patch, &body, None)
            .await?;
        Ok(())
    }
}
