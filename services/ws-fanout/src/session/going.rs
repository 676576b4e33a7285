//! Frames on their way into a socket.

use std::io::{ErrorKind, IoSlice};

use bytes::{Buf as _, Bytes};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Frames and bytes that are given to the kernel in one step, but for one frame that is larger.
const FRAMES_MAX: usize = 16;
const BYTES_MAX: usize = 32 * 1024;

/// What became of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The kernel has all of them.
    All,
    /// It takes no more than it has taken.
    Some,
    /// The connection is gone.
    Lost,
}

/// Frames that are due, in order.
#[derive(Debug, Default)]
pub(super) struct Going {
    frames: Vec<Bytes>,
    bytes: usize,
}

impl Going {
    pub(super) const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether another frame goes in the same step.
    pub(super) const fn has_room(&self) -> bool {
        self.frames.len() < FRAMES_MAX && self.bytes < BYTES_MAX
    }

    pub(super) fn add(&mut self, frame: Bytes) {
        self.bytes = self.bytes.saturating_add(frame.len());
        self.frames.push(frame);
    }

    /// Gives the kernel what it takes.
    pub(super) fn send(&mut self, socket: &TcpStream) -> Sent {
        while !self.frames.is_empty() {
            match self.write(socket) {
                Ok(written) => self.skip(written),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    forget_readiness(socket);
                    return Sent::Some;
                }
                Err(_) => return Sent::Lost,
            }
        }
        Sent::All
    }

    /// Asks the kernel straight away: what the runtime knows of the socket lies in memory that is
    /// seldom at hand, and to look there first costs more than the rare refusal.
    fn write(&self, socket: &TcpStream) -> Result<usize, Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if let [frame] = self.frames.as_slice() {
            return send(socket, frame, flags);
        }
        let mut slices = [IoSlice::new(&[]); FRAMES_MAX];
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame);
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags)
    }

    /// Forgets the first `written` bytes.
    fn skip(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        let mut whole = 0;
        for frame in &mut self.frames {
            if written < frame.len() {
                frame.advance(written);
                break;
            }
            written -= frame.len();
            whole += 1;
        }
        drop(self.frames.drain(..whole));
    }
}

/// Has the runtime wait for the kernel's word before it calls the socket writable again.
fn forget_readiness(socket: &TcpStream) {
    let refused = || Err::<(), _>(ErrorKind::WouldBlock.into());
    // The refusal is all that it is asked for.
    let _ = socket.try_io(Interest::WRITABLE, refused);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_forgotten_to_the_byte() {
        let mut going = Going::default();
        for frame in ["abc", "defg", "h"] {
            going.add(Bytes::from_static(frame.as_bytes()));
        }
        let left = |going: &Going| going.frames.concat();
        for (written, expected) in [(0, "abcdefgh"), (4, "efgh"), (3, "h"), (1, "")] {
            going.skip(written);
            assert_eq!(left(&going), expected.as_bytes());
            assert_eq!(going.bytes, expected.len());
        }
        assert!(going.is_empty());
    }

    #[test]
    fn a_step_has_bounds() {
        let mut going = Going::default();
        for _ in 0..FRAMES_MAX {
            assert!(going.has_room());
            going.add(Bytes::from_static(b"x"));
        }
        assert!(!going.has_room());
        let mut large = Going::default();
        large.add(Bytes::from(vec![0; BYTES_MAX]));
        assert!(!large.has_room());
    }
}
