//! The renditions of the program: begins them, ends those that fail, and tries them again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use sm_common::id::RenditionName;
use sm_common::ladder::{self, Rendition as Wanted};
use sm_common::performance::RenditionPerformance;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{RenditionFailure, RenditionReport, Report};

use super::further::Output;
use super::rendition::{Ground, Intake, Rendition};
use super::takers::Takers;
use crate::number::to_f64;

/// Wait before a rendition that failed is tried again; doubles up to the longest.
const WAIT_FIRST: Duration = Duration::from_secs(10);
const WAIT_LONGEST: Duration = Duration::from_secs(160);
/// A rendition that delivered for so long makes its next failure a first one again.
const STABLE_AFTER: Duration = Duration::from_mins(1);

/// The renditions that are wanted, and how they do.
#[derive(Debug)]
pub(super) struct Ladder {
    ground: Ground,
    takers: Takers,
    rungs: Vec<Rung>,
    /// What each name stands for in this run: its files keep their meaning.
    known: BTreeMap<RenditionName, Wanted>,
    /// Held by every rendition until its last segment is written.
    over: Option<SyncSender<()>>,
    measured_at: Instant,
}

#[derive(Debug)]
struct Rung {
    wanted: Wanted,
    standing: Standing,
    wait: Duration,
    counted: Counted,
    /// Frames of the times before.
    frames_before: u64,
    /// What was reported last.
    told: Option<RenditionReport>,
}

#[derive(Debug)]
enum Standing {
    Running(Rendition, Instant),
    /// To be tried again then.
    Waiting(Instant),
    /// Not to be tried.
    Refused,
}

/// What a rendition had delivered and cost when it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    frames: u64,
    bytes: u64,
    cpu_ns: u64,
}

impl Ladder {
    /// No renditions yet; the composer's frames go to `takers`. `over` is held until the last
    /// segment of each is written.
    pub(super) fn new(ground: Ground, takers: Takers, over: SyncSender<()>) -> Self {
        Self {
            ground,
            takers,
            rungs: Vec::new(),
            known: BTreeMap::new(),
            over: Some(over),
            measured_at: Instant::now(),
        }
    }

    /// Makes these the renditions; those that are the same go on.
    pub(super) fn apply(&mut self, wanted: Vec<Wanted>) {
        let mut before = std::mem::take(&mut self.rungs);
        for wanted in wanted {
            let kept = before.iter().position(|rung| rung.wanted == wanted);
            let rung = match kept {
                Some(index) => before.swap_remove(index),
                None => self.rung(wanted),
            };
            self.rungs.push(rung);
        }
        for rung in before {
            self.end(rung.standing);
        }
    }

    fn rung(&mut self, wanted: Wanted) -> Rung {
        let known = self.known.entry(wanted.name.clone());
        let is_known_otherwise = *known.or_insert_with(|| wanted.clone()) != wanted;
        let mut rung = Rung {
            standing: Standing::Refused,
            wait: WAIT_FIRST,
            counted: Counted::default(),
            frames_before: 0,
            told: None,
            wanted,
        };
        let faults = ladder::check(std::slice::from_ref(&rung.wanted), "");
        if is_known_otherwise {
            let reason = "its name stands for other settings since the stream went on air: give it \
                          another name, or restart the stream";
            rung.tell(&self.ground, Some(failure("rendition.name-used", reason)));
        } else if let Some(fault) = faults.into_iter().next() {
            let reason = format!("{} {}", fault.pointer, fault.detail);
            rung.tell(&self.ground, Some(failure("rendition.refused", &reason)));
        } else {
            self.begin(&mut rung);
        }
        rung
    }

    fn begin(&self, rung: &mut Rung) {
        let Some(over) = self.over.clone() else {
            return;
        };
        let (width, height) = rung.wanted.size(&self.ground.format);
        let format = ProgramFormat {
            width,
            height,
            video_bitrate_kbps: rung.wanted.video_bitrate_kbps,
            ..self.ground.format.clone()
        };
        let now = Instant::now();
        rung.counted = Counted::default();
        rung.standing = match Rendition::start(&self.ground, &rung.wanted.name, format, over) {
            Ok(rendition) => {
                self.takers.add(Arc::<Intake>::clone(&rendition.intake));
                Standing::Running(rendition, now)
            }
            Err(error) => {
                let reason = format!("{:#}", anyhow::Error::new(error));
                let failed = failure("rendition.encoder.failed", &reason);
                rung.tell(&self.ground, Some(failed));
                Standing::Waiting(now + rung.next_wait())
            }
        };
    }

    /// Ends it without waiting for it: an encoder may be in the middle of a frame.
    fn end(&self, standing: Standing) {
        let Standing::Running(rendition, _) = standing else {
            return;
        };
        self.takers.remove(&*rendition.intake);
        let ending = thread::Builder::new()
            .name("rendition-end".to_owned())
            .spawn(move || drop(rendition));
        if let Err(error) = ending {
            tracing::warn!(%error, "a rendition was ended where it stood");
        }
    }

    /// Ends renditions that failed, begins those whose wait is over, and tells of both.
    pub(super) fn tend(&mut self, now: Instant) {
        let mut rungs = std::mem::take(&mut self.rungs);
        for rung in &mut rungs {
            self.tend_one(rung, now);
        }
        self.rungs = rungs;
    }

    fn tend_one(&self, rung: &mut Rung, now: Instant) {
        match &rung.standing {
            Standing::Running(rendition, since) => {
                if let Some(failed) = rendition.intake.failure() {
                    let lasted = now.saturating_duration_since(*since);
                    let frames = rendition.output().frames.load(Ordering::Relaxed);
                    rung.frames_before += frames;
                    if lasted >= STABLE_AFTER {
                        rung.wait = WAIT_FIRST;
                    }
                    let next = Standing::Waiting(now + rung.next_wait());
                    self.end(std::mem::replace(&mut rung.standing, next));
                    rung.tell(&self.ground, Some(failed));
                } else if rendition.output().frames.load(Ordering::Relaxed) > 0 {
                    rung.tell(&self.ground, None);
                }
            }
            Standing::Waiting(at) if *at <= now => self.begin(rung),
            Standing::Waiting(_) | Standing::Refused => {}
        }
    }

    /// What each cost and delivered since the last call.
    pub(super) fn measure(&mut self, now: Instant) -> Vec<RenditionPerformance> {
        let elapsed = now.saturating_duration_since(self.measured_at);
        self.measured_at = now;
        let format = &self.ground.format;
        let rungs = self.rungs.iter_mut();
        rungs.map(|rung| rung.measure(format, elapsed)).collect()
    }

    /// No more renditions begin. Those that run end with the program.
    pub(super) fn stop(&mut self) {
        self.over = None;
    }
}

impl Rung {
    fn next_wait(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(WAIT_LONGEST);
        wait
    }

    fn tell(&mut self, ground: &Ground, failure: Option<RenditionFailure>) {
        let rendition = self.wanted.name.clone();
        let report = RenditionReport { rendition, failure };
        if self.told.as_ref() != Some(&report) {
            tracing::info!(rendition = %report.rendition, failure = ?report.failure, "rendition");
            self.told = Some(report.clone());
            ground.reports.send(Report::Rendition(report));
        }
    }

    fn measure(&mut self, format: &ProgramFormat, elapsed: Duration) -> RenditionPerformance {
        let running = match &self.standing {
            Standing::Running(rendition, _) => Some(Counted::of(rendition.output())),
            Standing::Waiting(_) | Standing::Refused => None,
        };
        let before = self.counted;
        self.counted = running.unwrap_or_default();
        let seconds = elapsed.as_secs_f64();
        let rate = |count: fn(&Counted) -> u64, unit: f64| {
            let more = count(&running?).saturating_sub(count(&before));
            (seconds > 0.0).then(|| to_f64(more) / unit / seconds)
        };
        let (width, height) = self.wanted.size(format);
        RenditionPerformance {
            name: self.wanted.name.clone(),
            width,
            height,
            delivering: running.is_some_and(|counted| counted.frames > 0),
            fps: rate(|counted| counted.frames, 1.0),
            bitrate_kbps: rate(|counted| counted.bytes, 125.0),
            cpu_cores: rate(|counted| counted.cpu_ns, 1e9),
            frames_total: self.frames_before + self.counted.frames,
        }
    }
}

impl Counted {
    fn of(output: &Output) -> Self {
        Self {
            frames: output.frames.load(Ordering::Relaxed),
            bytes: output.bytes.load(Ordering::Relaxed),
            cpu_ns: output.cpu_ns.load(Ordering::Relaxed),
        }
    }
}

fn failure(code: &str, reason: &str) -> RenditionFailure {
    RenditionFailure {
        code: code.to_owned(),
        reason: reason.to_owned(),
    }
}
