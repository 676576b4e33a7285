use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Most bytes that are passed on at once.
const CHUNK_BYTES: usize = 65_536;

/// What is wrong with the way, if anything.
#[derive(Debug, Default)]
struct Faults {
    lost: Option<Vec<u8>>,
    delay: Option<Duration>,
}

/// A proxy in front of a server on this host, which can lose or delay what the server says. Ends with
/// the value. It has a thread of its own, so that it goes on while a test waits for a service to end.
#[derive(Debug)]
pub struct LossyProxy {
    port: u16,
    faults: Arc<Mutex<Faults>>,
    runtime: Option<Runtime>,
}

impl LossyProxy {
    /// Listens on a port of its own, and passes everything on to `port`.
    pub fn start(port: u16) -> Self {
        Self::to((Ipv4Addr::LOCALHOST, port).into())
    }

    /// The same, to a server on another address of this host.
    pub fn to(server: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let own = listener.local_addr().unwrap().port();
        let faults = Arc::<Mutex<Faults>>::default();
        let known = Arc::clone(&faults);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if let Ok(server) = TcpStream::connect(server).await {
                    tokio::spawn(pass(client, server, Arc::clone(&known)));
                }
            }
        });
        Self {
            port: own,
            faults,
            runtime: Some(runtime),
        }
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Loses everything that the server says in one breath with these bytes, on all connections;
    /// nothing where there are none.
    pub fn lose(&self, bytes: Option<&[u8]>) {
        self.faults.lock().unwrap().lost = bytes.map(<[u8]>::to_vec);
    }

    /// Keeps everything that the server says back for so long, on all connections.
    pub fn delay(&self, delay: Option<Duration>) {
        self.faults.lock().unwrap().delay = delay;
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn pass(client: TcpStream, server: TcpStream, faults: Arc<Mutex<Faults>>) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ended = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ended = pass_back(from_server, to_client, &faults) => {}
    }
}

async fn pass_back(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: &Mutex<Faults>,
) -> Option<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        let said = chunk.get(..read)?;
        let (is_lost, delay) = {
            let faults = faults.lock().unwrap();
            let is_lost = faults.lost.as_ref().is_some_and(|lost| {
                let mut windows = said.windows(lost.len());
                windows.any(|window| window == lost.as_slice())
            });
            (is_lost, faults.delay)
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if !is_lost {
            to.write_all(said).await.ok()?;
        }
    }
}
