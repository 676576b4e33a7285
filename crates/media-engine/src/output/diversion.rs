//! Keeps an output at what its target takes, with an encoding of its own while that is less than
//! the program.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sm_common::clock::{SharedClock, Timestamp};
use sm_common::output::{Adaptive, AdaptiveState, SrtStats};
use sm_media_protocol::{AdaptiveTerms, RetryTerms};

use super::adapting::{Adapting, Bounds, Level, Sight};
use super::delivery::Look;
use super::queue::Queue;
use super::splice::Lane;
use crate::backoff::Backoff;
use crate::pipeline::{Apart, ApartListener, ENCODER_FAILED, Fanout};
use crate::timeline::Timeline;

/// Waits after an own encoding failed.
const RETRY: RetryTerms = RetryTerms {
    first_ms: 10_000,
    longest_ms: 160_000,
};

/// What is wanted of an output, which may change while it runs.
pub(super) type SharedAdaptive = Arc<Mutex<Adaptive>>;

/// What it works with.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) wanted: SharedAdaptive,
    pub(super) terms: AdaptiveTerms,
    pub(super) fanout: Fanout,
    pub(super) queue: Arc<Queue>,
    pub(super) wall: SharedClock,
}

/// One attempt's. The program's encoding is back when it is dropped.
pub(super) struct Diversion {
    means: Means,
    adapting: Adapting,
    apart: Option<Running>,
    counted: Option<Counted>,
    backoff: Backoff,
    /// Why there was no own encoding, and until when none is tried.
    failed: Option<(&'static str, Instant)>,
    reduced: bool,
    since: Timestamp,
}

/// An own encoding, and the bitrate that it was given last.
struct Running {
    apart: Apart,
    kbps: u32,
}

/// What had been counted at the look before.
#[derive(Clone, Copy)]
struct Counted {
    at: Instant,
    look: Look,
}

impl Diversion {
    /// With the program's encoding.
    pub(super) fn new(means: Means) -> Self {
        Self {
            adapting: Adapting::new(means.terms),
            apart: None,
            counted: None,
            backoff: Backoff::new(RETRY),
            failed: None,
            reduced: false,
            since: means.wall.now(),
            means,
        }
    }

    /// The target was looked at, and so many frames were left out since it was before.
    pub(super) fn look(&mut self, look: Look, dropped: u64, now: Instant) {
        let level = self.level(look, dropped, now);
        self.follow(level, now);
        let reduced = self.means.queue.lane() == Lane::Apart;
        if reduced != self.reduced {
            self.reduced = reduced;
            self.since = self.means.wall.now();
        }
    }

    /// What is to be told of it; `None` where the output does not adapt.
    pub(super) fn state(&self) -> Option<AdaptiveState> {
        let adaptive = self.wanted();
        if !adaptive.enabled && !self.reduced {
            return None;
        }
        let own = self.apart.as_ref().filter(|_| self.reduced);
        Some(AdaptiveState {
            reduced: self.reduced,
            since: self.since,
            video_kbps: own.map_or_else(|| self.means.fanout.video_kbps(), |own| own.kbps),
            code: self.failed.map(|(code, _)| code.to_owned()),
        })
    }

    fn wanted(&self) -> Adaptive {
        let wanted = self.means.wanted.lock();
        *wanted.unwrap_or_else(PoisonError::into_inner)
    }

    fn level(&mut self, look: Look, dropped: u64, now: Instant) -> Level {
        let before = self.counted.replace(Counted { at: now, look });
        self.failed = self.failed.filter(|(_, until)| now < *until);
        let adaptive = self.wanted();
        if !adaptive.enabled || self.failed.is_some() {
            self.adapting = Adapting::new(self.means.terms);
            return Level::Program;
        }
        let Some(before) = before.filter(|before| before.look.live) else {
            return Level::Program;
        };
        let format = self.means.fanout.format();
        let bounds = Bounds {
            floor: adaptive.min_kbps,
            ceiling: self.means.fanout.video_kbps(),
            sound: format.audio_bitrate_kbps,
        };
        let sight = self.sight(&before, look, dropped, now);
        self.adapting.look(sight, bounds)
    }

    fn sight(&self, before: &Counted, look: Look, dropped: u64, now: Instant) -> Sight {
        let queue = &self.means.queue;
        let timeline = Timeline::new(self.means.fanout.format().framerate);
        let held = Duration::from_secs_f64(timeline.seconds(look.frames_waiting));
        let lost = |look: &Look| of_srt(look, |srt| srt.packets_lost_total);
        let late = |look: &Look| of_srt(look, |srt| srt.packets_dropped_total);
        let rtt_ms = look.srt.and_then(|srt| srt.rtt_ms);
        Sight {
            elapsed: now.saturating_duration_since(before.at),
            waiting: queue.waiting() + held,
            waiting_bytes: queue.waiting_bytes() + look.bytes_waiting,
            sent_bytes: look.bytes.saturating_sub(before.look.bytes),
            packets: look.packets.saturating_sub(before.look.packets),
            packets_lost: lost(&look).saturating_sub(lost(&before.look)),
            left_out: dropped > 0 || late(&look) > late(&before.look),
            rtt: rtt_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok()),
            settled: self.is_settled(),
        }
    }

    /// Whether what is offered now is what was asked for.
    fn is_settled(&self) -> bool {
        let lane = self.means.queue.lane();
        self.apart.is_some() == (lane == Lane::Apart)
    }

    fn follow(&mut self, level: Level, now: Instant) {
        self.let_go(now);
        match (level, &mut self.apart) {
            (Level::Program, None) => {}
            (Level::Program, Some(own)) => own.apart.leave(),
            (Level::Reduced { kbps }, Some(own)) => {
                if own.apart.stay() && own.kbps != kbps {
                    own.kbps = kbps;
                    own.apart.set_bitrate(kbps);
                }
            }
            (Level::Reduced { kbps }, None) => self.begin(kbps, now),
        }
    }

    fn begin(&mut self, kbps: u32, now: Instant) {
        let queue = Arc::downgrade(&self.means.queue);
        let listener: Weak<dyn ApartListener> = queue;
        match self.means.fanout.encode_apart(kbps, listener) {
            Ok(apart) => self.apart = Some(Running { apart, kbps }),
            Err(error) => {
                tracing::warn!(error = ?anyhow::Error::new(error), "no encoding for an output alone");
                self.fail(ENCODER_FAILED, now);
            }
        }
    }

    /// Forgets an own encoding that has ended.
    fn let_go(&mut self, now: Instant) {
        let Some(own) = &self.apart else {
            return;
        };
        if let Some(code) = own.apart.failure() {
            self.fail(code, now);
            self.apart = None;
        } else if own.apart.has_left() && self.means.queue.lane() == Lane::Program {
            self.apart = None;
            self.backoff.reset();
        }
    }

    fn fail(&mut self, code: &'static str, now: Instant) {
        self.failed = Some((code, now + self.backoff.next()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (frames, cpu_ms_per_frame) = self.apart.cost();
        tracing::info!(frames, cpu_ms_per_frame, "an output's own encoding ended");
    }
}

fn of_srt(look: &Look, figure: impl FnOnce(SrtStats) -> Option<u64>) -> u64 {
    look.srt.and_then(figure).unwrap_or(0)
}
