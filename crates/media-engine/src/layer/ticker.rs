//! Text that moves through its layer.

use std::sync::Arc;

use sm_common::clock::Timestamp;
use sm_common::layer::{TextStyle, TickerDirection};
use sm_media_protocol::{LayerContent, SceneLayer, TextValues};

use super::live_text::LiveText;
use super::text::Label;
use super::{Health, News, Source, Surroundings};
use crate::pipeline::{Motion, Strip, Surface};
use crate::timeline::Timeline;

pub(super) fn open(
    text: &str,
    (speed, direction): (u32, TickerDirection),
    style: &TextStyle,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> TickerSource {
    let mut source = TickerSource {
        label: Label::new(layer.id, surroundings),
        timeline: surroundings.timeline,
        movement: (speed, direction),
        motion: motion(surroundings.timeline, speed, direction),
        strip: None,
        text: LiveText::new(text, surroundings),
        style: style.clone(),
        layer: layer.clone(),
    };
    source.show();
    source
}

/// A strip of text, drawn anew when it changes, and how it moves.
pub(super) struct TickerSource {
    label: Label,
    timeline: Timeline,
    movement: (u32, TickerDirection),
    motion: Motion,
    strip: Option<Arc<Strip>>,
    text: LiveText,
    style: TextStyle,
    layer: SceneLayer,
}

impl TickerSource {
    fn show(&mut self) {
        let text = self.text.filled();
        self.label.write_strip(&text, &self.style, &self.layer);
    }

    fn renew(&mut self) {
        let phases = self.label.strip();
        self.strip = phases.map(|phases| Arc::new(Strip::new(phases, self.motion)));
    }
}

impl Source for TickerSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Ticker {
            text,
            speed,
            direction,
            style,
            ..
        } = &layer.content
        {
            self.text.rewrite(text);
            self.style.clone_from(style);
            self.layer.clone_from(layer);
            self.show();
            self.movement = (*speed, *direction);
            self.motion = motion(self.timeline, *speed, *direction);
            self.renew();
        }
    }

    fn retime(&mut self, timeline: Timeline) {
        self.timeline = timeline;
        let (speed, direction) = self.movement;
        self.motion = motion(timeline, speed, direction);
        self.renew();
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
        self.renew();
    }

    fn is_drawing(&self) -> bool {
        self.label.is_drawing()
    }

    fn surface(&self) -> Surface {
        self.strip
            .as_ref()
            .map_or(Surface::Empty, |strip| Surface::Strip(Arc::clone(strip)))
    }

    fn health(&self) -> Health {
        self.text.health(self.label.health())
    }
}

fn motion(timeline: Timeline, speed: u32, direction: TickerDirection) -> Motion {
    let rightwards = match direction {
        TickerDirection::Left => false,
        TickerDirection::Right => true,
    };
    Motion::new(timeline, speed, rightwards)
}
