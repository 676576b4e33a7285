use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use actix_web::web::{Data, get};
use actix_web::{App, HttpResponse, HttpServer};
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::id::UserId;
use sm_test_kit::{Api, Issuer, Redis, until};
use tempfile::TempDir;

use crate::stack::binaries;

/// Longest wait for something that takes seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a person stays signed in.
const SIGNED_IN_S: i64 = 3600;
/// The processes: service, and the number of its subnet as in the native run.
const SERVICES: [(&str, u8); 4] = [
    ("stream-control", 2),
    ("layer-service", 3),
    ("analytics", 4),
    ("ws-fanout", 5),
];

/// Replicas of the services that need no engine, as processes on loopback addresses, without
/// Traefik, gateway and engine. They end with the value; their logs are shown when the test failed.
#[derive(Debug)]
pub struct Fleet {
    net: &'static str,
    /// Environment: the service (all where empty), the variable, the value.
    settings: Vec<(&'static str, &'static str, String)>,
    processes: BTreeMap<String, Option<Child>>,
    // After the processes, which need them: fields end in this order.
    redis: Redis,
    issuer: Issuer,
    data: TempDir,
}

impl Fleet {
    /// Starts the processes and waits until they are ready. `net` are the first two numbers of their
    /// addresses; `settings` are environment: the service (all where empty), the variable, the value.
    pub async fn start(
        net: &'static str,
        replicas: &[(&'static str, u8)],
        settings: &[(&'static str, &'static str, &str)],
    ) -> Self {
        let (redis, issuer) = (Redis::start(), Issuer::new());
        let data = tempfile::tempdir().unwrap();
        let mut all = vec![
            ("", "SM__REDIS__URL", redis.url()),
            ("", "SM__AUTH__JWKS_URL", publish_keys(&issuer)),
            (
                "layer-service",
                "SM__ASSETS__DIRECTORY",
                data.path().join("assets").display().to_string(),
            ),
        ];
        let more = settings.iter();
        all.extend(more.map(|(service, name, value)| (*service, *name, (*value).to_owned())));
        let mut fleet = Self {
            net,
            settings: all,
            processes: BTreeMap::new(),
            redis,
            issuer,
            data,
        };
        let names = replicas.iter().flat_map(|(service, count)| {
            (1..=*count).map(move |number| format!("{service}-{number}"))
        });
        let names: Vec<String> = names.collect();
        for name in &names {
            fleet.launch(name);
        }
        for name in &names {
            fleet.ready(name).await;
        }
        fleet
    }

    /// A token of a person, which holds for longer than any test.
    pub fn token(&self, user: UserId, name: &str, role: Role) -> String {
        let now = SystemClock.now().as_unix_seconds();
        let mut claims = self.issuer.claims(role, now, now + SIGNED_IN_S);
        claims.sub = user;
        name.clone_into(&mut claims.name);
        self.issuer.sign(&claims)
    }

    /// `http://` address of a process, such as `layer-service-1`.
    pub fn url(&self, process: &str) -> String {
        format!("http://{}:4200", self.address(process))
    }

    /// The Redis that they share.
    pub const fn redis(&self) -> &Redis {
        &self.redis
    }

    /// Kills Redis as a power cut would, and starts it again with what it has on disk.
    pub fn restart_redis(&mut self) {
        self.redis.restart();
    }

    /// Kills a process with SIGKILL, starts it again, and waits until it is ready.
    pub async fn restart(&mut self, process: &str) {
        self.kill(process);
        self.launch(process);
        self.ready(process).await;
    }

    /// Kills a process with SIGKILL.
    pub fn stop(&mut self, process: &str) {
        self.kill(process);
    }

    /// Starts a process that was stopped, and waits until it is ready.
    pub async fn launch_again(&mut self, process: &str) {
        self.launch(process);
        self.ready(process).await;
    }

    /// The number of a process that runs.
    pub fn pid(&self, process: &str) -> u32 {
        let child = self.processes.get(process).and_then(Option::as_ref);
        child.expect("it runs").id()
    }

    fn kill(&mut self, process: &str) {
        if let Some(mut child) = self.processes.get_mut(process).and_then(Option::take) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn launch(&mut self, process: &str) {
        let (service, _) = process.rsplit_once('-').unwrap();
        let log = self.data.path().join(format!("{process}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let settings = self.settings.iter();
        let environment = settings
            .filter(|(known, _, _)| known.is_empty() || *known == service)
            .map(|(_, name, value)| (*name, value.as_str()));
        let child = Command::new(binaries().join(service))
            .envs(environment)
            .env("SM__HTTP__BIND", self.address(process))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the binaries are built");
        self.processes.insert(process.to_owned(), Some(child));
    }

    async fn ready(&mut self, process: &str) {
        let health = Api::new(format!("http://{}:4291", self.address(process)));
        let child = self.processes.get_mut(process).and_then(Option::as_mut);
        let child = child.expect("it was launched");
        until(&format!("{process} is ready"), PATIENCE, || {
            // Another process may answer at its address.
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{process} ended: {ended:?}");
            let answer = health.try_get("/health/ready");
            async { answer.await.is_some_and(|answer| answer.status == 200) }
        })
        .await;
    }

    fn address(&self, process: &str) -> String {
        let (service, number) = process.rsplit_once('-').unwrap();
        let known = SERVICES.iter().find(|(name, _)| *name == service);
        let (_, subnet) = known.expect("a service of the fleet");
        format!("{}.{subnet}.{number}", self.net)
    }

    fn show_logs(&self) {
        for process in self.processes.keys() {
            let log = self.data.path().join(format!("{process}.log"));
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let start = lines.len().saturating_sub(20);
            #[expect(clippy::print_stderr, reason = "shown with the failed test")]
            {
                eprintln!("---- {process}\n{}", lines[start..].join("\n"));
            }
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        for child in self.processes.values_mut().flatten() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Serves the issuer's public keys for as long as the test runs; the address.
fn publish_keys(issuer: &Issuer) -> String {
    let keys = Data::new(serde_json::to_value(issuer.jwks()).unwrap());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(keys.clone())
            .route("/", get().to(tell_keys))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    format!("http://{address}/")
}

async fn tell_keys(keys: Data<serde_json::Value>) -> HttpResponse {
    HttpResponse::Ok().json(keys.get_ref())
}
