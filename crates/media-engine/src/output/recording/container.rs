use sm_common::output::FileFormat;

use crate::fmp4::{self, AAC_PACKET_SAMPLES};
use crate::mkv::{self, Block, Track};
use crate::pipeline::{Origin, Piece, Tracks, frames_in};
use crate::timeline::{Timeline, sample_start_ns};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// How a recording is written down.
#[derive(Debug)]
pub(super) struct Container {
    format: FileFormat,
    head: Vec<u8>,
}

impl Container {
    /// A container of this format for these tracks.
    pub(super) fn new(format: FileFormat, tracks: &Tracks) -> Self {
        let head = match format {
            FileFormat::Mp4 => fmp4::initialization(&tracks.video, &tracks.audio),
            FileFormat::Mkv => mkv::head(&tracks.video, &tracks.audio),
        };
        Self { format, head }
    }

    /// What every file begins with.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Of which kind its files are.
    pub(super) const fn format(&self) -> FileFormat {
        self.format
    }

    /// The segment as the fragment of a file that counts its time from `origin` and holds
    /// `fragments` already.
    pub(super) fn fragment(
        &self,
        piece: &Piece,
        fragments: u64,
        origin: Origin,
        timeline: Timeline,
    ) -> Vec<u8> {
        match self.format {
            FileFormat::Mp4 => piece.fragment(fragments + 1, origin),
            FileFormat::Mkv => mkv::cluster(&blocks(piece, origin, timeline)),
        }
    }
}

/// Picture and sound of a segment in the order of their times, the picture first.
fn blocks(piece: &Piece, origin: Origin, timeline: Timeline) -> Vec<Block> {
    let mut number = piece.start;
    let frames = piece.samples.iter().map(|sample| {
        let start = timeline.frame_start_ns(origin.frames_to(number));
        number += frames_in(sample.duration);
        (start, Track::Video, sample.keyframe, &sample.data)
    });
    let mut position = piece.audio_start;
    let packets = piece.packets.iter().map(|packet| {
        let start = sample_start_ns(origin.samples_to(position));
        position += u64::from(AAC_PACKET_SAMPLES);
        (start, Track::Audio, true, packet)
    });
    let mut all: Vec<_> = frames.collect();
    all.extend(packets);
    all.sort_by_key(|(start, ..)| *start);
    all.into_iter()
        .map(|(start, track, keyframe, data)| Block {
            start_ms: (start + NANOS_PER_MILLI / 2) / NANOS_PER_MILLI,
            track,
            keyframe,
            data: std::sync::Arc::clone(data),
        })
        .collect()
}
