//! How Redis is reached.

use std::sync::{Arc, RwLock};

use deadpool_redis::redis::{self, IntoConnectionInfo};
use deadpool_redis::{Hook, Manager, Pool, Runtime};

use crate::cluster::Cluster;
use crate::config::BusConfig;
use crate::connection::authorities;
use crate::error::BusError;
use crate::lane::Lane;

/// Redis as the configuration says.
pub(crate) enum Server {
    /// One process.
    One(Box<One>),
    /// Several, which share the keys.
    Cluster(Box<Cluster>),
}

/// One Redis process.
pub(crate) struct One {
    pub(crate) pool: Pool,
    /// The connection that commits share.
    pub(crate) lane: Lane,
    /// The connection that allowances are taken over: requests that are counted keep no commit waiting.
    pub(crate) counters: Lane,
    pub(crate) client: redis::Client,
    /// Identity of the running process, refreshed with every new connection. A std lock: it is held
    /// for a copy and never across an await.
    run: Arc<RwLock<String>>,
}

impl One {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &BusConfig, password: Option<String>) -> Result<Self, BusError> {
        let mut info = config
            .url
            .as_str()
            .into_connection_info()
            .map_err(BusError::Address)?;
        if let Some(password) = password {
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        let client = match authorities(config)? {
            Some(authorities) => redis::Client::build_with_tls(info, authorities),
            None => redis::Client::open(info),
        };
        let client = client.map_err(BusError::Address)?;
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
        Ok(Self {
            pool,
            lane: Lane::default(),
            counters: Lane::default(),
            client,
            run,
        })
    }

    /// The identity of the running process; empty before the first connection.
    pub(crate) fn run(&self) -> String {
        self.run.read().map(|run| run.clone()).unwrap_or_default()
    }
}
