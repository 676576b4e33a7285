//! Chunks: messages are cut into pieces that may come interleaved.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes, BytesMut};

use super::{LANES_MAX, Limits, RtmpError};

/// Size of chunks until somebody says otherwise.
const CHUNK_BYTES_FIRST: usize = 128;
/// Largest chunk: of what is larger, nobody has any use.
const CHUNK_BYTES_MAX: usize = 0x00ff_ffff;
/// Size of our own chunks.
const CHUNK_BYTES_OWN: u32 = 4096;
/// A timestamp of this value, or more, is in four more bytes.
const EXTENDED: u32 = 0x00ff_ffff;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    SetChunkSize,
    Abort,
    Acknowledgement,
    UserControl,
    WindowSize,
    PeerBandwidth,
    Audio,
    Video,
    Data,
    Command,
    /// A command with one byte before it.
    Command3,
    /// Nothing that is read.
    Other(u8),
}

impl MessageKind {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::SetChunkSize,
            2 => Self::Abort,
            3 => Self::Acknowledgement,
            4 => Self::UserControl,
            5 => Self::WindowSize,
            6 => Self::PeerBandwidth,
            8 => Self::Audio,
            9 => Self::Video,
            17 => Self::Command3,
            18 => Self::Data,
            20 => Self::Command,
            other => Self::Other(other),
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::SetChunkSize => 1,
            Self::Abort => 2,
            Self::Acknowledgement => 3,
            Self::UserControl => 4,
            Self::WindowSize => 5,
            Self::PeerBandwidth => 6,
            Self::Audio => 8,
            Self::Video => 9,
            Self::Command3 => 17,
            Self::Data => 18,
            Self::Command => 20,
            Self::Other(number) => number,
        }
    }

    /// The chunk stream that we send it on.
    const fn lane(self) -> u8 {
        match self {
            Self::Audio => 4,
            Self::Data => 5,
            Self::Video => 6,
            Self::Command | Self::Command3 => 3,
            Self::SetChunkSize
            | Self::Abort
            | Self::Acknowledgement
            | Self::UserControl
            | Self::WindowSize
            | Self::PeerBandwidth
            | Self::Other(_) => 2,
        }
    }
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: MessageKind,
    /// The message stream that it belongs to; 0 for the connection itself.
    pub(crate) stream: u32,
    /// In milliseconds; starts anywhere, and again at 0 after 2^32.
    pub(crate) timestamp: u32,
    pub(crate) payload: Bytes,
}

/// One chunk stream: what its next header may leave out, and the message that it is in the middle of.
#[derive(Debug, Default)]
struct Lane {
    timestamp: u32,
    delta: u32,
    length: usize,
    kind: u8,
    stream: u32,
    is_extended: bool,
    payload: BytesMut,
}

/// Puts messages together.
#[derive(Debug)]
pub(super) struct ChunkReader {
    limits: Limits,
    chunk_bytes: usize,
    waiting: BytesMut,
    lanes: BTreeMap<u32, Lane>,
}

/// What a chunk comes to.
enum Progress {
    /// It is not there as a whole, and nothing was taken.
    Waits,
    /// Its message is not there as a whole.
    Began,
    Whole(Message),
}

/// A chunk's header.
struct Header {
    lane: u32,
    format: u8,
    /// Bytes of the header.
    length: usize,
    fields: Fields,
}

/// What a header says, as far as it does not leave it out.
struct Fields {
    timestamp: Option<u32>,
    /// Length and kind.
    message: Option<(usize, u8)>,
    stream: Option<u32>,
    is_extended: bool,
}

impl Fields {
    /// `None` when the header is not there as a whole.
    fn read(format: u8, known: Option<&Lane>, rest: &mut &[u8]) -> Option<Self> {
        let mut timestamp = match format {
            0..=2 => Some(take_u24(rest)?),
            _ => None,
        };
        let message = match format {
            0 | 1 => {
                let length = usize::try_from(take_u24(rest)?).ok()?;
                let [kind] = take::<1>(rest)?;
                Some((length, kind))
            }
            _ => None,
        };
        let stream = match format {
            0 => Some(u32::from_le_bytes(take(rest)?)),
            _ => None,
        };
        let is_extended = match timestamp {
            Some(timestamp) => timestamp == EXTENDED,
            None => known.is_some_and(|lane| lane.is_extended),
        };
        if is_extended {
            let extended = u32::from_be_bytes(take(rest)?);
            timestamp = timestamp.map(|_field| extended);
        }
        Some(Self {
            timestamp,
            message,
            stream,
            is_extended,
        })
    }
}

impl ChunkReader {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk_bytes: CHUNK_BYTES_FIRST,
            waiting: BytesMut::new(),
            lanes: BTreeMap::new(),
        }
    }

    /// Takes what has arrived.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until more has arrived.
    pub(super) fn next(&mut self) -> Result<Option<Message>, RtmpError> {
        while let Some(header) = self.header()? {
            match self.chunk(&header)? {
                Progress::Waits => return Ok(None),
                Progress::Began => {}
                Progress::Whole(message) if message.kind == MessageKind::SetChunkSize => {
                    self.set_chunk_size(&message.payload)?;
                }
                Progress::Whole(message) if message.kind == MessageKind::Abort => {
                    self.abort(&message.payload);
                }
                Progress::Whole(message) => return Ok(Some(message)),
            }
        }
        Ok(None)
    }

    /// The header that is next, where it is there as a whole. Nothing is taken yet.
    fn header(&self) -> Result<Option<Header>, RtmpError> {
        let mut rest: &[u8] = &self.waiting;
        let Some([first]) = take::<1>(&mut rest) else {
            return Ok(None);
        };
        let lane = match first & 0x3f {
            0 => take::<1>(&mut rest).map(|[low]| 64 + u32::from(low)),
            1 => take::<2>(&mut rest).map(|bytes| 64 + u32::from(u16::from_le_bytes(bytes))),
            small => Some(u32::from(small)),
        };
        let Some(lane) = lane else { return Ok(None) };
        let format = first >> 6;
        let known = self.lanes.get(&lane);
        if format > 0 && known.is_none() {
            return Err(RtmpError::NoPrevious);
        }
        Ok(Fields::read(format, known, &mut rest).map(|fields| Header {
            lane,
            format,
            length: self.waiting.len().saturating_sub(rest.len()),
            fields,
        }))
    }

    /// Takes the chunk with this header.
    fn chunk(&mut self, header: &Header) -> Result<Progress, RtmpError> {
        let fresh = !self.lanes.contains_key(&header.lane);
        if fresh && self.lanes.len() >= LANES_MAX {
            return Err(RtmpError::TooManyLanes);
        }
        let begun = self
            .lanes
            .get(&header.lane)
            .map_or(0, |lane| lane.payload.len());
        let length = match (header.fields.message, self.lanes.get(&header.lane)) {
            (Some((length, _)), _) => length,
            (None, Some(lane)) => lane.length,
            (None, None) => return Err(RtmpError::NoPrevious),
        };
        // A header in the middle of a message begins another one.
        let begun = if header.format < 3 { 0 } else { begun };
        let kept: usize = self.lanes.values().map(|lane| lane.payload.len()).sum();
        if length > self.limits.message_bytes_max
            || kept > self.limits.message_bytes_max.saturating_mul(2)
        {
            return Err(RtmpError::TooLarge);
        }
        let piece = length.saturating_sub(begun).min(self.chunk_bytes);
        if self.waiting.len() < header.length.saturating_add(piece) {
            return Ok(Progress::Waits);
        }
        self.waiting.advance(header.length);
        let piece = self.waiting.split_to(piece);
        let lane = self.lanes.entry(header.lane).or_default();
        lane.begin(header);
        lane.payload.extend_from_slice(&piece);
        if lane.payload.len() < lane.length {
            return Ok(Progress::Began);
        }
        Ok(Progress::Whole(Message {
            kind: MessageKind::of(lane.kind),
            stream: lane.stream,
            timestamp: lane.timestamp,
            payload: lane.payload.split().freeze(),
        }))
    }

    fn set_chunk_size(&mut self, payload: &[u8]) -> Result<(), RtmpError> {
        let size = payload
            .first_chunk::<4>()
            .map(|bytes| u32::from_be_bytes(*bytes))
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=CHUNK_BYTES_MAX).contains(size));
        self.chunk_bytes = size.ok_or(RtmpError::ChunkSize)?;
        Ok(())
    }

    /// The rest of a message will not come.
    fn abort(&mut self, payload: &[u8]) {
        let lane = payload
            .first_chunk::<4>()
            .map(|bytes| u32::from_be_bytes(*bytes));
        if let Some(lane) = lane.and_then(|lane| self.lanes.get_mut(&lane)) {
            lane.payload.clear();
        }
    }
}

impl Lane {
    /// Takes in what a header says. One that says nothing belongs to the message that is being
    /// put together, or begins one like the last.
    fn begin(&mut self, header: &Header) {
        if header.format == 3 {
            if self.payload.is_empty() {
                self.timestamp = self.timestamp.wrapping_add(self.delta);
            }
            return;
        }
        self.payload.clear();
        self.is_extended = header.fields.is_extended;
        let time = header.fields.timestamp.unwrap_or(0);
        if header.format == 0 {
            (self.timestamp, self.delta) = (time, time);
        } else {
            self.timestamp = self.timestamp.wrapping_add(time);
            self.delta = time;
        }
        if let Some((length, kind)) = header.fields.message {
            (self.length, self.kind) = (length, kind);
        }
        if let Some(stream) = header.fields.stream {
            self.stream = stream;
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn take_u24(rest: &mut &[u8]) -> Option<u32> {
    take::<3>(rest).map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low]))
}

/// Cuts messages into chunks.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    chunk_bytes: usize,
}

impl ChunkWriter {
    pub(super) const fn new() -> Self {
        Self {
            chunk_bytes: CHUNK_BYTES_FIRST,
        }
    }

    /// Makes our chunks larger, and says so.
    pub(super) fn enlarge(&mut self, out: &mut Vec<u8>) {
        let size = CHUNK_BYTES_OWN.to_be_bytes();
        self.write(&control(MessageKind::SetChunkSize, &size), out);
        self.chunk_bytes = usize::try_from(CHUNK_BYTES_OWN).unwrap_or(CHUNK_BYTES_FIRST);
    }

    pub(super) fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let lane = message.kind.lane();
        let extended = (message.timestamp >= EXTENDED).then_some(message.timestamp);
        let length = u32::try_from(message.payload.len()).unwrap_or(EXTENDED);
        out.push(lane);
        write_u24(message.timestamp.min(EXTENDED), out);
        write_u24(length, out);
        out.push(message.kind.number());
        out.extend(message.stream.to_le_bytes());
        let pieces = message.payload.chunks(self.chunk_bytes.max(1));
        if message.payload.is_empty() {
            out.extend(extended.iter().flat_map(|time| time.to_be_bytes()));
        }
        for (number, piece) in pieces.enumerate() {
            if number > 0 {
                out.push(0xc0 | lane);
            }
            out.extend(extended.iter().flat_map(|time| time.to_be_bytes()));
            out.extend_from_slice(piece);
        }
    }
}

/// A message of the protocol itself.
pub(super) fn control(kind: MessageKind, payload: &[u8]) -> Message {
    Message {
        kind,
        stream: 0,
        timestamp: 0,
        payload: Bytes::copy_from_slice(payload),
    }
}

fn write_u24(value: u32, out: &mut Vec<u8>) {
    let [_, high, middle, low] = value.to_be_bytes();
    out.extend([high, middle, low]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        message_bytes_max: 10_000,
    };

    fn message(kind: MessageKind, timestamp: u32, bytes: usize) -> Message {
        Message {
            kind,
            stream: 1,
            timestamp,
            payload: vec![7; bytes].into(),
        }
    }

    fn read(bytes: &[u8]) -> Result<Vec<Message>, RtmpError> {
        let mut reader = ChunkReader::new(LIMITS);
        let mut messages = Vec::new();
        // Byte by byte: whatever the network does, it is read the same.
        for byte in bytes {
            reader.feed(&[*byte]);
            while let Some(message) = reader.next()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn what_is_written_reads_back_in_any_pieces() {
        let messages = [
            message(MessageKind::Video, 40, 1000),
            message(MessageKind::Audio, EXTENDED - 1, 0),
            message(MessageKind::Audio, EXTENDED, 300),
            message(MessageKind::Video, u32::MAX, 5000),
            message(MessageKind::Data, EXTENDED + 1, 0),
        ];
        for enlarged in [false, true] {
            let (mut writer, mut out) = (ChunkWriter::new(), Vec::new());
            if enlarged {
                writer.enlarge(&mut out);
            }
            for message in &messages {
                writer.write(message, &mut out);
            }
            assert_eq!(read(&out).unwrap(), messages);
        }
    }

    #[test]
    fn headers_leave_out_what_is_known_and_messages_interleave() {
        let mut bytes = vec![0x06, 0, 0, 100, 0, 0, 200, 9, 1, 0, 0, 0];
        bytes.extend([1; 128]);
        // Sound in the middle of a picture.
        bytes.extend([0x04, 0, 0, 90, 0, 0, 2, 8, 1, 0, 0, 0, 2, 2]);
        bytes.push(0xc6);
        bytes.extend([1; 72]);
        // The time since the last, then the same once more, then another length.
        bytes.extend([0x84, 0, 0, 23, 3, 3]);
        bytes.extend([0xc4, 4, 4]);
        bytes.extend([0x44, 0, 0, 10, 0, 0, 1, 8, 5]);
        let read = read(&bytes).unwrap();
        let seen: Vec<_> = read
            .iter()
            .map(|message| (message.kind, message.timestamp, message.payload.len()))
            .collect();
        assert_eq!(
            seen,
            [
                (MessageKind::Audio, 90, 2),
                (MessageKind::Video, 100, 200),
                (MessageKind::Audio, 113, 2),
                (MessageKind::Audio, 136, 2),
                (MessageKind::Audio, 146, 1),
            ]
        );
    }

    #[test]
    fn lanes_have_large_numbers_and_messages_are_given_up() {
        // Lanes 64 + 5 and 64 + 256; the first gives its message up.
        let mut bytes = vec![0x00, 5, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0];
        bytes.extend([1; 128]);
        bytes.extend([0x02, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 69]);
        bytes.extend([0x01, 0, 1, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 9]);
        bytes.extend([0x00, 5, 0, 0, 2, 0, 0, 1, 9, 1, 0, 0, 0, 8]);
        let read = read(&bytes).unwrap();
        let seen: Vec<_> = read.iter().map(|one| one.payload.as_ref()).collect();
        assert_eq!(seen, [&[9][..], &[8][..]]);
    }

    #[test]
    fn what_is_too_much_or_makes_no_sense_is_refused() {
        let large = [0x06, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0];
        let size = [0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let lanes: Vec<u8> = (3..=40)
            .flat_map(|lane| [lane, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7])
            .collect();
        let cases: [(&[u8], RtmpError); 4] = [
            (&[0xc6], RtmpError::NoPrevious),
            (&large, RtmpError::TooLarge),
            (&size, RtmpError::ChunkSize),
            (&lanes, RtmpError::TooManyLanes),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), Err(expected));
        }
    }

    #[test]
    fn many_half_messages_are_not_kept() {
        let mut reader = ChunkReader::new(LIMITS);
        let mut bytes = vec![0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0x26, 0];
        for lane in 3..10 {
            bytes.extend([lane, 0, 0, 0, 0, 0x27, 0x10, 9, 1, 0, 0, 0]);
            bytes.extend([1; 0x2600]);
        }
        reader.feed(&bytes);
        assert_eq!(reader.next(), Err(RtmpError::TooLarge));
    }

    proptest! {
        #[test]
        fn garbage_neither_panics_nor_is_kept(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            let mut reader = ChunkReader::new(LIMITS);
            reader.feed(&bytes);
            while let Ok(Some(_)) = reader.next() {}
            let kept: usize = reader.lanes.values().map(|lane| lane.payload.len()).sum();
            prop_assert!(kept <= 4000);
        }
    }
}
