//! The audit list: every control command and change of an output, who sent it, and whether it was accepted.

use serde::{Deserialize, Serialize};
use sm_bus::{Bus, BusError, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::id::{OperationId, OutputId, SceneId, StreamId, UserId};
use utoipa::ToSchema;

use crate::domain::{Action, OutputAction};

/// What was asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AuditAction {
    /// A control command.
    Stream(Action),
    /// A change of an output.
    Output(OutputAction),
}

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// When.
    pub(crate) at: Timestamp,
    /// Who.
    pub(crate) user: UserId,
    /// The caller's name at that time.
    pub(crate) name: String,
    /// What.
    pub(crate) action: AuditAction,
    /// The output that was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<OutputId>,
    /// The scene that was chosen, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scene: Option<SceneId>,
    /// The operation, when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<OperationId>,
    /// Why it was refused, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// The newest `limit` commands, newest first.
pub(crate) async fn newest(
    bus: &Bus,
    stream: &StreamId,
    limit: usize,
) -> Result<Vec<AuditEntry>, BusError> {
    let key = keys::audit(stream);
    let mut command = redis::cmd("XREVRANGE");
    command.arg(&key).arg("+").arg("-").arg("COUNT").arg(limit);
    let entries: Vec<(String, Vec<(String, String)>)> = bus.query(&command).await?;
    entries
        .iter()
        .flat_map(|(_, fields)| fields.iter().filter(|(name, _)| name == "doc"))
        .map(|(_, doc)| {
            serde_json::from_str(doc).map_err(|source| BusError::Document {
                key: key.clone(),
                source,
            })
        })
        .collect()
}
