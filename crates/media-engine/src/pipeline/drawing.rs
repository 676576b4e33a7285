//! Drawing the layers of a scene into a frame.

use std::sync::Arc;

use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use sm_common::layer::{Blend, Transform};

use super::fitter::view;
use super::frame_slot::{FrameSlot, Shown};
use super::motion::Look;
use super::stage::{Item, Surface};
use crate::number::{to_f32, to_f64, to_u64, to_usize, to_whole};
use crate::picture::{
    Canvas, Matrix, Opacity, Outline, Paint, Picture, Placement, PlaneMut, Rectangle, View, Window,
    Yuv,
};

/// A frame to draw on.
pub(super) type Sheet = gst_video::VideoFrame<gst_video::video_frame::Writable>;

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
    fn new(
        (item, look): (&'a Item, Look),
        now_ns: u64,
        canvas: (u32, u32),
        frame_of: &mut impl FnMut(&FrameSlot, &Item, &Look) -> Option<Shown>,
    ) -> Option<Self> {
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
                let frame = frame_of(slot, item, &look)?;
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
        self.is_upright() && !self.is_round()
    }

    /// Whether it lies upright in front of what is behind it.
    fn is_upright(&self) -> bool {
        self.look.transform.rotation.rem_euclid(360.0) <= 0.0 && self.item.blend == Blend::Normal
    }

    /// Whether its corners are round.
    fn is_round(&self) -> bool {
        self.look.transform.corner_radius > 0.0
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
            Surface::Solid(color, alpha) if self.is_upright() => {
                self.round_on(canvas, &Paint::Solid(*color, *alpha), matrix);
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
        if self.is_round() {
            let shown = view.part(pixels);
            let whole = pixels.map(|length| to_f32(to_f64(to_u64(length))));
            let paint = Paint::Picture(&shown, [0.0, 0.0, whole[2], whole[3]]);
            self.round_on(canvas, &paint, matrix);
        } else if pixels == [0, 0, width, height] {
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
        if !self.is_upright() || !same(width, self.place.width) || !same(height, self.place.height)
        {
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

    fn round_on(&self, canvas: &mut Canvas<'_>, paint: &Paint<'_>, matrix: Matrix) {
        let outline = outline(&self.look, self.place);
        canvas.round(paint, &outline, self.opacity, matrix);
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

/// Draws these, back to front, over black. `frame_of` takes the frame that a moving one shows; it
/// is asked only for what is to be seen.
pub(super) fn draw<'a>(
    frame: &mut Sheet,
    looks: impl Iterator<Item = (&'a Item, Look)>,
    (now_ns, matrix): (u64, Matrix),
    mut frame_of: impl FnMut(&FrameSlot, &Item, &Look) -> Option<Shown>,
) {
    let (width, height) = (frame.width(), frame.height());
    let layers: Vec<Drawn<'_>> = looks
        .filter_map(|look| Drawn::new(look, now_ns, (width, height), &mut frame_of))
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
        layer.draw_on(&mut canvas, matrix);
    }
}

/// The frame as a canvas; `None` for one that is not in the program's form.
pub(super) fn canvas(frame: &mut Sheet) -> Option<Canvas<'_>> {
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
