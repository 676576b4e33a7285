//! Runs benchmarks and prints ratios: `bench [NAME]`. Results go to `target/bench/results.json`.
//! Nothing is asserted here.

mod engine_cpu;
mod http_load;
mod measurement;
mod state_read;

use std::path::Path;

use anyhow::Context as _;
use measurement::Measurement;

/// A benchmark by name.
type Benchmark = (&'static str, fn() -> anyhow::Result<Measurement>);

const BENCHMARKS: [Benchmark; 2] = [
    ("state-read", state_read::run),
    ("engine-cpu-720p30", engine_cpu::run),
];

fn main() -> anyhow::Result<()> {
    let wanted = std::env::args().nth(1).filter(|name| !name.is_empty());
    let chosen: Vec<&Benchmark> = BENCHMARKS
        .iter()
        .filter(|(name, _)| wanted.as_deref().is_none_or(|wanted| wanted == *name))
        .collect();
    let names = BENCHMARKS.map(|(name, _)| name).join(", ");
    anyhow::ensure!(!chosen.is_empty(), "no such benchmark; there are: {names}");
    let mut measurements = Vec::new();
    for (name, run) in chosen {
        let measurement = run().with_context(|| format!("benchmark {name}"))?;
        print(&measurement.line());
        measurements.push(measurement);
    }
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench"));
    std::fs::create_dir_all(directory)?;
    let file = directory.join("results.json");
    std::fs::write(&file, serde_json::to_string_pretty(&measurements)? + "\n")
        .with_context(|| format!("write {}", file.display()))
}

#[expect(clippy::print_stdout, reason = "the table is this program's output")]
fn print(line: &str) {
    println!("{line}");
}
