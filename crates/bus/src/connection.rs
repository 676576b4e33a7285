use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{
    self, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline, TlsCertificates,
};
use deadpool_redis::{Hook, Manager, Pool, Runtime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sm_common::clock::SharedClock;
use sm_common::id::InstanceId;

use crate::breaker::Breaker;
use crate::config::BusConfig;
use crate::error::BusError;
use crate::lane::Lane;

/// A service's access to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) pool: Pool,
    /// The connection that commits share.
    pub(crate) lane: Lane,
    /// The connection that allowances are taken over: requests that are counted keep no commit waiting.
    pub(crate) counters: Lane,
    pub(crate) breaker: Breaker,
    pub(crate) client: redis::Client,
    pub(crate) config: BusConfig,
    pub(crate) clock: SharedClock,
    pub(crate) instance: InstanceId,
    /// The CloudEvents source of this process.
    pub(crate) source: String,
    /// Identity of the running Redis process, refreshed with every new connection. A std lock:
    /// it is held for a copy and never across an await.
    pub(crate) run: Arc<RwLock<String>>,
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
        let mut info = config
            .url
            .as_str()
            .into_connection_info()
            .map_err(BusError::Address)?;
        if !config.password_file.as_os_str().is_empty() {
            let password = std::fs::read_to_string(&config.password_file).map_err(|source| {
                BusError::PasswordFile {
                    path: config.password_file.display().to_string(),
                    source,
                }
            })?;
            let settings = info.redis_settings().clone().set_password(password.trim());
            info = info.set_redis_settings(settings);
        }
        let client = open(info, &config.ca_file)?;
        let info = client.get_connection_info().clone();
        let timeout = config.timeout();
        let run = Arc::new(RwLock::new(String::new()));
        // The client's own limits are shorter than ours may be, and each step is within ours.
        let unlimited = redis::AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None);
        let manager = Manager::new_with_config(info, unlimited).map_err(BusError::Address)?;
        let seen = Arc::clone(&run);
        let pool = Pool::builder(manager)
            .max_size(config.connections_max)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .post_create(Hook::async_fn(move |connection, _metrics| {
                let seen = Arc::clone(&seen);
                Box::pin(async move {
                    let server: String = redis::cmd("INFO")
                        .arg("server")
                        .query_async(connection)
                        .await
                        .map_err(deadpool_redis::HookError::Backend)?;
                    if let Some(id) = server.lines().find_map(|line| line.strip_prefix("run_id:"))
                        && let Ok(mut run) = seen.write()
                    {
                        id.trim().clone_into(&mut run);
                    }
                    Ok(())
                })
            }))
            .build()
            .map_err(|source| BusError::Pool(deadpool_redis::CreatePoolError::Build(source)))?;
        let source = format!("/{service}/{instance}");
        Ok(Self {
            shared: Arc::new(Shared {
                pool,
                lane: Lane::default(),
                counters: Lane::default(),
                breaker: Breaker::new(config.breaker()),
                client,
                config,
                clock,
                instance,
                source,
                run,
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

    /// Connections in use, and the most there may be.
    pub fn pool_usage(&self) -> (usize, usize) {
        let status = self.shared.pool.status();
        (
            status.size.saturating_sub(status.available),
            status.max_size,
        )
    }

    /// The time of one round trip. Asks also while nothing else is asked, and ends that when there is
    /// an answer.
    pub async fn ping(&self) -> Result<Duration, BusError> {
        let start = Instant::now();
        let ping = redis::cmd("PING");
        let asked = self.timed(async {
            let mut connection = self.connect().await?;
            let answer: Result<String, _> = ping.query_async(&mut connection).await;
            answer.map_err(BusError::Command)
        });
        let outcome = asked.await;
        self.shared.breaker.note(outcome.as_ref().err());
        outcome.map(|_pong| start.elapsed())
    }

    /// Runs one command, within the configured time.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, BusError> {
        self.within(async {
            let mut connection = self.connect().await?;
            command
                .query_async(&mut connection)
                .await
                .map_err(BusError::Command)
        })
        .await
    }

    /// Runs several commands in one round trip, within the configured time.
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, BusError> {
        self.within(async {
            let mut connection = self.connect().await?;
            pipeline
                .query_async(&mut connection)
                .await
                .map_err(BusError::Command)
        })
        .await
    }

    /// Runs a script, within the configured time.
    pub async fn script<T: FromRedisValue>(
        &self,
        invocation: &redis::ScriptInvocation<'_>,
    ) -> Result<T, BusError> {
        self.within(async {
            let mut connection = self.connect().await?;
            invocation
                .invoke_async(&mut connection)
                .await
                .map_err(BusError::Command)
        })
        .await
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

    pub(crate) async fn connect(&self) -> Result<deadpool_redis::Connection, BusError> {
        // Boxed: every question to Redis holds this future, and it is large.
        Box::pin(self.shared.pool.get())
            .await
            .map_err(BusError::Connect)
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

/// A client that believes servers with certificates of the authorities in `ca_file`, where it names
/// one, and else of those of the system. Only `rediss://` asks for any.
fn open(info: ConnectionInfo, ca_file: &Path) -> Result<redis::Client, BusError> {
    if ca_file.as_os_str().is_empty() {
        return redis::Client::open(info).map_err(BusError::Address);
    }
    let authorities = std::fs::read(ca_file).map_err(|source| BusError::Authorities {
        path: ca_file.display().to_string(),
        source,
    })?;
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(authorities),
    };
    redis::Client::build_with_tls(info, certificates).map_err(BusError::Address)
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
