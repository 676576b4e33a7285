use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::Script;
use sm_common::audience::{AudienceKey, Mark};
use sm_common::id::StreamId;

use crate::connection::Bus;
use crate::error::BusError;
use crate::keys;

static FOLLOW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/follow.lua")));
static FOLLOWERS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/followers.lua")));

/// Which clients follow a stream, as their marks say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followers {
    /// These, in all processes together.
    All(HashSet<Mark>),
    /// A process makes its marks with another key still: they cannot be compared.
    Unsettled,
}

impl Bus {
    /// Says which clients follow a stream in this process, for as long as `ttl`: marks that were
    /// made with a key, or nobody. Returns the key that marks are to be made with; `None` while
    /// nobody counts.
    pub async fn tell_followers(
        &self,
        stream: &StreamId,
        marks: Option<(&AudienceKey, &[Mark])>,
        ttl: Duration,
    ) -> Result<Option<AudienceKey>, BusError> {
        let mut said = Vec::new();
        if let Some((key, marks)) = marks
            && !marks.is_empty()
        {
            said = key.as_text().into_bytes();
            said.push(b' ');
            said.extend(Mark::write_all(marks));
        }
        let mut invocation = FOLLOW.prepare_invoke();
        invocation
            .key(keys::followers(stream))
            .key(keys::audience_key(stream))
            .arg(self.instance().as_str())
            .arg(said)
            .arg(millis(ttl));
        let key: Option<String> = self.script(&invocation).await?;
        Ok(key.and_then(|key| AudienceKey::from_text(&key)))
    }

    /// Which clients follow a stream in all processes, by the marks of `key`, which is theirs to make
    /// marks with for as long as `ttl`. For the holder of the stream's lease.
    pub async fn followers(
        &self,
        stream: &StreamId,
        key: &AudienceKey,
        ttl: Duration,
    ) -> Result<Followers, BusError> {
        let mut invocation = FOLLOWERS.prepare_invoke();
        invocation
            .key(keys::followers(stream))
            .key(keys::audience_key(stream))
            .arg(key.as_text())
            .arg(millis(ttl));
        let all: Vec<Vec<u8>> = self.script(&invocation).await?;
        let ours = format!("{} ", key.as_text());
        let mut marks = HashSet::new();
        for said in &all {
            match said.strip_prefix(ours.as_bytes()) {
                Some(said) => marks.extend(Mark::read_all(said)),
                None => return Ok(Followers::Unsettled),
            }
        }
        Ok(Followers::All(marks))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
