//! Incidents: what went wrong together, what most likely caused it, and how it went on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{IncidentId, StreamId};
use crate::stream::Severity;

/// Whether an incident is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// Something is still wrong.
    Open,
    /// Everything is right again.
    Resolved,
}

/// What speaks for or against a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentEvidenceKind)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// How much of what is wrong it explains.
    Coverage,
    /// Whether nothing that it depends on is wrong as well.
    Minimality,
    /// Whether its first sign came before the others.
    Precedence,
    /// How exactly its error says what happened.
    Specificity,
    /// Whether somebody changed it just before.
    Change,
}

/// A term of a cause's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentEvidence)]
pub struct Evidence {
    /// Which.
    pub kind: EvidenceKind,
    /// 0 to 1.
    pub score: f64,
    /// Why, in a sentence.
    pub text: String,
}

/// What may have caused an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentCause)]
pub struct Cause {
    /// The part: `host`, `redis`, `service:<name>`, `engine`, `source:<layer>`, `layer:<id>`, `output:<id>`.
    pub component: String,
    /// The stable, dotted code of its first sign; null where nothing was seen of it itself.
    #[serde(default)]
    pub code: Option<String>,
    /// 0 to 1; comparable within one incident only.
    pub score: f64,
    /// What the score is made of.
    pub evidence: Vec<Evidence>,
    /// What to do about it.
    pub remedy: String,
}

/// What an entry of a timeline tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentMomentKind)]
#[serde(rename_all = "lowercase")]
pub enum MomentKind {
    /// Something went wrong.
    Sign,
    /// It is right again.
    Cleared,
    /// Somebody changed something.
    Change,
    /// Another cause is the most likely.
    Cause,
}

/// An entry of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentMoment {
    /// When.
    pub at: Timestamp,
    /// Of what kind.
    pub kind: MomentKind,
    /// The part that it is about.
    pub component: String,
    /// Its stable, dotted code, or the command that was given.
    pub code: String,
    /// What happened, for people.
    pub text: String,
}

/// Something that went wrong, from its first sign to its last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// This one.
    pub id: IncidentId,
    /// The stream.
    pub stream: StreamId,
    /// Whether it is over.
    pub state: IncidentState,
    /// The worst of its signs.
    pub severity: Severity,
    /// What it is, in a line for people.
    pub title: String,
    /// When its first sign was seen where it happened.
    pub began_at: Timestamp,
    /// When it was noticed here.
    pub detected_at: Timestamp,
    /// When the last of its signs was gone.
    #[serde(default)]
    pub resolved_at: Option<Timestamp>,
    /// From its first sign until the last was gone, in milliseconds.
    #[serde(default)]
    pub recovery_ms: Option<u64>,
    /// The parts that something is or was wrong with.
    pub affected: Vec<String>,
    /// What may have caused it, the most likely first.
    pub causes: Vec<Cause>,
    /// What happened, oldest first.
    pub timeline: Vec<IncidentMoment>,
}

/// Something went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct IncidentOpened(pub Incident);

/// More is known of an incident: another sign, or another cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct IncidentUpdated(pub Incident);

/// Everything is right again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct IncidentResolved(pub Incident);
