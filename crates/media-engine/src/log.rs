//! The worker's log: JSON lines on standard error, each with the stream and the process.
//!
//! Whoever reads standard error may be gone, or may not read. So lines wait in a bounded queue for
//! a thread of their own; what does not fit is counted, and what cannot be written is lost.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that may wait to be written.
const LINES_WAITING_MAX: usize = 512;
/// Most lines that are written within [`WINDOW`].
const LINES_MAX: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);
/// Longest wait for the last lines at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

enum Entry {
    Line(Vec<u8>),
    /// Answer when everything before is written.
    Flush(SyncSender<()>),
}

/// Where the log's lines go.
#[derive(Clone)]
pub struct Log {
    lines: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl Log {
    /// Starts to write the log of the worker of `stream` to `output`.
    pub fn start(stream: &str, output: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, entries) = sync_channel(LINES_WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            output,
            prefix: format!(
                "{{\"stream.id\":\"{stream}\",\"pid\":{},",
                std::process::id()
            ),
            lost: Arc::clone(&lost),
            window: Instant::now(),
            written: 0,
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&entries))?;
        Ok(Self { lines, lost })
    }

    /// Waits for what was logged so far, but not for ever.
    pub fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.lines.try_send(Entry::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

impl Write for Log {
    /// Takes a whole line, as the subscriber hands it over.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Entry::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer<W> {
    output: W,
    prefix: String,
    lost: Arc<AtomicU64>,
    window: Instant,
    written: u32,
}

impl<W: Write> Writer<W> {
    fn run(mut self, entries: &Receiver<Entry>) {
        while let Ok(entry) = entries.recv() {
            match entry {
                Entry::Line(line) => self.take(&line),
                Entry::Flush(done) => drop(done.send(())),
            }
        }
    }

    fn take(&mut self, line: &[u8]) {
        if self.window.elapsed() >= WINDOW {
            self.window = Instant::now();
            self.written = 0;
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let line = format!(
                    "{{\"level\":\"WARN\",\"message\":\"log suppressed\",\"lines\":{lost}}}\n"
                );
                self.put(line.as_bytes());
            }
        }
        if self.written == LINES_MAX {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.written += 1;
        self.put(line);
    }

    fn put(&mut self, line: &[u8]) {
        let whole = match line.strip_prefix(b"{") {
            Some(rest) => [self.prefix.as_bytes(), rest].concat(),
            None => line.to_vec(),
        };
        // Nobody is left to tell that nobody reads.
        let _ = self.output.write_all(&whole);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut paper = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            paper.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// As a pipe whose reader is gone.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_names_the_stream_and_the_process_and_a_flood_is_cut() {
        let paper = Paper::default();
        let mut log = Log::start("main", paper.clone()).unwrap();
        for _ in 0..200 {
            log.write_all(b"{\"level\":\"INFO\",\"message\":\"hello\"}\n")
                .unwrap();
        }
        Log::flush(&log);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        // The flood may fall into two windows.
        let lines = text.lines().count();
        assert!((50..=101).contains(&lines), "{lines}");
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["stream.id"], "main");
        assert_eq!(line["pid"], std::process::id());
        assert_eq!(line["message"], "hello");
    }

    #[test]
    fn a_log_that_nobody_reads_harms_nobody() {
        let mut log = Log::start("main", Broken).unwrap();
        for _ in 0..2000 {
            log.write_all(b"{}\n").unwrap();
        }
        Log::flush(&log);
    }
}
