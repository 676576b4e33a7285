//! `ledger SAMPLES [SEED]`: samples are published while replicas of analytics and Redis die, on the
//! binaries that `SM_E2E_BIN` named when this was built. Fails where a count or a sum differs from
//! what was published; prints what was seen.
#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use anyhow::Context as _;
use sm_e2e::{LedgerPlan, keep_ledger};

/// Samples for each process that is killed.
const SAMPLES_PER_DEATH: usize = 25_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let samples = arguments.next().unwrap_or_else(|| "1000000".to_owned());
    let samples: usize = samples.parse().context("SAMPLES is a whole number")?;
    let seed = arguments.next().unwrap_or_else(|| "1".to_owned());
    let seed: u64 = seed.parse().context("SEED is a whole number")?;
    let plan = LedgerPlan {
        net: "127.96",
        samples,
        streams: 20,
        deaths: samples / SAMPLES_PER_DEATH,
        seed,
    };
    println!("{samples} samples, seed {seed}");
    println!("{:#?}", keep_ledger(plan).await);
    Ok(())
}
