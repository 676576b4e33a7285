//! Colours that run into each other.

use sm_common::layer::{GradientShape, GradientStop};
use sm_media_protocol::{LayerContent, SceneLayer};
use tiny_skia::{
    GradientStop as Stop, LinearGradient, Paint, Pixmap, Point, RadialGradient, Rect, Shader,
    SpreadMode, Transform,
};

use super::text::Label;
use super::text_painter::bitmap;
use super::{Health, News, Source, Surroundings};
use crate::number::to_f32;
use crate::picture::Bitmap;
use crate::pipeline::Surface;

/// How the colours lie, and the angle, which a linear gradient alone has.
pub(super) type Direction = (GradientShape, u32);

pub(super) fn open(
    stops: &[GradientStop],
    direction: Direction,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> GradientSource {
    let mut picture = Label::new(layer.id, surroundings);
    picture.shade(stops, direction, layer);
    GradientSource(picture)
}

/// A still that is drawn anew for every size, so that it stays smooth.
pub(super) struct GradientSource(Label);

impl Source for GradientSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Gradient {
            stops,
            angle,
            shape,
        } = &layer.content
        {
            self.0.shade(stops, (*shape, *angle), layer);
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

/// The gradient over a whole picture.
pub(super) fn draw(
    stops: &[GradientStop],
    (shape, angle): Direction,
    (width, height): (u32, u32),
) -> Option<Bitmap> {
    let mut sheet = Pixmap::new(width, height)?;
    let (width, height) = (to_f32(f64::from(width)), to_f32(f64::from(height)));
    let stops = stops
        .iter()
        .map(|GradientStop { offset, color }| {
            let color =
                tiny_skia::Color::from_rgba8(color.red, color.green, color.blue, color.alpha);
            Stop::new(to_f32(f64::from(*offset) / 100.0), color)
        })
        .collect();
    let paint = Paint {
        shader: match shape {
            GradientShape::Linear => linear(stops, angle, (width, height))?,
            GradientShape::Radial => radial(stops, (width, height))?,
        },
        ..Paint::default()
    };
    let all = Rect::from_xywh(0.0, 0.0, width, height)?;
    sheet.fill_rect(all, &paint, Transform::identity(), None);
    Some(bitmap(sheet))
}

/// From edge to edge in the direction of the angle.
fn linear(stops: Vec<Stop>, angle: u32, (width, height): (f32, f32)) -> Option<Shader<'static>> {
    let radians = to_f32(f64::from(angle)).to_radians();
    let (down, right) = radians.sin_cos();
    // Half the way through the middle between the corners that come first and last.
    let reach = f32::midpoint(width * right.abs(), height * down.abs());
    let at = |along: f32| {
        let (x, y) = (width / 2.0, height / 2.0);
        Point::from_xy(along.mul_add(right, x), along.mul_add(down, y))
    };
    let (first, last) = (at(-reach), at(reach));
    LinearGradient::new(first, last, stops, SpreadMode::Pad, Transform::identity())
}

/// From the middle to the corners: a circle that is stretched like the layer.
fn radial(stops: Vec<Stop>, (width, height): (f32, f32)) -> Option<Shader<'static>> {
    let middle = Point::from_xy(0.0, 0.0);
    // The corners of a square are so much further away than its edges.
    let radius = std::f32::consts::SQRT_2;
    let stretch =
        Transform::from_scale(width / 2.0, height / 2.0).post_translate(width / 2.0, height / 2.0);
    RadialGradient::new(middle, 0.0, middle, radius, stops, SpreadMode::Pad, stretch)
}
