//! Outputs: where the program goes beside HLS.
//!
//! Each output has a thread, a bounded queue and, for each attempt, one [`delivery`] of its own.
//! It takes what the encoders make and cannot hold them up: what its target does not take in time
//! is left out, or, where the output may adapt, encoded once more at what it takes. An output kind is one file here with a `Delivery`, and one arm in
//! `delivery::begin`.

mod adapting;
mod connection;
mod delivery;
mod difference;
mod diversion;
mod driver;
mod failure;
mod guard;
mod queue;
mod recording;
mod rtmp;
mod splice;
mod srt;
mod state;
mod tally;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sm_common::clock::SharedClock;
use sm_common::id::OutputId;
use sm_common::output::{Adaptive, OutputStatus, OutputTarget};
use sm_common::target::TargetPolicy;
use sm_media_protocol::{
    AdaptiveTerms, OutputReport, OutputStats, RecordingSettings, WantedOutput,
};

use crate::event::Events;
use crate::pipeline::Fanout;
use crate::timeline::Timeline;
pub(crate) use difference::DuplicateOutput;
use difference::difference;
use diversion::SharedAdaptive;
use driver::Driver;
pub(crate) use driver::News;
use failure::Failure;
pub(crate) use queue::{Item, Queue};
use tally::Tally;

/// An output whose thread has shown no life for this long hangs in the system, as on a disk that
/// does not answer.
const LIFELESS_AFTER: Duration = Duration::from_secs(10);

/// What all outputs keep to.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Where recordings go.
    pub(crate) recordings: RecordingSettings,
    /// What may be connected to.
    pub(crate) targets: TargetPolicy,
    /// When those that may adapt are sent less.
    pub(crate) adaptive: AdaptiveTerms,
}

/// The outputs of the program.
pub(crate) struct Outputs {
    fanout: Fanout,
    terms: Terms,
    wall: SharedClock,
    events: Events,
    wanted: Vec<WantedOutput>,
    /// Whether anything may leave this host. Recordings go on in any case.
    may_push: bool,
    runs: u64,
    running: BTreeMap<OutputId, Running>,
    /// Runs whose threads have not ended.
    alive: BTreeSet<u64>,
    /// What each output did, also before it was changed.
    tallies: BTreeMap<OutputId, Arc<Mutex<Tally>>>,
}

struct Running {
    wanted: WantedOutput,
    adaptive: SharedAdaptive,
    run: u64,
    queue: Arc<Queue>,
    /// Disconnected when the thread has ended.
    over: Option<Receiver<()>>,
    report: Option<OutputReport>,
    lifeless: bool,
}

impl Outputs {
    /// No outputs yet.
    pub(crate) fn new(
        fanout: Fanout,
        terms: Terms,
        wall: SharedClock,
        events: Events,
        may_push: bool,
    ) -> Self {
        Self {
            fanout,
            terms,
            wall,
            events,
            wanted: Vec::new(),
            may_push,
            runs: 0,
            running: BTreeMap::new(),
            alive: BTreeSet::new(),
            tallies: BTreeMap::new(),
        }
    }

    /// Makes these the outputs, unless they cannot be. Those that end do so by themselves.
    pub(crate) fn apply(&mut self, wanted: Vec<WantedOutput>) -> Result<(), DuplicateOutput> {
        let permitted: Vec<WantedOutput> = wanted
            .iter()
            .filter(|output| self.may_push || !pushes(&output.target))
            .cloned()
            .collect();
        let running = self.running.values().map(|running| &running.wanted);
        let difference = difference(running, &permitted)?;
        self.wanted = wanted;
        let mut predecessors = BTreeMap::new();
        for id in difference.end {
            if let Some(ended) = self.running.remove(&id) {
                ended.queue.stop();
                predecessors.insert(id, ended.over);
            }
        }
        for output in permitted {
            if difference.begin.contains(&output.id) {
                let predecessor = predecessors.remove(&output.id).flatten();
                self.begin(output, predecessor);
            } else if let Some(running) = self.running.get_mut(&output.id) {
                running.adapt(output.adaptive);
            }
        }
        Ok(())
    }

    /// Lets outputs push to the network, or ends those that do.
    pub(crate) fn permit(&mut self, may_push: bool) {
        self.may_push = may_push;
        let wanted = std::mem::take(&mut self.wanted);
        // They were taken before, so none of them is there twice.
        let _ = self.apply(wanted);
    }

    /// Takes what the program makes in another format. All begin anew: those before end by
    /// themselves when they have sent what the former encoders made.
    pub(crate) fn follow(&mut self, fanout: Fanout) {
        self.fanout = fanout;
        let running = std::mem::take(&mut self.running);
        for former in running.into_values() {
            self.begin(former.wanted, former.over);
        }
    }

    /// What is to be reported of this news. What an output that was replaced tells is of no
    /// interest, unless it was removed and says that it stopped.
    pub(crate) fn hear(&mut self, output: &OutputId, run: u64, news: News) -> Option<OutputReport> {
        match news {
            News::Gone => {
                self.alive.remove(&run);
                None
            }
            News::Changed(report) => match self.running.get_mut(output) {
                Some(running) if running.run == run => {
                    running.report = Some(report.clone());
                    Some(report)
                }
                Some(_replaced) => None,
                None => (report.status == OutputStatus::Stopped).then_some(report),
            },
        }
    }

    /// What each output did, for the second that is over.
    pub(crate) fn stats(&self, now: Instant) -> Vec<OutputStats> {
        self.running
            .keys()
            .filter_map(|output| {
                let tally = self.tallies.get(output)?;
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                Some(OutputStats {
                    output: output.clone(),
                    counters: tally.counters(now),
                })
            })
            .collect()
    }

    /// Outputs whose threads hang, or no longer do, since the last call.
    pub(crate) fn look_for_life(&mut self, now: Instant) -> Vec<OutputReport> {
        let mut reports = Vec::new();
        for (output, running) in &mut self.running {
            let Some(last) = self.tallies.get(output).and_then(|tally| alive(tally)) else {
                continue;
            };
            let lifeless = now.saturating_duration_since(last) >= LIFELESS_AFTER;
            if lifeless != running.lifeless
                && let Some(report) = &running.report
            {
                running.lifeless = lifeless;
                reports.push(if lifeless {
                    stalled(report)
                } else {
                    report.clone()
                });
            }
        }
        reports
    }

    /// Asks all to end now, whatever still waits.
    pub(crate) fn stop(&self) {
        for running in self.running.values() {
            running.queue.stop();
        }
    }

    /// Whether all threads have ended.
    pub(crate) fn are_over(&self) -> bool {
        self.alive.is_empty()
    }

    fn begin(&mut self, wanted: WantedOutput, predecessor: Option<Receiver<()>>) {
        self.runs += 1;
        let queue = Arc::new(Queue::new(Timeline::new(self.fanout.format().framerate)));
        let tally = Arc::clone(self.tallies.entry(wanted.id.clone()).or_default());
        let adaptive = SharedAdaptive::new(Mutex::new(wanted.adaptive));
        let driver = Driver {
            wanted: wanted.clone(),
            adaptive: SharedAdaptive::clone(&adaptive),
            run: self.runs,
            fanout: self.fanout.clone(),
            terms: self.terms.clone(),
            queue: Arc::clone(&queue),
            tally,
            wall: SharedClock::clone(&self.wall),
            events: self.events.clone(),
            predecessor,
        };
        let (guard, over) = sync_channel(0);
        let started = start(driver, guard);
        if let Err(error) = &started {
            tracing::error!(%error, "an output gets no thread");
        } else {
            self.alive.insert(self.runs);
        }
        let running = Running {
            wanted,
            adaptive,
            run: self.runs,
            queue,
            over: Some(over),
            report: None,
            lifeless: false,
        };
        self.running.insert(running.wanted.id.clone(), running);
    }
}

impl Running {
    /// Adapts like this from now on.
    fn adapt(&mut self, adaptive: Adaptive) {
        self.wanted.adaptive = adaptive;
        *self.adaptive.lock().unwrap_or_else(PoisonError::into_inner) = adaptive;
    }
}

/// Whether it leaves this host.
const fn pushes(target: &OutputTarget) -> bool {
    match target {
        OutputTarget::Rtmp(_) | OutputTarget::Srt(_) => true,
        OutputTarget::File(_) => false,
    }
}

fn start(driver: Driver, guard: SyncSender<()>) -> std::io::Result<()> {
    thread::Builder::new()
        .name("output".to_owned())
        .spawn(move || {
            driver.run();
            drop(guard);
        })
        .map(|_detached| ())
}

fn alive(tally: &Mutex<Tally>) -> Option<Instant> {
    tally.lock().unwrap_or_else(PoisonError::into_inner).alive
}

fn stalled(report: &OutputReport) -> OutputReport {
    let failure = Failure::stalled();
    OutputReport {
        status: OutputStatus::Reconnecting,
        code: Some(failure.code.to_owned()),
        reason: Some(failure.reason.into_owned()),
        ..report.clone()
    }
}
