//! The line to the host: a socket that takes one host at a time. Commands come in on it, reports
//! go out.
//!
//! Architecture invariant: a host that is gone, slow or frozen holds nothing up. What it missed is
//! told when it, or the next one, connects.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sm_media_protocol::{
    Command, Introduction, LINE_BYTES_MAX, LeaseTerms, Report, TapTerms, decode, encode,
};

use crate::event::{Event, Events};
use crate::memory::{Memory, Note};
use crate::number::to_u64;
use crate::tap::{TapRefused, Taps};

/// Reports that may wait for the host to read; then whoever reports waits.
const REPORTS_WAITING_MAX: usize = 256;
/// Hosts that may wait to be accepted.
const BACKLOG: i32 = 8;
/// Longest time for a new host to say who it is. The next one waits that long.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest line with which a host may introduce itself.
const INTRODUCTION_BYTES_MAX: u64 = 1024;
/// Longest time for a host to take what it is told; then it has to connect again.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Wait after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What the thread that speaks with the host is told.
#[derive(Debug)]
enum Outgoing {
    /// Tell the host.
    Report(Report),
    /// Remember for the next host.
    Note(Box<Note>),
    /// This is the host from now on.
    Host(UnixStream),
    /// Nothing more is said.
    End,
}

/// Where reports go.
#[derive(Clone, Debug)]
pub(crate) struct Reports(SyncSender<Outgoing>);

impl Reports {
    /// Sends a report; without a host it is remembered as far as the next one must know it.
    pub(crate) fn send(&self, report: Report) {
        self.tell(Outgoing::Report(report));
    }

    /// Remembers for the next host what this one asks for.
    pub(crate) fn note(&self, note: Note) {
        self.tell(Outgoing::Note(Box::new(note)));
    }

    /// Closes the line once everything is said.
    pub(crate) fn end(&self) {
        self.tell(Outgoing::End);
    }

    fn tell(&self, outgoing: Outgoing) {
        // Fails after the end.
        let _ = self.0.send(outgoing);
    }
}

/// The newest fencing token that a host has shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence(Arc<AtomicU64>);

impl Fence {
    /// The host on the line has this token now.
    pub(crate) fn set(&self, token: u64) {
        self.0.store(token, Ordering::Relaxed);
    }

    fn admits(&self, token: u64) -> bool {
        token >= self.0.load(Ordering::Relaxed)
    }
}

/// Writes reports on a thread of its own, which ends with [`Reports::end`]. `ready` makes the
/// first report of every connection of what is remembered.
pub(crate) fn write_reports(
    ready: impl Fn(&Memory) -> Report + Send + 'static,
) -> io::Result<(Reports, JoinHandle<()>)> {
    let (sender, outgoing) = sync_channel(REPORTS_WAITING_MAX);
    let thread = thread::Builder::new()
        .name("reports".to_owned())
        .spawn(move || write_all(&outgoing, ready))?;
    Ok((Reports(sender), thread))
}

fn write_all(outgoing: &Receiver<Outgoing>, ready: impl Fn(&Memory) -> Report) {
    let mut memory = Memory::default();
    let mut host: Option<UnixStream> = None;
    while let Ok(next) = outgoing.recv() {
        let report = match next {
            Outgoing::Report(report) => {
                memory.take(&report);
                report
            }
            Outgoing::Note(note) => {
                memory.note(*note);
                continue;
            }
            Outgoing::Host(stream) => {
                if let Some(replaced) = host.replace(stream) {
                    hang_up(&replaced);
                }
                ready(&memory)
            }
            Outgoing::End => return,
        };
        if let Some(stream) = &mut host
            && let Err(error) = write(stream, &report)
        {
            tracing::warn!(%error, "the host cannot be told");
            // Ends the thread that reads, too.
            hang_up(stream);
            host = None;
        }
    }
}

fn write(stream: &mut UnixStream, report: &Report) -> io::Result<()> {
    match encode(report) {
        Ok(line) => stream.write_all(&line),
        Err(error) => {
            tracing::error!(%error, "a report cannot be written");
            Ok(())
        }
    }
}

fn hang_up(stream: &UnixStream) {
    // The other side may have done so already.
    let _ = stream.shutdown(Shutdown::Both);
}

/// Decides who comes in: hosts, and readers of the tap.
#[derive(Debug)]
pub(crate) struct Door {
    reports: Reports,
    events: Events,
    fence: Fence,
    taps: Taps,
    count: u64,
}

/// Why a connection is closed again.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it belongs to another user")]
    User,
    #[error("it does not say who it is")]
    Introduction,
    #[error("its lease is older than that of an earlier host")]
    Fenced,
    #[error(transparent)]
    Tap(#[from] TapRefused),
    #[error("its socket cannot be used")]
    Socket(#[from] io::Error),
}

impl Door {
    /// A door that is closed.
    pub(crate) fn new(reports: Reports, events: Events, fence: Fence, taps: Taps) -> Self {
        Self {
            reports,
            events,
            fence,
            taps,
            count: 0,
        }
    }

    /// Lets in who connects to this socket, on a thread of its own that lives as long as the
    /// process.
    pub(crate) fn open(self, socket: OwnedFd) -> io::Result<()> {
        // The kernel tells whoever connects which process this is: the one that listens.
        rustix::net::listen(&socket, BACKLOG)?;
        let listener = UnixListener::from(socket);
        thread::Builder::new()
            .name("hosts".to_owned())
            .spawn(move || self.keep(&listener))
            .map(|_detached| ())
    }

    fn keep(mut self, listener: &UnixListener) {
        loop {
            match listener.accept() {
                Ok((stream, _address)) => {
                    if let Err(refused) = self.let_in(stream) {
                        tracing::warn!(reason = %refused, "a connection is refused");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    thread::sleep(ACCEPT_AGAIN);
                }
            }
        }
    }

    fn let_in(&mut self, stream: UnixStream) -> Result<(), Refused> {
        let peer = rustix::net::sockopt::socket_peercred(&stream).map_err(io::Error::from)?;
        if peer.uid != rustix::process::geteuid() {
            return Err(Refused::User);
        }
        stream.set_read_timeout(Some(INTRODUCTION_TIMEOUT))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let mut input = BufReader::new(stream.try_clone()?);
        let introduction = introduction(&mut input)?;
        stream.set_read_timeout(None)?;
        match introduction {
            Introduction::Lease(terms) => {
                self.admit(terms.token)?;
                self.fence.set(terms.token);
                tracing::info!(token = terms.token, host = ?peer.pid, "a host connects");
                self.welcome(stream, input, terms)
            }
            Introduction::Tap(TapTerms { token }) => {
                self.admit(token)?;
                tracing::info!(token, reader = ?peer.pid, "a reader of the tap connects");
                Ok(self.taps.serve(stream)?)
            }
        }
    }

    fn admit(&self, token: u64) -> Result<(), Refused> {
        if self.fence.admits(token) {
            Ok(())
        } else {
            Err(Refused::Fenced)
        }
    }

    fn welcome(
        &mut self,
        stream: UnixStream,
        input: BufReader<UnixStream>,
        terms: LeaseTerms,
    ) -> Result<(), Refused> {
        self.count += 1;
        let connection = self.count;
        self.events.send(Event::HostCame { connection });
        let lease = Event::Command(Box::new(Command::Lease(terms)));
        self.events.send(lease);
        self.reports.tell(Outgoing::Host(stream));
        let events = self.events.clone();
        thread::Builder::new()
            .name("commands".to_owned())
            .spawn(move || read_commands(input, &events, connection))?;
        Ok(())
    }
}

fn introduction(input: &mut impl BufRead) -> Result<Introduction, Refused> {
    let mut line = Vec::new();
    input
        .take(INTRODUCTION_BYTES_MAX)
        .read_until(b'\n', &mut line)?;
    decode(&line).map_err(|_no_introduction| Refused::Introduction)
}

fn read_commands(mut input: impl BufRead, events: &Events, connection: u64) {
    while let Some(event) = next_command(&mut input) {
        if !events.send(event) {
            return;
        }
    }
    events.send(Event::HostGone { connection });
}

/// The next command, or `None` at the end of the input.
fn next_command(input: &mut impl BufRead) -> Option<Event> {
    let limit = to_u64(LINE_BYTES_MAX) + 1;
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

    #[test]
    fn a_host_introduces_itself_with_its_lease_a_reader_as_one_and_nobody_else_comes_in() {
        let lease = b"{\"command\":\"lease\",\"token\":4,\"valid_until_ms\":9}\n";
        let terms = LeaseTerms {
            token: 4,
            valid_until_ms: 9,
        };
        let host = introduction(&mut &lease[..]).unwrap();
        assert_eq!(host, Introduction::Lease(terms));
        let tap = b"{\"command\":\"tap\",\"token\":4}\n";
        let reader = introduction(&mut &tap[..]).unwrap();
        assert_eq!(reader, Introduction::Tap(TapTerms { token: 4 }));
        let long = vec![b'x'; 10_000];
        for other in [&b"{\"command\":\"stop\"}\n"[..], b"", b"hello\n", &long] {
            let refused = introduction(&mut { other });
            assert!(matches!(refused, Err(Refused::Introduction)));
        }
    }

    #[test]
    fn an_older_token_is_fenced_off() {
        let fence = Fence::default();
        assert!(fence.admits(0));
        fence.set(4);
        assert!(fence.admits(4) && fence.admits(5) && !fence.admits(3));
    }
}
