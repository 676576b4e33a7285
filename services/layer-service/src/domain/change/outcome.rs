//! What becomes of a proposal.

use sm_common::group::Group;
use sm_common::id::{AssetId, GroupId, LayerId, SecretId};
use sm_common::layer::Layer;
use sm_common::scene::Scene;
use sm_common::secret::SourceSecret;

use crate::domain::fault::Faults;
use crate::domain::history::Clash;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Created {
        layer: Layer,
        /// Its place from the back.
        index: usize,
    },
    Updated {
        layer: Layer,
        /// JSON Pointers; none when the layer already was as wanted.
        changed: Vec<String>,
    },
    Deleted {
        layer: LayerId,
    },
    Reordered {
        order: Vec<LayerId>,
        /// Whether the order was another before.
        changed: bool,
    },
    Grouped {
        group: Group,
    },
    Regrouped {
        group: Group,
        /// JSON Pointers; none when the group already was as wanted.
        changed: Vec<String>,
    },
    Ungrouped {
        group: GroupId,
    },
}

impl Step {
    /// Whether anything is different now.
    pub(crate) const fn is_change(&self) -> bool {
        match self {
            Self::Created { .. }
            | Self::Deleted { .. }
            | Self::Grouped { .. }
            | Self::Ungrouped { .. } => true,
            Self::Updated { changed, .. } | Self::Regrouped { changed, .. } => !changed.is_empty(),
            Self::Reordered { changed, .. } => *changed,
        }
    }

    /// The operation's name, for metrics.
    pub(crate) const fn operation(&self) -> &'static str {
        match self {
            Self::Created { .. } => "create",
            Self::Updated { .. } => "update",
            Self::Deleted { .. } => "delete",
            Self::Reordered { .. } => "reorder",
            Self::Grouped { .. } => "group",
            Self::Regrouped { .. } => "update-group",
            Self::Ungrouped { .. } => "ungroup",
        }
    }
}

/// The scene after a proposal, and what each operation did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Applied {
    pub(crate) scene: Scene,
    pub(crate) steps: Vec<Step>,
    /// What followed from them: layers whose group came or went, an order that changed by itself.
    pub(crate) further: Vec<Step>,
    /// Uploaded files that layers show now and did not before.
    pub(crate) taken: Vec<AssetId>,
    /// Secrets that are to be kept apart.
    pub(crate) sealed: Vec<(SecretId, SourceSecret)>,
}

impl Applied {
    /// Whether anything is different now. If not, there is nothing to write and nothing to tell.
    pub(crate) fn is_change(&self) -> bool {
        self.changes().next().is_some()
    }

    /// Everything that is different now.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Step> {
        let steps = self.steps.iter().chain(&self.further);
        steps.filter(|step| step.is_change())
    }
}

/// Why a proposal is refused as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Rejected {
    /// The scene has changed since it was read.
    SceneStale { current: u64 },
    /// These fields are wrong.
    Invalid(Faults),
    /// The operation at this place cannot be done.
    Operation { at: String, refusal: Refusal },
}

/// Why an operation cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no layer {0}")]
    NoSuchLayer(LayerId),
    #[error("layer {layer} is at revision {current} now; read it again")]
    Stale {
        layer: LayerId,
        current: u64,
        /// What a patch would change of what the layer is now.
        clashes: Vec<Clash>,
    },
    #[error("layer {0} is locked; set `locked` to false, and nothing else, first")]
    Locked(LayerId),
    #[error("the scene holds {max} layers, which is the most it may")]
    Full { max: usize },
    #[error("there is no group {0}")]
    NoSuchGroup(GroupId),
    #[error("group {group} is at revision {current} now; read it again")]
    GroupStale { group: GroupId, current: u64 },
    #[error(
        "group {0} is locked, and its layers with it; set its `locked` to false, and nothing else, first"
    )]
    GroupLocked(GroupId),
    #[error("the scene holds {max} groups, which is the most it may")]
    GroupsFull { max: usize },
}
