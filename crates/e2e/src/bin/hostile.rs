//! `hostile REQUESTS [SEED]`: requests that nobody means well with, on the binaries that `SM_E2E_BIN`
//! named when this was built. Fails where one is answered as none should be; prints what was seen.
#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use anyhow::Context as _;
use sm_e2e::{HostilePlan, attack};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let requests = arguments.next().unwrap_or_else(|| "10000".to_owned());
    let requests: usize = requests.parse().context("REQUESTS is a whole number")?;
    let seed = arguments.next().unwrap_or_else(|| "1".to_owned());
    let seed: u64 = seed.parse().context("SEED is a whole number")?;
    println!("{requests} requests, seed {seed}");
    let report = attack(HostilePlan {
        net: "127.95",
        requests,
        seed,
    })
    .await;
    println!("{report:#?}");
    anyhow::ensure!(
        report.failures.is_empty(),
        "some were answered as none should be"
    );
    Ok(())
}
