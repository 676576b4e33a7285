//! What happened to a stream, as far as a summary tells of it. Holds no text that people wrote
//! and nobody's name.

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::stream::{Interruption, Severity, StreamStatus};

/// One entry. Two events that say the same make the same entry, so that it is kept once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Happening {
    /// The status became another.
    Status(StatusChange),
    /// The picture was gone and is back.
    Interruption(Interruption),
    /// Something went wrong.
    Error(ErrorRaised),
    /// Events were dropped from a log before they were read.
    Gap(Gap),
}

/// The status became another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusChange {
    pub(crate) status: StreamStatus,
    pub(crate) since: Timestamp,
    /// When the stream had gone on air, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) live_since: Option<Timestamp>,
}

/// Something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorRaised {
    pub(crate) code: String,
    pub(crate) severity: Severity,
    pub(crate) component: String,
    pub(crate) since: Timestamp,
}

/// Events were dropped from a log before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    pub(crate) channel: Channel,
    /// The time of the last event before the gap.
    pub(crate) from: Timestamp,
    /// The time of the first event after it.
    pub(crate) until: Timestamp,
    /// How many events were dropped; `None` when the whole history was.
    pub(crate) missed: Option<u64>,
}

impl Happening {
    /// When it happened; for a gap, when it ended.
    pub(crate) const fn at(&self) -> Timestamp {
        match self {
            Self::Status(change) => change.since,
            Self::Interruption(interruption) => interruption.at,
            Self::Error(error) => error.since,
            Self::Gap(gap) => gap.until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_happening_reads_back_as_it_was_written() {
        let at = Timestamp::from_unix_millis(1_795_000_000_123);
        let happenings = [
            Happening::Status(StatusChange {
                status: StreamStatus::Live,
                since: at,
                live_since: Some(at),
            }),
            Happening::Interruption(Interruption {
                at,
                length_ms: 800,
                cause: "worker.killed".to_owned(),
            }),
            Happening::Error(ErrorRaised {
                code: "layer.source.missing".to_owned(),
                severity: Severity::Warning,
                component: "layer:x".to_owned(),
                since: at,
            }),
            Happening::Gap(Gap {
                channel: Channel::Chat,
                from: at,
                until: at,
                missed: Some(3),
            }),
        ];
        for happening in happenings {
            let text = serde_json::to_string(&happening).unwrap();
            assert_eq!(
                serde_json::from_str::<Happening>(&text).unwrap(),
                happening,
                "{text}"
            );
        }
    }
}
