use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;
use sm_bus::redis::{self, FromRedisValue, Script};
use sm_bus::{Bus, BusError, REVOCATIONS_MAX, keys};
use sm_common::auth::{Revocation, Revoked};
use sm_common::clock::Timestamp;
use sm_common::id::{SessionId, UserId};
use utoipa::ToSchema;

use crate::audit::Note;
use crate::config::SessionsConfig;
use crate::origin::Origin;
use crate::tokens::{RefreshToken, Stored};
use crate::users::Person;

static BEGIN: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/begin_session.lua")));
static ROTATE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rotate_session.lua")));
static END: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/end_session.lua")));

/// What is read of a sign-in to be listed.
const FIELDS: [&str; 5] = ["generation", "created_at", "used_at", "client", "network"];

/// Sign-ins in Redis: which refresh token each may use next.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    bus: Bus,
    config: SessionsConfig,
    /// How long a request waits for Redis.
    patience: Duration,
}

/// What became of a refresh token.
#[derive(Debug)]
pub(crate) enum Rotation {
    /// The next one is valid now.
    Rotated { person: Box<Person> },
    /// No such sign-in, or its person is gone.
    Unknown,
    /// Its person may not sign in any more, or has another password: nothing may come of it.
    Over,
    /// An old one: the sign-in was ended.
    Reused { user: UserId, name: String },
    /// Redis got to it too late; nothing was changed.
    Late,
}

/// A sign-in, as its person may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SessionInfo {
    /// The sign-in.
    pub(crate) id: SessionId,
    /// When it began.
    pub(crate) created_at: Timestamp,
    /// When its tokens were last exchanged. In between it goes on for up to the life of an access
    /// token.
    pub(crate) used_at: Timestamp,
    /// When it ends if nobody uses it.
    pub(crate) expires_at: Timestamp,
    /// With which program, such as `Firefox on Linux`.
    pub(crate) client: String,
    /// From where, as far as `sessions.addresses` lets it be kept.
    pub(crate) network: Option<String>,
    /// Whether it is the one that asks.
    pub(crate) current: bool,
}

/// By what a sign-in may be ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Claim<'a> {
    /// By one of its tokens.
    Token(&'a RefreshToken),
    /// By its person.
    Person(UserId, SessionId),
}

impl Sessions {
    pub(crate) const fn new(bus: Bus, config: SessionsConfig, patience: Duration) -> Self {
        Self {
            bus,
            config,
            patience,
        }
    }

    /// Begins a sign-in of `person` with its first token, and notes it.
    pub(crate) async fn begin(
        &self,
        person: &Person,
        token: &RefreshToken,
        origin: &Origin,
        note: &Note,
    ) -> Result<(), BusError> {
        let session = token.session().to_string();
        let key = keys::session(token.session());
        let prefix = key.strip_suffix(&session).unwrap_or(&key);
        let Stored { family, unique } = token.stored();
        let mut script = BEGIN.prepare_invoke();
        script
            .key(&key)
            .key(keys::user_sessions(person.id))
            .key(keys::REVOCATIONS)
            .key(note.key)
            .arg(&session)
            .arg(family)
            .arg(unique)
            .arg(person.name.key())
            .arg(person.id.to_string())
            .arg(person.generation)
            .arg(millis(self.config.idle()))
            .arg(millis(self.config.lifetime()))
            .arg(self.config.per_user_max.max(1))
            .arg(prefix)
            .arg(origin.network.as_deref().unwrap_or_default())
            .arg(&origin.client)
            .arg(REVOCATIONS_MAX)
            .arg(&note.document)
            .arg(note.entries_max);
        let _begun: u64 = self.bus.script(&script).await?;
        Ok(())
    }

    /// Exchanges `presented` for `next` in one step, or ends the sign-in when it is an old one.
    pub(crate) async fn rotate(
        &self,
        presented: &RefreshToken,
        next: &RefreshToken,
        origin: &Origin,
    ) -> Result<Rotation, BusError> {
        let now = self.server_millis().await?;
        let latest = now.saturating_add(millis(self.patience));
        let rotation = self.rotate_until(latest, presented, next, origin).await?;
        if let Rotation::Over = rotation {
            let key = keys::session(next.session());
            let _deleted: u64 = self.bus.query(redis::cmd("DEL").arg(key)).await?;
        }
        Ok(rotation)
    }

    /// The same, unless Redis' clock is past `latest` when Redis gets to it.
    async fn rotate_until(
        &self,
        latest: u64,
        presented: &RefreshToken,
        next: &RefreshToken,
        origin: &Origin,
    ) -> Result<Rotation, BusError> {
        let Stored { family, unique } = presented.stored();
        let mut script = ROTATE.prepare_invoke();
        script
            .key(keys::session(presented.session()))
            .key(keys::USERS)
            .key(keys::REVOCATIONS)
            .arg(family)
            .arg(unique)
            .arg(next.stored().unique)
            .arg(millis(self.config.idle()))
            .arg(latest)
            .arg(presented.session().to_string())
            .arg(origin.network.as_deref().unwrap_or_default())
            .arg(&origin.client)
            .arg(REVOCATIONS_MAX);
        let answer: Vec<String> = self.bus.script(&script).await?;
        read_rotation(&answer)
    }

    /// Whose sign-in it is: the person, and what the person is found by.
    pub(crate) async fn owner(
        &self,
        session: SessionId,
    ) -> Result<Option<(UserId, String)>, BusError> {
        let mut command = redis::cmd("HMGET");
        command.arg(keys::session(session)).arg("user").arg("name");
        let (user, name): (Option<String>, Option<String>) = self.bus.query(&command).await?;
        Ok(user.and_then(|user| user.parse().ok()).zip(name))
    }

    /// Ends a sign-in of `user`, tells every service, and notes it. False when there is none, or it
    /// is somebody else's.
    pub(crate) async fn end(
        &self,
        user: UserId,
        claim: Claim<'_>,
        note: &Note,
    ) -> Result<bool, BusError> {
        let (session, field, value) = match claim {
            Claim::Token(token) => (token.session(), "family", token.stored().family),
            Claim::Person(person, session) => (session, "user", person.to_string()),
        };
        let revocation = Revocation {
            user,
            what: Revoked::Session { session },
        };
        let mut script = END.prepare_invoke();
        script
            .key(keys::session(session))
            .key(keys::user_sessions(user))
            .key(keys::REVOCATIONS)
            .key(note.key)
            .arg(field)
            .arg(value)
            .arg(session.to_string())
            .arg(serde_json::to_string(&revocation).map_err(BusError::Encode)?)
            .arg(REVOCATIONS_MAX)
            .arg(&note.document)
            .arg(note.entries_max);
        let ended: u64 = self.bus.script(&script).await?;
        Ok(ended == 1)
    }

    /// The sign-ins of a person, newest first. `current` is the one that asks.
    pub(crate) async fn list(
        &self,
        person: &Person,
        current: Option<SessionId>,
    ) -> Result<Vec<SessionInfo>, BusError> {
        let key = keys::user_sessions(person.id);
        let mut command = redis::cmd("ZRANGE");
        command.arg(&key).arg(0).arg(-1).arg("REV");
        let kept: Vec<String> = self.bus.query(&command).await?;
        let sessions: Vec<SessionId> = kept.iter().filter_map(|id| id.parse().ok()).collect();
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for session in &sessions {
            let key = keys::session(*session);
            pipeline
                .cmd("HMGET")
                .arg(&key)
                .arg(&FIELDS)
                .cmd("PTTL")
                .arg(&key);
        }
        let answers: Vec<redis::Value> = self.bus.pipeline(&pipeline).await?;
        let now = self.bus.clock().now();
        let mut listed = Vec::with_capacity(sessions.len());
        for (session, answer) in sessions.iter().zip(answers.chunks_exact(2)) {
            let [fields, left] = answer else { continue };
            let fields: Vec<Option<String>> = read(fields)?;
            let left: i64 = read(left)?;
            let info = session_info(*session, &fields, left, (person, now));
            listed.extend(info.map(|info| SessionInfo {
                current: current == Some(info.id),
                ..info
            }));
        }
        Ok(listed)
    }

    /// The moment by Redis' own clock. An exchange that is still waiting inside a stalled Redis
    /// after its caller has given up must not happen: the caller would hold an old token.
    async fn server_millis(&self) -> Result<u64, BusError> {
        let (seconds, micros): (u64, u64) = self.bus.query(&redis::cmd("TIME")).await?;
        Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn read<T: FromRedisValue>(value: &redis::Value) -> Result<T, BusError> {
    T::from_redis_value(value.clone()).map_err(|_other_form| BusError::ScriptAnswer {
        script: "list_sessions",
    })
}

/// What is listed of a sign-in; `None` when it is over. `left` is what Redis says of its time, in
/// milliseconds.
fn session_info(
    id: SessionId,
    fields: &[Option<String>],
    left: i64,
    (person, now): (&Person, Timestamp),
) -> Option<SessionInfo> {
    let [generation, created_at, used_at, client, network] = fields else {
        return None;
    };
    // A new password, or being disabled, has ended those of before.
    if generation.as_deref()? != person.generation.to_string() {
        return None;
    }
    let moment = |text: &Option<String>| {
        let millis = text.as_deref()?.parse().ok()?;
        Some(Timestamp::from_unix_millis(millis))
    };
    // Sign-ins of before these were kept have none of them.
    let created_at = moment(created_at).unwrap_or(now);
    Some(SessionInfo {
        id,
        created_at,
        used_at: moment(used_at).unwrap_or(created_at),
        expires_at: now.plus(Duration::from_millis(u64::try_from(left).ok()?)),
        client: client.clone().unwrap_or_default(),
        network: network.clone().filter(|network| !network.is_empty()),
        current: false,
    })
}

fn read_rotation(answer: &[String]) -> Result<Rotation, BusError> {
    let words: Vec<&str> = answer.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["late"] => Ok(Rotation::Late),
        ["unknown"] => Ok(Rotation::Unknown),
        ["reused", user, name] => Ok(Rotation::Reused {
            user: user.parse().map_err(|_no_id| BusError::ScriptAnswer {
                script: "rotate_session",
            })?,
            name: (*name).to_owned(),
        }),
        ["rotated", user, generation, person] => {
            let person: Person =
                serde_json::from_str(person).map_err(|source| BusError::Document {
                    key: keys::USERS.to_owned(),
                    source,
                })?;
            let same_person = person.id.to_string() == *user;
            let same_generation = person.generation.to_string() == *generation;
            if same_person && same_generation && !person.disabled {
                Ok(Rotation::Rotated {
                    person: Box::new(person),
                })
            } else {
                Ok(Rotation::Over)
            }
        }
        _ => Err(BusError::ScriptAnswer {
            script: "rotate_session",
        }),
    }
}

#[cfg(test)]
mod tests {
    use sm_common::auth::Role;
    use sm_test_kit::Redis;

    use super::*;
    use crate::audit::{Entry, SecurityEvent, Trail};
    use crate::config::AuditConfig;
    use crate::origin::AddressPolicy;
    use crate::users::{Change, NewPerson, Users};

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn an_exchange_that_redis_gets_to_late_changes_nothing() {
        let redis = Redis::start();
        let bus = redis.bus("api-gateway");
        let new = NewPerson {
            name: "ada".parse().unwrap(),
            role: Role::Viewer,
            password: serde_json::from_str("\"hash\"").unwrap(),
        };
        let person = Person::new(UserId::generate(), new, Timestamp::from_unix_millis(0));
        let put = |_: &_| Ok(Change::Put(Box::new(person.clone())));
        let trail = Trail::new(
            bus.clone(),
            AuditConfig {
                actions_max: 9,
                attempts_max: 9,
                keep_days: 1,
                page_max: 9,
            },
        );
        let users = Users::new(bus.clone(), trail.clone());
        users.change(put, |_| None).await.unwrap();
        let entry = Entry::new(SecurityEvent::SignedIn, Timestamp::from_unix_millis(0));
        let note = trail.action(&entry).unwrap();
        let origin = Origin {
            address: [127, 0, 0, 1].into(),
            network: None,
            client: String::new(),
        };
        let config = SessionsConfig {
            idle_s: 60,
            lifetime_s: 60,
            per_user_max: 1,
            addresses: AddressPolicy::None,
        };
        let sessions = Sessions::new(bus, config, LONG);
        let token = RefreshToken::first(SessionId::generate()).unwrap();
        let next = token.next().unwrap();
        sessions
            .begin(&person, &token, &origin, &note)
            .await
            .unwrap();

        let long_ago = 1;
        let late = sessions
            .rotate_until(long_ago, &token, &next, &origin)
            .await
            .unwrap();
        assert!(matches!(late, Rotation::Late), "{late:?}");
        let in_time = sessions.rotate(&token, &next, &origin).await.unwrap();
        assert!(matches!(in_time, Rotation::Rotated { .. }), "{in_time:?}");
        let again = sessions.rotate(&token, &next, &origin).await.unwrap();
        assert!(matches!(again, Rotation::Reused { .. }), "{again:?}");
    }
}
