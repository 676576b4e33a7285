use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, Cmd, FromRedisValue, Pipeline};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sm_common::clock::SharedClock;
use sm_common::id::InstanceId;

use crate::cluster::Cluster;
use crate::config::BusConfig;
use crate::error::BusError;
use crate::link::Link;
use crate::request::Request;
use crate::server::{One, Server};

/// A service's access to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) server: Server,
    pub(crate) config: BusConfig,
    pub(crate) clock: SharedClock,
    pub(crate) instance: InstanceId,
    /// The CloudEvents source of this process.
    pub(crate) source: String,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("instance", &self.shared.instance)
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// Prepares access for the process `instance` of `service`. Connects to nothing yet, so it
    /// succeeds while Redis is away.
    pub fn new(
        config: BusConfig,
        service: &str,
        instance: InstanceId,
        clock: SharedClock,
    ) -> Result<Self, BusError> {
        let password = password(&config)?;
        let server = if config.cluster {
            Server::Cluster(Box::new(Cluster::new(&config, password)?))
        } else {
            Server::One(Box::new(One::new(&config, password)?))
        };
        let source = format!("/{service}/{instance}");
        Ok(Self {
            shared: Arc::new(Shared {
                server,
                config,
                clock,
                instance,
                source,
            }),
        })
    }

    /// The process that this is.
    pub fn instance(&self) -> &InstanceId {
        &self.shared.instance
    }

    /// The clock that stamps events.
    pub fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    /// Events that are kept in each channel's history.
    pub fn history_max(&self) -> usize {
        self.shared.config.history_max
    }

    /// The time of one round trip.
    pub async fn ping(&self) -> Result<Duration, BusError> {
        let start = Instant::now();
        let _pong: String = self.query(&redis::cmd("PING")).await?;
        Ok(start.elapsed())
    }

    /// Runs one command, within the configured time.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, BusError> {
        self.send(Request::Command(command)).await
    }

    /// Runs several commands in one round trip, within the configured time. Their keys share a hash
    /// tag.
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, BusError> {
        self.send(Request::Pipeline(pipeline)).await
    }

    /// Runs a script, within the configured time. Its keys share a hash tag.
    pub async fn script<T: FromRedisValue>(
        &self,
        invocation: &redis::ScriptInvocation<'_>,
    ) -> Result<T, BusError> {
        self.send(Request::Script(invocation)).await
    }

    /// The JSON document in the string at `key`.
    pub async fn document<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, BusError> {
        let text: Option<String> = self.query(redis::cmd("GET").arg(key)).await?;
        text.map(|text| read_document(key, &text)).transpose()
    }

    /// The JSON document in a field of the hash at `key`.
    pub async fn hash_document<T: DeserializeOwned>(
        &self,
        key: &str,
        field: &str,
    ) -> Result<Option<T>, BusError> {
        let text: Option<String> = self.query(redis::cmd("HGET").arg(key).arg(field)).await?;
        text.map(|text| read_document(key, &text)).transpose()
    }

    /// The JSON documents in all fields of the hash at `key`.
    pub async fn hash_documents<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Vec<(String, T)>, BusError> {
        let fields: Vec<(String, String)> = self.query(redis::cmd("HGETALL").arg(key)).await?;
        fields
            .into_iter()
            .map(|(field, text)| Ok((field, read_document(key, &text)?)))
            .collect()
    }

    async fn send<T: FromRedisValue>(&self, request: Request<'_>) -> Result<T, BusError> {
        self.within(async {
            match &self.shared.server {
                Server::One(one) => {
                    let pooled = one.pool.get().await.map_err(BusError::Connect)?;
                    let sent = request.send(&mut Link::Pooled(pooled)).await;
                    sent.map_err(BusError::Command)
                }
                Server::Cluster(cluster) => cluster.send(request).await,
            }
        })
        .await
    }

    /// Every step together, connecting included, takes no longer than the configured time.
    pub(crate) async fn within<T>(
        &self,
        step: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        let limit = self.shared.config.timeout();
        tokio::time::timeout(limit, step)
            .await
            .unwrap_or(Err(BusError::Timeout(limit)))
    }
}

/// The password in the file that the configuration names, where it names one.
fn password(config: &BusConfig) -> Result<Option<String>, BusError> {
    if config.password_file.as_os_str().is_empty() {
        return Ok(None);
    }
    let password = std::fs::read_to_string(&config.password_file);
    let password = password.map_err(|source| BusError::PasswordFile {
        path: config.password_file.display().to_string(),
        source,
    })?;
    Ok(Some(password.trim().to_owned()))
}

/// Reads a stored JSON document.
pub(crate) fn read_document<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document {
        key: key.to_owned(),
        source,
    })
}

/// Writes a document as JSON.
pub(crate) fn write_document<T: Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}
