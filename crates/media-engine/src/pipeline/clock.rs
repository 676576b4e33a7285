use std::sync::OnceLock;

use gstreamer as gst;
use gstreamer::prelude::*;

/// The clock that composer and layers share, and the program's zero on it.
#[derive(Debug)]
pub(crate) struct ProgramClock {
    clock: gst::Clock,
    zero: OnceLock<gst::ClockTime>,
}

impl ProgramClock {
    /// A monotonic clock whose program has not begun.
    pub(crate) fn new() -> Self {
        Self {
            clock: gst::SystemClock::obtain(),
            zero: OnceLock::new(),
        }
    }

    /// For the pipelines of layers.
    pub(crate) fn as_gst(&self) -> &gst::Clock {
        &self.clock
    }

    /// Begins the program now, unless it has begun.
    pub(crate) fn start(&self) {
        self.zero.get_or_init(|| self.clock.time());
    }

    /// Nanoseconds of program at the moment; `None` before it begins.
    pub(crate) fn now_ns(&self) -> Option<u64> {
        let zero = self.zero.get()?;
        Some(self.clock.time().saturating_sub(*zero).nseconds())
    }

    /// When the program is at this place, in nanoseconds of the machine's monotonic clock; `None`
    /// before it begins.
    pub(crate) fn moment_of(&self, place_ns: u64) -> Option<u64> {
        Some(self.zero.get()?.nseconds().saturating_add(place_ns))
    }

    /// The place of a moment of the clock in the program, in nanoseconds; negative before its
    /// zero, `None` before it begins.
    pub(crate) fn place_of(&self, moment: gst::ClockTime) -> Option<i64> {
        let zero = i64::try_from(self.zero.get()?.nseconds()).ok()?;
        i64::try_from(moment.nseconds()).ok()?.checked_sub(zero)
    }
}
