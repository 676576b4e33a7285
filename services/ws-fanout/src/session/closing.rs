//! The end of a connection.

use std::sync::Arc;
use std::time::Duration;

use actix_http::ws::CloseReason;
use sm_common::ws::{CloseCode, ServerMessage};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::frames::{FrameReader, Incoming, ReadEnd};
use super::outbox::Outbox;
use super::{Services, wire};
use crate::handshake::Place;
use crate::limit::Limit;

/// How a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closes.
    Server(CloseCode),
    /// The client closes.
    Client(Option<CloseReason>),
    /// The socket is gone.
    Gone,
}

/// How long a client may go on sending after our side has ended.
const LINGER: Duration = Duration::from_secs(1);
/// The code that stands in metrics for a client that left in good order, whatever code it gave.
const NORMAL: u16 = 1000;
/// The code that stands in metrics for a connection that broke.
const BROKEN: u16 = 1006;

impl End {
    /// Whether the client sent too much, or what nobody can read.
    pub(crate) const fn is_for_what_was_sent(&self) -> bool {
        matches!(
            self,
            Self::Server(CloseCode::Flooding | CloseCode::BadMessages)
        )
    }
}

impl From<ReadEnd> for End {
    fn from(end: ReadEnd) -> Self {
        match end {
            ReadEnd::Gone => Self::Gone,
            ReadEnd::Violation(code) => Self::Server(code),
        }
    }
}

/// Says goodbye and performs the closing handshake.
pub(crate) async fn close(
    services: &Services,
    outbox: &Outbox,
    frames: &mut FrameReader,
    end: End,
) {
    let limit = services.config.close_timeout();
    services.metrics.closed(match &end {
        End::Server(code) => code.code(),
        End::Client(_) => NORMAL,
        End::Gone => BROKEN,
    });
    match end {
        End::Server(code) => {
            match code {
                CloseCode::GoingAway => {
                    let wait = jitter(Duration::ZERO, services.config.reconnect_spread());
                    outbox.say(&ServerMessage::Goodbye {
                        reason: code.reason().to_owned(),
                        reconnect_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    });
                    outbox.close(code);
                }
                // Who does not read will not read what waits either.
                CloseCode::TooSlow | CloseCode::HeartbeatTimeout => outbox.condemn(code),
                CloseCode::TooLarge => {
                    services.metrics.limited(Limit::FrameBytes);
                    outbox.close(code);
                }
                CloseCode::ProtocolError
                | CloseCode::InvalidText
                | CloseCode::TokenExpired
                | CloseCode::Unauthenticated
                | CloseCode::Flooding
                | CloseCode::BadMessages
                | CloseCode::TooManyConnections
                | CloseCode::SignedOut => outbox.close(code),
            }
            // What the client still says before it has read the close frame is of no interest.
            let handshake = async {
                tokio::join!(outbox.sent(), answered(frames));
            };
            let _answered_or_not = timeout(limit, handshake).await;
        }
        End::Client(reason) => {
            outbox.close_answer(wire::close_answer(reason));
            let _sent_or_not = timeout(limit, outbox.sent()).await;
        }
        End::Gone => {}
    }
    outbox.end();
}

/// The rest of a connection: until the client knows how it ended, it keeps its `place`.
pub(crate) async fn finish(
    services: Arc<Services>,
    outbox: Outbox,
    mut frames: FrameReader,
    place: Place,
    end: End,
) {
    close(&services, &outbox, &mut frames, end).await;
    drop(place);
    leave(&services, &outbox, &mut frames).await;
}

/// Gives the client the time to read what was said last, and drops the connection.
pub(crate) async fn leave(services: &Services, outbox: &Outbox, frames: &mut FrameReader) {
    let config = &services.config;
    let stopped = async {
        services.lifecycle.stopping().cancelled().await;
        sleep(config.close_timeout()).await;
    };
    tokio::select! {
        _written_or_not = timeout(config.write_timeout(), outbox.sent()) => {}
        () = stopped => {}
    }
    outbox.hang_up();
    // A connection that is dropped with something unread takes along what the client has not read.
    let unread = async { while frames.skip().await {} };
    let _read_or_not = timeout(LINGER, unread).await;
}

/// Closes a connection that was upgraded only to tell why it may not stay.
pub(crate) async fn turn_away(
    services: Arc<Services>,
    outbox: Outbox,
    mut frames: FrameReader,
    code: CloseCode,
) {
    close(&services, &outbox, &mut frames, End::Server(code)).await;
    leave(&services, &outbox, &mut frames).await;
}

/// When a connection goes within the time that a drain takes: late enough for the load balancer
/// to have noticed, and not all at once.
pub(crate) fn departure(drain: Duration) -> Duration {
    jitter(drain / 2, drain.saturating_mul(9) / 10)
}

async fn answered(frames: &mut FrameReader) {
    while let Ok(incoming) = frames.next().await {
        if matches!(incoming, Incoming::Close(_)) {
            return;
        }
    }
}

/// A random time between the two.
fn jitter(from: Duration, to: Duration) -> Duration {
    let millis = to.saturating_sub(from).as_millis();
    let random = Uuid::new_v4().as_u128() % millis.saturating_add(1);
    from + Duration::from_millis(u64::try_from(random).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_are_spread_over_the_later_part_of_a_drain() {
        let drain = Duration::from_secs(4);
        let moments: Vec<_> = (0..200).map(|_| departure(drain)).collect();
        assert!(
            moments
                .iter()
                .all(|moment| *moment >= drain / 2 && *moment < drain)
        );
        let distinct: std::collections::BTreeSet<_> = moments.iter().collect();
        assert!(distinct.len() > 50, "{}", distinct.len());
        assert_eq!(departure(Duration::ZERO), Duration::ZERO);
    }
}
