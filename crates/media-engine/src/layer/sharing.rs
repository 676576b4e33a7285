//! Which layers can show the same source. Pure.

use sm_media_protocol::{LayerContent, SceneLayer};

use crate::scene::same_source;

/// What a source is like to those who share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    /// Frames as they come, fitted to every place apart, or a picture of a size of its own.
    Stream,
    /// A picture that is made for its layer.
    Made,
}

const fn nature(content: &LayerContent) -> Nature {
    match content {
        LayerContent::Video { .. }
        | LayerContent::Audio { .. }
        | LayerContent::Playlist { .. }
        | LayerContent::Network { .. }
        | LayerContent::Ingest { .. }
        | LayerContent::Web { .. } => Nature::Stream,
        LayerContent::Color { .. }
        | LayerContent::TestPattern { .. }
        | LayerContent::Image { .. }
        | LayerContent::Text { .. }
        | LayerContent::Clock { .. }
        | LayerContent::Gradient { .. }
        | LayerContent::Countdown(_)
        | LayerContent::Ticker { .. }
        | LayerContent::Chat { .. } => Nature::Made,
    }
}

/// Whether the source that follows `leader` shows what `layer` of another scene is to show. The
/// same layer's source may be a change ahead or behind for a moment.
pub(super) fn can_share(layer: &SceneLayer, leader: &SceneLayer) -> bool {
    let (ours, theirs) = (&layer.content, &leader.content);
    if layer.id == leader.id {
        return same_source(theirs, ours);
    }
    if nature(ours) == Nature::Stream {
        // Another part of a file, or one that was paused, is another film.
        let same_part = match (ours, theirs) {
            (LayerContent::Video { clip: ours, .. }, LayerContent::Video { clip: theirs, .. })
            | (LayerContent::Audio { clip: ours, .. }, LayerContent::Audio { clip: theirs, .. }) => {
                ours == theirs && layer.playback == leader.playback
            }
            // A list that was edited or is elsewhere is another programme.
            (LayerContent::Playlist { .. }, LayerContent::Playlist { .. }) => {
                ours == theirs && layer.playback == leader.playback
            }
            (_, _) => true,
        };
        return same_part && same_source(theirs, ours);
    }
    let shape = |layer: &SceneLayer| {
        let of = layer.transform;
        (of.width, of.height, of.crop, of.fit)
    };
    ours == theirs && shape(layer) == shape(leader)
}

/// Whether it has a beginning that nobody should miss: it waits there until it is on air.
pub(super) const fn begins_on_air(content: &LayerContent) -> bool {
    matches!(
        content,
        LayerContent::Video { looping: false, .. }
            | LayerContent::Audio { looping: false, .. }
            | LayerContent::Playlist { looping: false, .. }
    )
}

#[cfg(test)]
mod tests {
    use sm_common::id::LayerId;
    use sm_common::layer::{Blend, Color, OnLoss, Transform, Transition, WebSource};

    use super::*;

    fn layer(content: LayerContent, width: u32) -> SceneLayer {
        SceneLayer {
            id: LayerId::generate(),
            content,
            transform: Transform::plain(3, 4, width, 10),
            opacity: 1.0,
            blend: Blend::default(),
            transition: Transition::default(),
            visible: true,
            volume: 1.0,
            muted: false,
            audio_delay_ms: 0,
            playback: None,
        }
    }

    fn video(path: &str, looping: bool) -> LayerContent {
        LayerContent::Video {
            path: path.into(),
            looping,
            clip: sm_media_protocol::Clip::default(),
        }
    }

    fn ingest(feed: LayerId) -> LayerContent {
        LayerContent::Ingest {
            feed,
            latency_ms: 500,
            on_loss: OnLoss::Hide,
        }
    }

    fn image() -> LayerContent {
        LayerContent::Image { path: "a".into() }
    }

    fn web(url: &str, on_loss: OnLoss) -> LayerContent {
        LayerContent::Web {
            source: WebSource {
                url: url.to_owned(),
                width: WebSource::WIDTH,
                height: WebSource::HEIGHT,
                framerate: WebSource::FRAMERATE,
                zoom: WebSource::ZOOM,
                css: String::new(),
                reload_s: None,
                on_loss,
            },
        }
    }

    #[test]
    fn a_stream_is_shared_in_every_size_and_a_picture_in_its_own() {
        let cases = [
            (
                layer(video("a", true), 10),
                layer(video("a", false), 99),
                true,
            ),
            (
                layer(video("a", true), 10),
                layer(video("b", true), 10),
                false,
            ),
            (
                layer(web("http://a/", OnLoss::Hide), 10),
                layer(web("http://a/", OnLoss::Hold), 99),
                true,
            ),
            (
                layer(web("http://a/", OnLoss::Hide), 10),
                layer(web("http://b/", OnLoss::Hide), 10),
                false,
            ),
            (layer(image(), 10), layer(image(), 10), true),
            (layer(image(), 10), layer(image(), 11), false),
            (layer(image(), 10), layer(video("a", true), 10), false),
        ];
        for (ours, theirs, expected) in cases {
            assert_eq!(can_share(&ours, &theirs), expected, "{ours:?} {theirs:?}");
        }
        let guest = layer(ingest(LayerId::generate()), 10);
        let other = layer(ingest(LayerId::generate()), 10);
        assert!(
            !can_share(&guest, &other),
            "each has a publisher of its own"
        );
        assert!(can_share(&layer(guest.content.clone(), 99), &guest));
        let color = |color| LayerContent::Color { color };
        let before = layer(color(Color::WHITE), 10);
        let after = SceneLayer {
            content: color("#000000".parse().unwrap()),
            ..before.clone()
        };
        assert!(can_share(&after, &before), "the same layer a change later");
    }
}
