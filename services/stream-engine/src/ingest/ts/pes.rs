//! PES packets: frames with their time, in pieces of packets.

use bytes::{Bytes, BytesMut};

use super::TsError;

/// Bytes up to the end of a packet's length, and up to the length of its header.
const START_BYTES: usize = 6;
const HEAD_BYTES: usize = 9;

/// What one packet brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// When it is shown, in ticks; the first one of it, where it holds several.
    pub(super) shown: Option<u64>,
    /// When it is decoded, where that is another time.
    pub(super) decoded: Option<u64>,
    pub(super) data: Bytes,
}

/// How a packet ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gathered {
    Whole(Frame),
    /// It makes no sense, or is not all there.
    Damaged,
}

/// Puts packets together.
#[derive(Debug)]
pub(super) struct Gathering {
    bytes_max: usize,
    /// `None` until a packet begins.
    gathered: Option<BytesMut>,
}

impl Gathering {
    /// For packets of so many bytes at most.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            gathered: None,
        }
    }

    /// A packet begins: what became of the one before, if it had not ended yet.
    pub(super) fn begin(&mut self) -> Option<Gathered> {
        self.gathered.replace(BytesMut::new()).map(read)
    }

    /// No more comes: what became of the last one.
    pub(super) fn finish(&mut self) -> Option<Gathered> {
        self.gathered.take().map(read)
    }

    /// Something is missing: what was gathered is of no use.
    pub(super) fn forget(&mut self) {
        self.gathered = None;
    }

    /// Takes a piece; what the packet is, if it says how long it is and is whole now.
    pub(super) fn add(&mut self, piece: &[u8]) -> Result<Option<Gathered>, TsError> {
        let Some(gathered) = &mut self.gathered else {
            return Ok(None);
        };
        if gathered.len().saturating_add(piece.len()) > self.bytes_max {
            return Err(TsError::TooLarge);
        }
        gathered.extend_from_slice(piece);
        let is_whole = length(gathered).is_some_and(|length| gathered.len() >= length);
        Ok(if is_whole { self.finish() } else { None })
    }
}

/// All bytes of a packet that says how many; pictures need not.
fn length(packet: &[u8]) -> Option<usize> {
    let &[_, _, _, _, high, low] = packet.first_chunk::<START_BYTES>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    (length > 0).then_some(START_BYTES + length)
}

fn read(packet: BytesMut) -> Gathered {
    frame(packet.freeze()).map_or(Gathered::Damaged, Gathered::Whole)
}

fn frame(mut packet: Bytes) -> Option<Frame> {
    if let Some(length) = length(&packet) {
        if packet.len() < length {
            return None;
        }
        packet.truncate(length);
    }
    let &[0, 0, 1, _stream, _, _, kind, flags, header_bytes] =
        packet.first_chunk::<HEAD_BYTES>()?
    else {
        return None;
    };
    if kind & 0xc0 != 0x80 {
        return None;
    }
    let begin = HEAD_BYTES + usize::from(header_bytes);
    let header = packet.get(HEAD_BYTES..begin)?;
    let (shown, decoded) = match flags >> 6 {
        2 => (Some(stamp(header)?), None),
        3 => (Some(stamp(header)?), Some(stamp(header.get(5..)?)?)),
        _ => (None, None),
    };
    Some(Frame {
        shown,
        decoded,
        data: packet.slice(begin..),
    })
}

/// A time in 33 of 40 bits.
fn stamp(header: &[u8]) -> Option<u64> {
    let bytes: &[u8; 5] = header.first_chunk()?;
    let bits = bytes
        .iter()
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    // In 3, 15 and 15 bits, with a mark behind each.
    Some((bits >> 3) & (0x7 << 30) | (bits >> 2) & (0x7fff << 15) | (bits >> 1) & 0x7fff)
}

/// A packet as an encoder writes it, for tests.
#[cfg(test)]
pub(super) fn packed(stream: u8, shown: u64, decoded: Option<u64>, data: &[u8]) -> Vec<u8> {
    let stamp = |mark: u8, ticks: u64| {
        let byte = |shift: u32| u8::try_from((ticks >> shift) & 0xff).unwrap();
        [
            mark << 4 | (byte(29) & 0x0e) | 1,
            byte(22),
            byte(14) | 1,
            byte(7),
            byte(0) << 1 | 1,
        ]
    };
    let mut header = stamp(if decoded.is_some() { 3 } else { 2 }, shown).to_vec();
    header.extend(decoded.into_iter().flat_map(|decoded| stamp(1, decoded)));
    let length = if stream < 0xe0 {
        u16::try_from(3 + header.len() + data.len()).unwrap()
    } else {
        0
    };
    let flags = if decoded.is_some() { 0xc0 } else { 0x80 };
    let mut packet = vec![0, 0, 1, stream];
    packet.extend(length.to_be_bytes());
    packet.extend([0x80, flags, u8::try_from(header.len()).unwrap()]);
    packet.extend(&header);
    packet.extend(data);
    packet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LATE: u64 = 0x1_2345_6789;

    #[test]
    fn a_frame_has_its_times() {
        let frame = |shown, decoded| Frame {
            shown,
            decoded,
            data: Bytes::from_static(b"data"),
        };
        let cases = [
            (
                packed(0xe0, LATE, None, b"data"),
                Some(frame(Some(LATE), None)),
            ),
            (
                packed(0xe0, LATE, Some(LATE - 1), b"data"),
                Some(frame(Some(LATE), Some(LATE - 1))),
            ),
            (
                b"\0\0\x01\xe0\0\0\x80\0\0data".to_vec(),
                Some(frame(None, None)),
            ),
            (
                b"\0\0\x01\xc0\0\x07\x80\0\0datastuffing".to_vec(),
                Some(frame(None, None)),
            ),
            (b"\0\0\x01\xc0\0\x08\x80\0\0data".to_vec(), None),
            (b"\0\0\x02\xe0\0\0\x80\0\0data".to_vec(), None),
            (
                b"\0\0\x01\xe0\0\0\x80\xc0\x05!\0\x01\0\x01data".to_vec(),
                None,
            ),
            (b"\0\0\x01\xe0\0\0\x80\0\xffdata".to_vec(), None),
            (b"\0\0\x01\xe0".to_vec(), None),
        ];
        for (packet, expected) in cases {
            assert_eq!(super::frame(packet.clone().into()), expected, "{packet:?}");
        }
    }

    #[test]
    fn a_packet_ends_where_it_says_or_where_the_next_one_begins() {
        let mut gathering = Gathering::new(100);
        assert_eq!(gathering.add(b"before the first one").unwrap(), None);
        assert_eq!(gathering.begin(), None);
        let sound = packed(0xc0, 7, None, b"sound");
        assert_eq!(gathering.add(&sound[..8]).unwrap(), None);
        let Some(Gathered::Whole(whole)) = gathering.add(&sound[8..]).unwrap() else {
            panic!("not whole");
        };
        assert_eq!((whole.shown, whole.data.as_ref()), (Some(7), &b"sound"[..]));
        assert_eq!(gathering.begin(), None);
        let picture = packed(0xe0, 8, None, b"picture");
        assert_eq!(gathering.add(&picture).unwrap(), None);
        let Some(Gathered::Whole(whole)) = gathering.begin() else {
            panic!("not whole");
        };
        assert_eq!(whole.data.as_ref(), b"picture");
        assert_eq!(gathering.add(&picture[..5]).unwrap(), None);
        assert_eq!(gathering.finish(), Some(Gathered::Damaged));
        gathering.begin();
        gathering.forget();
        assert_eq!(gathering.add(&picture).unwrap(), None);
        gathering.begin();
        assert_eq!(gathering.add(&[0; 101]), Err(TsError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_packet_is_too_strange(packet in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = super::frame(packet.into());
        }

        #[test]
        fn times_are_read_as_they_are_written(shown in 0_u64..1 << 33, decoded in 0_u64..1 << 33) {
            let frame = super::frame(packed(0xe0, shown, Some(decoded), &[]).into()).unwrap();
            prop_assert_eq!((frame.shown, frame.decoded), (Some(shown), Some(decoded)));
        }
    }
}
