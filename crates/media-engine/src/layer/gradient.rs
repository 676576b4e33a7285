//! Colours that run into each other.

use std::sync::Arc;

use sm_common::layer::GradientStop;
use sm_media_protocol::{LayerContent, SceneLayer};
use tiny_skia::{
    GradientStop as Stop, LinearGradient, Paint, Pixmap, Point, Rect, SpreadMode, Transform,
};

use super::failure::Failure;
use super::text_painter::bitmap;
use super::{Health, Source, Surroundings};
use crate::number::to_f32;
use crate::picture::{Bitmap, Matrix, Picture};
use crate::pipeline::Surface;

pub(super) fn open(
    stops: &[GradientStop],
    angle: u32,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> GradientSource {
    let matrix = surroundings.matrix;
    let size = size_of(layer);
    GradientSource {
        matrix,
        picture: picture(stops, angle, size, matrix),
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
        if let LayerContent::Gradient { stops, angle } = &layer.content {
            self.picture = picture(stops, *angle, size_of(layer), self.matrix);
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
    angle: u32,
    size: (u32, u32),
    matrix: Matrix,
) -> Result<Arc<Picture>, Failure> {
    draw(stops, angle, size)
        .map(|bitmap| Arc::new(bitmap.to_picture(matrix)))
        .ok_or_else(Failure::gradient)
}

/// The gradient from edge to edge in the direction of the angle.
fn draw(stops: &[GradientStop], angle: u32, (width, height): (u32, u32)) -> Option<Bitmap> {
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
