//! The time of day, in the time zone of the host.

use gstreamer::glib;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::layer::TextStyle;
use sm_media_protocol::{LayerContent, SceneLayer};

use super::failure::Failure;
use super::text::Label;
use super::{Health, News, Source, Surroundings};
use crate::pipeline::Surface;

const MILLIS_PER_SECOND: i64 = 1000;

pub(super) fn open(
    format: &str,
    style: &TextStyle,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> ClockSource {
    let mut source = ClockSource {
        wall: SharedClock::clone(&surroundings.wall),
        label: Label::new(layer.id, surroundings),
        format: format.to_owned(),
        style: style.clone(),
        layer: layer.clone(),
        changes_at: None,
        failure: None,
    };
    source.show(source.wall.now());
    source
}

/// Text that changes with every second.
pub(super) struct ClockSource {
    wall: SharedClock,
    label: Label,
    format: String,
    style: TextStyle,
    layer: SceneLayer,
    changes_at: Option<Timestamp>,
    failure: Option<Failure>,
}

impl ClockSource {
    fn show(&mut self, now: Timestamp) {
        let next = (now.as_unix_seconds() + 1).saturating_mul(MILLIS_PER_SECOND);
        self.changes_at = Some(Timestamp::from_unix_millis(next));
        match time_of_day(now, &self.format) {
            Some(text) => {
                self.failure = None;
                self.label.write(&text, &self.style, &self.layer);
            }
            None => self.failure = Some(Failure::clock_format()),
        }
    }
}

impl Source for ClockSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Clock { format, style } = &layer.content {
            self.format.clone_from(format);
            self.style.clone_from(style);
            self.layer = layer.clone();
            self.show(self.wall.now());
        }
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at
    }

    fn change(&mut self, now: Timestamp) {
        self.show(now);
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
        match &self.failure {
            Some(failure) => Health::Failing(failure.clone()),
            None => self.label.health(),
        }
    }
}

/// The local time in this `strftime` form; `None` if it is none.
fn time_of_day(now: Timestamp, format: &str) -> Option<String> {
    let local = glib::DateTime::from_unix_local(now.as_unix_seconds()).ok()?;
    local.format(format).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_format_says() {
        let now = Timestamp::from_unix_millis(1_795_000_000_999);
        assert_eq!(time_of_day(now, "%S %%").as_deref(), Some("40 %"));
        assert_eq!(time_of_day(now, "%Q"), None);
    }
}
