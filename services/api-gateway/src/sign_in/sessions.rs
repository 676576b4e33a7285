use std::sync::LazyLock;
use std::time::Duration;

use sm_bus::redis::{self, Script};
use sm_bus::{Bus, BusError, keys};

use crate::config::SessionsConfig;
use crate::tokens::{RefreshToken, Stored};
use crate::users::Person;

static BEGIN: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/begin_session.lua")));
static ROTATE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rotate_session.lua")));
static END: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/end_session.lua")));

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
    /// No such sign-in, or its person may not sign in any more.
    Unknown,
    /// An old one: the sign-in was ended.
    Reused { user: String },
    /// Redis got to it too late; nothing was changed.
    Late,
}

impl Sessions {
    pub(crate) const fn new(bus: Bus, config: SessionsConfig, patience: Duration) -> Self {
        Self {
            bus,
            config,
            patience,
        }
    }

    /// Begins a sign-in of `person` with its first token.
    pub(crate) async fn begin(
        &self,
        person: &Person,
        token: &RefreshToken,
    ) -> Result<(), BusError> {
        let session = token.session().to_string();
        let key = keys::session(token.session());
        let prefix = key.strip_suffix(&session).unwrap_or(&key);
        let Stored { family, unique } = token.stored();
        let mut script = BEGIN.prepare_invoke();
        script
            .key(&key)
            .key(keys::user_sessions(person.id))
            .arg(&session)
            .arg(family)
            .arg(unique)
            .arg(person.name.key())
            .arg(person.id.to_string())
            .arg(person.generation)
            .arg(millis(self.config.idle()))
            .arg(millis(self.config.lifetime()))
            .arg(self.config.per_user_max.max(1))
            .arg(prefix);
        let _begun: u64 = self.bus.script(&script).await?;
        Ok(())
    }

    /// Exchanges `presented` for `next` in one step, or ends the sign-in when it is an old one.
    pub(crate) async fn rotate(
        &self,
        presented: &RefreshToken,
        next: &RefreshToken,
    ) -> Result<Rotation, BusError> {
        let now = self.server_millis().await?;
        let latest = now.saturating_add(millis(self.patience));
        let rotation = self.rotate_until(latest, presented, next).await?;
        if let Rotation::Unknown = rotation {
            // Its person is gone, disabled or has another password: nothing may come of it.
            self.end(next).await?;
        }
        Ok(rotation)
    }

    /// The same, unless Redis' clock is past `latest` when Redis gets to it.
    async fn rotate_until(
        &self,
        latest: u64,
        presented: &RefreshToken,
        next: &RefreshToken,
    ) -> Result<Rotation, BusError> {
        let Stored { family, unique } = presented.stored();
        let mut script = ROTATE.prepare_invoke();
        script
            .key(keys::session(presented.session()))
            .key(keys::USERS)
            .arg(family)
            .arg(unique)
            .arg(next.stored().unique)
            .arg(millis(self.config.idle()))
            .arg(latest);
        let answer: Vec<String> = self.bus.script(&script).await?;
        read_rotation(&answer)
    }

    /// Ends the sign-in that `token` belongs to.
    pub(crate) async fn end(&self, token: &RefreshToken) -> Result<(), BusError> {
        let mut script = END.prepare_invoke();
        script
            .key(keys::session(token.session()))
            .arg(token.stored().family);
        let _ended: u64 = self.bus.script(&script).await?;
        Ok(())
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

fn read_rotation(answer: &[String]) -> Result<Rotation, BusError> {
    let words: Vec<&str> = answer.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["late"] => Ok(Rotation::Late),
        ["unknown"] => Ok(Rotation::Unknown),
        ["reused", user] => Ok(Rotation::Reused {
            user: (*user).to_owned(),
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
                Ok(Rotation::Unknown)
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
    use sm_common::clock::Timestamp;
    use sm_common::id::{SessionId, UserId};
    use sm_test_kit::Redis;

    use super::*;
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
        Users::new(bus.clone()).change(put).await.unwrap();
        let config = SessionsConfig {
            idle_s: 60,
            lifetime_s: 60,
            per_user_max: 1,
        };
        let sessions = Sessions::new(bus, config, LONG);
        let token = RefreshToken::first(SessionId::generate()).unwrap();
        let next = token.next().unwrap();
        sessions.begin(&person, &token).await.unwrap();

        let long_ago = 1;
        let late = sessions
            .rotate_until(long_ago, &token, &next)
            .await
            .unwrap();
        assert!(matches!(late, Rotation::Late), "{late:?}");
        let in_time = sessions.rotate(&token, &next).await.unwrap();
        assert!(matches!(in_time, Rotation::Rotated { .. }), "{in_time:?}");
        let again = sessions.rotate(&token, &next).await.unwrap();
        assert!(matches!(again, Rotation::Reused { .. }), "{again:?}");
    }
}
