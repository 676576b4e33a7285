use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_common::clock::SharedClock;
use sm_common::layer::{Blend, Transform};

use super::clock::ProgramClock;
use super::fitter::view;
use super::frame_slot::Shown;
use super::motion::{Look, Motions};
use super::pool::FramePool;
use super::stage::{Item, Stage, Surface};
use crate::event::{Event, Events};
use crate::number::{to_f32, to_f64, to_u64, to_usize, to_whole};
use crate::picture::{
    Canvas, Matrix, Opacity, Outline, Paint, Picture, Placement, PlaneMut, Rectangle, View, Window,
    Yuv,
};
use crate::sound::{CHANNELS, Fader, Limiter};
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
    mixed: u64,
    /// Samples that left the limiter.
    sounded: u64,
    limiter: Limiter,
    /// The scene's revision that is on air.
    revision: Option<u64>,
    /// The keyframe interval of the last frame.
    interval: Option<u64>,
    /// The stage of the last frame, and how its layers move.
    stage: Option<Arc<Stage>>,
    motions: Motions,
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
            self.follow(progress, &stage);
            self.compose_picture(progress.frame, &stage, &progress.motions)?;
            self.tell_if_new(progress, &stage);
        }
        // The sound of the time up to this frame: its sources have had that long to bring it.
        let until = self.timeline.samples_before(progress.frame);
        self.mix_sound(progress, until, &stage)?;
        progress.frame += 1;
        Ok(())
    }

    /// Lets what changes with this stage begin to move with the next frame.
    fn follow(&self, progress: &mut Progress, stage: &Arc<Stage>) {
        let known = progress.stage.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, stage)) {
            let framerate = self.timeline.framerate();
            progress.motions.follow(stage, progress.frame, framerate);
            progress.stage = Some(Arc::clone(stage));
        }
    }

    fn compose_picture(
        &self,
        frame: u64,
        stage: &Stage,
        motions: &Motions,
    ) -> Result<(), gst::FlowError> {
        let start_ns = self.timeline.frame_start_ns(frame);
        let mut canvas = self.pool.acquire()?;
        let items = stage.items.iter();
        let looks = items.map(|item| (item, motions.look(item, frame)));
        draw(&mut canvas, looks, start_ns);
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

    fn mix_sound(
        &self,
        progress: &mut Progress,
        until: u64,
        stage: &Stage,
    ) -> Result<(), gst::FlowError> {
        let from = progress.mixed;
        if until <= from {
            return Ok(());
        }
        progress.mixed = until;
        let mut mix = vec![[0.0_f32; CHANNELS]; to_usize(until - from)];
        for item in &stage.items {
            let Some(voice) = &item.voice else { continue };
            let gain = progress.motions.look(item, progress.frame).gain;
            let mut queue = voice.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let fader = Fader {
                gain: to_f32(gain),
                delay: voice.delay,
            };
            queue.mix_into(&mut mix, from, fader);
        }
        let mastered = progress.limiter.pass(&mix);
        let from = progress.sounded;
        let until = from + to_u64(mastered.len());
        progress.sounded = until;
        self.lock_meter().heard(&mastered);
        let bytes: Vec<u8> = mastered
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

/// A layer with the frame it shows, and where.
struct Drawn<'a> {
    item: &'a Item,
    look: Look,
    opacity: Opacity,
    frame: Option<Shown>,
    /// The picture that does not move, if it shows one.
    still: Option<Arc<Picture>>,
    place: Rectangle,
    /// The part of the picture that shows.
    window: Window,
    now_ns: u64,
}

impl<'a> Drawn<'a> {
    /// `None` when nothing of it is on the canvas.
    fn new(item: &'a Item, look: Look, now_ns: u64, canvas: (u32, u32)) -> Option<Self> {
        let opacity = Opacity::new(look.opacity);
        let transform = &look.transform;
        let outer = (transform.width, transform.height);
        let whole = Placement::of(
            &Transform::plain(transform.x, transform.y, outer.0, outer.1),
            outer,
        );
        let around = outline(&look, whole.place).bounds();
        if opacity == Opacity::NONE || !around.touches(canvas.0, canvas.1) {
            return None;
        }
        let still = match &item.surface {
            Surface::Still(picture) => Some(Arc::clone(picture)),
            Surface::Changing(slot) => Some(slot.picture()?),
            Surface::Empty
            | Surface::Solid(..)
            | Surface::Moving(_)
            | Surface::Strip(_)
            | Surface::Stack(_) => None,
        };
        let (frame, Placement { place, window }) = match &item.surface {
            Surface::Empty => return None,
            // One colour is the same in every part, and strips and stacks fill their box.
            Surface::Solid(..) | Surface::Strip(_) | Surface::Stack(_) => (None, whole),
            Surface::Still(_) | Surface::Changing(_) => {
                let size = still.as_ref().and_then(|picture| picture.source_size());
                (None, Placement::of(transform, size.unwrap_or(outer)))
            }
            Surface::Moving(slot) => {
                let frame = slot.at(now_ns, &item.transform, transform)?;
                let placement = frame.placement;
                (Some(frame), placement)
            }
        };
        Some(Self {
            item,
            look,
            opacity,
            frame,
            still,
            place,
            window,
            now_ns,
        })
    }

    /// Whether it lies upright, with square corners, in front of what is behind it.
    fn is_plain(&self) -> bool {
        let Transform {
            rotation,
            corner_radius,
            ..
        } = self.look.transform;
        rotation.rem_euclid(360.0) <= 0.0
            && corner_radius <= 0.0
            && self.item.blend == Blend::Normal
    }

    /// Whether everything behind it is hidden.
    fn hides_everything(&self, width: u32, height: u32) -> bool {
        let opaque = match &self.item.surface {
            Surface::Empty | Surface::Strip(_) | Surface::Stack(_) => false,
            Surface::Solid(_, alpha) => *alpha == Opacity::FULL,
            Surface::Still(_) | Surface::Changing(_) => self
                .still
                .as_ref()
                .is_some_and(|picture| picture.is_opaque()),
            Surface::Moving(_) => self.frame.is_some(),
        };
        opaque
            && self.opacity == Opacity::FULL
            && self.is_plain()
            && self.place.covers(width, height)
    }

    fn draw_on(&self, canvas: &mut Canvas<'_>, matrix: Matrix) {
        match &self.item.surface {
            Surface::Empty => {}
            Surface::Solid(color, alpha) if self.is_plain() => {
                canvas.fill(self.place, *color, self.opacity.times(*alpha));
            }
            Surface::Solid(color, alpha) => {
                self.warp_on(canvas, &Paint::Solid(*color, *alpha), matrix);
            }
            Surface::Still(_) | Surface::Changing(_) => {
                if let Some(picture) = &self.still {
                    self.draw_view(canvas, &picture.view(), matrix);
                }
            }
            Surface::Moving(_) => {
                if let Some(view) = self.frame.as_ref().and_then(|shown| view(&shown.frame)) {
                    self.draw_view(canvas, &view, matrix);
                }
            }
            // A strip lies upright: it moves through its box pixel by pixel.
            Surface::Strip(strip) => strip.draw(canvas, self.place, self.opacity, self.now_ns),
            // So does a stack, which moves up and down.
            Surface::Stack(stack) => stack.draw(canvas, self.place, self.opacity, self.now_ns),
        }
    }

    fn draw_view(&self, canvas: &mut Canvas<'_>, view: &View<'_>, matrix: Matrix) {
        let (width, height) = view.size();
        let part = [
            self.window.left * to_f64(to_u64(width)),
            self.window.top * to_f64(to_u64(height)),
            self.window.width * to_f64(to_u64(width)),
            self.window.height * to_f64(to_u64(height)),
        ];
        let Some(pixels) = self.pixel_on_pixel(part, (width, height)) else {
            let paint = Paint::Picture(view, part.map(to_f32));
            return self.warp_on(canvas, &paint, matrix);
        };
        let Rectangle { x, y, .. } = self.place;
        if pixels == [0, 0, width, height] {
            canvas.draw(x, y, view, self.opacity);
        } else {
            canvas.draw(x, y, &view.part(pixels), self.opacity);
        }
    }

    /// The part of the picture in whole pixels, if they lie on those of the canvas.
    fn pixel_on_pixel(
        &self,
        [left, top, width, height]: [f64; 4],
        picture: (usize, usize),
    ) -> Option<[usize; 4]> {
        let same = |part: f64, shown: u32| (part - f64::from(shown)).abs() < 1.0;
        if !self.is_plain() || !same(width, self.place.width) || !same(height, self.place.height) {
            return None;
        }
        let (width, height) = (
            to_usize(u64::from(self.place.width)),
            to_usize(u64::from(self.place.height)),
        );
        let left = to_usize(to_whole(left)).min(picture.0.checked_sub(width)?);
        let top = to_usize(to_whole(top)).min(picture.1.checked_sub(height)?);
        Some([left, top, width, height])
    }

    fn warp_on(&self, canvas: &mut Canvas<'_>, paint: &Paint<'_>, matrix: Matrix) {
        let outline = outline(&self.look, self.place);
        canvas.warp(paint, &outline, self.opacity, self.item.blend, matrix);
    }
}

/// What lies at `place` in a layer's box, turned with the box around its anchor.
fn outline(look: &Look, place: Rectangle) -> Outline {
    let transform = &look.transform;
    let (across, down) = transform.anchor.fractions();
    let pivot = (
        f64::from(transform.width).mul_add(across, f64::from(transform.x)),
        f64::from(transform.height).mul_add(down, f64::from(transform.y)),
    );
    Outline::new(place, pivot, transform.rotation, transform.corner_radius)
}

fn draw<'a>(
    frame: &mut gst_video::VideoFrame<gst_video::video_frame::Writable>,
    looks: impl Iterator<Item = (&'a Item, Look)>,
    now_ns: u64,
) {
    let (width, height) = (frame.width(), frame.height());
    let layers: Vec<Drawn<'_>> = looks
        .filter_map(|(item, look)| Drawn::new(item, look, now_ns, (width, height)))
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
    let matrix = Matrix::for_height(height);
    for layer in layers.iter().skip(backmost.unwrap_or(0)) {
        layer.draw_on(&mut canvas, matrix);
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
