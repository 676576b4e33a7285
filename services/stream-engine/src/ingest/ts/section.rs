//! Sections: tables in pieces of packets, with a checksum.

use bytes::{Bytes, BytesMut};

use super::packet::{Continuity, Order, Packet};

/// Largest section of the tables that are read.
const SECTION_BYTES_MAX: usize = 1024;
/// Bytes of a section up to the end of its length.
const HEAD_BYTES: usize = 3;
/// What fills a packet behind its last section.
const STUFFING: u8 = 0xff;

/// Puts the sections of one table together.
#[derive(Debug, Default)]
pub(super) struct Sections {
    continuity: Continuity,
    /// `None` until a section begins.
    gathered: Option<BytesMut>,
}

impl Sections {
    /// The sections that are whole with this packet, and sound.
    pub(super) fn take(&mut self, packet: &Packet<'_>) -> Vec<Bytes> {
        match self.continuity.note(packet) {
            Order::Next => {}
            Order::Skip => return Vec::new(),
            Order::AfterGap | Order::Broken => self.gathered = None,
        }
        let mut whole = Vec::new();
        if packet.starts {
            let Some((rest, begun)) = split_at_pointer(packet.payload) else {
                self.gathered = None;
                return whole;
            };
            self.gather(rest, &mut whole);
            self.gathered = Some(BytesMut::new());
            self.gather(begun, &mut whole);
        } else {
            self.gather(packet.payload, &mut whole);
        }
        whole
    }

    fn gather(&mut self, bytes: &[u8], whole: &mut Vec<Bytes>) {
        let Some(gathered) = &mut self.gathered else {
            return;
        };
        gathered.extend_from_slice(bytes);
        while let Some(&[table, high, low]) = gathered.first_chunk::<HEAD_BYTES>() {
            let length = HEAD_BYTES + usize::from(u16::from_be_bytes([high & 0x0f, low]));
            if table == STUFFING || length > SECTION_BYTES_MAX {
                self.gathered = None;
                return;
            }
            if gathered.len() < length {
                return;
            }
            let section = gathered.split_to(length).freeze();
            if checksum(&section) == 0 {
                whole.push(section);
            }
        }
    }
}

/// The end of a section that began before, and what begins in the packet.
fn split_at_pointer(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&pointer, rest) = payload.split_first()?;
    rest.split_at_checked(pointer.into())
}

/// CRC-32 as MPEG has it; nought of a section with its own.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _bit| {
            let carried = crc & 0x8000_0000 != 0;
            (crc << 1) ^ if carried { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// A section with its checksum, for tests.
#[cfg(test)]
pub(super) fn sealed(table: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap() | 0xb000;
    let mut section = vec![table];
    section.extend(length.to_be_bytes());
    section.extend(body);
    section.extend(checksum(&section).to_be_bytes());
    section
}

#[cfg(test)]
mod tests {
    use super::super::packet::PACKET_BYTES;
    use super::*;

    fn packet(counter: u8, starts: bool, payload: &[u8]) -> [u8; PACKET_BYTES] {
        let mut bytes = [STUFFING; PACKET_BYTES];
        bytes[..4].copy_from_slice(&[0x47, if starts { 0x40 } else { 0 }, 0, 0x10 | counter]);
        bytes[4..4 + payload.len()].copy_from_slice(payload);
        bytes
    }

    fn take(sections: &mut Sections, packet: &[u8; PACKET_BYTES]) -> Vec<Bytes> {
        sections.take(&Packet::read(packet).unwrap())
    }

    #[test]
    fn sections_are_put_together_from_packets() {
        let (short, long) = (sealed(0, &[1; 20]), sealed(2, &[2; 300]));
        let mut sections = Sections::default();
        let (begin, rest) = long.split_at(183 - short.len());
        let both = [&[0][..], &short, begin].concat();
        let whole = take(&mut sections, &packet(0, true, &both));
        assert_eq!(whole, std::slice::from_ref(&short));
        // The rest of the long one, and then the short one again.
        let pointer = u8::try_from(rest.len()).unwrap();
        let both = [&[pointer][..], rest, &short].concat();
        assert_eq!(take(&mut sections, &packet(1, true, &both)), [long, short]);
    }

    #[test]
    fn what_is_damaged_or_incomplete_is_left_out() {
        let long = sealed(2, &[2; 300]);
        let mut sections = Sections::default();
        let begin = [&[0][..], &long[..183]].concat();
        let mut wrong = sealed(0, &[1; 20]);
        wrong[5] ^= 1;
        let wrong = [&[0][..], &wrong].concat();
        assert!(take(&mut sections, &packet(0, true, &wrong)).is_empty());
        assert!(take(&mut sections, &packet(1, true, &begin)).is_empty());
        let after_gap = packet(3, false, &long[183..]);
        assert!(
            take(&mut sections, &after_gap).is_empty(),
            "a packet is missing"
        );
        let endless = [&[0, 2, 0xbf, 0xff][..], &[0; 170]].concat();
        assert!(take(&mut sections, &packet(4, true, &endless)).is_empty());
        assert!(sections.gathered.is_none(), "it is not waited for");
        assert!(take(&mut sections, &packet(5, true, &[200])).is_empty());
    }
}
