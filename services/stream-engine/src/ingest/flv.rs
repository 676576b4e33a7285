//! What a publisher sends, as FLV: the form in which it goes to the media worker.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::rtmp::{Message, MessageKind, STREAM};

/// An FLV file's header, which says that sound and picture may come.
const FILE_HEADER: [u8; 13] = [b'F', b'L', b'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];
/// Bytes of a tag around its payload: header and, behind it, the tag's length.
const TAG_HEADER_BYTES: usize = 11;
/// H.264, in the low half of a picture's first byte.
const AVC: u8 = 7;
/// AAC, in the high half of a sound's first byte.
const AAC: u8 = 10;
/// The first byte of sound in AAC: whatever the rate, this says 44.1 kHz in stereo.
const SOUND: u8 = AAC << 4 | 0xf;
/// Longest time from decoding a picture to showing it, either way: 24 bits with a sign.
const DELAY_MS_MAX: i32 = 0x7f_ffff;
/// A picture that needs no other, in the high half of its first byte.
const KEYFRAME: u8 = 1;
/// Set in a picture's first byte by Enhanced RTMP, which has other codecs.
const ENHANCED: u8 = 0x80;

/// Something in a codec that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsupported {
    #[error("the picture is not H.264; choose H.264 (AVC) in the encoder")]
    Video,
    #[error("the sound is not AAC; choose AAC in the encoder")]
    Audio,
}

/// What a tag is to those that come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What is said about sound and picture.
    About,
    /// What a decoder needs before the first picture.
    VideoHeader,
    /// What a decoder needs before the first sound.
    AudioHeader,
    /// A picture that needs no other.
    Keyframe,
    /// Any other picture.
    Picture,
    Sound,
}

/// One piece of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) role: Role,
    pub(crate) message: Message,
}

impl Tag {
    /// A message as a tag; `None` when there is nothing in it to keep.
    pub(crate) fn of(message: Message) -> Result<Option<Self>, Unsupported> {
        let first = message.payload.first().copied();
        let second = message.payload.get(1).copied();
        let role = match (message.kind, first) {
            (MessageKind::Data, Some(_)) => Role::About,
            (MessageKind::Video, Some(first)) => {
                if first & ENHANCED != 0 || first & 0x0f != AVC {
                    return Err(Unsupported::Video);
                }
                match (first >> 4, second) {
                    (_, Some(0)) => Role::VideoHeader,
                    (KEYFRAME, _) => Role::Keyframe,
                    _ => Role::Picture,
                }
            }
            (MessageKind::Audio, Some(first)) => {
                if first >> 4 != AAC {
                    return Err(Unsupported::Audio);
                }
                match second {
                    Some(0) => Role::AudioHeader,
                    _ => Role::Sound,
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { role, message }))
    }

    /// What a decoder needs before the first picture: an AVC decoder configuration record.
    pub(crate) fn video_header(timestamp: u32, record: &[u8]) -> Self {
        let about = [KEYFRAME << 4 | AVC, 0, 0, 0, 0];
        Self::made(
            Role::VideoHeader,
            MessageKind::Video,
            timestamp,
            &[&about, record],
        )
    }

    /// A picture of NAL units with their lengths, which is shown `delay_ms` after it is decoded.
    pub(crate) fn picture(timestamp: u32, delay_ms: i32, is_keyframe: bool, units: &[u8]) -> Self {
        let (role, kind) = if is_keyframe {
            (Role::Keyframe, KEYFRAME)
        } else {
            (Role::Picture, KEYFRAME + 1)
        };
        let [_, high, middle, low] = delay_ms.clamp(-DELAY_MS_MAX, DELAY_MS_MAX).to_be_bytes();
        let about = [kind << 4 | AVC, 1, high, middle, low];
        Self::made(role, MessageKind::Video, timestamp, &[&about, units])
    }

    /// What a decoder needs before the first sound: an audio specific configuration.
    pub(crate) fn audio_header(timestamp: u32, configuration: &[u8]) -> Self {
        let about = [SOUND, 0];
        Self::made(
            Role::AudioHeader,
            MessageKind::Audio,
            timestamp,
            &[&about, configuration],
        )
    }

    /// A frame of AAC without a header of its own.
    pub(crate) fn sound(timestamp: u32, frame: &[u8]) -> Self {
        let about = [SOUND, 1];
        Self::made(Role::Sound, MessageKind::Audio, timestamp, &[&about, frame])
    }

    fn made(role: Role, kind: MessageKind, timestamp: u32, parts: &[&[u8]]) -> Self {
        let message = Message {
            kind,
            stream: STREAM,
            timestamp,
            payload: parts.concat().into(),
        };
        Self { role, message }
    }

    /// The tag as it stands in a file.
    fn write(&self, timestamp: u32, file: &mut BytesMut) {
        let payload = &self.message.payload;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let [_, length_high, length_middle, length_low] = length.to_be_bytes();
        let [time_highest, time_high, time_middle, time_low] = timestamp.to_be_bytes();
        file.reserve(TAG_HEADER_BYTES + payload.len() + 4);
        file.put_u8(self.message.kind.number());
        file.put_slice(&[length_high, length_middle, length_low]);
        file.put_slice(&[time_high, time_middle, time_low, time_highest]);
        file.put_slice(&[0, 0, 0]);
        file.put_slice(payload);
        file.put_u32(length.saturating_add(u32::try_from(TAG_HEADER_BYTES).unwrap_or(0)));
    }

    /// The tag in the middle of a file.
    pub(crate) fn bytes(&self) -> Bytes {
        let mut file = BytesMut::new();
        self.write(self.message.timestamp, &mut file);
        file.freeze()
    }
}

/// What has to come before anything else of a feed, wherever in it a reader begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prelude {
    about: Option<Tag>,
    video: Option<Tag>,
    audio: Option<Tag>,
}

impl Prelude {
    /// Keeps the tag if a later reader needs it.
    pub(crate) fn note(&mut self, tag: &Tag) {
        match tag.role {
            Role::About => self.about = Some(tag.clone()),
            Role::VideoHeader => self.video = Some(tag.clone()),
            Role::AudioHeader => self.audio = Some(tag.clone()),
            Role::Keyframe | Role::Picture | Role::Sound => {}
        }
    }

    /// Whether a reader can begin with this tag: with a whole picture, or, where there is none,
    /// with any sound.
    pub(crate) fn begins_with(&self, tag: &Tag) -> bool {
        match tag.role {
            Role::Keyframe => self.video.is_some(),
            Role::Sound => self.video.is_none() && self.audio.is_some(),
            Role::About | Role::VideoHeader | Role::AudioHeader | Role::Picture => false,
        }
    }

    /// The beginning of a file that goes on at `timestamp`.
    pub(crate) fn bytes(&self, timestamp: u32) -> Bytes {
        let mut file = BytesMut::from(FILE_HEADER.as_slice());
        file.put(self.tags(timestamp));
        file.freeze()
    }

    /// The same in the middle of a file.
    pub(crate) fn tags(&self, timestamp: u32) -> Bytes {
        let mut file = BytesMut::new();
        for tag in [&self.about, &self.video, &self.audio]
            .into_iter()
            .flatten()
        {
            tag.write(timestamp, &mut file);
        }
        file.freeze()
    }

    /// The same as messages, for a reader that gets them one by one.
    pub(crate) fn messages(&self, timestamp: u32) -> impl Iterator<Item = Message> {
        let tags = [&self.about, &self.video, &self.audio]
            .into_iter()
            .flatten();
        tags.map(move |tag| Message {
            timestamp,
            ..tag.message.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: MessageKind, payload: &'static [u8]) -> Result<Option<Tag>, Unsupported> {
        Tag::of(Message {
            kind,
            stream: 1,
            timestamp: 0x0102_0304,
            payload: Bytes::from_static(payload),
        })
    }

    #[test]
    fn what_a_message_holds_decides_what_it_is() {
        use MessageKind as K;
        let role = |kind, payload| tag(kind, payload).map(|tag| tag.map(|tag| tag.role));
        let cases: [(K, &'static [u8], _); 11] = [
            (K::Video, &[0x17, 0, 0], Ok(Some(Role::VideoHeader))),
            (K::Video, &[0x17, 1, 0], Ok(Some(Role::Keyframe))),
            (K::Video, &[0x27, 1, 0], Ok(Some(Role::Picture))),
            (K::Video, &[0x12, 1], Err(Unsupported::Video)),
            (K::Video, b"\x90hvc1", Err(Unsupported::Video)),
            (K::Audio, &[0xaf, 0], Ok(Some(Role::AudioHeader))),
            (K::Audio, &[0xaf, 1], Ok(Some(Role::Sound))),
            (K::Audio, &[0x2f, 1], Err(Unsupported::Audio)),
            (K::Data, &[2, 0, 0], Ok(Some(Role::About))),
            (K::Video, &[], Ok(None)),
            (K::Other(22), &[1], Ok(None)),
        ];
        for (kind, payload, expected) in cases {
            assert_eq!(role(kind, payload), expected, "{kind:?} {payload:?}");
        }
    }

    #[test]
    fn what_is_made_reads_as_what_it_is() {
        let cases: [(Tag, &[u8]); 6] = [
            (Tag::video_header(5, &[1, 2]), &[0x17, 0, 0, 0, 0, 1, 2]),
            (Tag::picture(5, 66, true, &[9]), &[0x17, 1, 0, 0, 66, 9]),
            (
                Tag::picture(5, -2, false, &[9]),
                &[0x27, 1, 0xff, 0xff, 0xfe, 9],
            ),
            (
                Tag::picture(5, i32::MIN, false, &[]),
                &[0x27, 1, 0x80, 0, 1],
            ),
            (Tag::audio_header(5, &[0x11, 0x90]), &[0xaf, 0, 0x11, 0x90]),
            (Tag::sound(5, &[7]), &[0xaf, 1, 7]),
        ];
        for (made, payload) in cases {
            assert_eq!(made.message.payload.as_ref(), payload);
            assert_eq!(Tag::of(made.message.clone()), Ok(Some(made)));
        }
    }

    #[test]
    fn a_reader_begins_with_a_whole_picture_or_without_one_with_sound() {
        let [video, audio, key, picture, sound] = [
            (MessageKind::Video, &[0x17, 0][..]),
            (MessageKind::Audio, &[0xaf, 0]),
            (MessageKind::Video, &[0x17, 1]),
            (MessageKind::Video, &[0x27, 1]),
            (MessageKind::Audio, &[0xaf, 1]),
        ]
        .map(|(kind, payload)| tag(kind, payload).unwrap().unwrap());
        let mut prelude = Prelude::default();
        assert!(!prelude.begins_with(&key) && !prelude.begins_with(&sound));
        prelude.note(&audio);
        assert!(prelude.begins_with(&sound), "there is no picture so far");
        prelude.note(&video);
        assert!(!prelude.begins_with(&sound) && !prelude.begins_with(&picture));
        assert!(prelude.begins_with(&key));
        let file = prelude.bytes(7);
        assert!(file.starts_with(b"FLV\x01\x05"));
        assert_eq!(
            file.len(),
            FILE_HEADER.len() + 2 * (TAG_HEADER_BYTES + 2 + 4)
        );
        assert_eq!(prelude.messages(7).count(), 2);
        let bytes = key.bytes();
        assert_eq!(&bytes[..11], [9, 0, 0, 2, 2, 3, 4, 1, 0, 0, 0]);
        assert_eq!(&bytes[11..], [0x17, 1, 0, 0, 0, 13]);
    }
}
