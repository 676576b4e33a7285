//! Redis Cluster: connections to every node that all callers of a process share, and that follow the
//! slots.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::cluster::{ClusterClient, ClusterClientBuilder};
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::{
    self, ErrorKind, FromRedisValue, ProtocolVersion, PushInfo, RedisError, ServerErrorKind,
    TlsCertificates,
};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::config::BusConfig;
use crate::connection::authorities;
use crate::error::BusError;
use crate::link::Link;
use crate::request::Request;

/// Distance between two attempts at what a node refuses because its slots are on the move.
const MOVED_WAIT: Duration = Duration::from_millis(20);

/// A cluster, and the way to it where there is one.
pub(crate) struct Cluster {
    nodes: Vec<String>,
    password: Option<String>,
    authorities: Option<TlsCertificates>,
    limit: Duration,
    client: ClusterClient,
    /// A std lock: it is held for a copy and never across an await.
    open: Mutex<Option<ClusterConnection>>,
    /// One at a time connects; the others take what it gets.
    connecting: tokio::sync::Mutex<()>,
}

impl Cluster {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &BusConfig, password: Option<String>) -> Result<Self, BusError> {
        let nodes: Vec<_> = config.nodes().map(str::to_owned).collect();
        let limit = config.timeout();
        let authorities = authorities(config)?;
        let client = builder(&nodes, password.as_deref(), authorities.as_ref(), limit);
        Ok(Self {
            client: client.build().map_err(BusError::Address)?,
            nodes,
            password,
            authorities,
            limit,
            open: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request over the shared connections. What a node has refused because a slot is on the
    /// move did not happen, and is sent again. Nothing else is: it may have happened.
    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, BusError> {
        let mut link = Link::Cluster(self.connection().await?);
        loop {
            match request.send(&mut link).await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_refused_for_now(&error) => sleep(MOVED_WAIT).await,
                Err(error) => {
                    if error.is_unrecoverable_error() {
                        // The next caller connects anew, to the nodes that there are then.
                        *self.open() = None;
                    }
                    return Err(BusError::Command(error));
                }
            }
        }
    }

    /// Sends a request that touches `key` and is no use to send twice. The way to the node of the key
    /// is proven first, by a question that can be asked again.
    pub(crate) async fn send_once<T: FromRedisValue>(
        &self,
        key: &str,
        request: Request<'_>,
    ) -> Result<T, BusError> {
        let mut question = redis::cmd("EXISTS");
        question.arg(key);
        loop {
            match self.send::<i64>(Request::Command(&question)).await {
                Ok(_exists) => return self.send(request).await,
                Err(BusError::Command(error)) if error.is_io_error() => sleep(MOVED_WAIT).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn connection(&self) -> Result<ClusterConnection, BusError> {
        let known = self.open().clone();
        if let Some(connection) = known {
            return Ok(connection);
        }
        let _turn = self.connecting.lock().await;
        let newer = self.open().clone();
        if let Some(connection) = newer {
            return Ok(connection);
        }
        let connection = self.client.get_async_connection().await;
        let connection = connection.map_err(BusError::Cluster)?;
        *self.open() = Some(connection.clone());
        Ok(connection)
    }

    /// Connections of their own for a subscription. What is pushed over them is put into `pushes`, as
    /// far as that has room.
    pub(crate) async fn subscriber(
        &self,
        pushes: mpsc::Sender<PushInfo>,
    ) -> Result<ClusterConnection, RedisError> {
        let (password, authorities) = (self.password.as_deref(), self.authorities.as_ref());
        builder(&self.nodes, password, authorities, self.limit)
            .use_protocol(ProtocolVersion::RESP3)
            .push_sender(move |push: PushInfo| pushes.try_send(push))
            .build()?
            .get_async_connection()
            .await
    }

    fn open(&self) -> MutexGuard<'_, Option<ClusterConnection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never sends anything again by itself: a commit whose connection was lost may have happened.
fn builder(
    nodes: &[String],
    password: Option<&str>,
    authorities: Option<&TlsCertificates>,
    limit: Duration,
) -> ClusterClientBuilder {
    let mut builder = ClusterClientBuilder::new(nodes.iter().map(String::as_str))
        .retries(0)
        .connection_timeout(limit)
        .response_timeout(limit);
    if let Some(password) = password {
        builder = builder.password(password);
    }
    if let Some(authorities) = authorities {
        builder = builder.certs(authorities.clone());
    }
    builder
}

/// Whether the node has done nothing, and another one or the same will soon.
fn is_refused_for_now(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
        )
    )
}
