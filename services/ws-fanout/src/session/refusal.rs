//! Why a request was refused, as the client hears it.

use std::time::Duration;

use serde::Deserialize;
use sm_bus::BusError;
use sm_common::problem::ProblemCode;
use sm_common::ws::{ServerMessage, Subprotocol};

use crate::chat::ChatError;
use crate::hub::SubscribeError;

/// When to try again what failed because a part of the system is away.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);
/// When to look again for a stream that may be about to be created.
const RETRY_UNKNOWN_STREAM: Duration = Duration::from_secs(5);

/// A refused request. The connection goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: ProblemCode,
    detail: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn too_many(wait: Duration) -> Self {
        Self::new(ProblemCode::RateLimited, "send fewer messages").after(wait)
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub(crate) const fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) const fn code(&self) -> ProblemCode {
        self.code
    }

    /// The answer to `request`.
    pub(crate) fn message(self, request: Option<u64>) -> ServerMessage {
        // Rounded up: a client that waits this long is not refused again.
        let millis = |wait: Duration| wait.as_nanos().div_ceil(1_000_000);
        ServerMessage::Error {
            id: request,
            code: self.code.as_str().to_owned(),
            detail: self.detail,
            retry_after_ms: self
                .retry_after
                .map(|wait| u64::try_from(millis(wait)).unwrap_or(u64::MAX)),
        }
    }
}

impl From<BusError> for Refusal {
    fn from(error: BusError) -> Self {
        if error.is_unavailable() {
            tracing::debug!(%error, "request not carried out");
            let detail = "a part of the system is not available; try again";
            return Self::new(ProblemCode::DependencyUnavailable, detail).after(RETRY_UNAVAILABLE);
        }
        tracing::error!(error = chain(&error), "request not carried out");
        Self::new(ProblemCode::Internal, "something went wrong on our side")
    }
}

impl From<SubscribeError> for Refusal {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::UnknownStream(_) => {
                Self::new(ProblemCode::StreamNotFound, error.to_string())
                    .after(RETRY_UNKNOWN_STREAM)
            }
            SubscribeError::Busy | SubscribeError::Unsettled => {
                Self::new(ProblemCode::Unavailable, error.to_string()).after(RETRY_UNAVAILABLE)
            }
            SubscribeError::Bus(error) => error.into(),
        }
    }
}

impl From<ChatError> for Refusal {
    fn from(error: ChatError) -> Self {
        let refusal = match (error.code(), error) {
            (_, ChatError::Bus(error)) => return error.into(),
            (None, error) => return Self::new(ProblemCode::Internal, error.to_string()),
            (Some(code), error) => (Self::new(code, error.to_string()), error.retry_after()),
        };
        match refusal {
            (refusal, Some(wait)) => refusal.after(wait),
            (refusal, None) => refusal,
        }
    }
}

/// The identifier of a request that is refused or cannot be read, where it has one.
pub(crate) fn request_of(subprotocol: Subprotocol, message: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Request {
        id: u64,
    }
    let request = subprotocol.read::<Request>(message).ok()?;
    Some(request.id)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_request_is_named_where_it_can_be_read() {
        for subprotocol in Subprotocol::ALL {
            let request_of = |message: serde_json::Value| {
                let written = subprotocol.write(&message).unwrap();
                request_of(subprotocol, &written)
            };
            assert_eq!(request_of(json!({"type": "nonsense", "id": 7})), Some(7));
            assert_eq!(request_of(json!({"id": -7})), None);
            assert_eq!(request_of(json!("no map")), None);
        }
        assert_eq!(request_of(Subprotocol::Json, b"not JSON"), None);
    }

    #[test]
    fn a_wait_is_told_in_whole_milliseconds_and_never_too_short() {
        let refusal = Refusal::too_many(Duration::from_micros(1_200));
        let ServerMessage::Error { retry_after_ms, .. } = refusal.message(None) else {
            panic!("a refusal is an error");
        };
        assert_eq!(retry_after_ms, Some(2));
    }
}
