//! A server that speaks S3.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The one bucket.
const BUCKET: &str = "assets";
const ACCESS_KEY: &str = "AKIATESTTESTTESTTEST";
const SECRET_KEY: &str = "a-secret-that-opens-one-test";

/// How connections are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Serving,
    /// They end without an answer.
    Away,
    /// New ones wait.
    Holding,
}

/// An S3 server with a bucket of its own, which checks who asks. It has a thread of its own, so that it
/// goes on while a test waits for a service. Ends with the value.
#[derive(Debug)]
pub struct ObjectStore {
    port: u16,
    root: TempDir,
    mode: watch::Sender<Mode>,
    held: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

impl ObjectStore {
    /// A server on a port of its own.
    pub fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        std::fs::write(root.path().join("secret"), SECRET_KEY).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = watch::Sender::new(Mode::Serving);
        let (state, held) = (mode.subscribe(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&held);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let counted = Arc::clone(&counted);
                tokio::spawn(serve(client, service.clone(), state.clone(), counted));
            }
        });
        Self {
            port,
            root,
            mode,
            held,
            runtime: Some(runtime),
        }
    }

    /// The settings of a service that uses it.
    pub fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("bucket", BUCKET.to_owned()),
            ("prefix", "station".to_owned()),
            ("endpoint", format!("http://127.0.0.1:{}", self.port)),
            ("allow_http", "true".to_owned()),
            ("access_key_id", ACCESS_KEY.to_owned()),
            (
                "secret_access_key_file",
                self.root.path().join("secret").display().to_string(),
            ),
            ("retry_for_ms", "300".to_owned()),
        ];
        settings
            .into_iter()
            .map(|(key, value)| (format!("object_store.{key}"), value))
            .collect()
    }

    /// From now on every connection ends without an answer, or no longer does.
    pub fn set_away(&self, away: bool) {
        let mode = if away { Mode::Away } else { Mode::Serving };
        self.mode.send_replace(mode);
    }

    /// From now on new connections wait for an answer, or no longer do.
    pub fn set_holding(&self, holding: bool) {
        let mode = if holding {
            Mode::Holding
        } else {
            Mode::Serving
        };
        self.mode.send_replace(mode);
    }

    /// Connections that have had to wait so far.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Where an object is on the disk.
    pub fn object(&self, name: &str) -> PathBuf {
        self.root.path().join(BUCKET).join("station").join(name)
    }

    /// The names of all objects, sorted.
    pub fn objects(&self) -> Vec<String> {
        let station = self.object("");
        let mut names = Vec::new();
        walk(&station, &mut |path| {
            let name = path.strip_prefix(&station).unwrap();
            names.push(name.display().to_string());
        });
        names.sort_unstable();
        names
    }

    /// Everything that the server keeps besides objects: parts of what never became one.
    pub fn parts(&self) -> usize {
        let mut parts = 0;
        walk(self.root.path(), &mut |path| {
            parts += usize::from(path.to_string_lossy().contains(".part-"));
        });
        parts
    }
}

async fn serve(
    client: TcpStream,
    service: S3Service,
    mut mode: watch::Receiver<Mode>,
    held: Arc<AtomicUsize>,
) {
    if *mode.borrow() == Mode::Holding {
        held.fetch_add(1, Ordering::Relaxed);
        let _over = mode.wait_for(|mode| *mode != Mode::Holding).await;
    }
    let server = auto::Builder::new(TokioExecutor::new());
    let connection = server.serve_connection(TokioIo::new(client), service);
    tokio::select! {
        biased;
        _ = mode.wait_for(|mode| *mode == Mode::Away) => {}
        _ended = connection => {}
    }
}

fn walk(directory: &Path, found: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            walk(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
