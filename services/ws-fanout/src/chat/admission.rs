//! Whether somebody may write now.

use std::sync::LazyLock;
use std::time::Duration;

use sm_bus::{BusError, Guard, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{ChatColor, ChatMessage};
use sm_common::id::{MessageId, StreamId};

use super::stored::{Pins, Stored};
use super::{Chat, ChatError, is_above_rules};
use crate::limit::Limit;

static ADMIT: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("admit.lua")));
/// What forbids it, as the script answers.
const NOTHING: i64 = 0;
const PERSON: i64 = 1;
const BAN: i64 = 3;
const NO_STREAM: i64 = -1;
/// A second, in the script's unit.
const SECOND_MICROS: u64 = 1_000_000;

/// What a message is judged by.
#[derive(Debug)]
pub(super) struct Admission {
    /// A ban that is over, as it is stored.
    ban: Option<String>,
    pub(super) rules_revision: u64,
    pub(super) color: ChatColor,
    /// How many messages wait for a moderator.
    pub(super) held: usize,
    /// The message that was asked for.
    pub(super) message: Option<Stored<ChatMessage>>,
    pub(super) pins: Pins,
}

/// The whole answer of the script; the rest is missing where something forbids it.
type Answer = (
    i64,
    u64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<usize>,
    Option<String>,
    Option<String>,
);

/// Whether something is taken from the allowances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    One,
    Nothing,
}

impl Chat {
    /// Lets somebody write, and reads `message`, which they answer or edit.
    pub(super) async fn admit(
        &self,
        stream: &StreamId,
        author: &Identity,
        message: Option<MessageId>,
        cost: Cost,
    ) -> Result<Admission, ChatError> {
        let user = author.user.to_string();
        // Whoever moderates cannot be silenced: `bans` holds nobody of this name.
        let judged = if is_above_rules(author) { "" } else { &user };
        let mut invocation = ADMIT.prepare_invoke();
        invocation
            .key(keys::chat_allowance(stream, &user))
            .key(keys::chat_pace(stream))
            .key(keys::desired(stream))
            .key(keys::chat_bans(stream))
            .key(keys::chat_rules(stream))
            .key(keys::chat_colors(stream))
            .key(keys::chat_held(stream))
            .key(keys::chat_messages(stream))
            .key(keys::chat_pins(stream))
            .arg(self.config.interval_ms.saturating_mul(1000))
            .arg(self.config.burst.max(1))
            .arg(SECOND_MICROS / u64::from(self.config.channel_per_second.max(1)))
            .arg(self.config.channel_burst.max(1))
            .arg(judged)
            .arg(message.map_or_else(String::new, |message| message.to_string()))
            .arg(u8::from(cost == Cost::Nothing))
            .arg(&user);
        let answer: Answer = self.bus.script(&invocation).await?;
        self.read_admission(stream, author, answer)
    }

    fn read_admission(
        &self,
        stream: &StreamId,
        author: &Identity,
        answer: Answer,
    ) -> Result<Admission, ChatError> {
        let (what, wait_ms, ban, revision, color, held, message, pins) = answer;
        let wait = Duration::from_millis(wait_ms);
        let ban = ban.filter(|ban| !ban.is_empty());
        match what {
            NOTHING => {}
            NO_STREAM => return Err(ChatError::UnknownStream(stream.clone())),
            BAN => {
                let ban = ban.unwrap_or_default();
                let until = super::bans::read_ban(stream, &ban)?.until;
                return Err(ChatError::Silenced { until });
            }
            PERSON => {
                self.metrics.limited(Limit::ChatOfPerson);
                return Err(ChatError::TooFast { wait });
            }
            _the_chat => {
                self.metrics.limited(Limit::ChatOfChannel);
                return Err(ChatError::Crowded { wait });
            }
        }
        let chosen = color.and_then(|name| serde_json::from_value(name.into()).ok());
        Ok(Admission {
            ban,
            rules_revision: read_revision(revision)?,
            color: chosen.unwrap_or_else(|| ChatColor::of(author.user)),
            held: held.unwrap_or_default(),
            message: Stored::read(&keys::chat_messages(stream), message)?,
            pins: Pins::read(stream, pins.unwrap_or_default())?,
        })
    }
}

impl Admission {
    /// That nobody has silenced the author meanwhile, and that no other rules hold.
    pub(super) fn guards(&self, stream: &StreamId, author: &Identity) -> Vec<Guard> {
        if is_above_rules(author) {
            return Vec::new();
        }
        let user = author.user.to_string();
        let revision = Some(self.rules_revision.to_string()).filter(|_| self.rules_revision > 0);
        vec![
            Guard::field(keys::chat_bans(stream), &user, self.ban.as_deref()),
            Guard::field(keys::chat_rules(stream), "revision", revision.as_deref()),
        ]
    }
}

/// A revision as it is stored; 0 before the first.
pub(super) fn read_revision(text: Option<String>) -> Result<u64, BusError> {
    let text = text.filter(|text| !text.is_empty());
    text.map_or(Ok(0), |text| text.parse())
        .map_err(
            |_not_a_number: std::num::ParseIntError| BusError::ScriptAnswer { script: "admit" },
        )
}
