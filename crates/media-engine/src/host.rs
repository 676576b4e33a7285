//! The line to the host: commands come in on one stream, reports go out on the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use sm_media_protocol::{Command, LINE_BYTES_MAX, Report, decode, encode};

use crate::event::{Event, Events};

/// Reports that may wait for the host to read; then whoever reports waits.
const REPORTS_WAITING_MAX: usize = 256;

/// Where reports go.
#[derive(Clone, Debug)]
pub(crate) struct Reports(SyncSender<Report>);

impl Reports {
    /// Sends a report; nothing happens when the host is gone, which the worker learns elsewhere.
    pub(crate) fn send(&self, report: Report) {
        let _ = self.0.send(report);
    }
}

/// Writes reports on a thread of its own, which ends when all senders are gone.
pub(crate) fn write_reports(
    output: impl Write + Send + 'static,
    events: Events,
) -> std::io::Result<(Reports, JoinHandle<()>)> {
    let (sender, reports) = sync_channel(REPORTS_WAITING_MAX);
    let thread = thread::Builder::new()
        .name("reports".to_owned())
        .spawn(move || {
            if write_all(output, &reports).is_err() {
                events.send(Event::HostGone);
                // Whoever reports must not wait for a host that is gone.
                while reports.recv().is_ok() {}
            }
        })?;
    Ok((Reports(sender), thread))
}

fn write_all(mut output: impl Write, reports: &Receiver<Report>) -> std::io::Result<()> {
    while let Ok(report) = reports.recv() {
        match encode(&report) {
            Ok(line) => {
                output.write_all(&line)?;
                output.flush()?;
            }
            Err(error) => tracing::error!(%error, "a report cannot be written"),
        }
    }
    Ok(())
}

/// Reads commands on a thread of its own, which ends with the input.
pub(crate) fn read_commands(
    input: impl Read + Send + 'static,
    events: Events,
) -> std::io::Result<()> {
    thread::Builder::new()
        .name("commands".to_owned())
        .spawn(move || {
            let mut input = BufReader::new(input);
            while let Some(event) = next_command(&mut input) {
                if !events.send(event) {
                    return;
                }
            }
            events.send(Event::HostGone);
        })
        .map(|_detached| ())
}

/// The next command, or `None` at the end of the input.
fn next_command(input: &mut impl BufRead) -> Option<Event> {
    let limit = crate::number::to_u64(LINE_BYTES_MAX) + 1;
    let mut line = Vec::new();
    let length = input.take(limit).read_until(b'\n', &mut line).ok()?;
    if length == 0 {
        return None;
    }
    Some(match decode::<Command>(&line) {
        Ok(command) => Event::Command(Box::new(command)),
        Err(error) => Event::Unreadable {
            message: error.to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_is_said_to_be_none() {
        let mut input = BufReader::new(&b"{\"command\":\"stop\"}\nnonsense\n"[..]);
        assert!(matches!(
            next_command(&mut input),
            Some(Event::Command(command)) if *command == Command::Stop
        ));
        assert!(matches!(
            next_command(&mut input),
            Some(Event::Unreadable { .. })
        ));
        assert!(next_command(&mut input).is_none());
    }
}
