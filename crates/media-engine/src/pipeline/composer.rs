use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_common::clock::SharedClock;

use super::clock::ProgramClock;
use super::fitter::{Frame, view};
use super::pool::FramePool;
use super::stage::{Item, Stage, Surface};
use crate::event::{Event, Events};
use crate::number::to_usize;
use crate::picture::{Canvas, Opacity, PlaneMut, Yuv};
use crate::sound::CHANNELS;
use crate::stats::Meter;
use crate::timeline::{Timeline, sample_start_ns};

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
    pub(super) timeline: Timeline,
    /// Distance of keyframes, in frames.
    pub(super) keyframe_interval: u64,
    pub(super) clock: Arc<ProgramClock>,
    pub(super) wall: SharedClock,
    pub(super) shared: Shared,
    pub(super) pool: FramePool,
    pub(super) video: gst_app::AppSrc,
    pub(super) audio: gst_app::AppSrc,
    pub(super) events: Events,
}

/// Where a run of the composer is.
#[derive(Debug, Default)]
struct Progress {
    /// The next frame.
    frame: u64,
    /// Samples that were mixed.
    samples: u64,
    /// The scene's revision that is on air.
    revision: Option<u64>,
    /// The keyframe interval of the last frame.
    interval: Option<u64>,
}

impl Composer {
    /// Composes until `stop` says so or is dropped, then ends both streams.
    pub(super) fn run(self, stop: &Receiver<()>) {
        let mut progress = Progress::default();
        self.clock.start();
        while self.wait_for(&mut progress, stop) {
            if self.compose(&mut progress).is_err() {
                // The encoder has stopped taking frames; its error says why.
                break;
            }
        }
        for source in [&self.video, &self.audio] {
            // Refused only by a pipeline that has ended already.
            let _ = source.end_of_stream();
        }
    }

    /// Waits until the next frame is to be composed; `false` when there shall be none.
    fn wait_for(&self, progress: &mut Progress, stop: &Receiver<()>) -> bool {
        let now = Duration::from_nanos(self.clock.now_ns().unwrap_or(0));
        let moment = Duration::from_nanos(self.timeline.frame_start_ns(progress.frame)) + PATIENCE;
        if now.saturating_sub(moment) > BEHIND_MAX {
            let ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            progress.frame = self.timeline.nearest_frame(ns);
        }
        match moment.checked_sub(now) {
            Some(early) => matches!(stop.recv_timeout(early), Err(RecvTimeoutError::Timeout)),
            None => matches!(stop.try_recv(), Err(TryRecvError::Empty)),
        }
    }

    fn compose(&self, progress: &mut Progress) -> Result<(), gst::FlowError> {
        let stage = Arc::clone(
            &self
                .shared
                .stage
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        // A second's worth of frames may wait for the encoder; further ones are left out.
        if self.video.current_level_buffers() < u64::from(self.timeline.framerate()) {
            self.keep_keyframes_in_place(progress);
            self.compose_picture(progress.frame, &stage)?;
            self.tell_if_new(progress, &stage);
        }
        // The sound of the time up to this frame: its sources have had that long to bring it.
        let until = self.timeline.samples_before(progress.frame);
        self.mix_sound(progress.samples, until, &stage)?;
        progress.samples = until;
        progress.frame += 1;
        Ok(())
    }

    fn compose_picture(&self, frame: u64, stage: &Stage) -> Result<(), gst::FlowError> {
        let start_ns = self.timeline.frame_start_ns(frame);
        let mut canvas = self.pool.acquire()?;
        draw(&mut canvas, &stage.items, start_ns);
        let mut buffer = canvas.into_buffer();
        if let Some(buffer) = buffer.get_mut() {
            let end_ns = self.timeline.frame_start_ns(frame + 1);
            buffer.set_pts(gst::ClockTime::from_nseconds(start_ns));
            buffer.set_duration(gst::ClockTime::from_nseconds(end_ns - start_ns));
        }
        let now_ns = self.clock.now_ns().unwrap_or(0);
        self.lock_meter().composed(frame, now_ns, self.wall.now());
        *self
            .shared
            .latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(buffer.clone());
        self.video.push_buffer(buffer).map(|_taken| ())
    }

    /// Asks for a keyframe at the first frame of every interval. The encoder by itself counts the
    /// frames it is given: after one is left out, its keyframes, and so the segments, would be
    /// late for ever.
    fn keep_keyframes_in_place(&self, progress: &mut Progress) {
        let interval = progress.frame / self.keyframe_interval.max(1);
        if progress.interval.replace(interval) != Some(interval) {
            // Without a running time: the event stays in order with the frames, and the encoder's
            // own comparison of times is off by what it adds to them.
            let ask = gst_video::DownstreamForceKeyUnitEvent::builder()
                .all_headers(false)
                .build();
            // Refused only by a pipeline that has ended already.
            let _ = self.video.send_event(ask);
        }
    }

    fn mix_sound(&self, from: u64, until: u64, stage: &Stage) -> Result<(), gst::FlowError> {
        if until <= from {
            return Ok(());
        }
        let mut mix = vec![[0.0_f32; CHANNELS]; to_usize(until - from)];
        for voice in stage.items.iter().filter_map(|item| item.voice.as_ref()) {
            let mut queue = voice.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.mix_into(&mut mix, from, voice.gain);
        }
        for sample in mix.as_flattened_mut() {
            *sample = sample.clamp(-1.0, 1.0);
        }
        self.lock_meter().heard(&mix);
        let bytes: Vec<u8> = mix
            .as_flattened()
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            let start_ns = sample_start_ns(from);
            buffer.set_pts(gst::ClockTime::from_nseconds(start_ns));
            buffer.set_duration(gst::ClockTime::from_nseconds(
                sample_start_ns(until) - start_ns,
            ));
        }
        self.audio.push_buffer(buffer).map(|_taken| ())
    }

    /// Tells that a scene is on air. The worker's queue is never waited for: what finds it full
    /// is told with the next frame.
    fn tell_if_new(&self, progress: &mut Progress, stage: &Stage) {
        if let Some(revision) = stage.revision
            && progress.revision != Some(revision)
        {
            let shown = Event::SceneShown {
                revision,
                at: self.wall.now(),
            };
            if self.events.offer(shown) {
                progress.revision = Some(revision);
            }
        }
    }

    fn lock_meter(&self) -> std::sync::MutexGuard<'_, Meter> {
        self.shared
            .meter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A layer with the frame it shows.
struct Drawn<'a> {
    item: &'a Item,
    frame: Option<Arc<Frame>>,
    now_ns: u64,
}

impl Drawn<'_> {
    /// Whether everything behind it is hidden.
    fn hides_everything(&self, width: u32, height: u32) -> bool {
        let opaque = match &self.item.surface {
            Surface::Empty | Surface::Strip(_) => false,
            Surface::Solid(_, alpha) => *alpha == Opacity::FULL,
            Surface::Still(picture) => picture.is_opaque(),
            Surface::Moving(_) => self.frame.is_some(),
        };
        opaque && self.item.opacity == Opacity::FULL && self.item.place.covers(width, height)
    }

    fn draw_on(&self, canvas: &mut Canvas<'_>) {
        let Item {
            place,
            opacity,
            surface,
            ..
        } = self.item;
        match surface {
            Surface::Empty => {}
            Surface::Solid(color, alpha) => canvas.fill(*place, *color, opacity.times(*alpha)),
            Surface::Still(picture) => canvas.draw(place.x, place.y, &picture.view(), *opacity),
            Surface::Moving(_) => {
                if let Some(view) = self.frame.as_deref().and_then(view) {
                    canvas.draw(place.x, place.y, &view, *opacity);
                }
            }
            Surface::Strip(strip) => strip.draw(canvas, *place, *opacity, self.now_ns),
        }
    }
}

fn draw(
    frame: &mut gst_video::VideoFrame<gst_video::video_frame::Writable>,
    items: &[Item],
    now_ns: u64,
) {
    let (width, height) = (frame.width(), frame.height());
    let layers: Vec<Drawn<'_>> = items
        .iter()
        .map(|item| {
            let (width, height) = (item.place.width, item.place.height);
            let frame = match &item.surface {
                Surface::Moving(slot) => slot.at(now_ns, width, height),
                Surface::Empty | Surface::Solid(..) | Surface::Still(_) | Surface::Strip(_) => None,
            };
            Drawn {
                item,
                frame,
                now_ns,
            }
        })
        .collect();
    let backmost = layers
        .iter()
        .rposition(|layer| layer.hides_everything(width, height));
    let Some(mut canvas) = canvas(frame) else {
        return;
    };
    if backmost.is_none() {
        canvas.clear(Yuv::BLACK);
    }
    for layer in layers.iter().skip(backmost.unwrap_or(0)) {
        layer.draw_on(&mut canvas);
    }
}

fn canvas(
    frame: &mut gst_video::VideoFrame<gst_video::video_frame::Writable>,
) -> Option<Canvas<'_>> {
    let size = (
        to_usize(u64::from(frame.width())),
        to_usize(u64::from(frame.height())),
    );
    let half = (size.0.div_ceil(2), size.1.div_ceil(2));
    let [luma_stride, blue_stride, red_stride, ..] = *frame.plane_stride() else {
        return None;
    };
    let [luma, blue, red, _] = frame.planes_data_mut();
    let plane = |data, stride, (width, height)| {
        PlaneMut::new(data, usize::try_from(stride).unwrap_or(0), width, height)
    };
    Some(Canvas::new([
        plane(luma, luma_stride, size),
        plane(blue, blue_stride, half),
        plane(red, red_stride, half),
    ]))
}
