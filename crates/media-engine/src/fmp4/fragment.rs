use std::sync::Arc;

use super::boxes::Writer;
use super::{AAC_PACKET_SAMPLES, AUDIO_TRACK, VIDEO_TRACK};
use crate::number::{to_u32, to_u64};

const SYNC_SAMPLE: u32 = 0x0200_0000;
const DEPENDENT_SAMPLE: u32 = 0x0101_0000;

/// An encoded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Its bytes.
    pub(crate) data: Arc<[u8]>,
    /// How long it shows, in units of its track.
    pub(crate) duration: u32,
    /// Whether it can be decoded by itself.
    pub(crate) keyframe: bool,
}

/// The frames of a segment, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VideoRun<'a> {
    /// When the first starts, in units of its track.
    pub(crate) start: u64,
    /// The frames.
    pub(crate) samples: &'a [Sample],
}

/// The AAC packets of a segment, in order and without gaps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AudioRun<'a> {
    /// When the first starts, in samples.
    pub(crate) start: u64,
    /// The packets.
    pub(crate) packets: &'a [Arc<[u8]>],
}

/// A segment. `sequence` counts the segments from 1.
pub(crate) fn fragment(sequence: u32, video: VideoRun<'_>, audio: AudioRun<'_>) -> Vec<u8> {
    let video_bytes: usize = video.samples.iter().map(|s| s.data.len()).sum();
    let audio_bytes: usize = audio.packets.iter().map(|packet| packet.len()).sum();
    // The offsets are counted from the start of `moof`, whose length does not depend on them.
    let header = movie_fragment(sequence, video, audio, 0, 0).len() + 8;
    let video_offset = to_u32(to_u64(header));
    let audio_offset = to_u32(to_u64(header + video_bytes));

    let mut file = Writer::default();
    file.boxed(*b"styp", |styp| {
        styp.bytes(b"msdh").u32(0).bytes(b"msdhiso6");
    });
    file.bytes(&movie_fragment(
        sequence,
        video,
        audio,
        video_offset,
        audio_offset,
    ));
    file.u32(to_u32(to_u64(video_bytes + audio_bytes) + 8))
        .bytes(b"mdat");
    for sample in video.samples {
        file.bytes(&sample.data);
    }
    for packet in audio.packets {
        file.bytes(packet);
    }
    file.into_bytes()
}

fn movie_fragment(
    sequence: u32,
    video: VideoRun<'_>,
    audio: AudioRun<'_>,
    video_offset: u32,
    audio_offset: u32,
) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.boxed(*b"moof", |moof| {
        moof.full_box(*b"mfhd", 0, 0, |mfhd| {
            mfhd.u32(sequence);
        });
        moof.boxed(*b"traf", |traf| video_fragment(traf, video, video_offset));
        if !audio.packets.is_empty() {
            moof.boxed(*b"traf", |traf| audio_fragment(traf, audio, audio_offset));
        }
    });
    writer.into_bytes()
}

fn video_fragment(traf: &mut Writer, run: VideoRun<'_>, offset: u32) {
    let base_is_moof = 0x02_0000;
    traf.full_box(*b"tfhd", 0, base_is_moof, |tfhd| {
        tfhd.u32(VIDEO_TRACK);
    });
    decode_time(traf, run.start);
    let offset_duration_size_and_flags = 0x701;
    traf.full_box(*b"trun", 0, offset_duration_size_and_flags, |trun| {
        trun.u32(to_u32(to_u64(run.samples.len()))).u32(offset);
        for sample in run.samples {
            let size = to_u32(to_u64(sample.data.len()));
            trun.u32(sample.duration).u32(size);
            trun.u32(if sample.keyframe {
                SYNC_SAMPLE
            } else {
                DEPENDENT_SAMPLE
            });
        }
    });
}

fn audio_fragment(traf: &mut Writer, run: AudioRun<'_>, offset: u32) {
    let base_is_moof_default_duration_and_flags = 0x02_0028;
    traf.full_box(
        *b"tfhd",
        0,
        base_is_moof_default_duration_and_flags,
        |tfhd| {
            tfhd.u32(AUDIO_TRACK)
                .u32(AAC_PACKET_SAMPLES)
                .u32(SYNC_SAMPLE);
        },
    );
    decode_time(traf, run.start);
    let offset_and_size = 0x201;
    traf.full_box(*b"trun", 0, offset_and_size, |trun| {
        trun.u32(to_u32(to_u64(run.packets.len()))).u32(offset);
        for packet in run.packets {
            trun.u32(to_u32(to_u64(packet.len())));
        }
    });
}

fn decode_time(traf: &mut Writer, start: u64) {
    traf.full_box(*b"tfdt", 1, 0, |tfdt| {
        tfdt.u64(start);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first box of this kind at any depth, as (start, content).
    fn find(bytes: &[u8], kind: [u8; 4]) -> (usize, Vec<u8>) {
        let at = bytes
            .windows(4)
            .position(|four| four == kind.as_slice())
            .unwrap();
        let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap());
        let start = at - 4;
        let end = start + usize::try_from(size).unwrap();
        (start, bytes[at + 4..end].to_vec())
    }

    #[test]
    fn the_offsets_lead_to_the_data() {
        let samples = [
            Sample {
                data: Arc::from([1, 2, 3]),
                duration: 1000,
                keyframe: true,
            },
            Sample {
                data: Arc::from([4]),
                duration: 1000,
                keyframe: false,
            },
        ];
        let video = VideoRun {
            start: 5,
            samples: &samples,
        };
        let packets = [Arc::from([9, 9])];
        let audio = AudioRun {
            start: 6,
            packets: &packets,
        };
        let file = fragment(1, video, audio);
        let (moof, _) = find(&file, *b"moof");
        let (_, trun) = find(&file, *b"trun");
        let offset = u32::from_be_bytes(trun[8..12].try_into().unwrap());
        let data = &file[moof + usize::try_from(offset).unwrap()..];
        assert_eq!(data, [1, 2, 3, 4, 9, 9]);
        let (start, mdat) = find(&file, *b"mdat");
        assert_eq!(mdat, data);
        assert_eq!(start + 8 + mdat.len(), file.len(), "mdat is the last box");
    }
}
