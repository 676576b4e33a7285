use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value};
use sm_common::id::StreamId;
use tokio::process::ChildStderr;

use super::lines::{Line, Lines};

/// Longest line of a worker's log, in bytes.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Most lines of a worker's log that are passed on within [`WINDOW`].
const LINES_MAX: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// A line as the worker writes it; libraries inside it write plain text.
#[derive(Debug, Deserialize)]
struct Entry {
    level: Level,
    fields: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

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
            Line::Whole(text) => write(&text, &stream, pid),
            Line::TooLong => {
                tracing::warn!(target: "media_worker", { stream.id = %stream, pid }, "a line was too long");
            }
        }
    }
}

fn write(line: &[u8], stream: &StreamId, pid: u32) {
    let (level, text) = read(line);
    match level {
        Level::Trace | Level::Debug => {
            tracing::debug!(target: "media_worker", { stream.id = %stream, pid }, "{text}");
        }
        Level::Info => {
            tracing::info!(target: "media_worker", { stream.id = %stream, pid }, "{text}");
        }
        Level::Warn => {
            tracing::warn!(target: "media_worker", { stream.id = %stream, pid }, "{text}");
        }
        Level::Error => {
            tracing::error!(target: "media_worker", { stream.id = %stream, pid }, "{text}");
        }
    }
}

/// The message with its fields behind it.
fn read(line: &[u8]) -> (Level, String) {
    let Ok(Entry { level, mut fields }) = serde_json::from_slice(line) else {
        return (Level::Info, String::from_utf8_lossy(line).into_owned());
    };
    let message = fields.remove("message");
    let mut text = match message {
        Some(Value::String(message)) => message,
        other => other.unwrap_or_default().to_string(),
    };
    for (name, value) in fields {
        // Writing to a String cannot fail.
        let _ = write!(text, " {name}={value}");
    }
    (level, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_level_its_message_and_its_fields() {
        let line =
            br#"{"timestamp":"t","level":"WARN","fields":{"message":"slow","layer.id":"a"}}"#;
        assert_eq!(read(line), (Level::Warn, "slow layer.id=\"a\"".to_owned()));
        let plain = "GStreamer-CRITICAL: oh";
        assert_eq!(read(plain.as_bytes()), (Level::Info, plain.to_owned()));
    }
}
