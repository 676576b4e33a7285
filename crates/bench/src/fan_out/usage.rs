use anyhow::Context as _;
use procfs::process::Process;

/// A process with everything that it started.
pub(super) fn family(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut pids = vec![pid];
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in listed.context("list children")?.split_whitespace() {
        pids.extend(family(child.parse()?)?);
    }
    Ok(pids)
}

/// The processor time that processes have used, in seconds.
pub(super) fn cpu_seconds(pids: &[u32]) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for pid in pids {
        let stat = process(*pid)?.stat().context("read stat")?;
        ticks += stat.utime + stat.stime;
    }
    Ok(float(ticks) / float(procfs::ticks_per_second()))
}

/// The memory of processes in KiB, with what they share counted once.
pub(super) fn memory_kib(pids: &[u32]) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for pid in pids {
        let maps = process(*pid)?.smaps_rollup().context("read smaps")?;
        let rollup = maps.memory_map_rollup;
        bytes += rollup
            .iter()
            .filter_map(|map| map.extension.map.get("Pss"))
            .sum::<u64>();
    }
    Ok(float(bytes) / 1024.0)
}

fn process(pid: u32) -> anyhow::Result<Process> {
    let pid = i32::try_from(pid)?;
    Process::new(pid).with_context(|| format!("process {pid} runs"))
}

/// Counts of a benchmark are far below 2^52.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "there is no checked conversion"
)]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
