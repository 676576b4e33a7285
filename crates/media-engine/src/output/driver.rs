use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sm_common::clock::SharedClock;
use sm_media_protocol::{OutputReport, WantedOutput};

use super::Terms;
use super::delivery::{Delivery, Surroundings, begin};
use super::diversion::{Diversion, Means, SharedAdaptive};
use super::failure::Failure;
use super::queue::{Item, Queue};
use super::state::{Happening, Phase, State};
use super::tally::{Tally, Waiting};
use super::watchdog::Watchdog;
use crate::event::{Event, Events};
use crate::number::to_f64;
use crate::pipeline::{Fanout, Listener};

/// How often a delivery is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Longest time for a target to take what is on its way when its output ends.
pub(super) const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// How often an output without an attempt shows that its thread is alive.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// What an output tells the worker.
#[derive(Debug)]
pub(crate) enum News {
    /// How it does.
    Changed(OutputReport),
    /// Its thread ends.
    Gone,
}

/// Everything an output's thread works with.
pub(super) struct Driver {
    pub(super) wanted: WantedOutput,
    /// How it is to adapt now.
    pub(super) adaptive: SharedAdaptive,
    pub(super) run: u64,
    pub(super) fanout: Fanout,
    pub(super) terms: Terms,
    pub(super) queue: Arc<Queue>,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) wall: SharedClock,
    pub(super) events: Events,
    /// Disconnected when the output that this one replaces has ended.
    pub(super) predecessor: Option<Receiver<()>>,
}

/// An attempt under way.
struct Attempt {
    delivery: Box<dyn Delivery>,
    /// Of one whose target can be congested.
    diversion: Option<Diversion>,
    watchdog: Watchdog,
    frames_given: u64,
    looked: Instant,
    live: bool,
}

impl Driver {
    /// Delivers until the output is to end, or the program does.
    pub(super) fn run(self) {
        if let Some(predecessor) = &self.predecessor {
            // A server lets nobody in while the one before is there.
            let _ = predecessor.recv_timeout(FINISH_TIMEOUT);
        }
        let queue: Weak<Queue> = Arc::downgrade(&self.queue);
        let listener: Weak<dyn Listener> = queue;
        self.fanout.add(listener);
        let format = self.fanout.format();
        // Delivering begins with a keyframe, and a recording with the one after that.
        let keyframe_interval = Duration::from_millis(u64::from(format.keyframe_interval_ms));
        let reconnects = self.tally().reconnects;
        let mut state = State::begin(reconnects, 2 * keyframe_interval, Instant::now());
        let mut attempt = None;
        let mut told = None;
        while !self.queue.is_stopped() && !self.queue.is_finished() {
            self.go_on(&mut state, &mut attempt);
            self.tell(&state, attempt.as_ref(), &mut told);
        }
        if let Some(mut attempt) = attempt {
            attempt.delivery.finish(Instant::now() + FINISH_TIMEOUT);
            self.look_a_last_time(&mut attempt);
        }
        self.tally().attempt_over();
        state.apply(Happening::Ended, Instant::now());
        self.tell(&state, None, &mut told);
        self.news(News::Gone);
    }

    fn go_on(&self, state: &mut State, attempt: &mut Option<Attempt>) {
        let now = Instant::now();
        self.tally().alive = Some(now);
        state.apply(Happening::Time, now);
        match (state.phase, &mut *attempt) {
            (Phase::Connecting { .. }, None) => match self.begin() {
                Ok(begun) => *attempt = begun,
                Err(failure) => state.apply(Happening::Broke(failure), now),
            },
            (Phase::Connecting { .. } | Phase::Live { .. }, Some(current)) => {
                match self.serve(current, now) {
                    Ok(true) => state.apply(Happening::Delivered, now),
                    Ok(false) => {}
                    Err(failure) => state.apply(Happening::Broke(failure), now),
                }
            }
            (Phase::Live { .. } | Phase::Waiting { .. } | Phase::Failed | Phase::Stopped, _) => {}
        }
        self.tally().reconnects = state.reconnects;
        match state.phase {
            Phase::Connecting { .. } | Phase::Live { .. } => self.queue.wait(LOOK_INTERVAL),
            Phase::Waiting { until } => {
                self.give_up(attempt);
                let wait = until.saturating_duration_since(Instant::now());
                self.queue.wait(wait.min(IDLE_INTERVAL));
            }
            Phase::Failed | Phase::Stopped => {
                self.give_up(attempt);
                self.queue.wait(IDLE_INTERVAL);
            }
        }
    }

    /// Begins an attempt, unless the encoders have not said yet what they make.
    fn begin(&self) -> Result<Option<Attempt>, Failure> {
        let Some(tracks) = self.fanout.tracks() else {
            return Ok(None);
        };
        let queue = Arc::clone(&self.queue);
        let surroundings = Surroundings {
            fanout: &self.fanout,
            tracks,
            recordings: &self.terms.recordings,
            targets: self.terms.targets,
            output: self.wanted.id.clone(),
            bell: Arc::new(move || queue.ring()),
        };
        let delivery = begin(&self.wanted.target, surroundings)?;
        self.queue.open();
        let now = Instant::now();
        Ok(Some(Attempt {
            delivery,
            diversion: self.diversion(),
            watchdog: Watchdog::new(now),
            frames_given: 0,
            looked: now,
            live: false,
        }))
    }

    fn diversion(&self) -> Option<Diversion> {
        self.wanted.target.can_adapt().then(|| {
            Diversion::new(Means {
                wanted: SharedAdaptive::clone(&self.adaptive),
                terms: self.terms.adaptive,
                fanout: self.fanout.clone(),
                queue: Arc::clone(&self.queue),
                wall: SharedClock::clone(&self.wall),
            })
        })
    }

    /// Gives what waits and looks what came of it; whether it delivers.
    fn serve(&self, attempt: &mut Attempt, now: Instant) -> Result<bool, Failure> {
        while attempt.delivery.has_room()
            && let Some(item) = self.queue.take()
        {
            attempt.frames_given += u64::from(matches!(item, Item::Video(_)));
            attempt.delivery.give(item)?;
        }
        if now.saturating_duration_since(attempt.looked) < LOOK_INTERVAL {
            return Ok(false);
        }
        attempt.looked = now;
        let look = attempt.delivery.look()?;
        // What a target that is not there misses is not dropped by it.
        let dropped = self.queue.take_dropped();
        let dropped = if attempt.live { dropped } else { 0 };
        attempt.live |= look.live;
        let queue = Waiting {
            ms: to_f64(millis(self.queue.waiting())),
            bytes: self.queue.waiting_bytes(),
        };
        self.tally()
            .look(look, attempt.frames_given, dropped, queue);
        if let Some(diversion) = &mut attempt.diversion {
            diversion.look(look, dropped, now);
        }
        let stands_still = attempt
            .watchdog
            .stands_still(look.bytes, self.queue.offered(), now);
        if look.live && look.must_move && stands_still {
            return Err(Failure::stalled());
        }
        Ok(look.live)
    }

    fn look_a_last_time(&self, attempt: &mut Attempt) {
        if let Ok(look) = attempt.delivery.look() {
            self.tally()
                .look(look, attempt.frames_given, 0, Waiting::default());
        }
    }

    fn give_up(&self, attempt: &mut Option<Attempt>) {
        if attempt.take().is_some() {
            self.queue.close();
            self.tally().attempt_over();
        }
    }

    fn tell(&self, state: &State, attempt: Option<&Attempt>, told: &mut Option<OutputReport>) {
        let next_attempt_at = match state.phase {
            Phase::Waiting { until } => {
                let wait = until.saturating_duration_since(Instant::now());
                // The same moment, however late it is asked for.
                told.as_ref()
                    .filter(|told| told.attempts == state.attempts)
                    .and_then(|told| told.next_attempt_at)
                    .or_else(|| Some(self.wall.now().plus(wait)))
            }
            Phase::Connecting { .. } | Phase::Live { .. } | Phase::Failed | Phase::Stopped => None,
        };
        let failure = state.failure.as_ref();
        let report = OutputReport {
            output: self.wanted.id.clone(),
            status: state.status(),
            reconnects: state.reconnects,
            attempts: state.attempts,
            next_attempt_at,
            code: failure.map(|failure| failure.code.to_owned()),
            reason: failure.map(|failure| failure.reason.to_string()),
            adaptive: attempt
                .filter(|attempt| attempt.live)
                .and_then(|attempt| attempt.diversion.as_ref()?.state()),
        };
        if told.as_ref() != Some(&report) {
            self.news(News::Changed(report.clone()));
            *told = Some(report);
        }
    }

    fn news(&self, news: News) {
        // When the worker is gone, so is everybody who would care.
        let _ = self.events.send(Event::Output {
            output: self.wanted.id.clone(),
            run: self.run,
            news,
        });
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
