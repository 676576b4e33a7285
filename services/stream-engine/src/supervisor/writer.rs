//! Writes commands, over one line after the other.

use sm_media_protocol::{Command, FrameError, LeaseTerms, encode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Writes commands until the worker is told to end, and then tells it. Every line begins with the
/// lease. Commands that are lost with a line are not repeated: the worker says on the next one what
/// it knows. The last line stays open until the process is gone.
pub(super) async fn write_commands(
    mut lines: mpsc::Receiver<OwnedWriteHalf>,
    mut commands: mpsc::Receiver<Command>,
    mut lease: watch::Receiver<LeaseTerms>,
    stop: CancellationToken,
    gone: CancellationToken,
) {
    let work = async {
        while let Some(mut line) = lines.recv().await {
            let mut command = Command::Lease(*lease.borrow_and_update());
            // A line that breaks shows as its end to the task that reads.
            while write(&mut line, &command).await.is_ok() {
                if command == Command::Stop {
                    return Some(line);
                }
                command = tokio::select! {
                    biased;
                    // Nobody renews any more when the worker is about to be killed.
                    Ok(()) = lease.changed() => Command::Lease(*lease.borrow_and_update()),
                    Some(command) = commands.recv() => command,
                    () = stop.cancelled() => Command::Stop,
                };
            }
        }
        None
    };
    let line = gone.run_until_cancelled(work).await;
    gone.cancelled().await;
    drop(line);
}

async fn write(line: &mut OwnedWriteHalf, command: &Command) -> std::io::Result<()> {
    match encode(command) {
        Ok(bytes) => line.write_all(&bytes).await,
        Err(error @ (FrameError::Encode(_) | FrameError::Decode(_) | FrameError::TooLong)) => {
            tracing::error!(%error, "a command cannot be written");
            Ok(())
        }
    }
}
