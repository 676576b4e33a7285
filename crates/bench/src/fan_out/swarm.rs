//! Many WebSocket clients in one process, which count what they hear and keep nothing of it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::frames::{Frames, Piece, masked};

/// Connections that are opened at the same time.
const OPENING: usize = 32;
/// How long one may take to open.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections from one address; each address has ports of its own.
const PER_ADDRESS: usize = 5_000;
/// Of so many connections one takes the time of what it hears.
const SAMPLED: usize = 16;
/// Stands in front of the time in every message, and nowhere else.
const MARK: u8 = b'~';
const STAMP_BYTES: usize = 16;
const TEXT: u8 = 0x81;
const PONG: u8 = 0x8a;

/// How a server is spoken to.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) address: SocketAddr,
    /// The handshake's first line and the headers that only this server needs.
    pub(super) path: String,
    pub(super) headers: String,
    /// What a client says first.
    pub(super) hello: Option<String>,
    /// What it hears when it is subscribed; nothing where the handshake subscribes.
    pub(super) joined: Option<&'static str>,
    /// A heartbeat that is a message, and its answer.
    pub(super) beat: Option<(&'static str, &'static str)>,
}

/// What all clients of one server have heard.
#[derive(Debug)]
pub(super) struct Heard {
    start: Instant,
    messages: AtomicU64,
    lost: AtomicU64,
    delays: Mutex<Vec<u64>>,
}

impl Heard {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            messages: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            delays: Mutex::default(),
        }
    }

    /// Deliveries so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Connections that ended.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// A message of `bytes` bytes with the time in it.
    pub(super) fn message(&self, bytes: usize) -> String {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        format!("~{now:016x}{}", "x".repeat(bytes - 1 - STAMP_BYTES))
    }

    /// The sampled delays since the last call, in nanoseconds.
    pub(super) fn take_delays(&self) -> Vec<u64> {
        self.delays
            .lock()
            .map(|mut delays| std::mem::take(&mut *delays))
            .unwrap_or_default()
    }

    fn delay(&self, stamp: &str) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Ok(sent) = u64::from_str_radix(stamp, 16)
            && let Ok(mut delays) = self.delays.lock()
        {
            delays.push(now.saturating_sub(sent));
        }
    }
}

/// Connections to one server. End with the value.
#[derive(Debug)]
pub(super) struct Swarm {
    pub(super) heard: Arc<Heard>,
    clients: Vec<JoinHandle<()>>,
}

impl Swarm {
    /// Connects and subscribes so many clients.
    pub(super) async fn open(entrance: &Entrance, count: usize) -> anyhow::Result<Self> {
        let heard = Arc::new(Heard::new());
        let opening = stream::iter(0..count).map(|number| {
            let heard = Arc::clone(&heard);
            async move {
                let mut client = join(entrance, number, None).await?;
                client.samples = number % SAMPLED == 0;
                anyhow::Ok(tokio::spawn(client.listen(heard)))
            }
        });
        let clients = opening.buffer_unordered(OPENING).try_collect().await?;
        Ok(Self { heard, clients })
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        for client in &self.clients {
            client.abort();
        }
    }
}

/// Subscribes a client that reads nothing from then on. The kernel holds `receive_bytes` for it.
pub(super) async fn open_dead(
    entrance: &Entrance,
    number: usize,
    receive_bytes: u32,
) -> anyhow::Result<TcpStream> {
    Ok(join(entrance, number, Some(receive_bytes)).await?.stream)
}

struct Client {
    stream: TcpStream,
    frames: Frames,
    beat: Option<(&'static str, &'static str)>,
    samples: bool,
    /// The digits after the last mark, while they are not complete.
    stamp: Option<String>,
}

/// Connects and subscribes one client.
async fn join(
    entrance: &Entrance,
    number: usize,
    receive_bytes: Option<u32>,
) -> anyhow::Result<Client> {
    let joining = try_join(entrance, number, receive_bytes);
    timeout(PATIENCE, joining)
        .await
        .context("a client joins in time")?
}

async fn try_join(
    entrance: &Entrance,
    number: usize,
    receive_bytes: Option<u32>,
) -> anyhow::Result<Client> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    let last = u8::try_from(number / PER_ADDRESS + 1)?;
    let from = Ipv4Addr::new(127, 0, 90, last);
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    let mut stream = socket.connect(entrance.address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let Entrance { path, headers, .. } = entrance;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.context("read the answer")?);
    }
    let answer = String::from_utf8_lossy(&answer);
    anyhow::ensure!(answer.starts_with("HTTP/1.1 101"), "no WebSocket: {answer}");
    let mut client = Client {
        stream,
        frames: Frames::default(),
        beat: entrance.beat,
        samples: false,
        stamp: None,
    };
    if let Some(hello) = &entrance.hello {
        client
            .stream
            .write_all(&masked(TEXT, hello.as_bytes()))
            .await?;
    }
    if let Some(joined) = entrance.joined {
        client.until(joined).await?;
    }
    Ok(client)
}

impl Client {
    /// Reads until this was heard.
    async fn until(&mut self, wanted: &str) -> anyhow::Result<()> {
        let mut heard = String::new();
        while !heard.contains(wanted) {
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).await?;
            anyhow::ensure!(count > 0, "closed instead of `{wanted}`: {heard}");
            self.frames
                .take(buffer.get(..count).unwrap_or_default(), |piece| {
                    if let Piece::Message(piece) = piece {
                        heard.push_str(&String::from_utf8_lossy(piece));
                    }
                });
        }
        Ok(())
    }

    /// Counts what comes, and answers heartbeats, until the connection ends.
    async fn listen(mut self, heard: Arc<Heard>) {
        while self.stream.readable().await.is_ok() && self.drain(&heard) {}
        heard.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads what is there. Returns whether more may come.
    fn drain(&mut self, heard: &Heard) -> bool {
        let mut buffer = [0; 16 * 1024];
        let count = match self.stream.try_read(&mut buffer) {
            Ok(count) => count,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        };
        let (mut marks, mut is_open, mut answers) = (0, count > 0, Vec::new());
        let Self {
            frames,
            beat,
            samples,
            stamp,
            ..
        } = self;
        frames.take(
            buffer.get(..count).unwrap_or_default(),
            |piece| match piece {
                Piece::Message(piece) => {
                    if let Some((ping, pong)) = beat
                        && piece == ping.as_bytes()
                    {
                        answers.push(masked(TEXT, pong.as_bytes()));
                        return;
                    }
                    marks += piece.split(|byte| *byte == MARK).count() - 1;
                    if *samples {
                        read_stamps(piece, stamp, heard);
                    }
                }
                Piece::Ping(payload) => answers.push(masked(PONG, &payload)),
                Piece::Close => is_open = false,
            },
        );
        if marks > 0 {
            heard
                .messages
                .fetch_add(u64::try_from(marks).unwrap_or(0), Ordering::Relaxed);
        }
        for answer in answers {
            is_open &= self.stream.try_write(&answer).is_ok();
        }
        is_open
    }
}

/// Takes the time of every message that begins in a piece or began before it.
fn read_stamps(piece: &[u8], stamp: &mut Option<String>, heard: &Heard) {
    for byte in piece {
        if *byte == MARK {
            *stamp = Some(String::with_capacity(STAMP_BYTES));
        } else if let Some(digits) = stamp {
            digits.push(char::from(*byte));
            if digits.len() == STAMP_BYTES {
                heard.delay(digits);
                *stamp = None;
            }
        }
    }
}
