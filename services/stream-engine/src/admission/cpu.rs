use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use procfs::{CpuTime, CurrentSI as _};

/// What is in use of the machine, or of the control group where that may use fewer cores.
#[derive(Debug)]
pub(super) struct Cpu {
    cores: f64,
    gauge: Gauge,
    window_s: u64,
    /// When, and CPU seconds used by then; oldest first.
    samples: VecDeque<(Instant, f64)>,
}

/// Where CPU time is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gauge {
    /// Of the whole machine.
    Machine,
    /// Of the control group, version 2.
    Group,
}

/// Where the control group of this process is, as seen from within.
const GROUP: &str = "/sys/fs/cgroup";

impl Cpu {
    pub(super) fn of_this_machine(window_s: u64) -> Self {
        let machine = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = u32::try_from(machine).map_or(1.0, f64::from);
        let quota = std::fs::read_to_string(Path::new(GROUP).join("cpu.max"));
        let quota = quota.ok().and_then(|text| quota_cores(&text));
        let (cores, gauge) = match quota {
            Some(quota) if quota < machine => (quota, Gauge::Group),
            Some(_) | None => (machine, Gauge::Machine),
        };
        Self {
            cores,
            gauge,
            window_s,
            samples: VecDeque::new(),
        }
    }

    pub(super) const fn cores(&self) -> f64 {
        self.cores
    }

    /// Notes what was used by now.
    pub(super) fn measure(&mut self, now: Instant) {
        if let Some(used_s) = self.gauge.used_s() {
            self.note(now, used_s);
        }
    }

    fn note(&mut self, now: Instant, used_s: f64) {
        self.samples.push_back((now, used_s));
        let window = Duration::from_secs(self.window_s);
        while let Some((second, _)) = self.samples.get(1)
            && now.saturating_duration_since(*second) >= window
        {
            self.samples.pop_front();
        }
    }

    /// Cores in use over the window, or since the first look where that is less long ago; `None`
    /// before there are two.
    pub(super) fn used_cores(&self) -> Option<f64> {
        let (since, before) = self.samples.front()?;
        let (until, now) = self.samples.back()?;
        let elapsed = until.saturating_duration_since(*since).as_secs_f64();
        (elapsed > 0.0).then(|| ((now - before) / elapsed).max(0.0))
    }
}

impl Gauge {
    /// CPU seconds used so far.
    fn used_s(self) -> Option<f64> {
        match self {
            Self::Machine => procfs::KernelStats::current()
                .ok()
                .map(|kernel| worked_s(&kernel.total)),
            Self::Group => {
                let text = std::fs::read_to_string(Path::new(GROUP).join("cpu.stat")).ok()?;
                used_us(&text).map(|used| used / 1e6)
            }
        }
    }
}

/// The cores that `cpu.max` allows; `None` when it sets no limit.
fn quota_cores(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (period > 0.0).then(|| quota / period)
}

/// Seconds in which the machine was at work. What it waits for a disk is no work, and what is niced
/// makes way for workers.
fn worked_s(cpu: &CpuTime) -> f64 {
    let interrupted = [cpu.irq_ms(), cpu.softirq_ms(), cpu.steal_ms()];
    let interrupted: u64 = interrupted.into_iter().flatten().sum();
    let worked = cpu.user_ms() + cpu.system_ms() + interrupted;
    Duration::from_millis(worked).as_secs_f64()
}

/// `usage_usec` of `cpu.stat`.
fn used_us(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(quota_cores("150000 100000\n"), Some(1.5));
        assert_eq!(quota_cores("max 100000\n"), None);
        assert_eq!(used_us("usage_usec 42\nuser_usec 1\n"), Some(42.0));
    }

    #[test]
    fn the_mean_of_the_window_is_what_is_used() {
        let mut cpu = Cpu::of_this_machine(3);
        let start = Instant::now();
        assert_eq!(cpu.used_cores(), None);
        // A core for ten seconds, and then two.
        let mut used = 0.0;
        for second in 0..=20_u64 {
            cpu.note(start + Duration::from_secs(second), used);
            used += if second < 10 { 1.0 } else { 2.0 };
        }
        assert_eq!(cpu.used_cores(), Some(2.0));
        assert_eq!(cpu.samples.len(), 4);
    }

    #[test]
    fn this_machine_is_measured() {
        let mut cpu = Cpu::of_this_machine(10);
        assert!(cpu.cores() > 0.0);
        assert!(cpu.gauge.used_s().is_some_and(|used| used > 0.0));
        cpu.measure(Instant::now());
        assert_eq!(cpu.samples.len(), 1);
    }
}
