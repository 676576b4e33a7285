//! The servers that are compared, each with a Redis of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use serde_json::json;
use sm_bus::{Bus, keys, redis};
use sm_common::auth::Role;
use sm_common::chat::ChatMessage;
use sm_common::clock::SystemClock;
use sm_common::id::StreamId;
use sm_common::program::ProgramFormat;
use sm_common::stream::{ChosenScenes, DesiredState, DesiredStatus};
use sm_test_kit::{Issuer, Redis, until};
use tempfile::TempDir;

use super::swarm::Entrance;
use super::usage;

const SOON: Duration = Duration::from_secs(20);
/// Distance between two heartbeats, of every server.
const HEARTBEAT_S: u32 = 10;
/// Processes or threads that serve, of every server that can have several.
const WORKERS: usize = 2;
/// Holds every number of clients that is measured.
const CONNECTIONS_MAX: usize = 16_384;

/// A server that is measured. Ends with the value.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) entrance: Entrance,
    publisher: Publisher,
    redis: Redis,
    process: Process,
    _files: TempDir,
}

#[derive(Debug)]
enum Publisher {
    /// An event on the bus, as any service publishes it.
    Event(Bus, ChatMessage),
    /// `POST` to this address.
    Post(reqwest::Client, String),
    /// What the emitter of Socket.IO writes.
    Emitter(Bus),
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Where it was started through another program, that one ends and leaves it behind.
        let pids = usage::family(self.0.id()).unwrap_or_default();
        let _ = Command::new("kill")
            .args(pids.iter().map(u32::to_string))
            .status();
        let _ = self.0.wait();
    }
}

impl Target {
    /// ws-fanout, with these settings on top of what lets so many clients in.
    pub(super) async fn ours(
        name: &'static str,
        settings: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let redis = Redis::start();
        let bus = redis.bus("bench");
        let issuer = Issuer::new();
        let files = TempDir::new()?;
        let port = free_port()?;
        let keys = serve_keys(&issuer)?;
        create_stream(&bus).await?;
        let address = |port: u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let health = free_port()?;
        let mut command = Command::new(binary("ws-fanout"));
        let all = [
            ("redis.url", redis.url()),
            ("http.bind", "127.0.0.1".to_owned()),
            ("http.port", free_port()?.to_string()),
            ("http.workers", WORKERS.to_string()),
            ("ws.port", port.to_string()),
            ("ops.health_port", health.to_string()),
            ("ops.metrics_port", free_port()?.to_string()),
            ("auth.jwks_url", format!("http://{keys}/")),
            ("ws.heartbeat_ms", (HEARTBEAT_S * 1000).to_string()),
            ("ws.connections_max", CONNECTIONS_MAX.to_string()),
            ("ws.connections_per_user_max", CONNECTIONS_MAX.to_string()),
            (
                "ws.connections_per_address_max",
                CONNECTIONS_MAX.to_string(),
            ),
            ("telemetry.log", "warn".to_owned()),
        ];
        for (key, value) in all.iter().chain(settings) {
            let variable = format!("SM__{}", key.to_uppercase().replace('.', "__"));
            command.env(variable, value);
        }
        let process = start(&mut command, files.path())?;
        let ready = format!("http://{}/health/ready", address(health));
        answers("ws-fanout is ready", &ready).await;
        let token = issuer.token_for(Role::Viewer, Duration::from_hours(1));
        Ok(Self {
            name,
            entrance: Entrance {
                address: address(port),
                path: "/ws".to_owned(),
                headers: format!("Authorization: Bearer {token}\r\n"),
                hello: Some(r#"{"type":"subscribe","id":1,"channel":"chat"}"#.to_owned()),
                joined: Some("\"subscribed\""),
                beat: None,
            },
            publisher: Publisher::Event(
                bus,
                ChatMessage::new(
                    issuer.user(Role::Viewer),
                    "viewer",
                    Role::Viewer,
                    "",
                    sm_common::clock::Clock::now(&SystemClock),
                ),
            ),
            redis,
            process,
            _files: files,
        })
    }

    /// nginx with nchan, its messages in Redis.
    pub(super) async fn nchan() -> anyhow::Result<Self> {
        let redis = Redis::start();
        let files = TempDir::new()?;
        let port = free_port()?;
        let directory = files.path().display();
        let configuration = format!(
            "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;\n\
             daemon off; worker_processes {WORKERS}; worker_rlimit_nofile {CONNECTIONS_MAX};\n\
             pid {directory}/pid; error_log {directory}/error.log crit;\n\
             events {{ worker_connections {CONNECTIONS_MAX}; }}\n\
             http {{\n\
               access_log off;\n\
               upstream messages {{ nchan_redis_server {redis}; }}\n\
               server {{\n\
                 listen 127.0.0.1:{port} backlog=4096;\n\
                 location = /ready {{ return 200; }}\n\
                 location = /publish {{\n\
                   nchan_publisher; nchan_channel_id c; nchan_redis_pass messages;\n\
                   nchan_message_buffer_length 1000;\n\
                 }}\n\
                 location = /ws {{\n\
                   nchan_subscriber websocket; nchan_channel_id c; nchan_redis_pass messages;\n\
                   nchan_subscriber_first_message newest;\n\
                   nchan_websocket_ping_interval {HEARTBEAT_S};\n\
                 }}\n\
               }}\n\
             }}\n",
            redis = redis.url(),
        );
        let file = files.path().join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file);
        let process = start(&mut command, files.path())?;
        answers("nginx answers", &format!("http://127.0.0.1:{port}/ready")).await;
        Ok(Self {
            name: "nchan",
            entrance: Entrance {
                address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
                path: "/ws".to_owned(),
                headers: String::new(),
                hello: None,
                joined: None,
                beat: None,
            },
            publisher: Publisher::Post(
                reqwest::Client::new(),
                format!("http://127.0.0.1:{port}/publish"),
            ),
            redis,
            process,
            _files: files,
        })
    }

    /// Socket.IO with its Redis adapter, from the packages that the bench pins.
    pub(super) async fn socket_io() -> anyhow::Result<Self> {
        let redis = Redis::start();
        let files = TempDir::new()?;
        let port = free_port()?;
        let mut command = Command::new("node");
        command
            .arg(socket_io_packages()?.join("server.js"))
            .args([port.to_string(), redis.url()])
            .arg((HEARTBEAT_S * 1000).to_string());
        let process = start(&mut command, files.path())?;
        let polled = format!("http://127.0.0.1:{port}/socket.io/?EIO=4&transport=none");
        answers("Socket.IO answers", &polled).await;
        Ok(Self {
            name: "socket.io",
            entrance: Entrance {
                address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
                path: "/socket.io/?EIO=4&transport=websocket".to_owned(),
                headers: String::new(),
                hello: Some("40".to_owned()),
                joined: Some("40{"),
                beat: Some(("2", "3")),
            },
            publisher: Publisher::Emitter(redis.bus("bench")),
            redis,
            process,
            _files: files,
        })
    }

    /// The processes that serve.
    pub(super) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        usage::family(self.process.0.id())
    }

    /// The process of its Redis.
    pub(super) fn redis_pid(&self) -> u32 {
        self.redis.pid()
    }

    /// Publishes one message to everybody.
    pub(super) async fn publish(&self, text: String) -> anyhow::Result<()> {
        match &self.publisher {
            Publisher::Event(bus, message) => {
                let message = ChatMessage {
                    text,
                    ..message.clone()
                };
                bus.publish(&StreamId::default(), &message, None).await?;
            }
            Publisher::Post(client, url) => {
                let answer = client.post(url).body(text).send().await?;
                answer.error_for_status()?.bytes().await?;
            }
            Publisher::Emitter(bus) => {
                let packet = json!({"type": 2, "data": ["m", text], "nsp": "/"});
                let options = json!({"rooms": [], "except": [], "flags": {}});
                let message = rmp_serde::to_vec_named(&("bench", packet, options))?;
                let mut command = redis::cmd("PUBLISH");
                command.arg("socket.io#/#").arg(message);
                let _receivers: i64 = bus.query(&command).await?;
            }
        }
        Ok(())
    }
}

/// The packages of the Socket.IO peer, installed as its lock file says.
fn socket_io_packages() -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("socket-io");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench/socket-io");
    std::fs::create_dir_all(&target)?;
    for file in ["package.json", "package-lock.json", "server.js"] {
        std::fs::copy(source.join(file), target.join(file)).with_context(|| file.to_owned())?;
    }
    let installed = Command::new("npm")
        .args("ci --ignore-scripts --no-audit --no-fund --silent".split(' '))
        .current_dir(&target)
        .status()
        .context("run npm")?;
    anyhow::ensure!(installed.success(), "npm ci failed: {installed}");
    Ok(target)
}

/// Lets anybody read the public keys of the issuer.
fn serve_keys(issuer: &Issuer) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("bind the keys' server")?;
    let address = listener.local_addr()?;
    let keys = web::Bytes::from(serde_json::to_vec(issuer.jwks())?);
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let keys = keys.clone();
                let answer = move || {
                    let keys = keys.clone();
                    async move {
                        HttpResponse::Ok()
                            .content_type("application/json")
                            .body(keys)
                    }
                };
                App::new().route("/", web::get().to(answer))
            })
            .workers(1)
            .listen(listener)?;
            server.run().await
        })
    });
    Ok(address)
}

async fn create_stream(bus: &Bus) -> anyhow::Result<()> {
    let desired = DesiredState {
        stream: StreamId::default(),
        status: DesiredStatus::Live,
        generation: 1,
        revision: 1,
        since: sm_common::clock::Clock::now(&SystemClock),
        changed_by: "bench".to_owned(),
        program: ProgramFormat::default(),
        ladder: Vec::new(),
        outputs: Vec::new(),
        forced: false,
        chosen: ChosenScenes::default(),
    };
    let mut command = redis::cmd("HSET");
    command.arg(keys::desired(&desired.stream));
    command.arg("revision").arg(1).arg("doc");
    command.arg(serde_json::to_string(&desired)?);
    let _set: i64 = bus.query(&command).await?;
    Ok(())
}

/// Where `make build` puts it.
fn binary(name: &str) -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release");
    let directory = option_env!("SM_E2E_BIN").unwrap_or(built);
    Path::new(directory).join(name)
}

fn start(command: &mut Command, directory: &Path) -> anyhow::Result<Process> {
    let log = std::fs::File::create(directory.join("log"))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("start {}", command.get_program().display()))?;
    Ok(Process(child))
}

async fn answers(what: &str, url: &str) {
    let client = reqwest::Client::new();
    until(what, SOON, || async {
        let answer = client.get(url).send().await;
        answer.is_ok_and(|answer| !answer.status().is_server_error())
    })
    .await;
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a port")?;
    Ok(listener.local_addr()?.port())
}
