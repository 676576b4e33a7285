//! `soak MINUTES`: the long soak, on the binaries that `SM_E2E_BIN` named when this was built.
//! Prints what was seen and judges nothing.
#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use anyhow::Context as _;
use sm_e2e::{SoakPlan, Stack, StackOptions, soak};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let minutes = std::env::args().nth(1).unwrap_or_else(|| "30".to_owned());
    let minutes: u64 = minutes.parse().context("MINUTES is a whole number")?;
    let stack = Stack::start(StackOptions::at("127.81").with_local_sources());
    let plan = SoakPlan {
        length_s: minutes * 60,
        source_every_s: 20,
        output_every_s: 30,
    };
    let report = soak(&stack, plan).await;
    println!(
        "{} changes, {} deaths of sources, {} of outputs' targets, {} segments",
        report.changes,
        report.source_deaths,
        report.output_deaths,
        report.seen.segments()
    );
    for (kind, irregular) in report.seen.irregular_packets() {
        println!(
            "irregular {kind} packets: {} {irregular:?}",
            irregular.len()
        );
    }
    println!("frames per second, least: {:.2}", report.fps_min);
    for (from, to) in [(0.0, 0.1), (0.1, 0.2), (0.45, 0.55), (0.8, 0.9), (0.9, 1.0)] {
        println!(
            "worker's memory from {:.0} to {:.0} %: median {} KiB",
            from * 100.0,
            to * 100.0,
            report.worker_kib_between(from, to)
        );
    }
    let state = &report.state;
    for member in ["worker_restarts", "interruptions", "performance", "outputs"] {
        let value = state.get(member).context("the state has it")?;
        println!("{member}: {}", serde_json::to_string_pretty(value)?);
    }
    Ok(())
}
