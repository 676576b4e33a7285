//! The UDP port that publishers come to, and the one task that listens there.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sapflow_srt::crypto::{CryptoConfig, KeySize};
use sapflow_srt::{Config, ConnId, Event, Listener, RejectCode};
use secrecy::ExposeSecret as _;
use sm_service_kit::secret;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::sleep_until;

use super::super::door::{Door, Refusal};
use super::publisher::{self, Call};
use super::{rejection, stream_id};
use crate::config::IngestConfig;

/// Longest datagram of SRT, and a little.
const DATAGRAM_BYTES_MAX: usize = 2048;
/// Wait after the socket could not be read, which is not expected to happen at all.
const READ_AGAIN: Duration = Duration::from_millis(100);
/// Shortest time from one look at what is due to the next.
const TICK: Duration = Duration::from_millis(1);
/// Answers of publishers' tasks that wait.
const ORDERS_MAX: usize = 64;

/// The bound port.
#[derive(Debug)]
pub(crate) struct Port {
    socket: UdpSocket,
    terms: Config,
}

/// What a publisher's task wants of the port.
#[derive(Debug)]
pub(super) enum Order {
    /// Let it in; the answer is whether it is.
    Accept(ConnId, oneshot::Sender<bool>),
    /// Refuse it, or end its connection.
    End(ConnId, RejectCode),
}

impl Port {
    /// Binds it.
    pub(crate) async fn open(bind: IpAddr, config: &IngestConfig) -> anyhow::Result<Self> {
        let wanted = SocketAddr::new(bind, config.srt_port);
        let socket = UdpSocket::bind(wanted)
            .await
            .with_context(|| format!("listen on {wanted} (UDP) for publishers by SRT"))?;
        Ok(Self {
            socket,
            terms: terms(config)?,
        })
    }

    /// Serves publishers until the process is about to end.
    pub(crate) async fn serve(self, door: Arc<Door>) {
        let Self { socket, terms } = self;
        let (orders, mut ordered) = mpsc::channel(ORDERS_MAX);
        let draining = door.lifecycle.draining().clone();
        let mut exchange = Exchange {
            listener: Listener::new(terms, Instant::now()),
            inboxes: HashMap::new(),
            places: Arc::new(Semaphore::new(door.config.connections_max)),
            door,
            orders,
        };
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            exchange.hand_out();
            exchange.send(&socket).await;
            tokio::select! {
                read = socket.recv_from(&mut buffer) => match read {
                    Ok((length, peer)) => {
                        exchange.hear(peer, buffer.get(..length).unwrap_or_default());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the SRT port cannot be read");
                        tokio::time::sleep(READ_AGAIN).await;
                    }
                },
                Some(order) = ordered.recv() => exchange.obey(order),
                () = due(exchange.listener.poll_timeout()) => {
                    exchange.listener.handle_timeout(Instant::now());
                }
                () = draining.cancelled() => break,
            }
        }
        exchange.end_all();
        exchange.send(&socket).await;
    }
}

/// What the library is told.
fn terms(config: &IngestConfig) -> anyhow::Result<Config> {
    let crypto = passphrase(config)?;
    Ok(Config {
        latency: config.srt_latency(),
        // Those that are one too many are told so.
        max_connections: config.connections_max.saturating_mul(2),
        handshakes_per_second: config.srt_handshakes_per_s_max,
        buffer_packets: config.srt_packets_max,
        peer_idle: config.silence(),
        accept_timeout: config.open_timeout(),
        require_encryption: crypto.is_some(),
        crypto,
        allow_plaintext: false,
    })
}

/// Encoders that are not told otherwise encrypt with keys of 128 bits.
fn passphrase(config: &IngestConfig) -> anyhow::Result<Option<CryptoConfig>> {
    const SETTING: &str = "ingest.srt_passphrase_file";
    let Some(passphrase) = secret::read(&config.srt_passphrase_file, SETTING)? else {
        return Ok(None);
    };
    let passphrase = passphrase.expose_secret().to_vec();
    CryptoConfig::new(passphrase, KeySize::Aes128)
        .map(Some)
        .context("ingest.srt_passphrase_file: a passphrase has 10 to 79 bytes")
}

/// Returns when there is something to do.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.max(Instant::now() + TICK).into()).await,
        None => std::future::pending().await,
    }
}

/// Between the library and publishers' tasks.
struct Exchange {
    listener: Listener,
    inboxes: HashMap<ConnId, mpsc::Sender<Vec<u8>>>,
    places: Arc<Semaphore>,
    door: Arc<Door>,
    orders: mpsc::Sender<Order>,
}

impl Exchange {
    fn hear(&mut self, peer: SocketAddr, datagram: &[u8]) {
        let before = self.listener.stats().rejected;
        self.listener
            .handle_datagram(Instant::now(), peer, datagram);
        if self.listener.stats().rejected > before {
            self.note_rejected(Some(peer.ip()));
        }
    }

    /// The library refuses by itself who speaks no version 5, has no passphrase or another one, or
    /// sends files.
    fn note_rejected(&self, client: Option<IpAddr>) {
        let reason = "handshake";
        self.door.metrics.refused(reason);
        tracing::info!(
            client = client.map(tracing::field::display),
            reason,
            "publisher refused: its SRT is of another kind, or the passphrase is another one"
        );
    }

    /// Hands what has happened to whom it concerns.
    fn hand_out(&mut self) {
        while let Some(event) = self.listener.poll_event() {
            match event {
                Event::Connect {
                    id,
                    peer,
                    stream_id,
                } => self.connect(id, peer, &stream_id),
                Event::Data { id, payload } => self.deliver(id, payload),
                // Its task sees the end of its inbox.
                Event::Closed { id, .. } => drop(self.inboxes.remove(&id)),
            }
        }
    }

    fn connect(&mut self, id: ConnId, peer: SocketAddr, stream_id: &[u8]) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let refusal = Refusal::TooManyPublishers;
            self.door.metrics.refused(refusal.reason());
            self.listener.reject(id, rejection::code(&refusal));
            return;
        };
        let (inbox, payloads) = mpsc::channel(self.door.config.srt_packets_max.max(1));
        self.inboxes.insert(id, inbox);
        let call = Call {
            id,
            peer: peer.ip(),
            key: stream_id::key(stream_id),
            payloads,
            orders: self.orders.clone(),
        };
        let door = Arc::clone(&self.door);
        self.door.lifecycle.spawn(async move {
            publisher::serve(&door, call).await;
            drop(place);
        });
    }

    fn deliver(&mut self, id: ConnId, payload: Vec<u8>) {
        let Some(inbox) = self.inboxes.get(&id) else {
            return;
        };
        if let Err(TrySendError::Closed(_)) = inbox.try_send(payload) {
            self.end(id, RejectCode::CLOSE);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Accept(id, answer) => {
                let before = self.listener.stats().rejected;
                let accepted = self.listener.accept(id, Instant::now());
                if !accepted {
                    self.inboxes.remove(&id);
                }
                if self.listener.stats().rejected > before {
                    self.note_rejected(None);
                }
                // Who asked may be gone: then it says that this is to end.
                let _unheard = answer.send(accepted);
            }
            Order::End(id, code) => self.end(id, code),
        }
    }

    fn end(&mut self, id: ConnId, code: RejectCode) {
        if !self.listener.reject(id, code) {
            self.listener.close(id, Instant::now());
        }
        self.inboxes.remove(&id);
    }

    fn end_all(&mut self) {
        let known: Vec<ConnId> = self.inboxes.keys().copied().collect();
        for id in known {
            self.end(id, rejection::code(&Refusal::Ending));
        }
    }

    async fn send(&mut self, socket: &UdpSocket) {
        while let Some((peer, datagram)) = self.listener.poll_transmit() {
            // Lost, as on the network.
            let _lost = socket.send_to(&datagram, peer).await;
        }
    }
}
