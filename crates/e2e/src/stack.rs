use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sm_bus::{Bus, BusConfig};
use sm_common::clock::SystemClock;
use sm_common::id::InstanceId;
use sm_test_kit::{Api, Refusal, Socket, until, until_some};
use tempfile::TempDir;

use crate::REDIS_PORT;

/// Longest wait for something that takes seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a stack is to be started.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// First two numbers of its addresses; one for each test, so that tests may overlap.
    pub net: &'static str,
    /// Replicas, as `service=n`.
    pub scale: Vec<&'static str>,
    /// The host of the production rule; empty for the development rule.
    pub domain: &'static str,
    /// Further environment, as `service.VARIABLE=value`; `service-2.VARIABLE=value` for one replica.
    pub set: Vec<String>,
    /// What Traefik and the compose file read of the environment.
    pub environment: Vec<(&'static str, &'static str)>,
}

impl StackOptions {
    /// One replica of each service, development routing.
    pub const fn at(net: &'static str) -> Self {
        Self {
            net,
            scale: Vec::new(),
            domain: "",
            set: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Where the stack's Redis will listen.
    pub fn redis_address(&self) -> SocketAddr {
        let address = format!("{}.0.1:{REDIS_PORT}", self.net);
        address.parse().expect("the net is two numbers")
    }

    /// The same, with network layers from this machine allowed.
    #[must_use]
    pub fn with_local_sources(mut self) -> Self {
        for service in ["layer-service", "stream-engine"] {
            let set = format!("{service}.SM__SOURCES__ALLOW=127.0.0.0/8");
            self.set.push(set);
        }
        self
    }
}

/// A running native stack with its own data. Stops with the value; the logs are shown when the
/// test failed.
#[derive(Debug)]
pub struct Stack {
    options: StackOptions,
    data: TempDir,
}

impl Stack {
    /// Starts a stack with the demo scene on air.
    pub fn start(options: StackOptions) -> Self {
        let stack = Self {
            options,
            data: tempfile::tempdir().unwrap(),
        };
        stack.up();
        stack
    }

    /// Starts the processes, on the data that is there.
    pub fn up(&self) {
        self.manage("up", &["--detach"]);
    }

    /// Stops the processes in order, and keeps the data.
    pub fn down(&self) {
        self.manage("down", &[]);
    }

    /// The directory of its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// `http://` address of the API through Traefik, with the base path.
    pub fn url(&self) -> String {
        let base = if self.options.domain.is_empty() {
            ""
        } else {
            "/stream"
        };
        format!("http://{}.0.1:4200{base}", self.options.net)
    }

    /// `http://` address of another entrypoint.
    pub fn entrypoint(&self, port: u16) -> String {
        format!("http://{}.0.1:{port}", self.options.net)
    }

    /// Its Redis, as a process of `service` reaches it.
    pub fn bus(&self, service: &str) -> Bus {
        let config = BusConfig {
            password_file: self.data().join("secrets/redis-password"),
            ..BusConfig::at(format!("redis://{}.0.1:{REDIS_PORT}/", self.options.net))
        };
        let instance = InstanceId::generate(service);
        Bus::new(config, service, instance, SystemClock::shared()).unwrap()
    }

    /// Where its Redis listens.
    pub fn redis_address(&self) -> SocketAddr {
        self.options.redis_address()
    }

    /// Where Traefik's API and the first replica of each service speak HTTP.
    pub fn http_addresses(&self) -> Vec<String> {
        let numbers = std::iter::once("0.1".to_owned());
        let services = (1..=6).map(|service| format!("{service}.1"));
        numbers
            .chain(services)
            .map(|host| format!("{}.{host}:4200", self.options.net))
            .collect()
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Api {
        let api = Api::new(self.url());
        if self.options.domain.is_empty() {
            api
        } else {
            api.with_host(self.options.domain)
        }
    }

    /// A client signed in as the first admin.
    pub async fn admin(&self) -> Api {
        let tokens = self.sign_in().await;
        self.anonymous()
            .with_token(tokens["access_token"].as_str().unwrap())
    }

    /// The tokens of a new sign-in as the first admin.
    pub async fn sign_in(&self) -> Value {
        let login = std::fs::read_to_string(self.data().join("first-login")).unwrap();
        let line = |name: &str| {
            let found = login
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found
                .unwrap_or_else(|| panic!("data/first-login has a line {name}"))
                .to_owned()
        };
        let (username, password) = (line("username"), line("password"));
        let body = json!({"username": username, "password": password});
        self.anonymous()
            .post("/api/auth/login", &body)
            .await
            .expect(200)
            .body
    }

    /// A WebSocket through Traefik, with a one-time ticket.
    pub async fn socket(&self, api: &Api) -> Result<Socket, Refusal> {
        let ticket = api
            .post("/api/auth/ws-ticket", &json!({}))
            .await
            .expect(200);
        let ticket = ticket.body["ticket"].as_str().unwrap().to_owned();
        let url = self.url().replacen("http", "ws", 1);
        let host = (!self.options.domain.is_empty()).then_some(self.options.domain);
        Socket::connect_to_host(&format!("{url}/ws?ticket={ticket}"), host).await
    }

    /// The state of the main stream.
    pub async fn state(&self) -> Value {
        let answer = self.anonymous().get("/api/stream/state").await;
        if answer.status == 200 {
            answer.body
        } else {
            Value::Null
        }
    }

    /// Waits until the state satisfies `condition`.
    pub async fn until_state(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        until_some(what, PATIENCE, || async {
            let state = self.state().await;
            condition(&state).then_some(state)
        })
        .await
    }

    /// Waits until `condition` holds.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, condition: impl FnMut() -> F) {
        until(what, PATIENCE, condition).await;
    }

    /// The process of a replica, such as `analytics-1`, or `media-worker-main`.
    pub fn pid(&self, process: &str) -> Option<u32> {
        let file = self.data().join("run").join(format!("{process}.pid"));
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    }

    /// Kills a process with SIGKILL and waits until its successor has written its own pid.
    pub async fn kill_and_await_successor(&self, process: &str) {
        let pid = self
            .pid(process)
            .unwrap_or_else(|| panic!("{process} has a pid file"));
        self.kill(pid);
        self.until(&format!("{process} is started again"), || async {
            self.pid(process).is_some_and(|successor| successor != pid)
        })
        .await;
    }

    /// Kills a process with SIGKILL.
    pub fn kill(&self, pid: u32) {
        signal("-KILL", pid);
    }

    /// Asks a process to end.
    pub fn end(&self, pid: u32) {
        signal("-TERM", pid);
    }

    /// Stops a process where it is: it neither answers nor refuses.
    pub fn freeze(&self, pid: u32) {
        signal("-STOP", pid);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self, pid: u32) {
        signal("-CONT", pid);
    }

    fn manage(&self, command: &str, more: &[&str]) {
        let root = root();
        let binaries = binaries();
        let mut run = Command::new("python3");
        run.envs(self.options.environment.iter().copied());
        run.arg(root.join("deploy/native/stack.py"))
            .arg(command)
            .args(["--net", self.options.net])
            .arg("--data")
            .arg(self.data())
            .arg("--bin")
            .arg(binaries)
            .args(more)
            .envs(self.options.environment.iter().copied());
        for scale in &self.options.scale {
            run.args(["--scale", scale]);
        }
        // The machine may be as busy as it likes, and what is set by a test comes after.
        run.args(["--set", "stream-engine.SM__ADMISSION__ENFORCED=false"]);
        for set in &self.options.set {
            run.args(["--set", set]);
        }
        if !self.options.domain.is_empty() {
            run.args(["--domain", self.options.domain]);
        }
        let output = run.output().expect("python3 is installed");
        assert!(
            output.status.success(),
            "stack.py {command}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn show_logs(&self) {
        let Ok(logs) = std::fs::read_dir(self.data().join("log")) else {
            return;
        };
        for log in logs.flatten() {
            let text = std::fs::read_to_string(log.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let start = lines.len().saturating_sub(40);
            let tail = lines.get(start..).unwrap_or_default().join("\n");
            #[expect(clippy::print_stderr, reason = "shown with the failed test")]
            {
                eprintln!("---- {}\n{tail}", log.path().display());
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.down()));
        assert!(
            stopped.is_ok() || std::thread::panicking(),
            "the stack stops in order"
        );
    }
}

fn signal(signal: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Where the programs under test are.
pub(crate) fn binaries() -> PathBuf {
    let built = root().join("target").join("debug");
    option_env!("SM_E2E_BIN").map_or(built, PathBuf::from)
}

/// The top of the repository.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
