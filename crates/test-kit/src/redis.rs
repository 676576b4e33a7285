use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sm_bus::{Bus, BusConfig};
use sm_common::clock::SystemClock;
use sm_common::id::InstanceId;
use tempfile::TempDir;

use crate::wait::until_blocking;

/// Longest wait for a server that runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Redis server of this test alone, with an append-only file. Ends with the value.
#[derive(Debug)]
pub struct Redis {
    child: Option<Child>,
    port: u16,
    directory: TempDir,
    /// The port, certificate and key of TLS, where it is spoken.
    tls: Option<(u16, PathBuf, PathBuf)>,
}

impl Redis {
    /// Starts a server.
    pub fn start() -> Self {
        Self::started(None)
    }

    /// Starts a server that speaks TLS on a port of its own besides.
    pub fn start_with_tls(certificate: &Path, key: &Path) -> Self {
        Self::started(Some((free_port(), certificate.to_owned(), key.to_owned())))
    }

    fn started(tls: Option<(u16, PathBuf, PathBuf)>) -> Self {
        let mut redis = Self {
            child: None,
            port: free_port(),
            directory: directory(),
            tls,
        };
        redis.restart();
        redis
    }

    /// The address with TLS; the plain one where that is not spoken.
    pub fn tls_url(&self) -> String {
        match &self.tls {
            Some((port, ..)) => format!("rediss://127.0.0.1:{port}/"),
            None => self.url(),
        }
    }

    /// The address for a service's configuration.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port, for a proxy in between.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A connection for the test itself, as a process of `service`. It waits as long as a busy
    /// machine needs.
    pub fn bus(&self, service: &str) -> Bus {
        self.bus_that_waits(service, PATIENCE)
    }

    /// A connection that gives an answer up after `longest`.
    pub fn bus_that_waits(&self, service: &str, longest: Duration) -> Bus {
        let config = BusConfig {
            timeout_ms: u64::try_from(longest.as_millis()).unwrap(),
            ..BusConfig::at(self.url())
        };
        Bus::new(
            config,
            service,
            InstanceId::generate(service),
            SystemClock::shared(),
        )
        .unwrap()
    }

    /// Kills the server, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops the server's process where it is: it neither answers nor refuses.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Starts the server again, with its data.
    pub fn restart(&mut self) {
        self.kill();
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let mut server = Command::new("redis-server");
        if let Some((port, certificate, key)) = &self.tls {
            server
                .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
                .arg("--tls-cert-file")
                .arg(certificate)
                .arg("--tls-key-file")
                .arg(key)
                .arg("--tls-ca-cert-file")
                .arg(certificate);
        }
        let child = server
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--dir", &self.directory.path().display().to_string()])
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        let port = self.port;
        until_blocking("Redis answers", PATIENCE, || {
            let pong = Command::new("redis-cli")
                .args(["-p", &port.to_string(), "ping"])
                .output();
            pong.is_ok_and(|pong| pong.stdout.starts_with(b"PONG"))
        });
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// The directory of its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("the server runs");
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// In memory where the system has such a directory: killed processes leave their files there as
/// well, and a busy disk delays nobody's write.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    directory.unwrap()
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // The test is over either way.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
