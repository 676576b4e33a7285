//! What stream-control counts.

use prometheus::{IntCounterVec, Opts, Registry};

/// Commands by action and outcome.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    commands: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let commands = IntCounterVec::new(
            Opts::new("sm_control_commands_total", "Control commands."),
            &["action", "outcome"],
        )?;
        registry.register(Box::new(commands.clone()))?;
        Ok(Self { commands })
    }

    /// Counts a command; `outcome` is `accepted`, `replayed` or `refused`.
    pub(crate) fn count(&self, action: &str, outcome: &str) {
        self.commands.with_label_values(&[action, outcome]).inc();
    }
}
