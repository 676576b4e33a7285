use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sm_common::capacity::HostCapacity;
use sm_common::id::StreamId;

/// What was promised to streams, and who was refused. Pure.
#[derive(Debug)]
pub(super) struct Ledger {
    /// After so long, what was promised is in use and measured.
    settle: Duration,
    /// Who was refused needs so much more to be there, so that nobody goes back and forth.
    hysteresis_cores: f64,
    promises: Vec<Promise>,
    refused: BTreeSet<StreamId>,
}

#[derive(Debug)]
struct Promise {
    stream: StreamId,
    cores: f64,
    since: Instant,
}

impl Ledger {
    pub(super) const fn new(settle: Duration, hysteresis_cores: f64) -> Self {
        Self {
            settle,
            hysteresis_cores,
            promises: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Cores that are promised and not in use yet. What a stream uses comes little by little, and
    /// is measured over a while: the promise fades as it does.
    pub(super) fn promised(&mut self, now: Instant) -> f64 {
        let settle = self.settle;
        let age = |promise: &Promise| now.saturating_duration_since(promise.since);
        self.promises.retain(|promise| age(promise) < settle);
        self.promises
            .iter()
            .map(|promise| {
                let faded = age(promise).as_secs_f64() / settle.as_secs_f64();
                promise.cores * (1.0 - faded)
            })
            .sum()
    }

    pub(super) fn promise(&mut self, stream: &StreamId, cores: f64, now: Instant) {
        self.refused.remove(stream);
        self.promises.push(Promise {
            stream: stream.clone(),
            cores,
            since: now,
        });
    }

    /// The stream's worker is gone: what was promised to it is free.
    pub(super) fn release(&mut self, stream: &StreamId) {
        self.promises.retain(|promise| promise.stream != *stream);
    }

    /// Promises the cores, unless the host cannot carry them.
    pub(super) fn ask(
        &mut self,
        stream: &StreamId,
        cores: f64,
        capacity: &HostCapacity,
        now: Instant,
    ) -> Result<(), String> {
        let margin = if self.refused.contains(stream) {
            self.hysteresis_cores
        } else {
            0.0
        };
        let refusal = if cores > 0.0 {
            capacity.refusal(cores + margin)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refused.insert(stream.clone());
            return Err(refusal);
        }
        self.promise(stream, cores, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sm_common::capacity::Costs;

    use super::*;

    fn capacity(used: f64, promised_cores: f64) -> HostCapacity {
        HostCapacity {
            enforced: true,
            cores: 2.0,
            cpu_max: 1.0,
            used_cores: Some(used),
            window_s: 10,
            promised_cores,
            costs: Costs::default(),
        }
    }

    #[test]
    fn what_was_promised_counts_until_it_is_measured() {
        let mut ledger = Ledger::new(Duration::from_secs(10), 0.2);
        let (one, start) = (StreamId::default(), Instant::now());
        ledger.ask(&one, 1.0, &capacity(0.0, 0.0), start).unwrap();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, promised) in [(0, 1.0), (5, 0.5), (10, 0.0)] {
            let left = ledger.promised(at(seconds));
            assert!((left - promised).abs() < 1e-9, "{left} after {seconds} s");
        }
        let other: StreamId = "second".parse().unwrap();
        let full = capacity(1.0, 0.9);
        assert!(ledger.ask(&other, 0.2, &full, start).is_err());
        ledger.ask(&one, 1.0, &capacity(0.0, 0.0), at(20)).unwrap();
        ledger.ask(&one, 0.5, &capacity(0.0, 0.0), at(20)).unwrap();
        assert!((ledger.promised(at(20)) - 1.5).abs() < 1e-9);
        ledger.release(&one);
        assert!(ledger.promised(at(20)) < 1e-9);
    }

    #[test]
    fn who_was_refused_needs_a_little_more_than_was_missing() {
        let mut ledger = Ledger::new(Duration::from_secs(10), 0.2);
        let (stream, now) = (StreamId::default(), Instant::now());
        let mut ask = |used| ledger.ask(&stream, 0.5, &capacity(used, 0.0), now).is_ok();
        assert!(!ask(1.6));
        assert!(!ask(1.4), "it would be enough for another");
        assert!(ask(1.2));
        assert!(ask(1.5), "it is not refused any more");
    }
}
