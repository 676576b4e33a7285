use sm_common::id::SceneId;
use sm_common::ladder::Rendition;
use sm_common::problem::FieldError;
use sm_common::program::ProgramFormat;
use sm_common::schedule::ScheduledCommand;
use sm_common::transition::SceneTransition;

use super::Action;
use super::format::{ProgramChange, ProgramLimits};

/// What is to stand in for the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SlateChoice {
    /// What did before.
    #[default]
    Unchanged,
    /// The built-in slate.
    BuiltIn,
    /// This scene.
    Scene(SceneId),
}

/// An action with everything it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Start,
    Stop,
    Pause,
    Resume,
    Restart,
    RecordStart,
    RecordStop,
    Take {
        /// The one in preview unless said otherwise.
        scene: Option<SceneId>,
        transition: SceneTransition,
    },
    Preview {
        scene: Option<SceneId>,
    },
    Configure {
        slate: SlateChoice,
        /// `None` leaves it; an empty one is for the program alone.
        ladder: Option<Vec<Rendition>>,
        program: ProgramChange,
    },
}

impl From<ScheduledCommand> for Command {
    fn from(command: ScheduledCommand) -> Self {
        match command {
            ScheduledCommand::Start => Self::Start,
            ScheduledCommand::Stop => Self::Stop,
            ScheduledCommand::RecordStart => Self::RecordStart,
            ScheduledCommand::RecordStop => Self::RecordStop,
            ScheduledCommand::Take { scene, transition } => Self::Take { scene, transition },
        }
    }
}

impl Command {
    pub(crate) const fn action(&self) -> Action {
        match self {
            Self::Start => Action::Start,
            Self::Stop => Action::Stop,
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Restart => Action::Restart,
            Self::RecordStart => Action::RecordStart,
            Self::RecordStop => Action::RecordStop,
            Self::Take { .. } => Action::Take,
            Self::Preview { .. } => Action::Preview,
            Self::Configure { .. } => Action::Configure,
        }
    }

    /// Whether it names a format of the program.
    pub(crate) fn changes_format(&self) -> bool {
        matches!(self, Self::Configure { program, .. } if !program.is_empty())
    }

    /// Whether an admin may insist on it where the hosts cannot carry it.
    pub(crate) const fn may_be_forced(&self) -> bool {
        matches!(self, Self::Start | Self::Configure { .. })
    }

    /// The format of a program that has `format` now, or every member that is wrong.
    pub(crate) fn format(
        &self,
        format: &ProgramFormat,
        limits: &ProgramLimits,
    ) -> Result<ProgramFormat, Vec<FieldError>> {
        match self {
            Self::Configure { program, .. } => program.applied_to(format, limits),
            Self::Start
            | Self::Stop
            | Self::Pause
            | Self::Resume
            | Self::Restart
            | Self::RecordStart
            | Self::RecordStop
            | Self::Take { .. }
            | Self::Preview { .. } => Ok(format.clone()),
        }
    }

    /// Whether it is decided by which scenes there are.
    pub(crate) const fn is_choice(&self) -> bool {
        match self {
            Self::Start
            | Self::Stop
            | Self::Pause
            | Self::Resume
            | Self::Restart
            | Self::RecordStart
            | Self::RecordStop => false,
            Self::Take { .. } | Self::Preview { .. } | Self::Configure { .. } => true,
        }
    }
}
