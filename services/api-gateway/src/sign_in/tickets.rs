use std::time::Duration;

use sm_bus::redis;
use sm_bus::{Bus, BusError, keys};
use sm_common::auth::Identity;

use crate::metrics::Metrics;
use crate::secret::{NoRandomness, digest, random_text};

/// No ticket was given out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TicketError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("the identity cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}

/// Lets its holder open one WebSocket, soon.
pub(crate) struct Ticket {
    pub(crate) text: String,
    pub(crate) lifetime: Duration,
}

/// Gives out tickets. Redis keeps the identity under the ticket's digest, see
/// [`keys::ws_ticket`]; ws-fanout takes it away with `GETDEL`.
#[derive(Clone, Debug)]
pub(crate) struct Tickets {
    bus: Bus,
    lifetime: Duration,
    metrics: Metrics,
}

impl Tickets {
    pub(crate) const fn new(bus: Bus, lifetime: Duration, metrics: Metrics) -> Self {
        Self {
            bus,
            lifetime,
            metrics,
        }
    }

    /// A ticket that stands for `identity`.
    pub(crate) async fn issue(&self, identity: &Identity) -> Result<Ticket, TicketError> {
        let text = random_text::<32>()?;
        let mut command = redis::cmd("SET");
        command
            .arg(keys::ws_ticket(&digest(&text)))
            .arg(serde_json::to_string(identity)?)
            .arg("PX")
            .arg(u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX));
        let _ok: String = self.bus.query(&command).await?;
        self.metrics.ticket();
        Ok(Ticket {
            text,
            lifetime: self.lifetime,
        })
    }
}
