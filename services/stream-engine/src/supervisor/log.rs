use std::time::{Duration, Instant};

use sm_common::id::StreamId;
use tokio::process::ChildStderr;

use super::lines::{Line, Lines};

/// Longest line of a worker's log, in bytes.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Most lines of a worker's log that are passed on within [`WINDOW`].
const LINES_MAX: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// Passes a worker's log on, until its end. A worker that floods it loses lines, not the host.
pub(super) async fn forward(stderr: ChildStderr, stream: StreamId, pid: u32) {
    let mut lines = Lines::new(stderr, LINE_BYTES_MAX);
    let mut window = Instant::now();
    let (mut passed, mut suppressed) = (0_u32, 0_u64);
    while let Some(line) = lines.next().await {
        if window.elapsed() >= WINDOW {
            if suppressed > 0 {
                tracing::warn!(stream.id = %stream, pid, lines = suppressed, "worker log suppressed");
            }
            window = Instant::now();
            (passed, suppressed) = (0, 0);
        }
        if passed == LINES_MAX {
            suppressed = suppressed.saturating_add(1);
            continue;
        }
        passed = passed.saturating_add(1);
        match line {
            Line::Whole(text) => {
                let line = String::from_utf8_lossy(&text);
                tracing::info!(target: "media_worker", { stream.id = %stream, pid }, "{line}");
            }
            Line::TooLong => {
                tracing::warn!(target: "media_worker", { stream.id = %stream, pid }, "a line was too long");
            }
        }
    }
}
