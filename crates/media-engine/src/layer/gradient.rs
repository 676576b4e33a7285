//! Colours that run into each other.

use std::sync::Arc;

use sm_common::layer::{GradientShape, GradientStop};
use sm_media_protocol::{LayerContent, SceneLayer};
use tiny_skia::{
    GradientStop as Stop, LinearGradient, Paint, Pixmap, Point, RadialGradient, Rect, Shader,
    SpreadMode, Transform,
};

use super::failure::Failure;
use super::text_painter::bitmap;
use super::{Health, Source, Surroundings};
use crate::number::to_f32;
use crate::picture::{Bitmap, Matrix, Picture};
use crate::pipeline::Surface;

/// How the colours lie: an angle, which a linear gradient alone has.
pub(super) type Direction = (GradientShape, u32);

pub(super) fn open(
    stops: &[GradientStop],
    direction: Direction,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> GradientSource {
    let matrix = surroundings.matrix;
    let size = size_of(layer);
    GradientSource {
        matrix,
        picture: picture(stops, direction, size, matrix),
    }
}

/// A still that is drawn anew for every size, so that it stays smooth.
#[derive(Debug)]
pub(super) struct GradientSource {
    matrix: Matrix,
    picture: Result<Arc<Picture>, Failure>,
}

impl Source for GradientSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Gradient {
            stops,
            angle,
            shape,
        } = &layer.content
        {
            self.picture = picture(stops, (*shape, *angle), size_of(layer), self.matrix);
        }
    }

    fn surface(&self) -> Surface {
        match &self.picture {
            Ok(picture) => Surface::Still(Arc::clone(picture)),
            Err(_) => Surface::Empty,
        }
    }

    fn health(&self) -> Health {
        match &self.picture {
            Ok(_) => Health::Fine,
            Err(failure) => Health::Failing(failure.clone()),
        }
    }
}

fn size_of(layer: &SceneLayer) -> (u32, u32) {
    (layer.transform.width.max(1), layer.transform.height.max(1))
}

fn picture(
    stops: &[GradientStop],
    direction: Direction,
    size: (u32, u32),
    matrix: Matrix,
) -> Result<Arc<Picture>, Failure> {
    draw(stops, direction, size)
        .map(|bitmap| Arc::new(bitmap.to_picture(matrix)))
        .ok_or_else(Failure::gradient)
}

fn draw(
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
