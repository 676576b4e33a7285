//! The handshake in its simple form, which every encoder takes: each side sends random bytes, and
//! returns those of the other.

use bytes::{Buf as _, BytesMut};

use super::RtmpError;

/// The one version there is.
const VERSION: u8 = 3;
/// Bytes of each packet after the version.
pub(super) const PACKET_BYTES: usize = 1536;

/// Which packets have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Nothing,
    First,
    Done,
}

/// What the bytes that a side sends are made of.
pub(crate) type Seed = [u8; 16];

/// The server's side.
#[derive(Debug)]
pub(super) struct ServerHandshake {
    stage: Stage,
    packet: [u8; PACKET_BYTES],
    waiting: BytesMut,
}

impl ServerHandshake {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            stage: Stage::Nothing,
            packet: packet(seed),
            waiting: BytesMut::new(),
        }
    }

    /// Takes what has arrived and writes the answers to `out`. What comes after the handshake,
    /// once it is over.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<BytesMut>, RtmpError> {
        self.waiting.extend_from_slice(bytes);
        if self
            .waiting
            .first()
            .is_some_and(|version| *version != VERSION)
            && self.stage == Stage::Nothing
        {
            return Err(RtmpError::Version);
        }
        if self.stage == Stage::Nothing && self.waiting.len() > PACKET_BYTES {
            self.waiting.advance(1);
            let theirs = self.waiting.split_to(PACKET_BYTES);
            out.push(VERSION);
            out.extend_from_slice(&self.packet);
            out.extend_from_slice(&theirs);
            self.stage = Stage::First;
        }
        if self.stage == Stage::First && self.waiting.len() >= PACKET_BYTES {
            // What they return of ours is not looked at: some encoders return something else.
            self.waiting.advance(PACKET_BYTES);
            self.stage = Stage::Done;
        }
        Ok((self.stage == Stage::Done).then(|| self.waiting.split()))
    }
}

/// The client's side.
#[derive(Debug)]
pub(super) struct ClientHandshake {
    waiting: BytesMut,
}

impl ClientHandshake {
    /// Writes what begins it to `out`.
    pub(super) fn begin(seed: Seed, out: &mut Vec<u8>) -> Self {
        out.push(VERSION);
        out.extend_from_slice(&packet(seed));
        Self {
            waiting: BytesMut::new(),
        }
    }

    /// As [`ServerHandshake::take`].
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<BytesMut>, RtmpError> {
        self.waiting.extend_from_slice(bytes);
        if self
            .waiting
            .first()
            .is_some_and(|version| *version != VERSION)
        {
            return Err(RtmpError::Version);
        }
        if self.waiting.len() < 1 + 2 * PACKET_BYTES {
            return Ok(None);
        }
        self.waiting.advance(1);
        out.extend_from_slice(&self.waiting.split_to(PACKET_BYTES));
        self.waiting.advance(PACKET_BYTES);
        Ok(Some(self.waiting.split()))
    }
}

/// A packet whose first eight bytes say that it is not signed.
fn packet(seed: Seed) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    let places = packet.iter_mut().zip(seed.iter().cycle());
    for (place, byte) in places.skip(8) {
        *place = *byte;
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_find_together_and_nothing_after_it_is_lost() {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let mut client = ClientHandshake::begin([1; 16], &mut to_server);
        let mut server = ServerHandshake::new([2; 16]);
        for byte in std::mem::take(&mut to_server) {
            assert_eq!(server.take(&[byte], &mut to_client), Ok(None));
        }
        assert_eq!(to_client.len(), 1 + 2 * PACKET_BYTES);
        to_client.extend(b"more");
        let more = client.take(&to_client, &mut to_server).unwrap();
        assert_eq!(more.unwrap().as_ref(), b"more");
        to_server.extend(b"even more");
        let more = server.take(&to_server, &mut Vec::new()).unwrap();
        assert_eq!(more.unwrap().as_ref(), b"even more");
    }

    #[test]
    fn what_speaks_something_else_is_refused_with_its_first_byte() {
        for other in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"\x06"] {
            let mut server = ServerHandshake::new([0; 16]);
            let refused = server.take(other, &mut Vec::new());
            assert_eq!(refused, Err(RtmpError::Version));
        }
    }
}
