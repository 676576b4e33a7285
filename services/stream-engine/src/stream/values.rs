//! The values that texts in the picture show.

use sm_common::clock::Timestamp;
use sm_common::layer::{LayerSource, TextSource, TickerSource};
use sm_common::variable::has_parts;
use sm_media_protocol::{Command, TextValues};

use super::tenure::Tenure;
use crate::store::Wanted;

/// Whether a text of a scene may name values.
pub(super) fn shows_values(wanted: &Wanted) -> bool {
    let mut layers = wanted.scenes().flat_map(|scene| &scene.layers);
    layers.any(|layer| match &layer.source {
        LayerSource::Text(TextSource { text, .. }) => has_parts(text),
        LayerSource::Ticker(TickerSource { text, items, .. }) => {
            let mut texts = text.iter().chain(items);
            texts.any(|text| has_parts(text))
        }
        LayerSource::Color(_)
        | LayerSource::TestPattern(_)
        | LayerSource::Image(_)
        | LayerSource::Video(_)
        | LayerSource::Audio(_)
        | LayerSource::Playlist(_)
        | LayerSource::Clock(_)
        | LayerSource::Gradient(_)
        | LayerSource::Countdown(_)
        | LayerSource::Network(_)
        | LayerSource::Ingest(_)
        | LayerSource::Chat(_)
        | LayerSource::Web(_) => false,
    })
}

/// The values, as texts show them.
pub(super) fn text_values(
    wanted: &Wanted,
    viewers: Option<u64>,
    on_air_since: Option<Timestamp>,
) -> TextValues {
    let variables = wanted.variables.iter();
    TextValues {
        variables: variables
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        viewers,
        on_air_since,
    }
}

impl Tenure {
    /// Tells the worker of the values, where they are news and a text may name them. One that does
    /// not read its commands is told at the next look.
    pub(super) fn tell_values(&mut self) {
        let are_shown = shows_values(&self.wanted);
        let Some(running) = &mut self.running else {
            return;
        };
        if !are_shown || running.screen().is_none() || running.ending().is_some() {
            return;
        }
        let (watching, since) = (self.observation.watching(), self.observation.live_since());
        let values = text_values(&self.wanted, watching, since);
        if running.values.as_ref() == Some(&values) {
            return;
        }
        let command = Command::ApplyValues {
            values: values.clone(),
        };
        if running.worker.send(command).is_ok() {
            running.values = Some(values);
        }
    }
}
