//! Whether this host can carry more. One for the process: its streams share the machine.

mod cpu;
mod ledger;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sm_common::capacity::HostCapacity;
use sm_common::id::StreamId;
use tokio_util::sync::CancellationToken;

use crate::config::AdmissionConfig;
use cpu::Cpu;
use ledger::Ledger;

/// Distance between two looks at the machine.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// The same between the first two, so that there is something to decide by.
const MEASURE_FIRST: Duration = Duration::from_millis(200);
/// A machine that tells nothing for so long tells nothing at all.
const MEASURED_WITHIN: Duration = Duration::from_secs(2);

/// What is decided about more load, and by what. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    config: AdmissionConfig,
    since: Instant,
    cpu: Arc<Mutex<Cpu>>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Admission {
    pub(crate) fn new(config: AdmissionConfig) -> Self {
        let ledger = Ledger::new(config.settle(), config.hysteresis_cores);
        Self {
            since: Instant::now(),
            cpu: Arc::new(Mutex::new(Cpu::of_this_machine(config.window_s))),
            ledger: Arc::new(Mutex::new(ledger)),
            config,
        }
    }

    /// Measures the machine until `stop`.
    pub(crate) async fn measure(self, stop: CancellationToken) {
        let mut wait = MEASURE_FIRST;
        while !stop.is_cancelled() {
            self.cpu().measure(Instant::now());
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = MEASURE_EVERY,
                () = stop.cancelled() => {}
            }
        }
    }

    /// Whether nothing is known yet that decisions could be made by, as this process has just begun.
    pub(crate) fn is_to_be_measured(&self) -> bool {
        let is_young = self.since.elapsed() < MEASURED_WITHIN;
        self.config.enforced && is_young && self.cpu().used_cores().is_none()
    }

    /// What this host can carry, and carries.
    pub(crate) fn capacity(&self) -> HostCapacity {
        let (cores, used_cores) = {
            let cpu = self.cpu();
            (cpu.cores(), cpu.used_cores())
        };
        HostCapacity {
            enforced: self.config.enforced,
            cores,
            cpu_max: self.config.cpu_max,
            used_cores,
            window_s: self.config.window_s,
            promised_cores: self.ledger().promised(Instant::now()),
            costs: self.config.costs.clone(),
        }
    }

    /// Asks for so many cores more for a stream, and promises them to it; the error says why not.
    pub(crate) fn ask(&self, stream: &StreamId, cores: f64) -> Result<(), String> {
        let capacity = self.capacity();
        self.ledger().ask(stream, cores, &capacity, Instant::now())
    }

    /// So many cores more are needed for a stream, whatever is left: it is on air already, or
    /// somebody insists.
    pub(crate) fn take(&self, stream: &StreamId, cores: f64) {
        self.ledger().promise(stream, cores, Instant::now());
    }

    /// The stream's worker is gone, and what was promised to it is free.
    pub(crate) fn release(&self, stream: &StreamId) {
        self.ledger().release(stream);
    }

    fn cpu(&self) -> std::sync::MutexGuard<'_, Cpu> {
        self.cpu.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
