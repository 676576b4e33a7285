//! People without an account, where the rules of a chat let them in.
//!
//! A guest has a token that proves nothing but that it is the same guest, and a name that the server
//! gives: nobody can call themselves like somebody who has an account. Each of their messages says
//! that a guest wrote it.

use std::net::IpAddr;
use std::time::Duration;

use sm_bus::{keys, redis};
use sm_common::auth::{Identity, Role};
use sm_common::id::{SessionId, StreamId, UserId};
use uuid::Uuid;

use super::stored::{read, write};
use super::{Chat, ChatError};
use crate::handshake::digest;
use crate::limit::Limit;

/// What the token of a guest begins with: no access token does.
const PREFIX: &str = "guest_";

/// A guest who has just come.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Proves who they are; known to nobody else.
    pub(crate) token: String,
    pub(crate) identity: Identity,
}

/// Whether a token is a guest's.
pub(crate) fn is_guest_token(token: &str) -> bool {
    token.starts_with(PREFIX)
}

impl Chat {
    /// Lets somebody in who has no account.
    pub(crate) async fn welcome_guest(
        &self,
        stream: &StreamId,
        address: IpAddr,
    ) -> Result<Guest, ChatError> {
        self.require_guests(stream).await?;
        self.count_guest(address).await?;
        let user = UserId::generate();
        let [.., high, low] = *user.as_uuid().as_bytes();
        let lasts = Duration::from_secs(self.config.guest_s);
        let identity = Identity {
            user,
            name: format!("Guest {high:02X}{low:02X}"),
            role: Role::Viewer,
            session: SessionId::generate(),
            standing: 0,
            scopes: None,
            expires_at: self.bus.clock().now().plus(lasts),
        };
        let secret = [Uuid::new_v4(), Uuid::new_v4()].map(|part| part.simple().to_string());
        let token = format!("{PREFIX}{}", secret.concat());
        let mut command = redis::cmd("SET");
        command.arg(keys::chat_guest(&digest(&token)));
        command
            .arg(write(&identity)?)
            .arg("EX")
            .arg(self.config.guest_s.max(1));
        let _kept: String = self.bus.query(&command).await?;
        Ok(Guest { token, identity })
    }

    /// Who has this token; `None` when it is unknown or too old.
    pub(crate) async fn guest(&self, token: &str) -> Result<Option<Identity>, ChatError> {
        let key = keys::chat_guest(&digest(token));
        let text: Option<String> = self.bus.query(redis::cmd("GET").arg(&key)).await?;
        let identity: Option<Identity> = text.map(|text| read(&key, &text)).transpose()?;
        let now = self.bus.clock().now();
        Ok(identity.filter(|identity| identity.expires_at > now))
    }

    /// Whether the rules let guests in.
    pub(crate) async fn require_guests(&self, stream: &StreamId) -> Result<(), ChatError> {
        let (_, rules) = self.rules(stream).await?;
        if rules.guests {
            Ok(())
        } else {
            Err(ChatError::GuestsClosed)
        }
    }

    /// Counts the guests that come from an address.
    async fn count_guest(&self, address: IpAddr) -> Result<(), ChatError> {
        let key = keys::chat_guests_of(&digest(&address.to_string()));
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        let window = self.config.guest_window_s.max(1);
        let begin = pipeline.cmd("SET").arg(&key).arg(0);
        begin.arg("EX").arg(window).arg("NX").ignore();
        pipeline.cmd("INCR").arg(&key);
        pipeline.cmd("PTTL").arg(&key);
        let (count, left_ms): (u64, i64) = self.bus.pipeline(&pipeline).await?;
        if count <= self.config.guests_per_address {
            return Ok(());
        }
        self.metrics.limited(Limit::ChatGuests);
        let left = u64::try_from(left_ms).unwrap_or(1).max(1);
        Err(ChatError::TooManyGuests {
            wait: Duration::from_millis(left),
        })
    }
}
