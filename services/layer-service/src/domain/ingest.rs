//! Layers that others push to: their source, and which of their keys is valid.

use sm_common::clock::Timestamp;
use sm_common::layer::{IngestProtocol, IngestSource, LayerSource, OnLoss};

use super::fault::Faults;
use super::field::{Members, integer, parsed};
use super::network::LATENCY_MS;

pub(super) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<IngestSource> {
    let (least, most) = LATENCY_MS;
    let protocol = fields.or("protocol", IngestProtocol::default(), faults, parsed);
    let generation = fields.or(
        "generation",
        IngestSource::FIRST_GENERATION,
        faults,
        integer(IngestSource::FIRST_GENERATION.into(), u32::MAX.into()),
    );
    let latency_ms = fields.or(
        "latency_ms",
        IngestSource::LATENCY_MS,
        faults,
        integer(least, most),
    );
    let on_loss = fields.or("on_loss", OnLoss::default(), faults, parsed);
    Some(IngestSource {
        protocol: protocol?,
        generation: generation?,
        latency_ms: latency_ms?,
        on_loss: on_loss?,
    })
}

/// A key that was valid once would be so again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revived;

/// What a layer shows after it showed `before`. One that was of another kind meanwhile may have had
/// keys that were replaced: it gets a generation that is higher than any of them, the seconds since
/// 1970.
pub(super) fn succeed(
    before: &LayerSource,
    after: LayerSource,
    now: Timestamp,
) -> Result<LayerSource, Revived> {
    let LayerSource::Ingest(mut source) = after else {
        return Ok(after);
    };
    match before {
        LayerSource::Ingest(before) if source.generation < before.generation => Err(Revived),
        LayerSource::Ingest(_) => Ok(LayerSource::Ingest(source)),
        LayerSource::Color(_)
        | LayerSource::TestPattern(_)
        | LayerSource::Image(_)
        | LayerSource::Video(_)
        | LayerSource::Audio(_)
        | LayerSource::Playlist(_)
        | LayerSource::Text(_)
        | LayerSource::Clock(_)
        | LayerSource::Gradient(_)
        | LayerSource::Countdown(_)
        | LayerSource::Ticker(_)
        | LayerSource::Network(_)
        | LayerSource::Chat(_)
        | LayerSource::Web(_) => {
            let seconds = u32::try_from(now.as_unix_seconds()).unwrap_or(u32::MAX);
            source.generation = source.generation.max(seconds);
            Ok(LayerSource::Ingest(source))
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::layer::ColorSource;

    use super::*;

    fn ingest(generation: u32) -> LayerSource {
        LayerSource::Ingest(IngestSource {
            generation,
            ..IngestSource::default()
        })
    }

    #[test]
    fn no_key_is_valid_twice() {
        let color = LayerSource::Color(ColorSource {
            color: sm_common::layer::Color::WHITE,
        });
        let now = Timestamp::from_unix_millis(1_800_000_000_000);
        let cases = [
            (ingest(2), ingest(2), Ok(ingest(2))),
            (ingest(2), ingest(3), Ok(ingest(3))),
            (ingest(2), ingest(1), Err(Revived)),
            (ingest(2), color.clone(), Ok(color.clone())),
            (color.clone(), ingest(1), Ok(ingest(1_800_000_000))),
            (color.clone(), ingest(u32::MAX), Ok(ingest(u32::MAX))),
        ];
        for (before, after, expected) in cases {
            assert_eq!(succeed(&before, after, now), expected);
        }
    }
}
