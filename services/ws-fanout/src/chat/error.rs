use std::time::Duration;

use sm_bus::BusError;
use sm_common::chat::{ChatTextError, HoldCause};
use sm_common::clock::Timestamp;
use sm_common::id::{MessageId, StreamId, UserId};
use sm_common::problem::{FieldError, ProblemCode};

/// Why something was not done in a chat, or nothing read of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChatError {
    #[error(transparent)]
    Text(#[from] ChatTextError),
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error("there is no message {0}, or it is too old to be known")]
    UnknownMessage(MessageId),
    #[error("there is no message {0} to answer, or it is too old to be known")]
    UnknownParent(MessageId),
    #[error("`before` names no message that is kept; read without it")]
    UnknownPlace,
    #[error("too many messages; the next may be posted in {} ms", .wait.as_millis())]
    TooFast { wait: Duration },
    #[error("everybody together posts too many messages; try again in {} ms", .wait.as_millis())]
    Crowded { wait: Duration },
    #[error("the chat is in slow mode; the next message may be posted in {} ms", .wait.as_millis())]
    Slow { wait: Duration },
    #[error("a moderator has silenced you {}", until_words(*until))]
    Silenced { until: Option<Timestamp> },
    #[error("the rules let in nobody without an account; sign in")]
    GuestsClosed,
    #[error("too many guests come from this address; try again in {} s", .wait.as_secs())]
    TooManyGuests { wait: Duration },
    #[error("the text holds {}", cause_words(*.0))]
    Forbidden(HoldCause),
    #[error("the message is somebody else's; only its author may edit it")]
    NotAuthor,
    #[error("a message may be edited for {} s after it was posted", .window.as_secs())]
    EditClosed { window: Duration },
    #[error("{0} messages are pinned, which is as many as may be; unpin one first")]
    PinLimit(usize),
    #[error("{0} messages wait for a moderator, which is as many as may; try again later")]
    HeldLimit(usize),
    #[error("no message {0} waits; another moderator may have decided it")]
    UnknownHeld(MessageId),
    #[error("{0} people are silenced, which is as many as may be; restore some first")]
    BanLimit(usize),
    #[error("{0} is not silenced")]
    UnknownBan(UserId),
    #[error("one or more fields are not valid")]
    Invalid(Vec<FieldError>),
    #[error("the rules are at revision {current} now; read them again")]
    RulesStale { current: u64 },
    #[error("others change the same at this moment; try again")]
    Contended,
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// When to try again what others were faster with.
const RETRY_CONTENDED: Duration = Duration::from_secs(1);

impl ChatError {
    /// How the outside names it; `None` for what the bus says.
    pub(crate) const fn code(&self) -> Option<ProblemCode> {
        Some(match self {
            Self::Text(_) | Self::UnknownParent(_) | Self::Invalid(_) => {
                ProblemCode::ValidationFailed
            }
            Self::UnknownStream(_) => ProblemCode::StreamNotFound,
            Self::UnknownMessage(_) => ProblemCode::ChatMessageNotFound,
            Self::UnknownPlace => ProblemCode::QueryInvalid,
            Self::TooFast { .. }
            | Self::Crowded { .. }
            | Self::Slow { .. }
            | Self::TooManyGuests { .. } => ProblemCode::RateLimited,
            Self::GuestsClosed => ProblemCode::ChatGuestsClosed,
            Self::Silenced { .. } => ProblemCode::ChatSilenced,
            Self::Forbidden(_) => ProblemCode::ChatTextRefused,
            Self::NotAuthor => ProblemCode::ChatNotAuthor,
            Self::EditClosed { .. } => ProblemCode::ChatEditClosed,
            Self::PinLimit(_) => ProblemCode::ChatPinLimit,
            Self::HeldLimit(_) => ProblemCode::ChatHeldLimit,
            Self::UnknownHeld(_) => ProblemCode::ChatHeldNotFound,
            Self::BanLimit(_) => ProblemCode::ChatBanLimit,
            Self::UnknownBan(_) => ProblemCode::ChatBanNotFound,
            Self::RulesStale { .. } => ProblemCode::RevisionStale,
            Self::Contended => ProblemCode::Unavailable,
            Self::Bus(_) => return None,
        })
    }

    /// When the same may succeed, where that is known.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooFast { wait }
            | Self::Crowded { wait }
            | Self::Slow { wait }
            | Self::TooManyGuests { wait } => Some(*wait),
            Self::Contended => Some(RETRY_CONTENDED),
            Self::Text(_)
            | Self::UnknownStream(_)
            | Self::UnknownMessage(_)
            | Self::UnknownParent(_)
            | Self::UnknownPlace
            | Self::Silenced { .. }
            | Self::GuestsClosed
            | Self::Forbidden(_)
            | Self::NotAuthor
            | Self::EditClosed { .. }
            | Self::PinLimit(_)
            | Self::HeldLimit(_)
            | Self::UnknownHeld(_)
            | Self::BanLimit(_)
            | Self::UnknownBan(_)
            | Self::Invalid(_)
            | Self::RulesStale { .. }
            | Self::Bus(_) => None,
        }
    }

    /// What it is called among the outcomes of posts.
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::Bus(_) | Self::Contended => "failed",
            Self::TooFast { .. }
            | Self::Crowded { .. }
            | Self::Slow { .. }
            | Self::TooManyGuests { .. } => "limited",
            Self::Silenced { .. } => "silenced",
            Self::Text(_)
            | Self::UnknownStream(_)
            | Self::UnknownMessage(_)
            | Self::UnknownParent(_)
            | Self::UnknownPlace
            | Self::GuestsClosed
            | Self::Forbidden(_)
            | Self::NotAuthor
            | Self::EditClosed { .. }
            | Self::PinLimit(_)
            | Self::HeldLimit(_)
            | Self::UnknownHeld(_)
            | Self::BanLimit(_)
            | Self::UnknownBan(_)
            | Self::Invalid(_)
            | Self::RulesStale { .. } => "refused",
        }
    }
}

fn until_words(until: Option<Timestamp>) -> String {
    until.map_or_else(
        || "until they lift it".to_owned(),
        |until| format!("until {until}"),
    )
}

const fn cause_words(cause: HoldCause) -> &'static str {
    match cause {
        HoldCause::BannedWord => "a word that may not be written here",
        HoldCause::Link => "a link, and links may not be posted here",
    }
}
