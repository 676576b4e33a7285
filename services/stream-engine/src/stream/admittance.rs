//! Whether the host can carry what is wanted of the stream.

use std::time::{Duration, Instant};

use sm_common::layer::LayerKind;
use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;

use super::errors::Problem;
use super::tenure::Tenure;

/// The host has not enough CPU left.
const EXCEEDED: &str = "stream.capacity.exceeded";
/// How often to look whether the machine is measured.
const MEASURED_SOON: Duration = Duration::from_millis(50);
/// How often what was refused is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Tenure {
    /// When to try again to start, where the host cannot carry the stream now. What was on air is
    /// never refused: this is its worker's replacement, or its takeover from another host.
    pub(super) fn refused_until(&mut self) -> Option<Instant> {
        let desired = self.wanted.desired.clone()?;
        let admission = self.surroundings.admission.clone();
        let costs = admission.capacity().costs;
        let layers = self.canvas().kinds();
        let cores = costs.of(&desired.program) + costs.of_layers(&[], &layers);
        let stream = &self.surroundings.stream;
        if desired.forced || self.observation.was_on_air() {
            admission.take(stream, cores);
        } else if admission.is_to_be_measured() {
            return Instant::now().checked_add(MEASURED_SOON);
        } else if let Err(refusal) = admission.ask(stream, cores) {
            self.exceeded(&refusal);
            return Instant::now().checked_add(AGAIN_AFTER);
        }
        self.fits();
        None
    }

    /// Why the host cannot carry this format instead of the one that the worker has; `None` when it
    /// can.
    pub(super) fn format_exceeds(&self, wanted: &ProgramFormat) -> Option<String> {
        let running = self.running.as_ref()?;
        let admission = &self.surroundings.admission;
        let costs = admission.capacity().costs;
        let cores = costs.of_change(&running.program, wanted);
        let stream = &self.surroundings.stream;
        let is_forced = self.wanted.desired.as_ref()?.forced;
        if is_forced {
            admission.take(stream, cores);
            return None;
        }
        admission.ask(stream, cores).err()
    }

    /// Counts what the layers of another picture need more, until it is measured. Whether they may
    /// be on air is decided where they are changed: here it would be too late to say so.
    pub(super) fn take_layers(&self, before: &[LayerKind], after: &[LayerKind]) {
        let admission = &self.surroundings.admission;
        let cores = admission.capacity().costs.of_layers(before, after);
        if cores > 0.0 {
            admission.take(&self.surroundings.stream, cores);
        }
    }

    fn exceeded(&mut self, refusal: &str) {
        let problem = Problem {
            code: EXCEEDED.to_owned(),
            severity: Severity::Critical,
            component: "engine".to_owned(),
            message: format!("this host cannot carry the stream now: {refusal}"),
            recovering: true,
        };
        let now = self.surroundings.clock().now();
        self.raise(problem, now, None);
    }

    /// The host can carry the stream, or need not.
    pub(super) fn fits(&mut self) {
        let over = self
            .observation
            .errors
            .clear(|error| error.code == EXCEEDED);
        self.note(over);
    }
}
