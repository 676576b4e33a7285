use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::clock::Timestamp;
use sm_common::id::OutputId;
use sm_common::output::Output;
use sm_common::stream::DesiredState;
use sm_common::target::TargetPolicy;
use sm_service_kit::body::fault::Faults;
use utoipa::ToSchema;

use super::draft::{self, Draft};

/// A change of an output, in the audit list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum OutputAction {
    /// It was added.
    #[serde(rename = "output-create")]
    Create,
    /// Its settings were changed.
    #[serde(rename = "output-update")]
    Update,
    /// It was taken away.
    #[serde(rename = "output-delete")]
    Delete,
    /// It is to send.
    #[serde(rename = "output-start")]
    Start,
    /// It is not to send.
    #[serde(rename = "output-stop")]
    Stop,
    /// It is to begin anew.
    #[serde(rename = "output-restart")]
    Restart,
}

/// What is to be done with one output.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Add it, with this body.
    Create(Value),
    /// Change it by this merge patch, if it still has the entity tag that the caller has read.
    Update {
        /// The entity tag.
        expected: String,
        /// The merge patch.
        patch: Value,
    },
    /// Take it away, if it still has this entity tag.
    Delete {
        /// The entity tag.
        expected: String,
    },
    /// Let it send.
    Start,
    /// Let it send no more.
    Stop,
    /// Let it begin anew, also when it gave up.
    Restart,
}

impl Change {
    pub(crate) const fn action(&self) -> OutputAction {
        match self {
            Self::Create(_) => OutputAction::Create,
            Self::Update { .. } => OutputAction::Update,
            Self::Delete { .. } => OutputAction::Delete,
            Self::Start => OutputAction::Start,
            Self::Stop => OutputAction::Stop,
            Self::Restart => OutputAction::Restart,
        }
    }
}

/// What is allowed here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Most outputs of a stream, HLS and the recording of control commands apart.
    pub(crate) outputs_max: usize,
    /// Which addresses may be sent to.
    pub(crate) targets: TargetPolicy,
}

/// Why an output is not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no output {0}")]
    NotFound(OutputId),
    #[error("the stream has {0} outputs already; delete one first")]
    Full(usize),
    #[error("the hls output belongs to every stream; add another output instead")]
    BuiltIn,
    #[error("the output is stopped; start it instead")]
    Disabled,
    #[error("the output is at revision {current} now; read it again")]
    Stale { current: u64 },
    #[error("fields are wrong")]
    Invalid(Faults),
}

/// The desired state after the change of the output `id`; `None` when it changes nothing.
pub(crate) fn apply_change(
    desired: &DesiredState,
    id: &OutputId,
    change: &Change,
    rules: Rules,
    (by, now): (&str, Timestamp),
) -> Result<Option<DesiredState>, Refused> {
    if *id == OutputId::hls() {
        return Err(Refused::BuiltIn);
    }
    let mut outputs = desired.outputs.clone();
    let at = outputs.iter().position(|output| output.id == *id);
    match change {
        Change::Create(body) => outputs.push(create(&outputs, id, body, rules, now)?),
        Change::Delete { expected } => {
            let at = at.ok_or_else(|| Refused::NotFound(id.clone()))?;
            check(outputs.remove(at).revision, expected)?;
        }
        Change::Update { .. } | Change::Start | Change::Stop | Change::Restart => {
            let output = at.and_then(|at| outputs.get_mut(at));
            let output = output.ok_or_else(|| Refused::NotFound(id.clone()))?;
            alter(output, change, rules, now)?;
        }
    }
    if outputs == desired.outputs {
        return Ok(None);
    }
    Ok(Some(DesiredState {
        revision: desired.revision.saturating_add(1),
        changed_by: by.to_owned(),
        outputs,
        ..desired.clone()
    }))
}

fn create(
    outputs: &[Output],
    id: &OutputId,
    body: &Value,
    rules: Rules,
    now: Timestamp,
) -> Result<Output, Refused> {
    let Draft {
        name,
        target,
        adaptive,
        enabled,
    } = draft::read(body, rules.targets).map_err(Refused::Invalid)?;
    let recording = OutputId::recording();
    let count = outputs
        .iter()
        .filter(|output| output.id != recording)
        .count();
    if count >= rules.outputs_max {
        return Err(Refused::Full(count));
    }
    Ok(Output {
        id: id.clone(),
        name,
        target,
        adaptive,
        enabled,
        generation: 1,
        revision: 1,
        created_at: now,
        updated_at: now,
    })
}

fn alter(
    output: &mut Output,
    change: &Change,
    rules: Rules,
    now: Timestamp,
) -> Result<(), Refused> {
    let before = output.clone();
    match change {
        Change::Update { expected, patch } => {
            check(output.revision, expected)?;
            let Draft {
                name,
                target,
                adaptive,
                enabled,
            } = draft::patch(output, patch, rules.targets).map_err(Refused::Invalid)?;
            (output.name, output.target) = (name, target);
            (output.adaptive, output.enabled) = (adaptive, enabled);
        }
        Change::Start => output.enabled = true,
        Change::Stop => output.enabled = false,
        Change::Restart if !output.enabled => return Err(Refused::Disabled),
        Change::Restart => output.generation = output.generation.saturating_add(1),
        Change::Create(_) | Change::Delete { .. } => {}
    }
    if *output != before {
        output.revision = output.revision.saturating_add(1);
        output.updated_at = now;
    }
    Ok(())
}

fn check(current: u64, expected: &str) -> Result<(), Refused> {
    if current.to_string() == expected {
        Ok(())
    } else {
        Err(Refused::Stale { current })
    }
}
