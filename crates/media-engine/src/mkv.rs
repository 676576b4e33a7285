//! Matroska (RFC 9559): one H.264 and one AAC track, as recordings want it. Bytes only: no files,
//! no GStreamer. A file is a head and then clusters, each whole in itself; it has no end that
//! must be written.

use std::sync::Arc;

use crate::fmp4::{AudioTrack, VideoTrack};
use crate::number::{to_f64, to_u64};

const VIDEO_TRACK: u8 = 1;
const AUDIO_TRACK: u8 = 2;
const NANOS_PER_TICK: u64 = 1_000_000;

/// A frame or packet and when it starts, in milliseconds of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// When it starts.
    pub(crate) start_ms: u64,
    /// Which track it is of.
    pub(crate) track: Track,
    /// Whether it can be decoded by itself.
    pub(crate) keyframe: bool,
    /// Its bytes.
    pub(crate) data: Arc<[u8]>,
}

/// A track of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    /// The picture.
    Video,
    /// The sound.
    Audio,
}

/// Elements under construction.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    /// An element with these bytes in it; its size always takes eight bytes.
    fn bytes(&mut self, id: &[u8], content: &[u8]) -> &mut Self {
        self.0.extend_from_slice(id);
        self.0.extend_from_slice(&size(to_u64(content.len())));
        self.0.extend_from_slice(content);
        self
    }

    fn master(&mut self, id: &[u8], content: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        content(&mut inner);
        self.bytes(id, &inner.0)
    }

    fn number(&mut self, id: &[u8], value: u64) -> &mut Self {
        self.bytes(id, &value.to_be_bytes())
    }

    fn float(&mut self, id: &[u8], value: f64) -> &mut Self {
        self.bytes(id, &value.to_be_bytes())
    }

    fn text(&mut self, id: &[u8], text: &str) -> &mut Self {
        self.bytes(id, text.as_bytes())
    }
}

/// A size as EBML writes it in eight bytes.
fn size(value: u64) -> [u8; 8] {
    (value | 1 << 56).to_be_bytes()
}

/// The head of every file of these tracks.
pub(crate) fn head(video: &VideoTrack, audio: &AudioTrack) -> Vec<u8> {
    let mut file = Writer::default();
    file.master(&[0x1a, 0x45, 0xdf, 0xa3], |ebml| {
        ebml.number(&[0x42, 0x86], 1).number(&[0x42, 0xf7], 1);
        ebml.number(&[0x42, 0xf2], 4).number(&[0x42, 0xf3], 8);
        ebml.text(&[0x42, 0x82], "matroska");
        ebml.number(&[0x42, 0x87], 4).number(&[0x42, 0x85], 2);
    });
    // The segment lasts to the end of the file, wherever that will be.
    file.0.extend_from_slice(&[0x18, 0x53, 0x80, 0x67]);
    file.0
        .extend_from_slice(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    file.master(&[0x15, 0x49, 0xa9, 0x66], |info| {
        info.number(&[0x2a, 0xd7, 0xb1], NANOS_PER_TICK);
        info.text(&[0x4d, 0x80], "stream-manager");
        info.text(&[0x57, 0x41], "stream-manager");
    });
    file.master(&[0x16, 0x54, 0xae, 0x6b], |tracks| {
        tracks.master(&[0xae], |track| video_track(track, video));
        tracks.master(&[0xae], |track| audio_track(track, audio));
    });
    file.0
}

fn video_track(track: &mut Writer, video: &VideoTrack) {
    track_head(track, VIDEO_TRACK, 1, "V_MPEG4/ISO/AVC");
    track.bytes(&[0x63, 0xa2], &video.decoder_configuration);
    track.master(&[0xe0], |picture| {
        picture.number(&[0xb0], u64::from(video.width));
        picture.number(&[0xba], u64::from(video.height));
    });
}

fn audio_track(track: &mut Writer, audio: &AudioTrack) {
    track_head(track, AUDIO_TRACK, 2, "A_AAC");
    track.bytes(&[0x63, 0xa2], &audio.decoder_configuration);
    track.master(&[0xe1], |sound| {
        sound.float(&[0xb5], to_f64(u64::from(audio.sample_rate)));
        sound.number(&[0x9f], u64::from(audio.channels));
    });
}

fn track_head(track: &mut Writer, number: u8, kind: u64, codec: &str) {
    track.number(&[0xd7], u64::from(number));
    track.number(&[0x73, 0xc5], u64::from(number));
    track.number(&[0x83], kind);
    track.number(&[0x9c], 0); // blocks are not laced
    track.text(&[0x86], codec);
}

/// A cluster: blocks in the order of their times, the first of which is its own.
pub(crate) fn cluster(blocks: &[Block]) -> Vec<u8> {
    let start_ms = blocks.first().map_or(0, |block| block.start_ms);
    let mut file = Writer::default();
    file.master(&[0x1f, 0x43, 0xb6, 0x75], |cluster| {
        cluster.number(&[0xe7], start_ms);
        for block in blocks {
            let track = match block.track {
                Track::Video => VIDEO_TRACK,
                Track::Audio => AUDIO_TRACK,
            };
            // Keyframes are seconds apart; a cluster can hold half a minute.
            let offset = i16::try_from(block.start_ms.saturating_sub(start_ms));
            let mut content = vec![0x80 | track];
            content.extend_from_slice(&offset.unwrap_or(i16::MAX).to_be_bytes());
            content.push(if block.keyframe { 0x80 } else { 0 });
            content.extend_from_slice(&block.data);
            cluster.bytes(&[0xa3], &content);
        }
    });
    file.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_takes_eight_bytes() {
        assert_eq!(size(0), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(size(0x1234), [1, 0, 0, 0, 0, 0, 0x12, 0x34]);
    }

    #[test]
    fn a_block_says_how_long_after_its_cluster_it_starts() {
        let block = |start_ms, track, keyframe| Block {
            start_ms,
            track,
            keyframe,
            data: Arc::from([7]),
        };
        let blocks = [
            block(1000, Track::Video, true),
            block(1500, Track::Audio, true),
            block(1516, Track::Video, false),
        ];
        let bytes = cluster(&blocks);
        let ends: Vec<&[u8]> = vec![
            &[0x81, 0, 0, 0x80, 7],
            &[0x82, 1, 0xf4, 0x80, 7],
            &[0x81, 2, 4, 0, 7],
        ];
        for end in ends {
            assert!(bytes.windows(5).any(|five| five == end), "{end:?}");
        }
    }
}
