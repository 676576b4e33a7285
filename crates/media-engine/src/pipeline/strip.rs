use std::sync::Arc;

use crate::number::{to_i64, to_u64, to_usize};
use crate::picture::{Canvas, Opacity, Picture, Rectangle};
use crate::timeline::Timeline;

/// A picture that moves sideways through a layer without end: its right edge joins its left one.
#[derive(Debug)]
pub(crate) struct Strip {
    /// The picture, and the same one pixel further to the right. Chroma has one sample for two
    /// columns, so that a picture keeps its colours only where it lies evenly on the canvas; one
    /// of the two always can.
    phases: [Arc<Picture>; 2],
    motion: Motion,
}

/// How a strip moves: by whole pixels and evenly, as a function of the program's frames alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Motion {
    timeline: Timeline,
    pace: Pace,
    /// To the right instead of the left.
    rightwards: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    PixelsPerFrame(u64),
    FramesPerPixel(u64),
}

impl Motion {
    /// The even motion that comes nearest to `speed` pixels a second.
    pub(crate) fn new(timeline: Timeline, speed: u32, rightwards: bool) -> Self {
        let framerate = u64::from(timeline.framerate());
        let speed = u64::from(speed.max(1));
        let nearest = |value: u64, unit: u64| (value + unit / 2) / unit;
        let pace = if speed >= framerate {
            Pace::PixelsPerFrame(nearest(speed, framerate))
        } else {
            Pace::FramesPerPixel(nearest(framerate, speed))
        };
        Self {
            timeline,
            pace,
            rightwards,
        }
    }

    /// The column of a strip of `period` columns that is at the layer's left edge.
    fn first_column(self, now_ns: u64, period: u64) -> u64 {
        let frame = self.timeline.nearest_frame(now_ns);
        let period = period.max(1);
        let moved = match self.pace {
            Pace::PixelsPerFrame(pixels) => (frame % period) * (pixels % period) % period,
            Pace::FramesPerPixel(frames) => frame / frames.max(1) % period,
        };
        if self.rightwards {
            (period - moved) % period
        } else {
            moved
        }
    }
}

impl Strip {
    /// A strip of a picture of an even width, and of the same turned by one pixel.
    pub(crate) fn new(phases: [Arc<Picture>; 2], motion: Motion) -> Self {
        Self { phases, motion }
    }

    /// Draws what is in the layer at this moment.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        place: Rectangle,
        opacity: Opacity,
        now_ns: u64,
    ) {
        let [straight, turned] = &self.phases;
        let period = to_u64(straight.width());
        if period == 0 {
            return;
        }
        let first = self.motion.first_column(now_ns, period);
        let lies_evenly = (i64::from(place.x) - to_i64(first)).rem_euclid(2) == 0;
        let (picture, mut column) = if lies_evenly {
            (straight, first)
        } else {
            (turned, (first + 1) % period)
        };
        let mut x = i64::from(place.x);
        let end = x + i64::from(place.width);
        while x < end {
            let left = u64::try_from(end - x).unwrap_or(0);
            let length = left.min(period - column);
            if let Ok(x) = i32::try_from(x) {
                let view = picture.columns(to_usize(column), to_usize(length));
                canvas.draw(x, place.y, &view, opacity);
            }
            x += to_i64(length);
            column = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(speed: u32, rightwards: bool, period: u64) -> Vec<u64> {
        let timeline = Timeline::new(30);
        let motion = Motion::new(timeline, speed, rightwards);
        (0..7)
            .map(|frame| motion.first_column(timeline.frame_start_ns(frame), period))
            .collect()
    }

    #[test]
    fn every_frame_moves_as_far_as_the_one_before() {
        assert_eq!(columns(60, false, 10), [0, 2, 4, 6, 8, 0, 2]);
        assert_eq!(columns(60, true, 10), [0, 8, 6, 4, 2, 0, 8]);
        assert_eq!(columns(100, false, 100), [0, 3, 6, 9, 12, 15, 18]);
        assert_eq!(columns(10, false, 2), [0, 0, 0, 1, 1, 1, 0]);
        assert_eq!(columns(2000, false, 4), [0, 3, 2, 1, 0, 3, 2]);
    }

    #[test]
    fn a_program_of_years_still_moves() {
        let timeline = Timeline::new(30);
        let motion = Motion::new(timeline, 2000, false);
        let frame = 30 * 3600 * 24 * 3650;
        let at = |frame| motion.first_column(timeline.frame_start_ns(frame), 1000);
        assert_eq!((at(frame + 1) + 1000 - at(frame)) % 1000, 67);
    }
}
