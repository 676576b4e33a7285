//! The secrets of network sources: a hash of its own, which nobody reads but this service and the
//! engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sm_bus::{BusError, Commit, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::id::{SecretId, StreamId};
use sm_common::layer::{Layer, LayerSource};
use sm_common::scene::Scene;
use sm_common::secret::SourceSecret;

use super::{SceneStore, read};

impl SceneStore {
    /// The servers that these secrets are for, as far as there are such secrets.
    pub(crate) async fn secret_origins(
        &self,
        stream: &StreamId,
        named: &[SecretId],
    ) -> Result<BTreeMap<SecretId, String>, BusError> {
        if named.is_empty() {
            return Ok(BTreeMap::new());
        }
        let key = keys::layer_secrets(stream);
        let mut command = redis::cmd("HMGET");
        command.arg(&key);
        for id in named {
            command.arg(id.to_string());
        }
        let texts: Vec<Option<String>> = self.bus.query(&command).await?;
        let mut origins = BTreeMap::new();
        for (id, text) in named.iter().zip(texts) {
            if let Some(text) = text {
                let secret: SourceSecret = read(&key, &text)?;
                origins.insert(*id, secret.origin);
            }
        }
        Ok(origins)
    }

    /// Forgets the secrets that no layer names, nor has within `keep`, and that are older than that:
    /// somebody may bring back a layer that named one. Returns how many they were.
    pub(crate) async fn forget_secrets(
        &self,
        stream: &StreamId,
        keep: Duration,
        now: Timestamp,
    ) -> Result<usize, BusError> {
        let key = keys::layer_secrets(stream);
        let kept: BTreeMap<String, String> =
            self.bus.query(redis::cmd("HGETALL").arg(&key)).await?;
        let left_key = keys::layer_secrets_left(stream);
        let left: BTreeMap<String, i64> =
            self.bus.query(redis::cmd("HGETALL").arg(&left_key)).await?;
        let mut old = BTreeSet::new();
        for (id, text) in &kept {
            let secret: SourceSecret = read(&key, text)?;
            let left = left.get(id).copied().map(Timestamp::from_unix_millis);
            let last = left.map_or(secret.created_at, |left| left.max(secret.created_at));
            if now.since(last) > keep {
                old.insert(id.clone());
            }
        }
        if old.is_empty() {
            return Ok(0);
        }
        let layers_key = keys::layers(stream);
        let texts: Vec<String> = self.bus.query(redis::cmd("HVALS").arg(&layers_key)).await?;
        for text in texts {
            let layer: Layer = read(&layers_key, &text)?;
            if let Some(id) = secret_of(&layer) {
                old.remove(&id.to_string());
            }
        }
        if old.is_empty() {
            return Ok(0);
        }
        for key in [&key, &left_key] {
            let mut command = redis::cmd("HDEL");
            command.arg(key);
            for id in &old {
                command.arg(id);
            }
            let _deleted: i64 = self.bus.query(&command).await?;
        }
        Ok(old.len())
    }
}

/// Notes when secrets were let go of, which layers of `before` name and none of `after`.
pub(super) fn let_go(mut commit: Commit, before: &Scene, after: &Scene) -> Commit {
    let named = |scene: &Scene| -> BTreeSet<SecretId> {
        scene.layers.iter().filter_map(secret_of).collect()
    };
    let key = keys::layer_secrets_left(&after.stream);
    for secret in named(before).difference(&named(after)) {
        let at = after.updated_at.as_unix_millis().to_string();
        commit = commit.hash_set(key.clone(), &secret.to_string(), at);
    }
    commit
}

const fn secret_of(layer: &Layer) -> Option<SecretId> {
    if let LayerSource::Network(source) = &layer.source {
        source.secret
    } else {
        None
    }
}
