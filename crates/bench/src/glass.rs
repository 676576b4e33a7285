use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use sm_e2e::{Stack, StackOptions};

use crate::measurement::Measurement;

/// The group's name.
pub(crate) const GROUP: &str = "glass-to-glass";

/// What a way of watching may take, in milliseconds. Plain HLS stays three segments of one second
/// behind, and shows what comes in the middle of one when that is complete.
const BOUNDS_MS: [(&str, f64); 3] = [("hls", 5000.0), ("ll-hls", 2500.0), ("whep", 1000.0)];

#[derive(Deserialize)]
struct Samples {
    name: String,
    ms: Vec<f64>,
}

/// From the request that changes a layer to the changed picture in headless Chromium, through
/// Traefik, for every way of watching.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let stack = Stack::start(StackOptions::at("127.83"));
    let runtime = tokio::runtime::Runtime::new()?;
    let tokens = runtime.block_on(stack.sign_in());
    let token = tokens.get("access_token").and_then(Value::as_str);
    let token = token.context("a token")?;
    let console = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../services/console"
    ));
    let output = Command::new("node")
        .arg("bench/latency.mjs")
        .current_dir(console)
        .env("STACK_URL", format!("{}/", stack.url()))
        .env("STACK_TOKEN", token)
        .stderr(Stdio::inherit())
        .output()
        .context("run node")?;
    anyhow::ensure!(output.status.success(), "the browser failed");
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(measurement).collect()
}

fn measurement(line: &str) -> anyhow::Result<Measurement> {
    let samples: Samples = serde_json::from_str(line).context("read the samples")?;
    let bound = BOUNDS_MS
        .iter()
        .find_map(|(name, bound)| (*name == samples.name).then_some(*bound))
        .with_context(|| format!("no bound for {}", samples.name))?;
    let name = format!("glass-{}", samples.name);
    let mut measurement = Measurement::within(&name, "ms", bound, &samples.ms);
    "request to picture in Chromium".clone_into(&mut measurement.note);
    Ok(measurement)
}
