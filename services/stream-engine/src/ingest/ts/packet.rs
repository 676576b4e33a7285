//! Packets of 188 bytes, and what of them is missing.

use bytes::{Buf as _, BytesMut};

/// Bytes of a packet.
pub(super) const PACKET_BYTES: usize = 188;
/// What every packet begins with.
const SYNC: u8 = 0x47;
/// Bytes of a packet's header.
const HEADER_BYTES: usize = 4;

/// A packet, as the next stage needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// What it belongs to.
    pub(super) pid: u16,
    /// A section or a PES packet begins in it.
    pub(super) starts: bool,
    counter: u8,
    /// The counter may begin anew.
    is_discontinuous: bool,
    /// Whoever sent it knows that it is damaged.
    is_broken: bool,
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` when it makes no sense, or is scrambled.
    pub(super) fn read(bytes: &'a [u8; PACKET_BYTES]) -> Option<Self> {
        let (&[sync, high, low, flags], rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        if sync != SYNC || flags & 0xc0 != 0 {
            return None;
        }
        let (adaptation, rest) = if flags & 0x20 == 0 {
            (&[][..], rest)
        } else {
            let (&length, rest) = rest.split_first()?;
            rest.split_at_checked(length.into())?
        };
        let payload = if flags & 0x10 == 0 { &[] } else { rest };
        Some(Self {
            pid: u16::from_be_bytes([high & 0x1f, low]),
            starts: high & 0x40 != 0,
            counter: flags & 0x0f,
            is_discontinuous: adaptation.first().is_some_and(|flags| flags & 0x80 != 0),
            is_broken: high & 0x80 != 0,
            payload,
        })
    }
}

/// Cuts bytes into packets, and finds their beginning where it was lost.
#[derive(Debug, Default)]
pub(super) struct Packets(BytesMut);

impl Packets {
    /// Takes what has arrived.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole packet.
    pub(super) fn next(&mut self) -> Option<[u8; PACKET_BYTES]> {
        loop {
            let begin = self.0.iter().position(|byte| *byte == SYNC);
            self.0.advance(begin.unwrap_or(self.0.len()));
            let packet = *self.0.first_chunk::<PACKET_BYTES>()?;
            // A byte that only looks like a beginning has no other one behind it.
            if self.0.get(PACKET_BYTES).is_some_and(|next| *next != SYNC) {
                self.0.advance(1);
                continue;
            }
            self.0.advance(PACKET_BYTES);
            return Some(packet);
        }
    }
}

/// What a packet is to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The next one.
    Next,
    /// The same again, or nothing to read.
    Skip,
    /// The next one that arrived: something before it is missing.
    AfterGap,
    /// It is damaged itself.
    Broken,
}

/// Counts the packets of one kind.
#[derive(Debug, Default)]
pub(super) struct Continuity(Option<u8>);

impl Continuity {
    pub(super) fn note(&mut self, packet: &Packet<'_>) -> Order {
        if packet.is_broken {
            self.0 = None;
            return Order::Broken;
        }
        if packet.payload.is_empty() {
            return Order::Skip;
        }
        let before = self.0.replace(packet.counter);
        match before {
            Some(before) if before == packet.counter && !packet.is_discontinuous => Order::Skip,
            Some(before) if (before + 1) & 0x0f != packet.counter && !packet.is_discontinuous => {
                Order::AfterGap
            }
            _ => Order::Next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(header: [u8; 3], rest: &[u8]) -> [u8; PACKET_BYTES] {
        let mut bytes = [0xff; PACKET_BYTES];
        bytes[0] = SYNC;
        bytes[1..4].copy_from_slice(&header);
        bytes[4..4 + rest.len()].copy_from_slice(rest);
        bytes
    }

    #[test]
    fn a_header_says_what_a_packet_is() {
        let whole = packet([0x41, 0x23, 0x17], &[]);
        let read = Packet::read(&whole).unwrap();
        assert_eq!((read.pid, read.starts, read.counter), (0x123, true, 7));
        assert_eq!(read.payload.len(), 184);
        let adapted = packet([0x01, 0x23, 0x37], &[2, 0x80, 0]);
        let read = Packet::read(&adapted).unwrap();
        assert!(read.is_discontinuous && !read.starts);
        assert_eq!(read.payload.len(), 181);
        let only_adaptation = packet([0x01, 0x23, 0x27], &[183]);
        let read = Packet::read(&only_adaptation).unwrap();
        assert!(read.payload.is_empty());
        let too_long = packet([0x01, 0x23, 0x37], &[184]);
        assert_eq!(Packet::read(&too_long), None);
        let scrambled = packet([0x01, 0x23, 0x97], &[]);
        assert_eq!(Packet::read(&scrambled), None);
    }

    #[test]
    fn packets_are_found_behind_garbage_and_across_arrivals() {
        let (one, two) = (packet([0, 1, 0x10], &[]), packet([0, 2, 0x10], &[]));
        let mut packets = Packets::default();
        packets.feed(b"garbage \x47 garbage");
        packets.feed(&one[..100]);
        assert_eq!(packets.next(), None);
        packets.feed(&one[100..]);
        packets.feed(&two);
        assert_eq!(packets.next(), Some(one));
        assert_eq!(packets.next(), Some(two));
        assert_eq!(packets.next(), None);
        packets.feed(&[7; 5000]);
        assert_eq!(packets.next(), None);
        assert!(packets.0.is_empty(), "garbage is not kept");
    }

    #[test]
    fn what_is_missing_is_noticed() {
        // Header bytes, and what the packet is to those before it.
        let cases = [
            ([0, 1, 0x10], Order::Next),
            ([0, 1, 0x11], Order::Next),
            ([0, 1, 0x11], Order::Skip),
            ([0, 1, 0x12], Order::Next),
            ([0, 1, 0x14], Order::AfterGap),
            ([0, 1, 0x15], Order::Next),
            ([0x80, 1, 0x16], Order::Broken),
            ([0, 1, 0x1a], Order::Next),
            ([0, 1, 0x0a], Order::Skip),
            ([0, 1, 0x1b], Order::Next),
        ];
        let mut continuity = Continuity::default();
        for (header, expected) in cases {
            let bytes = packet(header, &[]);
            let order = continuity.note(&Packet::read(&bytes).unwrap());
            assert_eq!(order, expected, "{header:?}");
        }
        let jump = packet([0, 1, 0x35], &[1, 0x80]);
        let order = continuity.note(&Packet::read(&jump).unwrap());
        assert_eq!(order, Order::Next, "it says so itself");
    }
}
