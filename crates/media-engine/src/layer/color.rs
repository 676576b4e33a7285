//! One colour.

use sm_common::layer::Color;
use sm_media_protocol::{LayerContent, SceneLayer};

use super::{Health, Source, Surroundings};
use crate::picture::{Matrix, Opacity};
use crate::pipeline::Surface;

pub(super) fn open(color: Color, surroundings: &Surroundings) -> ColorSource {
    ColorSource {
        color,
        matrix: surroundings.matrix,
    }
}

#[derive(Debug)]
pub(super) struct ColorSource {
    color: Color,
    matrix: Matrix,
}

impl Source for ColorSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Color { color } = layer.content {
            self.color = color;
        }
    }

    fn surface(&self) -> Surface {
        let alpha = Opacity::new(f64::from(self.color.alpha) / 255.0);
        Surface::Solid(self.matrix.encode(self.color), alpha)
    }

    fn health(&self) -> Health {
        Health::Fine
    }
}
