//! `editing OPERATIONS [SEED]`: many people edit while replicas and Redis die, on the binaries that
//! `SM_E2E_BIN` named when this was built. Fails where anything is lost; prints what was seen.
#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use anyhow::Context as _;
use sm_e2e::{EditingPlan, edit};

/// Changes for each process that is killed.
const OPERATIONS_PER_DEATH: usize = 400;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let operations = arguments.next().unwrap_or_else(|| "10000".to_owned());
    let operations: usize = operations.parse().context("OPERATIONS is a whole number")?;
    let seed = arguments.next().unwrap_or_else(|| "1".to_owned());
    let seed: u64 = seed.parse().context("SEED is a whole number")?;
    let plan = EditingPlan {
        net: "127.95",
        operations,
        people: 8,
        deaths: operations / OPERATIONS_PER_DEATH,
        seed,
    };
    println!("{operations} changes, seed {seed}");
    println!("{:#?}", edit(plan).await);
    Ok(())
}
