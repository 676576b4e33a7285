//! The service as a process of its own, which can be killed and weighed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sm_test_kit::{Api, Keys, until};

use crate::harness::SOON;

/// One process of the service. Killed with the value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    http: SocketAddr,
    metrics: SocketAddr,
    health: SocketAddr,
}

impl Process {
    /// Starts a process, and waits until it is ready.
    pub(crate) async fn start(redis: &str, keys: &Keys, changes: &[(&str, &str)]) -> Self {
        let mut settings = BTreeMap::from([
            ("http.bind", "127.0.0.1"),
            ("http.port", "0"),
            ("ws.port", "0"),
            ("ops.metrics_port", "0"),
            ("ops.health_port", "0"),
            ("redis.url", redis),
            ("auth.jwks_url", keys.url()),
        ]);
        settings.extend(changes.iter().copied());
        let variables = settings.into_iter().map(|(key, value)| {
            let name = key.to_uppercase().replace('.', "__");
            (format!("SM__{name}"), value)
        });
        let mut child = Command::new(env!("CARGO_BIN_EXE_ws-fanout"))
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let listening = tokio::task::spawn_blocking(move || {
            let mut lines = log.lines().map_while(Result::ok);
            let listening = lines.find_map(|line| addresses(&line));
            // Read on: a full pipe would hold the process.
            std::thread::spawn(move || lines.for_each(drop));
            listening
        });
        let [http, metrics, health] = listening.await.unwrap().expect("the process starts");
        let process = Self {
            child,
            http,
            metrics,
            health,
        };
        let health = Api::new(format!("http://{}", process.health));
        until("the process is ready", SOON, || async {
            health.get("/health/ready").await.status.is_success()
        })
        .await;
        process
    }

    /// The address of its API.
    pub(crate) fn address(&self) -> SocketAddr {
        self.http
    }

    /// The address of its WebSocket.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.http)
    }

    /// The value of a metric; 0 while it has none.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = Api::new(format!("http://{}", self.metrics))
            .get("/metrics")
            .await
            .text;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Asks the process to end, as an orchestrator does that replaces it.
    pub(crate) fn ask_to_end(&self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Whether the process has ended, and in good order.
    pub(crate) fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait().unwrap();
        status.is_some_and(|status| {
            assert!(status.success(), "{status}");
            true
        })
    }

    /// The processor time that it has used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        // The fields `utime` and `stime`, in hundredths of a second.
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.map(|ticks| ticks.parse::<u32>().unwrap()).sum();
        f64::from(ticks) / 100.0
    }

    /// The most memory that it has had so far, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kibibytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kibibytes * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // At once, as a lost machine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the process listens for requests, metrics and health, in the line of its log that says so.
fn addresses(line: &str) -> Option<[SocketAddr; 3]> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    Some([address("http")?, address("metrics")?, address("health")?])
}
