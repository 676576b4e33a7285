use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, Cmd, FromRedisValue, Pipeline, TlsCertificates};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sm_common::clock::SharedClock;
use sm_common::id::InstanceId;

use crate::breaker::Breaker;
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
    pub(crate) breaker: Breaker,
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
                breaker: Breaker::new(config.breaker()),
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

    /// The time of one round trip. Asks also while nothing else is asked, and ends that when there is
    /// an answer.
    pub async fn ping(&self) -> Result<Duration, BusError> {
        let start = Instant::now();
        let ping = redis::cmd("PING");
        let asked = self.timed(self.pass(Request::Command(&ping)));
        let outcome: Result<String, _> = asked.await;
        self.shared.breaker.note(outcome.as_ref().err());
        outcome.map(|_pong| start.elapsed())
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
        self.within(self.pass(request)).await
    }

    async fn pass<T: FromRedisValue>(&self, request: Request<'_>) -> Result<T, BusError> {
        match &self.shared.server {
            Server::One(one) => {
                // Boxed: every question to Redis holds this future, and it is large.
                let pooled = Box::pin(one.pool.get()).await;
                let mut link = Link::Pooled(pooled.map_err(BusError::Connect)?);
                request.send(&mut link).await.map_err(BusError::Command)
            }
            Server::Cluster(cluster) => cluster.send(request).await,
        }
    }

    /// Every step together, connecting included, takes no longer than the configured time, and none
    /// at all while Redis is known not to answer.
    pub(crate) async fn within<T>(
        &self,
        step: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        let passage = self.shared.breaker.enter().ok_or(BusError::Silent)?;
        let outcome = self.timed(step).await;
        passage.leave(outcome.as_ref().err());
        outcome
    }

    async fn timed<T>(
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

/// The certificates of the authorities in the file that the configuration names; `None` for those of the
/// system.
pub(crate) fn authorities(config: &BusConfig) -> Result<Option<TlsCertificates>, BusError> {
    if config.ca_file.as_os_str().is_empty() {
        return Ok(None);
    }
    let authorities = std::fs::read(&config.ca_file);
    let authorities = authorities.map_err(|source| BusError::Authorities {
        path: config.ca_file.display().to_string(),
        source,
    })?;
    Ok(Some(TlsCertificates {
        client_tls: None,
        root_cert: Some(authorities),
    }))
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
