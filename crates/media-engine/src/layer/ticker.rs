//! Text that moves through its layer.

use std::sync::Arc;

use sm_common::layer::{TextStyle, TickerDirection};
use sm_media_protocol::{LayerContent, SceneLayer};

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
    };
    source.label.write_strip(text, style, layer);
    source
}

/// A strip of text, drawn once, and how it moves.
pub(super) struct TickerSource {
    label: Label,
    timeline: Timeline,
    movement: (u32, TickerDirection),
    motion: Motion,
    strip: Option<Arc<Strip>>,
}

impl TickerSource {
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
            self.label.write_strip(text, style, layer);
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
        self.label.health()
    }
}

fn motion(timeline: Timeline, speed: u32, direction: TickerDirection) -> Motion {
    let rightwards = match direction {
        TickerDirection::Left => false,
        TickerDirection::Right => true,
    };
    Motion::new(timeline, speed, rightwards)
}
