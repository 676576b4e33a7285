//! Where the worker is in its life.

use sm_media_protocol::WorkerState;

/// The worker's state. It only moves forward.
///
/// ```text
/// (waiting for Configure) → starting → playing → stopping
///                                    ↘────────────↗
/// ```
#[derive(Debug, Default)]
pub(crate) struct Lifecycle(Option<WorkerState>);

impl Lifecycle {
    /// Moves to `state`; whether that was a step forward.
    pub(crate) fn advance(&mut self, state: WorkerState) -> bool {
        let forward = self.0.is_none_or(|current| current < state);
        if forward {
            self.0 = Some(state);
        }
        forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_never_goes_back() {
        let mut life = Lifecycle::default();
        assert!(life.advance(WorkerState::Starting));
        assert!(life.advance(WorkerState::Stopping));
        assert!(!life.advance(WorkerState::Playing));
        assert!(!life.advance(WorkerState::Stopping));
    }
}
