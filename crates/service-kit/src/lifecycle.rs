use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The life of a process: started, serving, draining, closing, stopping. Every background task
/// belongs to it, so that nothing runs that the end does not know of.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    closing: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
    /// A std lock: it is held to count, never across an await.
    holds: Arc<Mutex<usize>>,
}

/// Keeps a draining process serving as before for as long as it lives. Who has one bounds it.
#[derive(Debug)]
pub struct Hold(Lifecycle);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = self.0.holds();
        *holds = holds.saturating_sub(1);
        self.0.close_unless_held(*holds);
    }
}

impl Lifecycle {
    /// A process that has just started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process is about to end: readiness fails, service goes on.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when the process is about to end and nobody holds it any more: what lasts long
    /// ends, service goes on for the rest of the drain.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Keeps the process serving while it drains.
    pub fn hold(&self) -> Hold {
        let mut holds = self.holds();
        *holds = holds.saturating_add(1);
        drop(holds);
        Hold(self.clone())
    }

    /// Cancelled when the process ends: loops return, connections close.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Runs a background task. It should watch [`Self::stopping`].
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Begins the end.
    pub fn drain(&self) {
        let holds = self.holds();
        self.draining.cancel();
        self.close_unless_held(*holds);
    }

    /// Ends it, whoever holds it.
    pub fn stop(&self) {
        self.draining.cancel();
        self.closing.cancel();
        self.stopping.cancel();
    }

    /// Returns when every background task has returned.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Drains at SIGTERM or SIGINT; a second signal stops at once.
    pub async fn watch_signals(self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        for last in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
            if last {
                self.stop();
            } else {
                self.drain();
            }
        }
        Ok(())
    }

    fn close_unless_held(&self, holds: usize) {
        if holds == 0 && self.draining.is_cancelled() {
            self.closing.cancel();
        }
    }

    fn holds(&self) -> MutexGuard<'_, usize> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draining_process_closes_when_nobody_holds_it() {
        let free = Lifecycle::new();
        free.drain();
        assert!(free.closing().is_cancelled());
        let held = Lifecycle::new();
        let holds = [held.hold(), held.hold()];
        drop(held.hold());
        held.drain();
        assert!(held.draining().is_cancelled() && !held.closing().is_cancelled());
        drop(holds);
        assert!(held.closing().is_cancelled() && !held.stopping().is_cancelled());
        let serving = Lifecycle::new();
        drop(serving.hold());
        assert!(!serving.closing().is_cancelled());
        let _hold = serving.hold();
        serving.stop();
        assert!(serving.closing().is_cancelled());
    }
}
