use sm_common::program::{EncoderPreset, ProgramFormat};

use crate::media::Piece;

/// A composition and how it is encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) size: (u32, u32),
    pub(crate) preset: EncoderPreset,
    pub(crate) video_kbps: u32,
    /// Clips, pictures and texts over the background.
    over: [usize; 3],
    /// At most so many times the cost of OBS.
    pub(crate) obs_goal: f64,
}

/// At most so many times the cost of ffmpeg.
pub(crate) const FFMPEG_GOAL: f64 = 1.03;

const FRAMERATE: u32 = 30;
const HD: (u32, u32) = (1280, 720);
const FULL_HD: (u32, u32) = (1920, 1080);
/// Four layers in all, the background included, and sixteen.
const FOUR: [usize; 3] = [1, 1, 1];
const SIXTEEN: [usize; 3] = [3, 6, 6];

macro_rules! cases {
    ($($name:literal: $size:ident, $preset:ident, $kbps:literal, $over:ident, $goal:literal;)+) => {
        /// Every case, the ones that `docs` quote first.
        pub(crate) const CASES: [Case; 8] = [$(Case {
            name: $name,
            size: $size,
            preset: EncoderPreset::$preset,
            video_kbps: $kbps,
            over: $over,
            obs_goal: $goal,
        }),+];
    };
}

cases! {
    "engine-cpu-720p30": HD, Superfast, 2500, FOUR, 0.4;
    "engine-cpu-720p30-16-layers": HD, Superfast, 2500, SIXTEEN, 0.4;
    "engine-cpu-720p30-veryfast": HD, Veryfast, 2500, FOUR, 0.4;
    "engine-cpu-720p30-veryfast-16-layers": HD, Veryfast, 2500, SIXTEEN, 0.4;
    "engine-cpu-1080p30": FULL_HD, Superfast, 4500, FOUR, 0.5;
    "engine-cpu-1080p30-16-layers": FULL_HD, Superfast, 4500, SIXTEEN, 0.5;
    "engine-cpu-1080p30-veryfast": FULL_HD, Veryfast, 4500, FOUR, 0.5;
    "engine-cpu-1080p30-veryfast-16-layers": FULL_HD, Veryfast, 4500, SIXTEEN, 0.5;
}

impl Case {
    pub(crate) fn program(&self) -> ProgramFormat {
        let (width, height) = self.size;
        ProgramFormat {
            width,
            height,
            framerate: FRAMERATE,
            video_bitrate_kbps: self.video_kbps,
            preset: self.preset,
            ..ProgramFormat::default()
        }
    }

    pub(crate) fn preset_name(&self) -> &'static str {
        match self.preset {
            EncoderPreset::Ultrafast => "ultrafast",
            EncoderPreset::Superfast => "superfast",
            EncoderPreset::Veryfast => "veryfast",
            EncoderPreset::Faster => "faster",
            EncoderPreset::Fast => "fast",
            EncoderPreset::Medium => "medium",
        }
    }

    /// What is composed, from the back to the front, and where: the clips along the upper edge,
    /// the pictures in the middle, the texts below.
    pub(crate) fn pieces(&self) -> Vec<(Piece, (u32, u32))> {
        let (width, height) = self.size;
        let [clips, pictures, texts] = self.over;
        let spread = |piece: Piece, count: usize, top: u32| {
            let room = width.saturating_sub(piece.width());
            (0..count).map(move |index| {
                let parts = u32::try_from(count.max(2) - 1).unwrap_or(1);
                let left = room / parts * u32::try_from(index).unwrap_or(0);
                (piece, (left & !1, top & !1))
            })
        };
        std::iter::once((Piece::Background, (0, 0)))
            .chain(spread(Piece::Clip, clips, 40))
            .chain(spread(Piece::Picture, pictures, height / 2 - 90))
            .chain(spread(Piece::Text, texts, height - 100))
            .collect()
    }
}
