//! A way to a server that is as narrow as a test wants it.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Bytes of a packet of the network that the way stands for.
const PACKET_BYTES: usize = 1400;
/// What the far end takes in before the way has carried it.
const BUFFER_BYTES: usize = 16 * 1024;
/// Stream time that a way of datagrams holds before it loses what comes.
const QUEUE: Duration = Duration::from_millis(200);

/// A width that the test changes, in kbit/s.
#[derive(Clone)]
struct Width(Arc<AtomicU64>);

impl Width {
    fn wide() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000)))
    }

    /// How long so many bytes take.
    fn time_of(&self, bytes: usize) -> Duration {
        let bits = u64::try_from(bytes).unwrap() * 8;
        Duration::from_micros(bits * 1000 / self.0.load(Ordering::Relaxed))
    }
}

/// When what is carried now has arrived.
struct Pace {
    width: Width,
    free_at: Instant,
}

impl Pace {
    fn new(width: Width) -> Self {
        Self {
            width,
            free_at: Instant::now(),
        }
    }

    /// How long it is until everything before has arrived.
    fn behind(&self) -> Duration {
        self.free_at.saturating_duration_since(Instant::now())
    }

    /// When so many bytes that come now have arrived.
    fn carry(&mut self, bytes: usize) -> Instant {
        self.free_at = self.free_at.max(Instant::now()) + self.width.time_of(bytes);
        self.free_at
    }
}

/// A way to a TCP server on this host.
pub(crate) struct TcpWay {
    port: u16,
    width: Width,
}

impl TcpWay {
    /// A wide one. Its threads end with the test.
    pub(crate) fn to(server: u16) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Both ends then have the buffers that they have in a network, not those of one host.
        socket.set_tcp_mss(1400).unwrap();
        socket.set_recv_buffer_size(BUFFER_BYTES).unwrap();
        let anywhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&anywhere.into()).unwrap();
        socket.listen(8).unwrap();
        let listener = TcpListener::from(socket);
        let port = listener.local_addr().unwrap().port();
        let width = Width::wide();
        let carried = width.clone();
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let back = (server.try_clone().unwrap(), caller.try_clone().unwrap());
                let there = Pace::new(carried.clone());
                thread::spawn(move || carry(caller, server, there));
                thread::spawn(move || carry(back.0, back.1, Pace::new(Width::wide())));
            }
        });
        Self { port, width }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Carries so much from now on.
    pub(crate) fn set_kbps(&self, kbps: u64) {
        self.width.0.store(kbps, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut pace: Pace) {
    let mut packet = [0; PACKET_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut packet) {
        let arrived = pace.carry(bytes);
        thread::sleep(arrived.saturating_duration_since(Instant::now()));
        if to.write_all(&packet[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// A way of datagrams to a socket on this host, which loses what it cannot carry.
pub(crate) struct UdpWay {
    port: u16,
    width: Width,
}

impl UdpWay {
    /// A wide one, for one caller. Its threads end with the test.
    pub(crate) fn to(server: u16) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.connect(("127.0.0.1", server)).unwrap();
        let port = near.local_addr().unwrap().port();
        let width = Width::wide();
        let (near_back, far_back) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let (there, found) = (
            Pace::new(width.clone()),
            Arc::new(std::sync::OnceLock::new()),
        );
        let caller = Arc::clone(&found);
        thread::spawn(move || carry_datagrams(&near, &far, there, &caller));
        thread::spawn(move || {
            let mut datagram = [0; 2048];
            loop {
                // Nobody listens yet, or no more: the caller finds out by itself.
                let Ok(bytes) = far_back.recv(&mut datagram) else {
                    continue;
                };
                if let Some(caller) = found.get() {
                    let _ = near_back.send_to(&datagram[..bytes], caller);
                }
            }
        });
        Self { port, width }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Carries so much from now on.
    pub(crate) fn set_kbps(&self, kbps: u64) {
        self.width.0.store(kbps, Ordering::Relaxed);
    }
}

fn carry_datagrams(
    from: &UdpSocket,
    to: &UdpSocket,
    mut pace: Pace,
    caller: &std::sync::OnceLock<SocketAddr>,
) {
    let mut waiting: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut datagram = [0; 2048];
    loop {
        let next = waiting.front().map(|(at, _)| *at);
        let longest = next.map(|at| at.saturating_duration_since(Instant::now()));
        if longest.is_some_and(|longest| longest.is_zero()) {
            if let Some((_, datagram)) = waiting.pop_front() {
                // As above.
                let _ = to.send(&datagram);
            }
            continue;
        }
        from.set_read_timeout(longest).unwrap();
        let Ok((bytes, by)) = from.recv_from(&mut datagram) else {
            continue;
        };
        let _ = caller.set(by);
        if pace.behind() < QUEUE {
            waiting.push_back((pace.carry(bytes), datagram[..bytes].to_vec()));
        }
    }
}
