//! What stream-control keeps in Redis: desired state, operations, kept answers.

mod schedules;

use serde::{Deserialize, Serialize};
use sm_bus::{
    Bus, BusError, Commit, CommitOutcome, Guard, OutgoingEvent, SceneQuery, Which, keys, redis,
};
use sm_common::clock::Timestamp;
use sm_common::event::{ScenePreviewChanged, StreamStateChanged};
use sm_common::id::{OperationId, OutputId, SceneId, StreamId};
use sm_common::layer::{Layer, LayerKind};
use sm_common::scene::{SceneDocument, SceneDrafts};
use sm_common::schedule::{EndedSchedule, ScheduleOutcome};
use sm_common::stream::{DesiredState, ObservedState, StreamState};
use sm_service_kit::http::RequestContext;

use crate::audit::AuditEntry;
use crate::config::StreamConfig;
use crate::domain::{KnownScenes, Layers, Operation, ProgramLimits};
pub(crate) use schedules::KeptSchedule;

/// Both documents of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) desired: DesiredState,
    pub(crate) observed: ObservedState,
}

impl Documents {
    pub(crate) fn state(&self) -> StreamState {
        StreamState::join(&self.desired, self.observed.clone())
    }
}

/// The answer that an idempotency key replays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptAnswer {
    /// Digest of the request it belongs to.
    pub(crate) request: String,
    /// The answer.
    #[serde(flatten)]
    pub(crate) answer: Answer,
}

/// What a kept answer is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// A command.
    Operation(Operation),
    /// An output that was added.
    Output {
        /// The output.
        id: OutputId,
        /// Its entity tag.
        revision: u64,
        /// The body, without secrets.
        body: serde_json::Value,
    },
}

/// A request with an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Idempotency {
    /// Digest of caller and key.
    pub(crate) key: String,
    /// Digest of the request.
    pub(crate) request: String,
}

/// What became of an attempt to write a command.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is desired now.
    Accepted,
    /// The idempotency key had been used.
    Replayed(Box<KeptAnswer>),
    /// Somebody else changed the desired state in between; read it and decide again.
    Outdated,
}

/// Reads and writes the documents.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    bus: Bus,
    config: StreamConfig,
    schedules_ended_max: usize,
}

/// What a command comes from.
#[derive(Clone, Debug)]
pub(crate) enum Occasion {
    /// Somebody asks for it now.
    Request(Option<Idempotency>),
    /// Somebody asked for it earlier.
    Schedule(Box<KeptSchedule>),
}

impl Store {
    /// So many schedules that are over stay listed.
    pub(crate) const fn new(bus: Bus, config: StreamConfig, schedules_ended_max: usize) -> Self {
        Self {
            bus,
            config,
            schedules_ended_max,
        }
    }

    /// What a program may be.
    pub(crate) const fn limits(&self) -> &ProgramLimits {
        &self.config.limits
    }

    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// How often something is decided again after somebody else was faster.
    pub(crate) const fn decisions_max(&self) -> usize {
        self.config.decisions_max
    }

    /// Both documents, in one round trip; `None` when there is no such stream.
    pub(crate) async fn documents(&self, stream: &StreamId) -> Result<Option<Documents>, BusError> {
        let (desired_key, observed_key) = (keys::desired(stream), keys::observed(stream));
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("HGET")
            .arg(&desired_key)
            .arg("doc")
            .cmd("GET")
            .arg(&observed_key);
        let (desired, observed): (Option<String>, Option<String>) =
            self.bus.pipeline(&pipeline).await?;
        read_documents(stream, desired, observed)
    }

    /// The layers of the scene on air before a command and after it; `None` stands for the
    /// stream's first scene. What cannot be read counts for nothing.
    pub(crate) async fn layers(
        &self,
        stream: &StreamId,
        scenes: [Option<SceneId>; 2],
    ) -> Result<Layers, BusError> {
        let wanted = scenes.map(|scene| scene.map_or(Which::OnAir, Which::Scene));
        let query = SceneQuery {
            wanted: wanted.to_vec(),
            ..SceneQuery::default()
        };
        let stored = self.bus.scenes(stream, &query).await?;
        let [before, after] = scenes.map(|scene| {
            let scene = scene.or(stored.on_air);
            let scene = scene.and_then(|scene| stored.scenes.get(&scene));
            let layers = scene.and_then(|scene| scene.layers.as_ref());
            let layers = layers.into_iter().flatten();
            layers.filter_map(|document| kind(document)).collect()
        });
        Ok(Layers { before, after })
    }

    /// Both documents and the list of scenes, in one round trip; `None` when there is no such
    /// stream.
    pub(crate) async fn situation(
        &self,
        stream: &StreamId,
    ) -> Result<Option<(Documents, KnownScenes)>, BusError> {
        let (desired_key, observed_key) = (keys::desired(stream), keys::observed(stream));
        let (scenes_key, former_key) = (keys::scenes(stream), keys::former_scene(stream));
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("HGET").arg(&desired_key).arg("doc");
        pipeline.cmd("GET").arg(&observed_key);
        pipeline
            .cmd("HMGET")
            .arg(&scenes_key)
            .arg("revision")
            .arg("order")
            .arg("first")
            .arg("drafts");
        pipeline.cmd("HGET").arg(&former_key).arg("doc");
        let (desired, observed, list, former): SituationAnswer =
            self.bus.pipeline(&pipeline).await?;
        let Some(documents) = read_documents(stream, desired, observed)? else {
            return Ok(None);
        };
        let (revision, order, first, drafts) = list;
        let drafts: SceneDrafts = drafts
            .map(|drafts| read(scenes_key.clone(), &drafts))
            .transpose()?
            .unwrap_or_default();
        let scenes = match (revision, order, former) {
            (Some(_), Some(order), _) => KnownScenes {
                revision,
                ids: read(scenes_key, &order)?,
                drafts: drafts.into_values().map(|draft| draft.id).collect(),
                first: first.and_then(|first| first.parse().ok()),
            },
            (_, _, Some(former)) => {
                let SceneDocument { id, .. } = read(former_key, &former)?;
                KnownScenes {
                    revision,
                    ids: vec![id],
                    drafts: Vec::new(),
                    first: Some(id),
                }
            }
            (_, _, None) => KnownScenes::default(),
        };
        Ok(Some((documents, scenes)))
    }

    /// Writes the desired state that an accepted command made: with its operation, its audit
    /// entry, its kept answer and its events, in one step. A command that was decided by `scenes`
    /// is not written when that list has changed: what it names may be gone.
    pub(crate) async fn write_command(
        &self,
        (before, scenes): (&Documents, Option<&KnownScenes>),
        desired: &DesiredState,
        operation: &Operation,
        audit: &AuditEntry,
        occasion: &Occasion,
    ) -> Result<Written, BusError> {
        let key = keys::operation(&desired.stream, operation.id);
        let mut commit = Commit::new().set_for(key, write(operation)?, self.config.operation_ttl());
        if let Some(scenes) = scenes {
            let revision = scenes.revision.map(|revision| revision.to_string());
            let key = keys::scenes(&desired.stream);
            commit = commit.guard(Guard::field(key, "revision", revision.as_deref()));
        }
        let answer = Answer::Operation(operation.clone());
        let (kept, ended) = match occasion {
            Occasion::Request(idempotency) => {
                let kept = idempotency.as_ref().map(|request| (request, answer));
                (kept, None)
            }
            Occasion::Schedule(schedule) => {
                let ended = EndedSchedule {
                    schedule: schedule.summary.clone(),
                    outcome: ScheduleOutcome::Done,
                    detail: None,
                    scene_revision: None,
                    operation: Some(operation.id),
                    ended_at: audit.at,
                };
                let ended = self.with_ending(commit, &desired.stream, schedule, &ended)?;
                commit = ended.0;
                (None, Some(ended.1))
            }
        };
        let more = ended.into_iter().collect();
        self.write_desired((commit, more), before, desired, audit, kept)
            .await
    }

    /// Adds to `commit` the desired state, its audit entry, its kept answer and its events, and
    /// writes all in one step, with the events that come after those, unless somebody else was faster.
    pub(crate) async fn write_desired(
        &self,
        (commit, more): (Commit, Vec<OutgoingEvent>),
        before: &Documents,
        desired: &DesiredState,
        audit: &AuditEntry,
        kept: Option<(&Idempotency, Answer)>,
    ) -> Result<Written, BusError> {
        let stream = &desired.stream;
        let desired_key = keys::desired(stream);
        let expected = before.desired.revision.to_string();
        let mut commit = commit
            .guard(Guard::field(
                desired_key.clone(),
                "revision",
                Some(&expected),
            ))
            .hash_set(
                desired_key.clone(),
                "revision",
                desired.revision.to_string(),
            )
            .hash_set(desired_key, "doc", write(desired)?)
            .append(keys::audit(stream), &write(audit)?, self.config.audit_max);
        let mut kept_key = String::new();
        if let Some((Idempotency { key, request }, answer)) = kept {
            kept_key.clone_from(key);
            let answer = KeptAnswer {
                request: request.clone(),
                answer,
            };
            commit = commit.once(
                keys::idempotency(stream, key),
                write(&answer)?,
                self.config.idempotency_ttl(),
            );
        }
        let state = StreamState::join(desired, before.observed.clone());
        let trace = RequestContext::current_traceparent;
        let mut events = vec![
            self.bus
                .event(stream, &StreamStateChanged(state), trace())?,
        ];
        let preview = desired.chosen.preview;
        if before.desired.chosen.preview != preview {
            let changed = ScenePreviewChanged { preview };
            events.push(self.bus.event(stream, &changed, trace())?);
        }
        events.extend(more);
        match self.bus.commit(commit, events).await? {
            CommitOutcome::Committed(_) => Ok(Written::Accepted),
            CommitOutcome::Replayed(answer) => {
                Ok(Written::Replayed(Box::new(read(kept_key, &answer)?)))
            }
            CommitOutcome::Refused { .. } => Ok(Written::Outdated),
        }
    }

    /// Notes a refused command in the audit list.
    pub(crate) async fn write_refusal(
        &self,
        stream: &StreamId,
        audit: &AuditEntry,
    ) -> Result<(), BusError> {
        let commit =
            Commit::new().append(keys::audit(stream), &write(audit)?, self.config.audit_max);
        self.bus.commit(commit, Vec::new()).await.map(drop)
    }

    /// The answer kept for an idempotency key.
    pub(crate) async fn kept_answer(
        &self,
        stream: &StreamId,
        idempotency: &Idempotency,
    ) -> Result<Option<KeptAnswer>, BusError> {
        self.bus
            .document(&keys::idempotency(stream, &idempotency.key))
            .await
    }

    /// An operation of `stream`.
    pub(crate) async fn operation(
        &self,
        stream: &StreamId,
        operation: OperationId,
    ) -> Result<Option<Operation>, BusError> {
        self.bus.document(&keys::operation(stream, operation)).await
    }

    /// Keeps how an operation ended, for as long as it is kept at all.
    pub(crate) async fn keep_ended(&self, operation: &Operation) -> Result<(), BusError> {
        let key = keys::operation(&operation.stream, operation.id);
        let mut command = redis::cmd("SET");
        command
            .arg(key)
            .arg(write(operation)?)
            .arg("XX")
            .arg("KEEPTTL");
        let _set: Option<String> = self.bus.query(&command).await?;
        Ok(())
    }

    /// Creates a stream that does not exist yet.
    pub(crate) async fn create(
        &self,
        desired: &DesiredState,
        now: Timestamp,
    ) -> Result<bool, BusError> {
        let stream = &desired.stream;
        let mut announce = redis::cmd("SADD");
        announce.arg(keys::STREAMS).arg(stream.as_str());
        let _added: i64 = self.bus.query(&announce).await?;
        let key = keys::desired(stream);
        let commit = Commit::new()
            .guard(Guard::field(key.clone(), "revision", None))
            .hash_set(key.clone(), "revision", desired.revision.to_string())
            .hash_set(key, "doc", write(desired)?);
        let observed = ObservedState::never_held(stream.clone(), now);
        let state = StreamStateChanged(StreamState::join(desired, observed));
        let event = self.bus.event(stream, &state, None)?;
        let outcome = self.bus.commit(commit, vec![event]).await?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }

    /// Every known stream.
    pub(crate) async fn streams(&self) -> Result<Vec<StreamId>, BusError> {
        let names: Vec<String> = self
            .bus
            .query(redis::cmd("SMEMBERS").arg(keys::STREAMS))
            .await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

/// Desired state, observed state; revision, order and first of the scenes; the one scene of former
/// versions.
type SituationAnswer = (
    Option<String>,
    Option<String>,
    (Option<u64>, Option<String>, Option<String>, Option<String>),
    Option<String>,
);

fn read_documents(
    stream: &StreamId,
    desired: Option<String>,
    observed: Option<String>,
) -> Result<Option<Documents>, BusError> {
    let Some(desired) = desired else {
        return Ok(None);
    };
    let desired: DesiredState = read(keys::desired(stream), &desired)?;
    let observed = match observed {
        Some(text) => read(keys::observed(stream), &text)?,
        None => ObservedState::never_held(stream.clone(), desired.since),
    };
    Ok(Some(Documents { desired, observed }))
}

fn read<T: serde::de::DeserializeOwned>(key: impl Into<String>, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document {
        key: key.into(),
        source,
    })
}

fn write<T: Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}

fn kind(document: &str) -> Option<LayerKind> {
    let layer: Layer = serde_json::from_str(document).ok()?;
    Some(layer.source.kind())
}
