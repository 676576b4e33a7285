//! The port that publishers come to.

use std::sync::Arc;
use std::time::Duration;

use sm_service_kit::Lifecycle;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::connection;
use super::door::Door;

/// Wait after the system could not accept a connection, such as when there are no descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// The bound port.
#[derive(Debug)]
pub(crate) struct Publishers(TcpListener);

/// Takes a port that was bound.
pub(crate) fn listen(socket: std::net::TcpListener) -> std::io::Result<Publishers> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket).map(Publishers)
}

impl Publishers {
    /// Serves publishers until the process is about to end.
    pub(crate) async fn serve(self, door: Arc<Door>, lifecycle: Lifecycle) {
        let places = Arc::new(Semaphore::new(door.config.connections_max));
        loop {
            let accepted = tokio::select! {
                accepted = self.0.accept() => accepted,
                () = door.lifecycle.closing().cancelled() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a publisher was not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            // Beyond the limit a connection is closed at once: an encoder tries again.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                door.metrics.refused("connections");
                continue;
            };
            let door = Arc::clone(&door);
            lifecycle.spawn(async move {
                connection::serve(&door, stream, peer.ip()).await;
                drop(place);
            });
        }
    }
}
