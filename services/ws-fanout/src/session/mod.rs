//! One connection: reads what the client says, answers it, and keeps its time. What it hears goes
//! out through its [`Outbox`], past this task.

mod allowance;
mod closing;
mod deadlines;
mod dialect;
mod echo;
mod frames;
mod going;
mod outbox;
mod queue;
mod refusal;
mod requests;
mod unpack;
mod wire;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sm_common::auth::Identity;
use sm_common::clock::SharedClock;
use sm_common::id::ConnectionId;
use sm_common::problem::ProblemCode;
use sm_common::ws::{ClientMessage, CloseCode, ServerMessage, Subprotocol};
use sm_service_kit::Lifecycle;
use tokio::time::{Instant, sleep_until};

use crate::chat::Chat;
use crate::config::WsConfig;
use crate::handshake::{Place, Proofs};
use crate::hub::{Hub, Membership};
use crate::limit::Limit;
use crate::metrics::Metrics;
use crate::people::{People, Spent};
use crate::presence::Presence;
use crate::replay::Replay;
use allowance::Allowance;
use closing::End;
use deadlines::{Deadlines, Due, Proof};
use frames::Incoming;
use outbox::Condition;
use refusal::Refusal;
use unpack::{Unpacked, unpack};

pub(crate) use closing::turn_away;
pub(crate) use dialect::{Announcement, Dialect, Frames, write};
pub(crate) use echo::echo;
pub(crate) use frames::FrameReader;
pub(crate) use outbox::Outbox;
pub(crate) use queue::QueueLimits;
pub(crate) use writer::Writer;

/// Time that earns back one refused message, and one unreadable message.
const REFUSAL_FORGIVEN: Duration = Duration::from_secs(1);
const UNREADABLE_FORGIVEN: Duration = Duration::from_mins(1);

/// What sessions work with.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) config: Arc<WsConfig>,
    pub(crate) clock: SharedClock,
    pub(crate) lifecycle: Lifecycle,
    /// Clock difference that is forgiven when a token ends.
    pub(crate) leeway: Duration,
    /// How long the process goes on serving at its end.
    pub(crate) drain: Duration,
    pub(crate) proofs: Proofs,
    pub(crate) hub: Hub,
    pub(crate) replay: Replay,
    pub(crate) chat: Chat,
    pub(crate) presence: Presence,
    pub(crate) people: People,
    pub(crate) metrics: Metrics,
}

impl Services {
    /// The way out of a new connection.
    pub(crate) fn outbox(&self, subprotocol: Subprotocol) -> Outbox {
        let limits = QueueLimits {
            bytes_max: self.config.queue_bytes_max,
            age_max: self.config.queue_age_max(),
            conflate_above_bytes: self.config.conflate_above_bytes,
            pongs_max: self.config.pongs_max,
        };
        let dialect = Dialect {
            subprotocol,
            deflate_from: None,
        };
        Outbox::new(dialect, limits, self.metrics.clone())
    }
}

/// One connection.
pub(crate) struct Session {
    services: Arc<Services>,
    id: ConnectionId,
    identity: Option<Identity>,
    /// Whether it is nobody with an account.
    guest: bool,
    place: Place,
    outbox: Outbox,
    dialect: Dialect,
    membership: Membership,
    deadlines: Deadlines,
    messages: Allowance,
    refusals: Allowance,
    unreadable: Allowance,
}

impl Session {
    /// A connection that has just been upgraded, by somebody known or by nobody yet.
    pub(crate) fn new(
        services: Arc<Services>,
        identity: Option<Identity>,
        place: Place,
        outbox: Outbox,
    ) -> Self {
        let id = ConnectionId::generate();
        let config = Arc::clone(&services.config);
        outbox.say(&ServerMessage::Welcome {
            session: id,
            heartbeat_ms: config.heartbeat_ms,
            limits: config.limits(),
            authenticated: identity.is_some(),
        });
        let membership = Membership::new(
            services.hub.clone(),
            services.replay.clone(),
            services.metrics.clone(),
            (id, place.client()),
            outbox.clone(),
        );
        let now = Instant::now();
        let per_message = Duration::from_secs(1) / config.messages_per_second.max(1);
        let mut session = Self {
            id,
            identity: None,
            guest: false,
            place,
            dialect: outbox.dialect(),
            outbox,
            membership,
            deadlines: Deadlines::new(config.heartbeat(), Proof::NotNeeded, now),
            messages: Allowance::new(per_message, config.message_burst, now),
            refusals: Allowance::new(REFUSAL_FORGIVEN, config.refusals_max, now),
            unreadable: Allowance::new(UNREADABLE_FORGIVEN, config.unreadable_max, now),
            services,
        };
        match identity {
            Some(identity) => session.identify(identity),
            None if session.services.proofs.public_view() => {}
            None => {
                let deadline = now + config.auth_deadline();
                session.deadlines.prove(Proof::Awaited(deadline));
            }
        }
        session
    }

    /// Serves the connection until it ends.
    pub(crate) async fn run(mut self, mut frames: FrameReader) {
        let start = Instant::now();
        let end = self.converse(&mut frames).await;
        let spent = self.spent();
        let Self {
            services,
            id,
            identity,
            outbox,
            membership,
            mut place,
            ..
        } = self;
        // Whoever leaves hears nothing more.
        drop(membership);
        let user = identity.map(|identity| identity.user.to_string());
        tracing::debug!(
            connection.id = %id, user.id = user, end = ?end,
            duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            "connection ends"
        );
        if end.is_for_what_was_sent() {
            Box::pin(services.people.keep_spent(&place, spent)).await;
        }
        place.bring(spent);
        // Boxed: an idle connection has no room set aside for its end.
        Box::pin(closing::finish(services, outbox, frames, place, end)).await;
    }

    /// What has been taken of the connection's allowances and not earned yet.
    fn spent(&self) -> Spent {
        let now = Instant::now();
        let allowances = [&self.messages, &self.refusals, &self.unreadable];
        Spent::new(allowances.map(|allowance| allowance.spent(now)))
    }

    /// Takes from the allowances what the person has taken of them elsewhere.
    fn spend(&mut self, spent: Spent) {
        let now = Instant::now();
        let [messages, refusals, unreadable] = spent.parts();
        self.messages.spend(messages, now);
        self.refusals.spend(refusals, now);
        self.unreadable.spend(unreadable, now);
    }

    async fn converse(&mut self, frames: &mut FrameReader) -> End {
        let services = Arc::clone(&self.services);
        let lifecycle = &services.lifecycle;
        loop {
            let may_read = match self.outbox.condition() {
                Condition::Open => true,
                Condition::Congested => false,
                Condition::Closing(Some(code)) => return End::Server(code),
                Condition::Closing(None) | Condition::Closed | Condition::Gone => return End::Gone,
            };
            tokio::select! {
                read = frames.next(), if may_read => {
                    let end = match read {
                        Ok(incoming) => self.heed(incoming).await,
                        Err(end) => Some(end.into()),
                    };
                    if let Some(end) = end {
                        return end;
                    }
                }
                () = self.outbox.changed() => {}
                () = sleep_until(self.deadlines.next()) => {
                    if let Some(code) = self.keep_time() {
                        return End::Server(code);
                    }
                }
                () = lifecycle.draining().cancelled(), if !self.deadlines.is_leaving() => {
                    let moment = closing::departure(self.services.drain);
                    self.deadlines.leave(Instant::now() + moment);
                }
                () = lifecycle.stopping().cancelled() => return End::Server(CloseCode::GoingAway),
            }
        }
    }

    /// Does what is due. Returns the code when that is the end.
    fn keep_time(&mut self) -> Option<CloseCode> {
        match self.deadlines.due(Instant::now()) {
            Due::Nothing => None,
            Due::Close(code) => Some(code),
            Due::Ping => {
                if self.outbox.is_stale() {
                    self.services.metrics.limited(Limit::QueueAge);
                    return Some(CloseCode::TooSlow);
                }
                self.outbox.ping();
                None
            }
        }
    }

    /// Takes in what the client sent. Returns the end, when that is one.
    async fn heed(&mut self, incoming: Incoming) -> Option<End> {
        let now = Instant::now();
        self.deadlines.heard(now);
        self.services.metrics.received();
        let admitted = self.messages.take(now);
        match incoming {
            Incoming::Close(reason) => Some(End::Client(reason)),
            Incoming::Ping(payload) => {
                if admitted.is_ok() {
                    self.outbox.pong(wire::pong(&payload));
                    return None;
                }
                self.count_refusal(now)
            }
            Incoming::Pong => admitted.err().and_then(|_wait| self.count_refusal(now)),
            Incoming::Text(_) | Incoming::Binary(_) => {
                if let Err(wait) = admitted {
                    let request = unpack::request(self.dialect, &incoming);
                    self.refuse(request, Refusal::too_many(wait));
                    return self.count_refusal(now);
                }
                match unpack(self.dialect, incoming, self.services.config.frame_bytes_max) {
                    Unpacked::Message(message) => self.obey(&message, now).await,
                    Unpacked::Unreadable(why) => self.count_unreadable(None, &why, now),
                    Unpacked::TooLarge => Some(End::Server(CloseCode::TooLarge)),
                }
            }
        }
    }

    /// Carries out what a message asks for. Returns the end, when that is one.
    async fn obey(&mut self, message: &[u8], now: Instant) -> Option<End> {
        let subprotocol = self.dialect.subprotocol;
        match subprotocol.read::<ClientMessage>(message) {
            // Boxed: an idle connection has no room set aside for answering.
            Ok(message) => Box::pin(self.answer(message)).await.map(End::Server),
            Err(error) => {
                let request = refusal::request_of(subprotocol, message);
                self.count_unreadable(request, &error.to_string(), now)
            }
        }
    }

    fn count_refusal(&mut self, now: Instant) -> Option<End> {
        self.services.metrics.limited(Limit::Messages);
        let flooding = self.refusals.take(now).is_err();
        flooding.then_some(End::Server(CloseCode::Flooding))
    }

    fn count_unreadable(&mut self, request: Option<u64>, why: &str, now: Instant) -> Option<End> {
        if self.unreadable.take(now).is_err() {
            self.services.metrics.limited(Limit::Unreadable);
            return Some(End::Server(CloseCode::BadMessages));
        }
        self.refuse(request, Refusal::new(ProblemCode::MessageUnreadable, why));
        None
    }

    fn refuse(&self, request: Option<u64>, refusal: Refusal) {
        self.services.metrics.refused(refusal.code().as_str());
        self.outbox.say(&refusal.message(request));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function makes.
    fn size<A, B, F>(_: impl FnOnce(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_waits_is_small() {
        let bytes = size(Session::run);
        assert!(bytes <= 2560, "{bytes}");
    }
}
