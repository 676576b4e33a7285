//! The variables of a stream, which scenes and the engine read beside each other.

use sm_bus::{BusError, Commit, Guard, OutgoingEvent, keys, redis};
use sm_common::event::VariablesChanged;
use sm_common::id::StreamId;
use sm_common::variable::Variables;
use sm_service_kit::http::RequestContext;

use super::{SceneStore, read, write};
use crate::domain::variables::changed;

impl SceneStore {
    /// The variables of a stream; none before somebody has set one.
    pub(crate) async fn variables(&self, stream: &StreamId) -> Result<Variables, BusError> {
        let key = keys::variables(stream);
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg("revision").arg("doc");
        let (revision, text): (Option<u64>, Option<String>) = self.bus.query(&command).await?;
        let values = text.map(|text| read(&key, &text)).transpose()?;
        Ok(Variables {
            revision: revision.unwrap_or(0),
            values: values.unwrap_or_default(),
        })
    }

    /// Writes what was made of `before`, with its event. `false` when somebody else was faster.
    pub(crate) async fn write_variables(
        &self,
        stream: &StreamId,
        before: &Variables,
        after: &Variables,
    ) -> Result<bool, BusError> {
        let commit = write_variables(Commit::new(), stream, before, after)?;
        let event = self.variables_changed(stream, before, after)?;
        self.committed(commit, vec![event]).await
    }

    pub(super) fn variables_changed(
        &self,
        stream: &StreamId,
        before: &Variables,
        after: &Variables,
    ) -> Result<OutgoingEvent, BusError> {
        let told = VariablesChanged {
            variables: after.clone(),
            changed: changed(&before.values, &after.values),
        };
        let trace = RequestContext::current_traceparent();
        self.bus.event(stream, &told, trace)
    }
}

/// Writes `after` for the variables that were read.
pub(super) fn write_variables(
    commit: Commit,
    stream: &StreamId,
    before: &Variables,
    after: &Variables,
) -> Result<Commit, BusError> {
    let key = keys::variables(stream);
    let expected = (before.revision > 0).then(|| before.revision.to_string());
    Ok(commit
        .guard(Guard::field(key.clone(), "revision", expected.as_deref()))
        .hash_set(key.clone(), "revision", after.revision.to_string())
        .hash_set(key, "doc", write(&after.values)?))
}
