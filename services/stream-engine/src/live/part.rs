//! How segments are divided into parts. Pure.

use sm_common::program::ProgramFormat;

/// How the segments of a run are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartPlan {
    /// Most frames in a part.
    pub(crate) frames: u32,
    /// Longest part, in milliseconds, rounded up.
    pub(crate) target_ms: u64,
}

impl PartPlan {
    /// Parts of about `part_ms`, as equal as whole frames allow, so that no segment ends with a
    /// tiny one. `None` where none are wanted, or a segment is hardly longer than one.
    pub(crate) fn of(program: &ProgramFormat, part_ms: u32) -> Option<Self> {
        let framerate = u64::from(program.framerate.max(1));
        // As the worker counts the frames between two keyframes.
        let segment = (u64::from(program.keyframe_interval_ms) * framerate / 1000).max(1);
        let wanted = (u64::from(part_ms) * framerate).saturating_add(500) / 1000;
        let parts = (segment + wanted / 2) / wanted.max(1);
        if part_ms == 0 || parts < 2 {
            return None;
        }
        let frames = segment.div_ceil(parts);
        Some(Self::of_frames(u32::try_from(frames).ok()?, program))
    }

    /// How a worker divides them that was told so by an earlier host.
    pub(crate) fn found(part_frames: u32, program: &ProgramFormat) -> Option<Self> {
        (part_frames > 0).then(|| Self::of_frames(part_frames, program))
    }

    fn of_frames(frames: u32, program: &ProgramFormat) -> Self {
        let framerate = u64::from(program.framerate.max(1));
        Self {
            frames,
            target_ms: (u64::from(frames) * 1000).div_ceil(framerate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_divide_a_segment_about_evenly() {
        // Frames a second, segment, wanted part; frames in a part, target.
        let cases = [
            ((30, 1000, 333), Some((10, 334))),
            ((30, 1000, 200), Some((6, 200))),
            ((25, 1000, 333), Some((9, 360))),
            ((25, 2000, 200), Some((5, 200))),
            ((60, 1000, 333), Some((20, 334))),
            ((30, 1000, 450), Some((15, 500))),
            ((30, 200, 67), Some((2, 67))),
            ((30, 1000, 1), Some((1, 34))),
            ((30, 1000, 900), None),
            ((30, 1000, 5000), None),
            ((30, 1000, 0), None),
            ((1, 1000, 333), None),
        ];
        for ((framerate, keyframe_interval_ms, part_ms), expected) in cases {
            let program = ProgramFormat {
                framerate,
                keyframe_interval_ms,
                ..ProgramFormat::default()
            };
            let expected = expected.map(|(frames, target_ms)| PartPlan { frames, target_ms });
            let plan = PartPlan::of(&program, part_ms);
            assert_eq!(
                plan, expected,
                "{framerate} {keyframe_interval_ms} {part_ms}"
            );
            let frames = plan.map_or(0, |plan| plan.frames);
            assert_eq!(PartPlan::found(frames, &program), plan, "the next host's");
        }
    }
}
