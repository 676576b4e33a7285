//! Text.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sm_common::layer::TextStyle;
use sm_media_protocol::{LayerContent, SceneLayer};

use super::text_renderer::TextRenderer;
use super::{Health, Source, Surroundings};
use crate::picture::{Matrix, Picture};
use crate::pipeline::Surface;

pub(super) fn open(
    text: &str,
    style: &TextStyle,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> TextSource {
    let mut source = TextSource {
        label: Label::new(surroundings),
    };
    source.label.write(text, style, layer);
    source
}

/// Text that changes when its layer does.
pub(super) struct TextSource {
    label: Label,
}

impl Source for TextSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Text { text, style } = &layer.content {
            self.label.write(text, style, layer);
        }
    }

    fn surface(&self) -> Surface {
        self.label.surface()
    }

    fn health(&self) -> Health {
        self.label.health()
    }
}

/// Text as a picture, drawn again only when it would look different.
pub(super) struct Label {
    renderer: Rc<RefCell<TextRenderer>>,
    matrix: Matrix,
    written: Option<Written>,
    picture: Option<Arc<Picture>>,
    health: Health,
}

/// Everything that a text's picture depends on.
#[derive(PartialEq, Eq)]
struct Written {
    text: String,
    style: TextStyle,
    width: u32,
    height: u32,
}

impl Label {
    pub(super) fn new(surroundings: &Surroundings) -> Self {
        Self {
            renderer: Rc::clone(&surroundings.text),
            matrix: surroundings.matrix,
            written: None,
            picture: None,
            health: Health::Loading,
        }
    }

    /// Shows this text in the layer's size.
    pub(super) fn write(&mut self, text: &str, style: &TextStyle, layer: &SceneLayer) {
        let written = Written {
            text: text.to_owned(),
            style: style.clone(),
            width: layer.transform.width.max(1),
            height: layer.transform.height.max(1),
        };
        if self.written.as_ref() == Some(&written) {
            return;
        }
        let drawn = self.renderer.borrow_mut().render(
            &written.text,
            &written.style,
            written.width,
            written.height,
        );
        match drawn {
            Ok(bitmap) => {
                self.picture = Some(Arc::new(bitmap.to_picture(self.matrix)));
                self.health = Health::Fine;
                self.written = Some(written);
            }
            Err(failure) => self.health = Health::Failing(failure),
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.picture.as_ref().map_or(Surface::Empty, |picture| {
            Surface::Still(Arc::clone(picture))
        })
    }

    pub(super) fn health(&self) -> Health {
        self.health.clone()
    }
}
