//! Text.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use sm_common::clock::Timestamp;
use sm_common::id::LayerId;
use sm_common::layer::{GradientStop, TextStyle};
use sm_media_protocol::{Countdown, LayerContent, SceneLayer, TextValues};

use super::failure::Failure;
use super::gradient::Direction;
use super::live_text::LiveText;
use super::text_renderer::{Drawing, Drawn, Job, Order, Shape, Subject, TextRenderer, Written};
use super::{Health, Mailbox, News, Source, Surroundings};
use crate::picture::{Matrix, Picture};
use crate::pipeline::Surface;

pub(super) fn open(
    text: &str,
    style: &TextStyle,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> TextSource {
    let mut source = TextSource {
        label: Label::new(layer.id, surroundings),
        text: LiveText::new(text, surroundings),
        style: style.clone(),
        layer: layer.clone(),
    };
    source.show();
    source
}

/// Text that changes when its layer does, or a value that it shows.
pub(super) struct TextSource {
    label: Label,
    text: LiveText,
    style: TextStyle,
    layer: SceneLayer,
}

impl TextSource {
    fn show(&mut self) {
        let text = self.text.filled();
        self.label.write(&text, &self.style, &self.layer);
    }
}

impl Source for TextSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Text { text, style, .. } = &layer.content {
            self.text.rewrite(text);
            self.style.clone_from(style);
            self.layer.clone_from(layer);
            self.show();
        }
    }

    fn inform(&mut self, values: &Arc<TextValues>) {
        self.text.inform(values);
        self.show();
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.text.changes_at()
    }

    fn change(&mut self, _now: Timestamp) {
        self.show();
    }

    fn hear(&mut self, news: News) {
        self.label.hear(news);
    }

    fn is_drawing(&self) -> bool {
        self.label.is_drawing()
    }

    fn surface(&self) -> Surface {
        self.label.surface()
    }

    fn health(&self) -> Health {
        self.text.health(self.label.health())
    }
}

fn subject(text: &str, style: &TextStyle) -> Subject {
    Subject::Text {
        text: text.to_owned(),
        style: style.clone(),
    }
}

fn box_of(layer: &SceneLayer) -> Shape {
    Shape::Box {
        width: layer.transform.width.max(1),
        height: layer.transform.height.max(1),
    }
}

/// Text, or a gradient, as a picture, drawn again only when it would look different.
pub(super) struct Label {
    renderer: Rc<TextRenderer>,
    mailbox: Mailbox,
    matrix: Matrix,
    written: Option<Written>,
    /// Number of the newest order, and of the one that is answered.
    ordered: u64,
    answered: u64,
    drawn: Option<Drawn>,
    health: Health,
}

impl Label {
    pub(super) fn new(layer: LayerId, surroundings: &Surroundings) -> Self {
        Self {
            renderer: Rc::clone(&surroundings.text),
            mailbox: surroundings.mailbox(layer),
            matrix: surroundings.matrix,
            written: None,
            ordered: 0,
            answered: 0,
            drawn: None,
            health: Health::Loading,
        }
    }

    /// Shows this text in the layer's size, as soon as it is drawn.
    pub(super) fn write(&mut self, text: &str, style: &TextStyle, layer: &SceneLayer) {
        self.order(subject(text, style), font_of(layer), box_of(layer));
    }

    /// Makes a strip of this text in the layer's height, as soon as it is drawn.
    pub(super) fn write_strip(&mut self, text: &str, style: &TextStyle, layer: &SceneLayer) {
        let height = layer.transform.height.max(1);
        self.order(
            subject(text, style),
            font_of(layer),
            Shape::Strip { height },
        );
    }

    /// Shows a gradient in the layer's size, as soon as it is drawn.
    pub(super) fn shade(
        &mut self,
        stops: &[GradientStop],
        direction: Direction,
        layer: &SceneLayer,
    ) {
        let subject = Subject::Gradient {
            stops: stops.to_vec(),
            direction,
        };
        self.order(subject, None, box_of(layer));
    }

    fn order(&mut self, subject: Subject, font: Option<&PathBuf>, shape: Shape) {
        let written = Written { subject, shape };
        if self.written.as_ref() == Some(&written) {
            return;
        }
        self.ordered += 1;
        let ordered = self.renderer.order(Order {
            number: self.ordered,
            job: Job::Text(written.clone()),
            font: font.cloned(),
            matrix: self.matrix,
            mailbox: self.mailbox.clone(),
        });
        if ordered {
            self.written = Some(written);
        } else {
            self.answered = self.ordered;
            self.health = Health::Failing(Failure::undrawn());
        }
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Drawn(Drawing {
                number,
                drawn,
                flaw,
            }) => {
                self.answered = number;
                match drawn {
                    Ok(drawn) => {
                        self.drawn = Some(drawn);
                        if flaw.is_some() {
                            // What is missing may come.
                            self.written = None;
                        }
                        self.health = flaw.map_or(Health::Fine, Health::Failing);
                    }
                    Err(failure) => {
                        self.health = Health::Failing(failure);
                        // The same text is tried again when the layer changes.
                        self.written = None;
                    }
                }
            }
            News::Failed(failure) => self.health = Health::Failing(failure),
            News::Picture(_)
            | News::Outline(_)
            | News::Sheet(_)
            | News::Animation(_)
            | News::Flowing
            | News::Part(..)
            | News::Playback(_) => {}
        }
    }

    /// Whether a newer picture is being drawn.
    pub(super) fn is_drawing(&self) -> bool {
        self.answered < self.ordered
    }

    /// The text where the layer is.
    pub(super) fn surface(&self) -> Surface {
        match &self.drawn {
            Some(Drawn::Box(picture)) => Surface::Still(Arc::clone(picture)),
            Some(Drawn::Strip(_) | Drawn::Messages(_)) | None => Surface::Empty,
        }
    }

    /// The pictures of a strip.
    pub(super) fn strip(&self) -> Option<[Arc<Picture>; 2]> {
        match &self.drawn {
            Some(Drawn::Strip(phases)) => Some(phases.clone()),
            Some(Drawn::Box(_) | Drawn::Messages(_)) | None => None,
        }
    }

    pub(super) fn health(&self) -> Health {
        self.health.clone()
    }
}

/// The uploaded font of a layer's text.
pub(super) fn font_of(layer: &SceneLayer) -> Option<&PathBuf> {
    match &layer.content {
        LayerContent::Text { font, .. }
        | LayerContent::Clock { font, .. }
        | LayerContent::Ticker { font, .. }
        | LayerContent::Chat { font, .. }
        | LayerContent::Countdown(Countdown { font, .. }) => font.as_ref(),
        LayerContent::Color { .. }
        | LayerContent::TestPattern { .. }
        | LayerContent::Image { .. }
        | LayerContent::Video { .. }
        | LayerContent::Audio { .. }
        | LayerContent::Playlist { .. }
        | LayerContent::Gradient { .. }
        | LayerContent::Network { .. }
        | LayerContent::Ingest { .. }
        | LayerContent::Web { .. } => None,
    }
}
