use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::candidate::CandidateAddress;
use super::demux::{Datagram, Route, Routes, asked_for};
use crate::config::WebrtcConfig;

/// Longest datagram that any part of WebRTC sends.
const DATAGRAM_BYTES_MAX: usize = 2048;
/// Wait after the socket could not be read, which is not expected to happen at all.
const READ_AGAIN: Duration = Duration::from_millis(100);

/// The one UDP port of all sessions.
#[derive(Debug)]
pub(super) struct Port {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    advertised: Vec<CandidateAddress>,
    /// Where nothing is advertised and the socket listens on every address.
    own: Option<IpAddr>,
    /// A std lock: it is held for a look-up, never across an await.
    routes: Arc<RwLock<Routes>>,
}

impl Port {
    /// Binds it.
    pub(super) async fn open(
        bind: IpAddr,
        config: &WebrtcConfig,
        own: Option<IpAddr>,
    ) -> anyhow::Result<Self> {
        let wanted = SocketAddr::new(bind, config.port);
        let socket = UdpSocket::bind(wanted)
            .await
            .with_context(|| format!("listen on {wanted} (UDP) for WebRTC"))?;
        Ok(Self {
            address: socket.local_addr().context("find the UDP port's address")?,
            socket: Arc::new(socket),
            advertised: config.candidates.clone(),
            own,
            routes: Arc::default(),
        })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn socket(&self) -> Arc<UdpSocket> {
        Arc::clone(&self.socket)
    }

    /// Where viewers are told to reach it.
    pub(super) async fn candidates(&self) -> Vec<SocketAddr> {
        let port = self.address.port();
        if self.advertised.is_empty() {
            let bound = self.address.ip();
            let ip = self.own.filter(|_| bound.is_unspecified()).unwrap_or(bound);
            return vec![SocketAddr::new(ip, port)];
        }
        let mut candidates = Vec::new();
        for address in &self.advertised {
            candidates.extend(address.resolve(port).await);
        }
        candidates
    }

    /// A session with credentials of this name is expected.
    pub(super) fn expect(&self, name: String, route: Route) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.expect(name, route);
    }

    /// The session is over.
    pub(super) fn forget(&self, session: Uuid) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.forget(session);
    }

    /// Hands each datagram to its session, until `stop`.
    pub(super) fn listen(&self, stop: CancellationToken) -> impl Future<Output = ()> + 'static {
        let (socket, routes) = (Arc::clone(&self.socket), Arc::clone(&self.routes));
        async move {
            let listening = hand_out(&socket, &routes);
            stop.run_until_cancelled(listening).await;
        }
    }
}

async fn hand_out(socket: &UdpSocket, routes: &RwLock<Routes>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                deliver(routes, bytes, source);
            }
            Err(error) => {
                tracing::warn!(%error, "the WebRTC port cannot be read");
                tokio::time::sleep(READ_AGAIN).await;
            }
        }
    }
}

/// What is for nobody, or for somebody who has enough to read, is dropped, as the network would.
fn deliver(routes: &RwLock<Routes>, bytes: &[u8], source: SocketAddr) {
    let datagram = || Datagram {
        source,
        bytes: bytes.to_vec(),
        at: Instant::now(),
    };
    if let Some(name) = asked_for(bytes) {
        let mut routes = routes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.of_name(name, source) {
            let _full_or_over = route.inbox.try_send(datagram());
        }
    } else {
        let routes = routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.of_address(source) {
            let _full_or_over = route.inbox.try_send(datagram());
        }
    }
}
