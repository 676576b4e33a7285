//! `drill MINUTES`: breaks one thing after another after so many minutes of quiet, on the binaries
//! that `SM_E2E_BIN` named when this was built, and prints which incident came of each, whether its
//! cause is right, and how long it took. Judges nothing.
#![expect(clippy::print_stdout, reason = "the table is this program's output")]

use std::time::Duration;

use anyhow::Context as _;
use sm_e2e::{Stack, StackOptions, drill};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let minutes = std::env::args().nth(1).unwrap_or_else(|| "60".to_owned());
    let minutes: u64 = minutes.parse().context("MINUTES is a whole number")?;
    let stack = Stack::start(StackOptions::at("127.97").with_local_sources());
    let report = drill(&stack, Duration::from_secs(minutes * 60)).await;
    let seconds = |length: Option<Duration>| {
        length.map_or_else(
            || "-".to_owned(),
            |length| format!("{:.1}", length.as_secs_f64()),
        )
    };
    println!("| fault | incident | cause | right | detected s | recovered s |");
    println!("|---|---|---|---|---|---|");
    for row in &report.rows {
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            row.fault,
            row.incident.as_deref().unwrap_or("none"),
            row.causes.join(", "),
            if row.is_right() { "yes" } else { "no" },
            seconds(row.detected),
            seconds(row.recovered),
        );
    }
    println!(
        "false alarms in {} min of quiet: {} {:?}",
        report.quiet.as_secs() / 60,
        report.false_alarms.len(),
        report.false_alarms
    );
    Ok(())
}
