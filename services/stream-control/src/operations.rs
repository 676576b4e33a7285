//! Carrying out a command, and waiting until the engine has.

use std::time::Duration;

use sm_bus::BusError;
use sm_common::auth::{Identity, Role};
use sm_common::id::{ScheduleId, StreamId, UserId};
use sm_common::problem::FieldError;
use sm_common::schedule::ScheduleOutcome;
use sm_common::stream::DesiredState;

use crate::audit::{AuditAction, AuditEntry};
use crate::domain::{Command, Layers, Load, Operation, OperationStatus, Refusal, apply, standing};
use crate::states::States;
use crate::store::{Answer, Documents, Idempotency, KeptAnswer, Occasion, Store, Written};

/// Why a command was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Capacity(String),
    #[error("only an admin may insist with `force`")]
    ForceForbidden,
    #[error("the program cannot have this format")]
    Format(Vec<FieldError>),
    #[error("the idempotency key belongs to another request")]
    IdempotencyConflict,
    #[error("the schedule {0} is over")]
    Withdrawn(ScheduleId),
    #[error("the stream was changed {0} times while this command was decided")]
    Contended(usize),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Whose command it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) user: UserId,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
}

impl<'a> From<&'a Identity> for Caller<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            user: identity.user,
            name: &identity.name,
            role: identity.role,
        }
    }
}

/// An accepted command.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) operation: Operation,
    /// Whether this is the answer of an earlier request with the same idempotency key.
    pub(crate) replayed: bool,
}

/// Makes what `command` wants the desired state of `stream`.
pub(crate) async fn command(
    store: &Store,
    stream: &StreamId,
    command: &Command,
    (caller, force): (Caller<'_>, bool),
    occasion: &Occasion,
) -> Result<Accepted, CommandError> {
    if force && caller.role != Role::Admin {
        return Err(CommandError::ForceForbidden);
    }
    if let Occasion::Request(Some(idempotency)) = occasion
        && let Some(kept) = store.kept_answer(stream, idempotency).await?
    {
        return replay(kept, idempotency);
    }
    for _ in 0..store.decisions_max() {
        let (documents, scenes) = store
            .situation(stream)
            .await?
            .ok_or_else(|| CommandError::UnknownStream(stream.clone()))?;
        let now = store.bus().clock().now();
        let standing = standing(&documents.desired, &documents.observed);
        let mut audit = AuditEntry {
            at: now,
            user: caller.user,
            name: caller.name.to_owned(),
            action: AuditAction::Stream(command.action()),
            output: None,
            operation: None,
            scene: None,
            refused: None,
        };
        let by = caller.name;
        let applied = apply(&documents.desired, standing, command, &scenes, by, now);
        let before = &documents.desired.program;
        let program = command
            .format(before, store.limits())
            .map_err(CommandError::Format)?;
        let desired = match applied {
            Ok(desired) => DesiredState {
                forced: if command.may_be_forced() {
                    force
                } else {
                    desired.forced
                },
                program,
                ..desired
            },
            Err(refusal) => {
                audit.refused = Some(refusal.to_string());
                note_refusal(store, stream, &audit, occasion).await?;
                return Err(refusal.into());
            }
        };
        let layers = if Load::counts_layers(command) {
            let scenes = [&documents.desired, &desired].map(|state| state.chosen.scene);
            store.layers(stream, scenes).await?
        } else {
            Layers::default()
        };
        let load = Load::of(command, standing, (before, &desired.program), layers);
        if !force && let Some(refusal) = refusal(store, &load, &documents).await? {
            audit.refused = Some(refusal.clone());
            note_refusal(store, stream, &audit, occasion).await?;
            return Err(CommandError::Capacity(refusal));
        }
        let mut operation = Operation::accepted(&desired, command.action(), standing, now);
        if command.changes_format() {
            operation = operation.changing(&desired.program, before);
        }
        audit.operation = Some(operation.id);
        audit.scene = operation.scene;
        let scenes = command.is_choice().then_some(&scenes);
        let written = store
            .write_command((&documents, scenes), &desired, &operation, &audit, occasion)
            .await?;
        match (written, occasion) {
            (Written::Accepted, _) => {
                return Ok(Accepted {
                    operation,
                    replayed: false,
                });
            }
            (Written::Replayed(kept), Occasion::Request(Some(idempotency))) => {
                return replay(*kept, idempotency);
            }
            (Written::Outdated, Occasion::Schedule(schedule)) => {
                let id = schedule.summary.id;
                if !store.is_scheduled(stream, id).await? {
                    return Err(CommandError::Withdrawn(id));
                }
            }
            (Written::Replayed(_) | Written::Outdated, _) => {}
        }
    }
    Err(CommandError::Contended(store.decisions_max()))
}

/// Notes that a command was refused; a schedule is over with that.
async fn note_refusal(
    store: &Store,
    stream: &StreamId,
    audit: &AuditEntry,
    occasion: &Occasion,
) -> Result<(), BusError> {
    match occasion {
        Occasion::Request(_) => store.write_refusal(stream, audit).await,
        Occasion::Schedule(schedule) => {
            let why = audit.refused.clone().unwrap_or_default();
            let summary = schedule.summary.clone();
            let ended = summary.ended(ScheduleOutcome::Failed, why, audit.at);
            let ended = store.end_schedule(stream, schedule, &ended, Some(audit));
            // Another replica that was faster has noted the same.
            ended.await.map(drop)
        }
    }
}

/// Why the hosts cannot carry this, as far as they say.
async fn refusal(
    store: &Store,
    load: &Load,
    documents: &Documents,
) -> Result<Option<String>, BusError> {
    if *load == Load::None {
        return Ok(None);
    }
    let bus = store.bus();
    let instances = bus.instances(bus.clock().now()).await?;
    let engine = documents.observed.engine.as_ref();
    Ok(load.refusal(engine.map(|engine| &engine.instance), &instances))
}

fn replay(kept: KeptAnswer, idempotency: &Idempotency) -> Result<Accepted, CommandError> {
    match kept.answer {
        Answer::Operation(operation) if kept.request == idempotency.request => Ok(Accepted {
            operation,
            replayed: true,
        }),
        Answer::Operation(_) | Answer::Output { .. } => Err(CommandError::IdempotencyConflict),
    }
}

/// What became of a command, for its metric.
pub(crate) const fn label(outcome: &Result<Accepted, CommandError>) -> &'static str {
    match outcome {
        Ok(Accepted {
            replayed: false, ..
        }) => "accepted",
        Ok(Accepted { replayed: true, .. }) => "replayed",
        Err(_) => "refused",
    }
}

/// The operation as it stands now; how it ended is kept.
pub(crate) async fn look(store: &Store, operation: &Operation) -> Result<Operation, BusError> {
    let Some(Documents { desired, observed }) = store.documents(&operation.stream).await? else {
        return Ok(operation.clone());
    };
    let seen = operation.seen(&desired, &observed, store.bus().clock().now());
    if seen.status != operation.status {
        store.keep_ended(&seen).await?;
    }
    Ok(seen)
}

/// Waits until the operation has ended, at most for `limit`.
pub(crate) async fn wait(
    store: &Store,
    states: &States,
    operation: Operation,
    limit: Duration,
) -> Result<Operation, BusError> {
    let mut changes = states.changes();
    let mut latest = operation;
    let watch = async {
        loop {
            latest = look(store, &latest).await?;
            if latest.status != OperationStatus::Pending || changes.changed().await.is_err() {
                return Ok::<(), BusError>(());
            }
        }
    };
    match tokio::time::timeout(limit, watch).await {
        Ok(watched) => watched?,
        Err(_elapsed) => {}
    }
    Ok(latest)
}
