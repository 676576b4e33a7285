use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use crate::{Answer, Api};

/// What a viewer received: a frame of H.264 behind start codes, or a packet of Opus.
#[derive(Clone, Debug)]
pub struct Received {
    /// Whether it is a frame.
    pub is_video: bool,
    /// Its time stamp, in ticks of the track's clock: 90 kHz or 48 kHz.
    pub ticks: u64,
    /// When it was there whole.
    pub at: Instant,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A viewer over WebRTC, as a browser is one: it opens a session by WHEP, and is ICE's full and
/// controlling side.
#[derive(Debug)]
pub struct WhepViewer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    buffer: Vec<u8>,
    /// Every so many datagrams of media are lost on the way; 0 for none.
    pub lose_every: usize,
    arrived: usize,
    /// The session's address.
    pub location: String,
    /// The answer to the offer.
    pub answer: Answer,
    /// Everything that came.
    pub received: Vec<Received>,
    /// Whether the connection was made.
    pub connected: bool,
    /// Whether the other side has hung up.
    pub hung_up: bool,
}

/// An offer, and what makes a viewer of its answer.
#[derive(Debug)]
pub struct WhepOffer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    pending: SdpPendingOffer,
    /// The SDP.
    pub sdp: String,
}

impl WhepOffer {
    /// What a browser offers that wants picture and sound.
    pub async fn new() -> Self {
        Self::with(RtcConfig::new()).await
    }

    /// The same of a browser that has no H.264.
    pub async fn without_h264() -> Self {
        let codecs = RtcConfig::new().clear_codecs();
        Self::with(codecs.enable_vp8(true).enable_opus(true, false)).await
    }

    async fn with(config: RtcConfig) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let mut rtc = config.set_crypto_provider(crypto).build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        let mut changes = rtc.sdp_api();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            changes.add_media(kind, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = changes.apply().unwrap();
        Self {
            rtc,
            socket,
            address,
            pending,
            sdp: offer.to_sdp_string(),
        }
    }

    /// Sends the offer to this path.
    pub async fn send(&self, api: &Api, path: &str) -> Answer {
        let request = api
            .request(Method::POST, path)
            .header("content-type", "application/sdp")
            .body(self.sdp.clone());
        api.send(request).await
    }

    /// A viewer whose offer was taken.
    pub fn accept(mut self, answer: Answer, path: &str) -> WhepViewer {
        let answer = answer.expect(201);
        let sdp = SdpAnswer::from_sdp_string(&answer.text).expect("the answer is SDP");
        let accepted = self.rtc.sdp_api().accept_answer(self.pending, sdp);
        accepted.unwrap_or_else(|error| panic!("{error}: {}", answer.text));
        let (folder, _whep) = path.rsplit_once('/').unwrap();
        WhepViewer {
            rtc: self.rtc,
            socket: self.socket,
            address: self.address,
            buffer: vec![0; 2048],
            lose_every: 0,
            arrived: 0,
            location: format!("{folder}/{}", answer.header("location")),
            answer,
            received: Vec::new(),
            connected: false,
            hung_up: false,
        }
    }
}

impl WhepViewer {
    /// Opens a session at this path.
    pub async fn open(api: &Api, path: &str) -> Self {
        let offer = WhepOffer::new().await;
        let answer = offer.send(api, path).await;
        offer.accept(answer, path)
    }

    /// Watches until `enough`.
    pub async fn watch(&mut self, what: &str, patience: Duration, enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + patience;
        while !enough(self) {
            assert!(
                Instant::now() < deadline,
                "{what}: {} units, connected: {}, hung up: {}",
                self.received.len(),
                self.connected,
                self.hung_up
            );
            self.go_on().await;
        }
    }

    /// The frames, or else the packets of sound, that came.
    pub fn units(&self, video: bool) -> impl DoubleEndedIterator<Item = &Received> {
        let all = self.received.iter();
        all.filter(move |received| received.is_video == video)
    }

    /// The picture as a file of H.264.
    pub fn video(&self) -> Vec<u8> {
        self.units(true)
            .flat_map(|received| received.data.iter().copied())
            .collect()
    }

    async fn go_on(&mut self) {
        let due = loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(due) => break due,
                Output::Transmit(transmit) => {
                    let sent = self
                        .socket
                        .send_to(&transmit.contents, transmit.destination);
                    sent.await.unwrap();
                }
                Output::Event(event) => self.note(event),
            }
        };
        let due = due.min(Instant::now() + Duration::from_millis(50));
        let mut buffer = std::mem::take(&mut self.buffer);
        let arriving = self.socket.recv_from(&mut buffer);
        match tokio::time::timeout_at(due.into(), arriving).await {
            Ok(arrived) => {
                let (length, source) = arrived.unwrap();
                let bytes = buffer.get(..length).unwrap();
                self.take(bytes, source);
            }
            Err(_due) => self
                .rtc
                .handle_input(Input::Timeout(Instant::now()))
                .unwrap(),
        }
        self.buffer = buffer;
    }

    fn take(&mut self, bytes: &[u8], source: SocketAddr) {
        if is_media(bytes) {
            self.arrived += 1;
            if self.lose_every > 0 && self.arrived.is_multiple_of(self.lose_every) {
                return;
            }
        }
        let received = Receive::new(Protocol::Udp, source, self.address, bytes).unwrap();
        let input = Input::Receive(Instant::now(), received);
        self.rtc.handle_input(input).unwrap();
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a test picks what it is about"
    )]
    fn note(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::Closed => self.hung_up = true,
            Event::MediaData(data) => self.received.push(Received {
                is_video: data.params.spec().codec.is_video(),
                ticks: data.time.numer(),
                at: Instant::now(),
                data: data.data.to_vec(),
            }),
            _ => {}
        }
    }
}

/// RTP, and not what controls it (RFC 5761).
fn is_media(datagram: &[u8]) -> bool {
    let (first, second) = (datagram.first(), datagram.get(1));
    matches!(first, Some(128..192)) && !matches!(second, Some(192..224))
}
