use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Most bytes that are passed on at once.
const CHUNK_BYTES: usize = 65_536;

/// What is lost, if anything.
type Lost = Arc<Mutex<Option<Vec<u8>>>>;

/// A proxy in front of a server on this host, which can lose what the server says. Ends with the
/// value. It has a thread of its own, so that it goes on while a test waits for a service to end.
#[derive(Debug)]
pub struct LossyProxy {
    port: u16,
    lost: Lost,
    runtime: Option<Runtime>,
}

impl LossyProxy {
    /// Listens on a port of its own, and passes everything on to `port`.
    pub fn start(port: u16) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let own = listener.local_addr().unwrap().port();
        let lost = Lost::default();
        let known = Arc::clone(&lost);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                    tokio::spawn(pass(client, server, Arc::clone(&known)));
                }
            }
        });
        Self {
            port: own,
            lost,
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
        *self.lost.lock().unwrap() = bytes.map(<[u8]>::to_vec);
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn pass(client: TcpStream, server: TcpStream, lost: Lost) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ended = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ended = pass_back(from_server, to_client, &lost) => {}
    }
}

async fn pass_back(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    lost: &Mutex<Option<Vec<u8>>>,
) -> Option<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        let said = chunk.get(..read)?;
        let is_lost = lost.lock().unwrap().as_ref().is_some_and(|lost| {
            let mut windows = said.windows(lost.len());
            windows.any(|window| window == lost.as_slice())
        });
        if !is_lost {
            to.write_all(said).await.ok()?;
        }
    }
}
