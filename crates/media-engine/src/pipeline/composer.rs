use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_common::clock::SharedClock;
use sm_common::program::ProgramFormat;

use super::acts::{Acts, Scene};
use super::clock::ProgramClock;
use super::crossing::{Mix, lay_over};
use super::drawing::{Sheet, canvas, draw};
use super::encoder::{SoundInput, sound_buffer};
use super::fitter::view;
use super::monitor::Monitor;
use super::pool::FramePool;
use super::stage::Stage;
use super::takers::Takers;
use super::voices::Voices;
use crate::event::{Event, Events};
use crate::number::{to_u64, to_usize};
use crate::picture::{Matrix, Opacity};
use crate::sound::{CHANNELS, Limiter};
use crate::stats::Meter;
use crate::timeline::Timeline;

/// How long after its moment a frame is composed, so that what is due at that moment is there.
const PATIENCE: Duration = Duration::from_millis(20);

/// A composer that is further behind, as after the machine slept, leaves frames out instead of
/// making up for them.
const BEHIND_MAX: Duration = Duration::from_secs(2);

/// What the composer shares with the rest of the program.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// What to draw, replaced as a whole.
    pub(super) stage: Arc<Mutex<Arc<Stage>>>,
    /// What is measured.
    pub(super) meter: Arc<Mutex<Meter>>,
    /// The frame on air.
    pub(super) latest: Arc<Mutex<Option<gst::Buffer>>>,
}

/// Draws the picture and mixes the sound, frame by frame, on the program's clock.
#[derive(Debug)]
pub(super) struct Composer {
    /// The number of the format.
    pub(super) program: u64,
    /// The colours of everything that is drawn.
    pub(super) matrix: Matrix,
    pub(super) timeline: Timeline,
    /// Distance of keyframes, in frames.
    pub(super) keyframe_interval: u64,
    pub(super) clock: Arc<ProgramClock>,
    pub(super) wall: SharedClock,
    pub(super) shared: Shared,
    pub(super) pool: FramePool,
    pub(super) video: gst_app::AppSrc,
    pub(super) sound: SoundInput,
    pub(super) renditions: Takers,
    /// Who else hears the mix.
    pub(super) monitor: Monitor,
    pub(super) events: Events,
}

/// Where a run of the composer is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The next frame.
    frame: u64,
    /// Samples that were mixed.
    mixed: u64,
    /// Samples that left the limiter.
    sounded: u64,
    voices: Voices,
    limiter: Limiter,
    /// The keyframe interval of the last frame.
    interval: Option<u64>,
    /// The number of the next segment.
    segment: u64,
    /// The stage of the last frame, and how its scenes come and its layers move.
    stage: Option<Arc<Stage>>,
    acts: Acts,
    told: Told,
}

/// What was told of the stage last.
#[derive(Debug, Default)]
struct Told {
    /// The newest scene, whose first frame was composed.
    begun: Option<u64>,
    /// The scene that nothing is seen behind.
    settled: Option<u64>,
    /// The revision that is on air.
    revision: Option<u64>,
}

impl Progress {
    /// The same moment for a composer of another format. What is on its way is there at once where
    /// frames or pixels are others.
    pub(super) fn carried(mut self, from: &ProgramFormat, to: &ProgramFormat) -> Self {
        let (before, after) = (Timeline::new(from.framerate), Timeline::new(to.framerate));
        let moment = before.frame_start_ns(self.frame);
        let nearest = after.nearest_frame(moment);
        self.frame = nearest + u64::from(after.frame_start_ns(nearest) < moment);
        self.interval = None;
        self.segment = 0;
        if (from.width, from.height, from.framerate) != (to.width, to.height, to.framerate) {
            self.stage = None;
            self.acts = Acts::default();
        }
        self
    }
}

impl Composer {
    /// Composes from there until `stop` says so or is dropped, then ends both streams. Returns
    /// where it came to.
    pub(super) fn run(self, mut progress: Progress, stop: &Receiver<()>) -> Progress {
        self.clock.start();
        while self.wait_for(&mut progress, stop) {
            if self.compose(&mut progress).is_err() {
                // The encoder has stopped taking frames; its error says why.
                break;
            }
        }
        // Refused only by a pipeline that has ended already.
        let _ = self.video.end_of_stream();
        self.sound.end();
        self.renditions.end();
        progress
    }

    /// Waits until the next frame is to be composed; `false` when there shall be none.
    fn wait_for(&self, progress: &mut Progress, stop: &Receiver<()>) -> bool {
        let now = Duration::from_nanos(self.clock.now_ns().unwrap_or(0));
        let moment = Duration::from_nanos(self.timeline.frame_start_ns(progress.frame)) + PATIENCE;
        if now.saturating_sub(moment) > BEHIND_MAX {
            progress.frame = self.timeline.nearest_frame(nanos(now));
        }
        match moment.checked_sub(now) {
            Some(early) => matches!(stop.recv_timeout(early), Err(RecvTimeoutError::Timeout)),
            None => matches!(stop.try_recv(), Err(TryRecvError::Empty)),
        }
    }

    fn compose(&self, progress: &mut Progress) -> Result<(), gst::FlowError> {
        // A second's worth of frames may wait for the encoder; further ones are left out.
        if self.video.current_level_buffers() < u64::from(self.timeline.framerate()) {
            let segment = self.keep_keyframes_in_place(progress);
            let (stage, sheet) = self.draw_newest(progress)?;
            self.hand_over(sheet, (progress.frame, segment))?;
            self.tell_what_is_new(progress, &stage);
        }
        // The sound of the time up to this frame: its sources have had that long to bring it.
        let until = self.timeline.samples_before(progress.frame);
        self.mix_sound(progress, until)?;
        progress.frame += 1;
        Ok(())
    }

    /// Draws the next frame of the newest stage. What changes while it is drawn would wait for
    /// nearly a whole frame; so it is drawn once more then, and no further time: a scene that
    /// changes all the time must not keep the frame.
    fn draw_newest(&self, progress: &mut Progress) -> Result<(Arc<Stage>, Sheet), gst::FlowError> {
        let stage = self.newest_stage();
        let sheet = self.draw_stage(progress, &stage)?;
        let newest = self.newest_stage();
        if Arc::ptr_eq(&stage, &newest) {
            return Ok((stage, sheet));
        }
        drop(sheet);
        let sheet = self.draw_stage(progress, &newest)?;
        Ok((newest, sheet))
    }

    fn newest_stage(&self) -> Arc<Stage> {
        let stage = self.shared.stage.lock();
        Arc::clone(&stage.unwrap_or_else(PoisonError::into_inner))
    }

    fn draw_stage(
        &self,
        progress: &mut Progress,
        stage: &Arc<Stage>,
    ) -> Result<Sheet, gst::FlowError> {
        self.follow(progress, stage);
        let scenes = progress.acts.scenes(stage, progress.frame);
        self.draw_scenes(&scenes, progress.frame)
    }

    /// Lets what changes with this stage begin with the next frame.
    fn follow(&self, progress: &mut Progress, stage: &Arc<Stage>) {
        let known = progress.stage.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, stage)) {
            let framerate = self.timeline.framerate();
            progress.acts.follow(stage, progress.frame, framerate);
            progress.stage = Some(Arc::clone(stage));
        }
    }

    /// Hands a picture to whoever shows, keeps or encodes it.
    fn hand_over(
        &self,
        sheet: Sheet,
        (frame, segment): (u64, Option<u64>),
    ) -> Result<(), gst::FlowError> {
        let start_ns = self.timeline.frame_start_ns(frame);
        let mut buffer = sheet.into_buffer();
        if let Some(buffer) = buffer.get_mut() {
            let end_ns = self.timeline.frame_start_ns(frame + 1);
            buffer.set_pts(gst::ClockTime::from_nseconds(start_ns));
            buffer.set_duration(gst::ClockTime::from_nseconds(end_ns - start_ns));
        }
        let now_ns = self.clock.now_ns().unwrap_or(0);
        let due_ns = start_ns.saturating_add(nanos(PATIENCE));
        let late_ns = now_ns.saturating_sub(due_ns);
        // As regular as the frames are, however late one is composed.
        let due_at = self.wall.now().minus(Duration::from_nanos(late_ns));
        self.lock_meter()
            .composed((self.program, frame), late_ns, now_ns, due_at);
        *self
            .shared
            .latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(buffer.clone());
        self.renditions.frame(&buffer, frame, segment);
        self.video.push_buffer(buffer).map(|_taken| ())
    }

    /// Draws the scenes over each other, as far as each has come.
    fn draw_scenes(&self, scenes: &[Scene<'_>], frame: u64) -> Result<Sheet, gst::FlowError> {
        let Some((first, others)) = scenes.split_first() else {
            let mut black = self.pool.acquire()?;
            draw(
                &mut black,
                std::iter::empty(),
                (0, self.matrix),
                |_, _, _| None,
            );
            return Ok(black);
        };
        let mut sheet = self.draw_scene(first, frame)?;
        for scene in others {
            let mix = scene.crossing.mix(frame, (sheet.width(), sheet.height()));
            if mix != Mix::Before {
                let new = self.draw_scene(scene, frame)?;
                sheet = self.mix(sheet, &new, mix)?;
            }
        }
        Ok(sheet)
    }

    fn draw_scene(&self, scene: &Scene<'_>, frame: u64) -> Result<Sheet, gst::FlowError> {
        let mut sheet = self.pool.acquire()?;
        let items = scene.act.items.iter();
        let looks = items.map(|item| (item, scene.motions.look(item, frame)));
        let now_ns = self.timeline.frame_start_ns(frame);
        draw(
            &mut sheet,
            looks,
            (now_ns, self.matrix),
            |slot, item, look| slot.at(now_ns, &item.transform, &look.transform),
        );
        Ok(sheet)
    }

    fn mix(&self, mut old: Sheet, new: &Sheet, mix: Mix) -> Result<Sheet, gst::FlowError> {
        if let Mix::Slide { from: (x, y), .. } = mix {
            let mut moved = self.pool.acquire()?;
            if let (Some(mut canvas), Some(old)) = (canvas(&mut moved), view(&old)) {
                canvas.draw(x, y, &old, Opacity::FULL);
            }
            old = moved;
        }
        if let (Some(mut canvas), Some(new)) = (canvas(&mut old), view(new)) {
            lay_over(&mut canvas, &new, mix);
        }
        Ok(old)
    }

    /// Asks for a keyframe at the first frame of every interval. The encoder by itself counts the
    /// frames it is given: after one is left out, its keyframes, and so the segments, would be
    /// late for ever. Returns the number of the segment that begins with this frame, if one does.
    fn keep_keyframes_in_place(&self, progress: &mut Progress) -> Option<u64> {
        let interval = progress.frame / self.keyframe_interval.max(1);
        let begins = progress.interval.replace(interval) != Some(interval);
        if begins {
            // Without a running time: the event stays in order with the frames, and the encoder's
            // own comparison of times is off by what it adds to them.
            let ask = gst_video::DownstreamForceKeyUnitEvent::builder()
                .all_headers(false)
                .build();
            // Refused only by a pipeline that has ended already.
            let _ = self.video.send_event(ask);
        }
        begins.then(|| {
            let segment = progress.segment;
            progress.segment += 1;
            segment
        })
    }

    fn mix_sound(&self, progress: &mut Progress, until: u64) -> Result<(), gst::FlowError> {
        let from = progress.mixed;
        if until <= from {
            return Ok(());
        }
        progress.mixed = until;
        let mut mix = vec![[0.0_f32; CHANNELS]; to_usize(until - from)];
        if let Some(stage) = &progress.stage {
            let scenes = progress.acts.scenes(stage, progress.frame);
            let frame = progress.frame;
            progress.voices.mix_into(&mut mix, from, &scenes, frame);
        }
        let mastered = progress.limiter.pass(&mix);
        let from = progress.sounded;
        let until = from + to_u64(mastered.len());
        progress.sounded = until;
        self.lock_meter().heard(&mastered);
        if mastered.is_empty() {
            // The limiter looks ahead first.
            return Ok(());
        }
        let buffer = sound_buffer(&mastered, from);
        self.monitor.offer(&buffer);
        self.sound.push(buffer, &mastered, from)
    }

    /// Tells how far the scenes have come. The worker's queue is never waited for: what finds it
    /// full is told with the next frame.
    fn tell_what_is_new(&self, progress: &mut Progress, stage: &Stage) {
        let Progress {
            frame, acts, told, ..
        } = progress;
        let tell = |known: &mut Option<u64>, new: u64, event: Event| {
            if *known != Some(new) && self.events.offer(event) {
                *known = Some(new);
            }
            *known == Some(new)
        };
        let at = self.wall.now();
        if let Some(act) = acts.newest()
            && !tell(&mut told.begun, act, Event::ActBegan { act, at })
        {
            return;
        }
        let Some((act, is_alone)) = acts.settled(*frame) else {
            return;
        };
        if tell(&mut told.settled, act, Event::ActSettled { act })
            && is_alone
            && let Some(revision) = stage.revision
        {
            tell(
                &mut told.revision,
                revision,
                Event::SceneShown { revision, at },
            );
        }
    }

    fn lock_meter(&self) -> std::sync::MutexGuard<'_, Meter> {
        self.shared
            .meter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
