use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::measurement::Measurement;

/// The engine's CPU for each second of stream, against the `ffmpeg` command line on the same
/// composition. It runs in the media engine's own package, the only one that links GStreamer.
pub(crate) fn run() -> anyhow::Result<Measurement> {
    let output = Command::new("cargo")
        .args([
            "bench",
            "--quiet",
            "-p",
            "sm-media-engine",
            "--bench",
            "engine-cpu",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo")?;
    anyhow::ensure!(
        output.status.success(),
        "the benchmark failed: {}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    let line = text
        .lines()
        .last()
        .context("the benchmark printed a result")?;
    serde_json::from_str(line).context("read the result")
}
