//! Colours that run into each other.

use sm_common::layer::GradientStop;
use sm_media_protocol::{LayerContent, SceneLayer};
use tiny_skia::{
    GradientStop as Stop, LinearGradient, Paint, Pixmap, Point, Rect, SpreadMode, Transform,
};

use super::text::Label;
use super::text_painter::bitmap;
use super::{Health, News, Source, Surroundings};
use crate::number::to_f32;
use crate::picture::Bitmap;
use crate::pipeline::Surface;

pub(super) fn open(
    stops: &[GradientStop],
    angle: u32,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> GradientSource {
    let mut picture = Label::new(layer.id, surroundings);
    picture.shade(stops, angle, layer);
    GradientSource(picture)
}

/// A still that is drawn anew for every size, so that it stays smooth.
pub(super) struct GradientSource(Label);

impl Source for GradientSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Gradient { stops, angle } = &layer.content {
            self.0.shade(stops, *angle, layer);
        }
    }

    fn hear(&mut self, news: News) {
        self.0.hear(news);
    }

    fn is_drawing(&self) -> bool {
        self.0.is_drawing()
    }

    fn surface(&self) -> Surface {
        self.0.surface()
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}

/// The gradient from edge to edge in the direction of the angle.
pub(super) fn draw(
    stops: &[GradientStop],
    angle: u32,
    (width, height): (u32, u32),
) -> Option<Bitmap> {
    let mut sheet = Pixmap::new(width, height)?;
    let (width, height) = (to_f32(f64::from(width)), to_f32(f64::from(height)));
    let radians = to_f32(f64::from(angle)).to_radians();
    let (down, right) = radians.sin_cos();
    // Half the way through the middle between the corners that come first and last.
    let reach = f32::midpoint(width * right.abs(), height * down.abs());
    let at = |along: f32| {
        let (x, y) = (width / 2.0, height / 2.0);
        Point::from_xy(along.mul_add(right, x), along.mul_add(down, y))
    };
    let stops = stops
        .iter()
        .map(|GradientStop { offset, color }| {
            let color =
                tiny_skia::Color::from_rgba8(color.red, color.green, color.blue, color.alpha);
            Stop::new(to_f32(f64::from(*offset) / 100.0), color)
        })
        .collect();
    let paint = Paint {
        shader: LinearGradient::new(
            at(-reach),
            at(reach),
            stops,
            SpreadMode::Pad,
            Transform::identity(),
        )?,
        ..Paint::default()
    };
    let all = Rect::from_xywh(0.0, 0.0, width, height)?;
    sheet.fill_rect(all, &paint, Transform::identity(), None);
    Some(bitmap(sheet))
}
