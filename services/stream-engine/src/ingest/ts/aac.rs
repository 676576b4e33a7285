//! AAC: from frames with headers of their own (ADTS) to frames without, and what a decoder needs
//! before the first of them.

use bytes::{Buf as _, BytesMut};

use super::super::flv::{Tag, Unsupported};
use super::clock::{Moment, TICKS_PER_S};

/// Bytes of a header without its checksum.
const HEADER_BYTES: usize = 7;
/// Samples of a frame.
const SAMPLES: i64 = 1024;
/// Samples a second, by their number.
const RATES: [i64; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

/// The sound of a feed.
#[derive(Debug, Default)]
pub(super) struct Aac {
    /// What has come of frames that are not whole yet: less than one.
    carried: BytesMut,
    /// When the next frame sounds.
    next: Option<Moment>,
    /// What a decoder was told last.
    configuration: Option<[u8; 2]>,
}

impl Aac {
    /// Something is missing: what was begun is of no use.
    pub(super) fn lose(&mut self) {
        self.carried.clear();
        self.next = None;
    }

    /// Makes tags of what a packet brought. `at` is when the first frame sounds that begins in it.
    pub(super) fn push(
        &mut self,
        at: Option<Moment>,
        data: &[u8],
        tags: &mut Vec<Tag>,
    ) -> Result<(), Unsupported> {
        // Of this, the first frame may have begun before.
        let mut begun_before = self.carried.len();
        let mut at = at;
        self.carried.extend_from_slice(data);
        loop {
            let skipped = garbage(&self.carried);
            self.carried.advance(skipped);
            begun_before = begun_before.saturating_sub(skipped);
            if begun_before == 0
                && let Some(at) = at.take()
            {
                self.next = Some(at);
            }
            let Some(header) = self
                .carried
                .first_chunk::<HEADER_BYTES>()
                .copied()
                .and_then(Header::read)
            else {
                return Ok(());
            };
            let Some(frame) = self.carried.get(header.bytes..header.frame_bytes) else {
                return Ok(());
            };
            if let Some(now) = self.next {
                let configuration = header.configuration()?;
                if self.configuration != Some(configuration) {
                    tags.push(Tag::audio_header(now.ms(), &configuration));
                    self.configuration = Some(configuration);
                }
                tags.push(Tag::sound(now.ms(), frame));
                self.next = Some(now.plus(header.ticks()));
            }
            self.carried.advance(header.frame_bytes);
            begun_before = begun_before.saturating_sub(header.frame_bytes);
        }
    }
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    kind: u8,
    rate: u8,
    channels: u8,
    /// Blocks beyond the first.
    more_blocks: u8,
    /// Bytes of the header, with its checksum.
    bytes: usize,
    /// Bytes of all.
    frame_bytes: usize,
}

impl Header {
    /// Reads a header; `None` when it makes no sense.
    fn read(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let [first, second, third, fourth, fifth, sixth, seventh] = bytes;
        let header = Self {
            kind: (third >> 6) + 1,
            rate: (third >> 2) & 0x0f,
            channels: (third & 1) << 2 | fourth >> 6,
            more_blocks: seventh & 3,
            bytes: if second & 1 == 1 {
                HEADER_BYTES
            } else {
                HEADER_BYTES + 2
            },
            frame_bytes: usize::from(fourth & 3) << 11
                | usize::from(fifth) << 3
                | usize::from(sixth >> 5),
        };
        let makes_sense = first == 0xff
            && second & 0xf6 == 0xf0
            && usize::from(header.rate) < RATES.len()
            && header.frame_bytes > header.bytes;
        makes_sense.then_some(header)
    }

    /// An audio specific configuration (ISO 14496-3). Channels in an order of their own, and
    /// several blocks in a frame, are in nothing that encoders send.
    const fn configuration(self) -> Result<[u8; 2], Unsupported> {
        if self.channels == 0 || self.more_blocks > 0 {
            return Err(Unsupported::Audio);
        }
        let high = self.kind << 3 | self.rate >> 1;
        let low = (self.rate & 1) << 7 | self.channels << 3;
        Ok([high, low])
    }

    /// How long a frame sounds.
    fn ticks(self) -> i64 {
        let rate = RATES.get(usize::from(self.rate)).copied().unwrap_or(1);
        SAMPLES * TICKS_PER_S / rate
    }
}

/// Bytes before what is a header, or can become one.
fn garbage(bytes: &[u8]) -> usize {
    let at = (0..bytes.len()).find(|at| {
        let rest = bytes.get(*at..).unwrap_or_default();
        match rest.first_chunk::<HEADER_BYTES>() {
            Some(header) => Header::read(*header).is_some(),
            None => rest.first() == Some(&0xff),
        }
    });
    at.unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::flv::Role;
    use super::super::clock::Clock;
    use super::*;

    /// A frame of the usual kind: 48 kHz, two channels.
    fn frame(content: &[u8]) -> Vec<u8> {
        framed(0x4c, content)
    }

    fn framed(third: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER_BYTES + content.len()).unwrap();
        let [high, low] = (length << 5).to_be_bytes();
        let top = u8::try_from(length >> 11).unwrap();
        let mut frame = vec![0xff, 0xf1, third, 0x80 | top, 0, 0, 0xfc];
        (frame[4], frame[5]) = (high, low | 0x1f);
        frame.extend(content);
        frame
    }

    /// Milliseconds and content of frames; of headers, what they say.
    fn push(aac: &mut Aac, at: Option<u64>, data: &[u8]) -> Vec<(Role, u32, Vec<u8>)> {
        let mut clock = Clock::default();
        let begin = clock.at(0);
        let mut tags = Vec::new();
        let at = at.map(|stamp| clock.near(stamp, begin));
        aac.push(at, data, &mut tags).unwrap();
        let parts = tags.into_iter().map(|tag| {
            let payload = tag.message.payload.get(2..).unwrap().to_vec();
            (tag.role, tag.message.timestamp - begin.ms(), payload)
        });
        parts.collect()
    }

    fn sound(ms: u32, content: &[u8]) -> (Role, u32, Vec<u8>) {
        (Role::Sound, ms, content.to_vec())
    }

    #[test]
    fn several_frames_of_a_packet_sound_one_after_the_other() {
        let mut aac = Aac::default();
        let data = [frame(b"one"), frame(b"two"), frame(b"three")].concat();
        let header = (Role::AudioHeader, 1000, vec![0x11, 0x90]);
        let [one, two, three] = [(1000, "one"), (1021, "two"), (1042, "three")]
            .map(|(ms, content)| sound(ms, content.as_bytes()));
        assert_eq!(
            push(&mut aac, Some(90_000), &data),
            [header, one, two, three]
        );
        let later = push(&mut aac, Some(180_000), &frame(b"four"));
        assert_eq!(later, [sound(2000, b"four")], "the header was said");
        let untimed = push(&mut aac, None, &frame(b"five"));
        assert_eq!(untimed, [sound(2021, b"five")]);
    }

    #[test]
    fn a_frame_in_two_packets_has_the_time_of_the_first() {
        let mut aac = Aac::default();
        push(&mut aac, Some(0), &frame(b"zero"));
        let (one, two) = (frame(b"one"), frame(b"two"));
        assert!(push(&mut aac, Some(90_000), &one[..4]).is_empty());
        assert!(push(&mut aac, None, &one[4..8]).is_empty());
        let data = [&one[8..], &two].concat();
        let expected = [sound(1000, b"one"), sound(2000, b"two")];
        assert_eq!(push(&mut aac, Some(180_000), &data), expected);
    }

    #[test]
    fn what_is_no_frame_is_skipped_and_nothing_sounds_at_no_time() {
        let mut aac = Aac::default();
        assert!(push(&mut aac, None, &frame(b"when?")).is_empty());
        let data = [b"noise \xff noise".as_slice(), &frame(b"one"), b"\xff"].concat();
        assert_eq!(push(&mut aac, Some(0), &data).pop(), Some(sound(0, b"one")));
        assert_eq!(aac.carried.as_ref(), b"\xff");
        aac.lose();
        assert!(push(&mut aac, None, &frame(b"lost")).is_empty());
        push(&mut aac, Some(0), &[0; 10_000]);
        assert!(aac.carried.is_empty());
    }

    #[test]
    fn a_header_says_what_a_decoder_needs() {
        let read = |third, second, seventh| {
            let mut bytes: [u8; HEADER_BYTES] = *framed(third, &[0; 9]).first_chunk().unwrap();
            (bytes[1], bytes[6]) = (second, seventh);
            Header::read(bytes)
        };
        // AAC-LC with 44.1 kHz, and AAC-LC with 24 kHz of one channel less.
        let usual = read(0x50, 0xf1, 0xfc).unwrap();
        assert_eq!(usual.configuration(), Ok([0x12, 0x10]));
        assert_eq!(
            (usual.bytes, usual.frame_bytes, usual.ticks()),
            (7, 16, 2089)
        );
        assert_eq!(read(0x58, 0xf0, 0xfc).unwrap().bytes, 9, "with a checksum");
        assert_eq!(
            read(0x58, 0xf9, 0xfc).unwrap().configuration(),
            Ok([0x13, 0x10])
        );
        assert_eq!(read(0x7c, 0xf1, 0xfc), None, "no such rate");
        assert_eq!(read(0x50, 0xf3, 0xfc), None, "another layer");
        let blocks = read(0x50, 0xf1, 0xfd).unwrap();
        assert_eq!(blocks.configuration(), Err(Unsupported::Audio));
        let mut channels = read(0x50, 0xf1, 0xfc).unwrap();
        channels.channels = 0;
        assert_eq!(channels.configuration(), Err(Unsupported::Audio));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_leave_less_than_a_frame(
            pieces in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![Just(0xff_u8), Just(0xf1), any::<u8>()], 0..200),
                0..20,
            ),
        ) {
            let mut aac = Aac::default();
            for piece in pieces {
                let at = Clock::default().at(0);
                let _refused = aac.push(Some(at), &piece, &mut Vec::new());
                prop_assert!(aac.carried.len() < 1 << 13);
            }
        }
    }
}
