use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The life of a process: started, serving, draining, stopping. Every background task belongs
/// to it, so that nothing runs that the end does not know of.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
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
        self.draining.cancel();
    }

    /// Ends it.
    pub fn stop(&self) {
        self.draining.cancel();
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
}
