//! What a client asks for.

use sm_common::auth::{Identity, Permission, Role, access_to_channel};
use sm_common::chat::ChatKind;
use sm_common::event::{Channel, Position};
use sm_common::id::StreamId;
use sm_common::problem::ProblemCode;
use sm_common::ws::{ClientMessage, CloseCode, Present, ServerMessage};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::AuthError;
use sm_service_kit::telemetry::traceparent;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Session;
use super::deadlines::Proof;
use super::refusal::Refusal;
use crate::chat::{Draft, Posted, is_guest_token};
use crate::hub::close_code;
use crate::limit::Limit;
use crate::presence::Attendance;
use crate::topic::Topic;

/// Why a request is not carried out.
enum Rejection {
    /// The connection goes on.
    Refused(Refusal),
    /// It does not.
    Close(CloseCode),
}

impl<T: Into<Refusal>> From<T> for Rejection {
    fn from(refusal: T) -> Self {
        Self::Refused(refusal.into())
    }
}

impl Session {
    /// Answers a message. Returns the code when the connection must end.
    pub(super) async fn answer(&mut self, message: ClientMessage) -> Option<CloseCode> {
        let (request, outcome) = match message {
            ClientMessage::Ping { id } => {
                self.say(&ServerMessage::Pong { id });
                return None;
            }
            ClientMessage::Hello { id, deflate } => {
                self.take_hello(deflate);
                self.say(&ServerMessage::ack(id));
                return None;
            }
            ClientMessage::Auth { id, token } => (id, self.authenticate(id, &token).await),
            ClientMessage::Subscribe {
                id,
                channel,
                stream,
                since,
                sample,
            } => {
                let topic = Topic { channel, stream };
                let subscribing = self.subscribe(id, &topic, since.as_ref(), sample);
                (id, subscribing.await)
            }
            ClientMessage::Unsubscribe {
                id,
                channel,
                stream,
            } => {
                self.membership.unsubscribe(&Topic { channel, stream });
                self.say(&ServerMessage::ack(id));
                return None;
            }
            ClientMessage::Presence {
                id,
                channel,
                stream,
            } => (id, self.tell_presence(id, Topic { channel, stream }).await),
            ClientMessage::Publish {
                id,
                channel,
                stream,
                text,
                reply_to,
            } => {
                let draft = Draft {
                    text: &text,
                    reply_to,
                    kind: ChatKind::Message,
                    guest: self.guest,
                };
                (id, self.publish(id, channel, &stream, draft).await)
            }
        };
        match outcome {
            Ok(()) => None,
            Err(Rejection::Refused(refusal)) => {
                self.refuse(Some(request), refusal);
                None
            }
            Err(Rejection::Close(code)) => Some(code),
        }
    }

    /// Speaks as the client can hear. What it could hear before it can hear still.
    fn take_hello(&mut self, deflate: bool) {
        if deflate {
            self.dialect.deflate_from = Some(self.services.config.deflate_from_bytes);
            self.outbox.speak(self.dialect);
        }
    }

    /// Takes over a proven identity, and the time for which it is proven.
    pub(super) fn identify(&mut self, identity: Identity) {
        let spent = self.place.take_spent();
        self.spend(spent);
        let left = identity.expires_at.since(self.services.clock.now());
        let until = Instant::now() + left + self.services.leeway;
        self.deadlines.prove(Proof::Until(until));
        self.services.hub.identify(self.id, identity.clone());
        // What was revoked after the proof, and before the hub knew whom to expel.
        let revocations = self.services.proofs.authenticator().revocations();
        if let Some(revoked) = revocations.covering(&identity) {
            self.outbox.condemn(close_code(revoked));
        }
        self.identity = Some(identity);
    }

    /// Tells how many watch a channel, and those who may moderate who they are.
    async fn tell_presence(&mut self, request: u64, topic: Topic) -> Result<(), Rejection> {
        self.require_read(topic.channel)?;
        let Attendance {
            connections,
            people,
            more,
        } = self.services.presence.of(&topic).await?;
        let may_know = |identity: &Identity| identity.may(Permission::ModerateChat);
        let may_know = self.identity.as_ref().is_some_and(may_know);
        self.say(&ServerMessage::Ack {
            id: request,
            present: Some(Present {
                connections,
                people: may_know.then_some(people),
                more: may_know && more,
            }),
            held: None,
        });
        Ok(())
    }

    async fn authenticate(&mut self, request: u64, token: &str) -> Result<(), Rejection> {
        let guest = is_guest_token(token);
        let identity = if guest {
            let known = self.services.chat.guest(token).await?;
            known.ok_or_else(|| {
                let detail = "the guest is unknown or has been here too long; come anew";
                Refusal::new(ProblemCode::TokenInvalid, detail)
            })?
        } else {
            let authenticator = self.services.proofs.authenticator().clone();
            authenticator.verify(token).await.map_err(unverified)?
        };
        if let Some(known) = &self.identity
            && known.user != identity.user
        {
            let detail = "the token is another person's; open a connection of their own";
            return Err(Refusal::new(ProblemCode::TokenInvalid, detail).into());
        }
        let people = self.services.people.clone();
        if let Err(full) = people.admit(&mut self.place, identity.user).await {
            self.services.metrics.limited(full.into());
            return Err(Rejection::Close(CloseCode::TooManyConnections));
        }
        self.guest = guest;
        self.identify(identity);
        self.say(&ServerMessage::ack(request));
        self.end_what_is_not_allowed();
        Ok(())
    }

    /// Ends the subscriptions that a new proof does not carry any more.
    fn end_what_is_not_allowed(&mut self) {
        for topic in self.membership.topics().clone() {
            if let Err(refusal) = self.require_read(topic.channel) {
                self.membership.unsubscribe(&topic);
                self.refuse(None, refusal);
            }
        }
    }

    async fn subscribe(
        &mut self,
        request: u64,
        topic: &Topic,
        since: Option<&Position>,
        sample: bool,
    ) -> Result<(), Rejection> {
        self.require_read(topic.channel)?;
        self.require_open(&topic.stream).await?;
        let subscriptions_max = self.services.config.subscriptions_max;
        let topics = self.membership.topics();
        if topics.len() >= subscriptions_max && !topics.contains(topic) {
            self.services.metrics.limited(Limit::Subscriptions);
            let detail = format!("at most {subscriptions_max} subscriptions; unsubscribe first");
            return Err(Refusal::new(ProblemCode::SubscriptionLimit, detail).into());
        }
        Ok(self
            .membership
            .subscribe(request, topic, since, sample)
            .await?)
    }

    async fn publish(
        &mut self,
        request: u64,
        channel: Channel,
        stream: &StreamId,
        draft: Draft<'_>,
    ) -> Result<(), Rejection> {
        self.require_read(channel)?;
        if channel != Channel::Chat {
            let detail = format!("{channel} takes no messages; chat does");
            return Err(Refusal::new(ProblemCode::ChannelReadOnly, detail).into());
        }
        let author = self.identity.as_ref().ok_or_else(unauthenticated)?;
        let span = tracing::info_span!("publish", stream.id = %stream, user.id = %author.user);
        let traceparent = traceparent(&span);
        let posting = self.services.chat.post(stream, author, draft, traceparent);
        let held = match posting.instrument(span).await? {
            Posted::Shown(_) => None,
            Posted::Held(held) => Some(held.id),
        };
        self.say(&ServerMessage::Ack {
            id: request,
            present: None,
            held,
        });
        Ok(())
    }

    /// Whether the connection may read a channel.
    fn require_read(&self, channel: Channel) -> Result<(), Refusal> {
        let access = access_to_channel(channel);
        let public_view = self.services.proofs.public_view();
        let is_open = access.allows(None, public_view);
        match &self.identity {
            Some(_) if self.guest && channel != Channel::Chat && !is_open => Err(Refusal::new(
                ProblemCode::Forbidden,
                format!("{channel} is for people with an account; guests have chat"),
            )),
            Some(identity) if access.admits(Some(identity), public_view) => Ok(()),
            Some(identity) => {
                let least = access.permission().map(Permission::least_role);
                Err(Refusal::new(
                    ProblemCode::Forbidden,
                    format!(
                        "{channel} needs the role {} or above; the caller's role is {}",
                        least.unwrap_or(Role::Viewer),
                        identity.role
                    ),
                ))
            }
            None if is_open => Ok(()),
            None => Err(unauthenticated()),
        }
    }

    /// Whether a guest may come into the chat of a stream.
    async fn require_open(&self, stream: &StreamId) -> Result<(), Rejection> {
        if self.guest {
            self.services.chat.require_guests(stream).await?;
        }
        Ok(())
    }

    fn say(&self, message: &ServerMessage) {
        self.outbox.say(message);
    }
}

fn unauthenticated() -> Refusal {
    let detail = "send an access token in an `auth` message first";
    Refusal::new(ProblemCode::Unauthenticated, detail)
}

fn unverified(error: AuthError) -> Refusal {
    let code = ApiProblem::from(error).code();
    let refusal = Refusal::new(code, "sign in again, or refresh the token");
    if code.retryable() {
        refusal.after(std::time::Duration::from_secs(1))
    } else {
        refusal
    }
}
