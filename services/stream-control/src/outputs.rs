//! Reading and changing a stream's outputs.

use sm_bus::{BusError, Commit};
use sm_common::auth::Identity;
use sm_common::id::{OutputId, StreamId};
use sm_common::output::Output;
use sm_common::stream::DesiredState;

use crate::audit::{AuditAction, AuditEntry};
use crate::domain::{Change, OutputList, OutputView, Refused, Rules, apply_change};
use crate::store::{Answer, Documents, Idempotency, KeptAnswer, Store, Written};

/// Why outputs were not read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the idempotency key belongs to another request")]
    IdempotencyConflict,
    #[error("the stream was changed {0} times while this change was decided")]
    Contended(usize),
    #[error("the answer cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Changed {
    /// The output is so now.
    Output(Box<OutputView>),
    /// It is gone.
    Gone,
    /// The answer of an earlier request with the same idempotency key.
    Replayed {
        /// The output.
        id: OutputId,
        /// Its entity tag then.
        revision: u64,
        /// The body then.
        body: serde_json::Value,
    },
}

/// Every output of the stream, HLS first.
pub(crate) async fn list(store: &Store, stream: &StreamId) -> Result<OutputList, OutputError> {
    let Documents { desired, observed } = documents(store, stream).await?;
    let others = desired.outputs.iter();
    let hls = OutputView::hls(&observed.outputs);
    Ok(OutputList {
        outputs: std::iter::once(hls)
            .chain(others.map(|output| OutputView::of(output, &observed.outputs)))
            .collect(),
    })
}

/// One output of the stream.
pub(crate) async fn read(
    store: &Store,
    stream: &StreamId,
    id: &OutputId,
) -> Result<OutputView, OutputError> {
    let outputs = list(store, stream).await?.outputs;
    let mut outputs = outputs.into_iter();
    let output = outputs.find(|output| output.id == *id);
    output.ok_or_else(|| Refused::NotFound(id.clone()).into())
}

/// Changes one output of the stream.
pub(crate) async fn change(
    store: &Store,
    stream: &StreamId,
    (id, change, rules): (&OutputId, &Change, Rules),
    caller: &Identity,
    idempotency: Option<Idempotency>,
) -> Result<Changed, OutputError> {
    if let Some(idempotency) = &idempotency
        && let Some(kept) = store.kept_answer(stream, idempotency).await?
    {
        return replay(kept, idempotency);
    }
    for _ in 0..store.decisions_max() {
        let before = documents(store, stream).await?;
        let now = store.bus().clock().now();
        let by = (caller.name.as_str(), now);
        let mut audit = AuditEntry {
            at: now,
            user: caller.user,
            name: caller.name.clone(),
            action: AuditAction::Output(change.action()),
            output: Some(id.clone()),
            scene: None,
            operation: None,
            refused: None,
        };
        let desired = match apply_change(&before.desired, id, change, rules, by) {
            Ok(Some(desired)) => desired,
            Ok(None) => return Ok(changed(&before.desired, &before, id)),
            Err(refused) => {
                audit.refused = Some(refused.to_string());
                if matches!(change, Change::Create(_)) {
                    // There is no such output, and never will be.
                    audit.output = None;
                }
                store.write_refusal(stream, &audit).await?;
                return Err(refused.into());
            }
        };
        let done = changed(&desired, &before, id);
        let kept = match (&idempotency, &done) {
            (Some(idempotency), Changed::Output(view)) => Some((idempotency, answer(view)?)),
            (Some(_), Changed::Gone | Changed::Replayed { .. }) | (None, _) => None,
        };
        let written = store
            .write_desired((Commit::new(), Vec::new()), &before, &desired, &audit, kept)
            .await?;
        match (written, &idempotency) {
            (Written::Accepted, _) => return Ok(done),
            (Written::Replayed(kept), Some(idempotency)) => return replay(*kept, idempotency),
            (Written::Replayed(_), None) | (Written::Outdated, _) => {}
        }
    }
    Err(OutputError::Contended(store.decisions_max()))
}

async fn documents(store: &Store, stream: &StreamId) -> Result<Documents, OutputError> {
    let documents = store.documents(stream).await?;
    documents.ok_or_else(|| OutputError::UnknownStream(stream.clone()))
}

fn changed(desired: &DesiredState, before: &Documents, id: &OutputId) -> Changed {
    let is_it = |output: &&Output| output.id == *id;
    desired
        .outputs
        .iter()
        .find(is_it)
        .map_or(Changed::Gone, |output| {
            Changed::Output(Box::new(OutputView::of(output, &before.observed.outputs)))
        })
}

fn answer(view: &OutputView) -> Result<Answer, OutputError> {
    Ok(Answer::Output {
        id: view.id.clone(),
        revision: view.revision,
        body: serde_json::to_value(view).map_err(OutputError::Encode)?,
    })
}

fn replay(kept: KeptAnswer, idempotency: &Idempotency) -> Result<Changed, OutputError> {
    match kept.answer {
        Answer::Output { id, revision, body } if kept.request == idempotency.request => {
            Ok(Changed::Replayed { id, revision, body })
        }
        Answer::Output { .. } | Answer::Operation(_) => Err(OutputError::IdempotencyConflict),
    }
}
