//! When what arrives is due.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::number::to_i64;
use crate::pipeline::ProgramClock;

/// Samples may be so late without moving all that follow.
const LATE_MAX_NS: i64 = 20_000_000;

/// Samples that are due so much later than they usually wait come after a jump of the source.
const EARLY_MAX_NS: i64 = 2_000_000_000;

/// The place of a source's own time on the clock: what arrives first waits for the latency, and
/// everything after it keeps its distance. A source that jumps, or falls behind, is placed anew.
#[derive(Debug)]
struct Pace {
    latency_ns: i64,
    shift_ns: Option<i64>,
}

impl Pace {
    const fn new(latency_ns: i64) -> Self {
        Self {
            latency_ns,
            shift_ns: None,
        }
    }

    /// Something arrived at `now_ns` that is due at `due_ns` of the source's own time. Returns by
    /// how much that time is to be moved, where that changed.
    fn arrived(&mut self, due_ns: i64, now_ns: i64) -> Option<i64> {
        let waits = self.shift_ns.map(|shift| due_ns + shift - now_ns);
        let fits = waits
            .is_some_and(|waits| (-LATE_MAX_NS..self.latency_ns + EARLY_MAX_NS).contains(&waits));
        if fits {
            return None;
        }
        self.shift_ns = Some(now_ns + self.latency_ns - due_ns);
        self.shift_ns
    }
}

/// Moves the sinks of a source together, so that sound stays with the picture.
#[derive(Debug)]
pub(super) struct Pacer {
    program: Arc<ProgramClock>,
    pace: Mutex<Pace>,
    sinks: Mutex<Vec<glib::WeakRef<gst_app::AppSink>>>,
}

impl Pacer {
    pub(super) fn new(program: &Arc<ProgramClock>, latency_ms: u32) -> Arc<Self> {
        Arc::new(Self {
            program: Arc::clone(program),
            pace: Mutex::new(Pace::new(i64::from(latency_ms) * 1_000_000)),
            sinks: Mutex::default(),
        })
    }

    /// Paces this sink as well.
    pub(super) fn attach(self: &Arc<Self>, sink: &gst_app::AppSink) {
        let shift = self.lock_pace().shift_ns;
        if let Some(shift) = shift {
            sink.set_property("ts-offset", shift);
        }
        self.lock_sinks().push(sink.downgrade());
        let (pacer, weak) = (Arc::clone(self), sink.downgrade());
        if let Some(pad) = sink.static_pad("sink") {
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                if let (Some(buffer), Some(sink)) = (info.buffer(), weak.upgrade())
                    && let Some(due) = due(pad, &sink, buffer)
                {
                    pacer.arrived(due);
                }
                gst::PadProbeReturn::Ok
            });
        }
    }

    fn arrived(&self, due: gst::ClockTime) {
        let now = self.program.as_gst().time();
        let moved = self
            .lock_pace()
            .arrived(to_i64(due.nseconds()), to_i64(now.nseconds()));
        if let Some(shift) = moved {
            tracing::debug!(shift_ns = shift, "a network source is placed anew");
            for sink in self.lock_sinks().iter().filter_map(glib::WeakRef::upgrade) {
                sink.set_property("ts-offset", shift);
            }
        }
    }

    fn lock_pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_sinks(&self) -> std::sync::MutexGuard<'_, Vec<glib::WeakRef<gst_app::AppSink>>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the buffer is due by the source's own time.
fn due(pad: &gst::Pad, sink: &gst_app::AppSink, buffer: &gst::Buffer) -> Option<gst::ClockTime> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    let running = segment.to_running_time(buffer.pts()?)?;
    sink.base_time()?.checked_add(running)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn what_comes_first_waits_and_the_rest_keeps_its_distance() {
        let mut pace = Pace::new(500 * MS);
        assert_eq!(pace.arrived(70 * MS, 1000 * MS), Some(1430 * MS));
        for (due, now) in [(110, 1040), (150, 1300), (190, 1639)] {
            assert_eq!(pace.arrived(due * MS, now * MS), None, "{due}");
        }
    }

    #[test]
    fn a_source_that_jumps_or_falls_behind_is_placed_anew() {
        let mut pace = Pace::new(100 * MS);
        assert_eq!(pace.arrived(0, 0), Some(100 * MS));
        assert_eq!(pace.arrived(40 * MS, 170 * MS), Some(230 * MS), "late");
        assert_eq!(
            pace.arrived(90_000 * MS, 200 * MS),
            Some(-89_700 * MS),
            "forward"
        );
        assert_eq!(pace.arrived(10 * MS, 300 * MS), Some(390 * MS), "back");
    }
}
