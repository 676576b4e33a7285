//! Runs benchmarks and prints ratios: `bench [NAME]`. Results go to `target/bench/results.json`.
//! Nothing is asserted here.

mod analytics;
mod bare_route;
mod engine_cpu;
mod fan_out;
mod glass;
mod host_replaced;
mod hosts;
mod http_load;
mod layer_change;
mod layer_write;
mod layers_read;
mod measurement;
mod on_air;
mod player;
mod prometheus;
mod restarts;
mod state_read;

use std::path::Path;

use anyhow::Context as _;

const STATE_READ: &str = "state-read";

fn main() -> anyhow::Result<()> {
    let wanted = std::env::args().nth(1).filter(|name| !name.is_empty());
    let measurements = match wanted.as_deref() {
        None => {
            let mut all = vec![state_read::run()?, layers_read::run()?];
            all.extend(on_air::run()?);
            all.extend(host_replaced::run()?);
            all.extend(restarts::run()?);
            all.extend(layer_change::run()?);
            all.extend(layer_write::run()?);
            all.extend(glass::run()?);
            all.extend(analytics::run()?);
            all.extend(fan_out::run(fan_out::GROUP)?);
            all.extend(engine_cpu::run(None)?);
            all
        }
        Some(STATE_READ) => vec![state_read::run()?],
        Some(layers_read::NAME) => vec![layers_read::run()?],
        Some(layer_write::GROUP) => layer_write::run()?,
        Some(on_air::GROUP) => on_air::run()?,
        Some(host_replaced::GROUP) => host_replaced::run()?,
        Some(restarts::GROUP) => restarts::run()?,
        Some(layer_change::GROUP) => layer_change::run()?,
        Some(glass::GROUP) => glass::run()?,
        Some(analytics::GROUP) => analytics::run()?,
        Some(name) if name.starts_with(fan_out::GROUP) => fan_out::run(name)?,
        Some(engine_cpu::GROUP) => engine_cpu::run(None)?,
        Some(name) => engine_cpu::run(Some(name))?,
    };
    anyhow::ensure!(
        !measurements.is_empty(),
        "no such benchmark; there are {STATE_READ}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {} and the cases of the latter two",
        layers_read::NAME,
        layer_write::GROUP,
        on_air::GROUP,
        host_replaced::GROUP,
        restarts::GROUP,
        layer_change::GROUP,
        glass::GROUP,
        analytics::GROUP,
        fan_out::GROUP,
        engine_cpu::GROUP
    );
    for measurement in &measurements {
        print(&measurement.line());
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
