use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::measurement::Measurement;

/// The group's name: `B=engine-cpu` runs every case.
pub(crate) const GROUP: &str = "engine-cpu";

/// The engine's CPU for each second of stream, against the `ffmpeg` command line and OBS on the
/// same composition: every case, or the one of this name. It runs in the media engine's own
/// package, the only one that links GStreamer.
pub(crate) fn run(name: Option<&str>) -> anyhow::Result<Vec<Measurement>> {
    let output = Command::new("cargo")
        .args("bench --quiet -p sm-media-engine --bench engine-cpu --".split(' '))
        .args(name)
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo")?;
    anyhow::ensure!(
        output.status.success(),
        "the benchmark failed: {}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    let documents = text.lines().filter(|line| line.starts_with('{'));
    documents
        .map(|line| serde_json::from_str(line).context("read the result"))
        .collect()
}
