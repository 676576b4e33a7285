use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use sm_common::clock::SystemClock;

use crate::auth::KeySource;
use crate::cli::{self, CommandLine, Task};
use crate::config::{self, KitConfig, ServiceConfig};
use crate::{About, Kit, telemetry};

/// Exit code for a wrong configuration (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: u8 = 78;
/// Exit code for a wrong command line (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;
/// How long the health check waits for an answer.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// A service's `main`: reads the command line and the configuration, sets up logging, binds, and
/// runs `serve` until the process is told to end. `keys` is for the issuer of tokens, who knows
/// the public keys without asking.
pub fn run<C, K, S, F>(about: About, keys: K, serve: S) -> ExitCode
where
    C: ServiceConfig,
    K: FnOnce(&C) -> anyhow::Result<Option<KeySource>>,
    S: FnOnce(C, Kit) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let line = match cli::parse(std::env::args().skip(1)) {
        Ok(line) => line,
        Err(error) => return fail(EXIT_USAGE, &format!("{}: {error}", about.name)),
    };
    let config = match read_config::<C>(&about, &line) {
        Ok(config) => config,
        Err(error) => return fail(EXIT_CONFIG, &format!("{}: {error}", about.name)),
    };
    match line.task {
        Task::CheckConfig => print_config(&config),
        Task::Healthcheck => healthcheck(&config.kit()),
        Task::OpenApi => match about.openapi {
            Some(document) => print(&document()),
            None => fail(EXIT_USAGE, &format!("{} has no HTTP API", about.name)),
        },
        Task::Run => match start(about, config, keys, serve) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &format!("{}: {error:#}", about.name)),
        },
    }
}

fn read_config<C: ServiceConfig>(
    about: &About,
    line: &CommandLine,
) -> Result<C, config::ConfigError> {
    config::load(
        about.default_config,
        line.config_file.as_deref(),
        &config::process_environment(),
    )
}

fn start<C, K, S, F>(about: About, config: C, keys: K, serve: S) -> anyhow::Result<()>
where
    C: ServiceConfig,
    K: FnOnce(&C) -> anyhow::Result<Option<KeySource>>,
    S: FnOnce(C, Kit) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let kit_config = config.kit();
    // Lives until the end of this function, so that spans are flushed however it ends.
    let _telemetry = telemetry::init(&kit_config.telemetry, &about).context("set up telemetry")?;
    let keys = keys(&config).context("read the signing keys")?;
    let kit = Kit::bind(about, kit_config, SystemClock::shared(), keys)?;
    tracing::info!(
        service = about.name,
        version = about.version,
        instance = %kit.instance(),
        http = %kit.http_address(),
        metrics = %kit.metrics_address(),
        health = %kit.health_address(),
        "listening"
    );
    system()?.block_on(async {
        let lifecycle = kit.lifecycle().clone();
        let signals = lifecycle.clone();
        lifecycle.spawn(async move {
            if let Err(error) = signals.watch_signals().await {
                tracing::error!(%error, "signals cannot be watched");
            }
        });
        let outcome = serve(config, kit).await;
        lifecycle.stop();
        lifecycle.finished().await;
        tracing::info!(service = about.name, "stopped");
        outcome
    })
}

/// An actix system over a multi-thread runtime, so that background tasks do not share a thread
/// with the accept loop.
fn system() -> anyhow::Result<actix_web::rt::SystemRunner> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("build the runtime")?;
    let runtime: &'static tokio::runtime::Runtime = Box::leak(Box::new(runtime));
    Ok(actix_web::rt::System::with_tokio_rt(|| runtime))
}

fn print_config<C: ServiceConfig>(config: &C) -> ExitCode {
    match serde_json::to_string_pretty(config) {
        Ok(text) => print(&text),
        Err(error) => fail(EXIT_CONFIG, &error.to_string()),
    }
}

/// Asks the running process whether it is ready, over plain HTTP/1.0: a container image needs no
/// other program for its health check.
fn healthcheck(config: &KitConfig) -> ExitCode {
    match ask_ready(config) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200") => {
            ExitCode::SUCCESS
        }
        Ok(answer) => fail(1, answer.lines().next().unwrap_or("no answer")),
        Err(error) => fail(1, &error.to_string()),
    }
}

fn ask_ready(config: &KitConfig) -> std::io::Result<String> {
    let bind = config.http.bind;
    let host = if bind.is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        bind
    };
    let address = SocketAddr::new(host, config.ops.health_port);
    let mut stream = TcpStream::connect_timeout(&address, HEALTHCHECK_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTHCHECK_TIMEOUT))?;
    stream.write_all(b"GET /health/ready HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_closed) => ExitCode::FAILURE,
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{message}");
    ExitCode::from(code)
}
