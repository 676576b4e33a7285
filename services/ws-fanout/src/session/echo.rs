//! Sends every message back: the frame handling and the limits of `/ws`, without its protocol.

use std::sync::Arc;

use super::closing::{self, End};
use super::frames::{FrameReader, Incoming};
use super::outbox::{Condition, Outbox};
use super::{Services, wire};

/// Echoes until the connection ends. A client that does not read is not read from.
pub(crate) async fn echo(services: Arc<Services>, outbox: Outbox, mut frames: FrameReader) {
    let stopping = services.lifecycle.stopping().clone();
    let end = loop {
        let may_read = match outbox.condition() {
            Condition::Open => true,
            Condition::Congested => false,
            Condition::Closing(_) | Condition::Closed | Condition::Gone => break End::Gone,
        };
        tokio::select! {
            read = frames.next(), if may_read => match read {
                Ok(Incoming::Text(text)) => outbox.frame(wire::text(text.as_bytes())),
                Ok(Incoming::Binary(bytes)) => outbox.frame(wire::binary(&bytes)),
                Ok(Incoming::Ping(payload)) => outbox.pong(wire::pong(&payload)),
                Ok(Incoming::Pong) => {}
                Ok(Incoming::Close(reason)) => break End::Client(reason),
                Err(end) => break end.into(),
            },
            () = outbox.changed() => {}
            () = stopping.cancelled() => break End::Server(sm_common::ws::CloseCode::GoingAway),
        }
    };
    closing::close(&services, &outbox, &mut frames, end).await;
    closing::leave(&services, &outbox, &mut frames).await;
}
