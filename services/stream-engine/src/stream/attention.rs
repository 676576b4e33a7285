//! What nobody reports as an error and viewers notice all the same. Pure.

use sm_common::scene::Scene;
use sm_common::stream::Severity;
use sm_media_protocol::{ScenePicture, Stats};

use super::errors::Problem;
use crate::config::WatchConfig;

/// Where these problems are.
const PROGRAM: &str = "program";

/// What is in the picture, and the newest scene that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Showing<'a> {
    pub(super) picture: &'a ScenePicture,
    pub(super) scene: Option<&'a Scene>,
}

/// Something about the program that should not last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// There is nothing to be seen.
    Black,
    /// Nothing moves, though there are moving layers.
    Frozen,
    /// There is nothing to be heard, though there are layers with sound.
    Silent,
}

impl Concern {
    pub(super) const ALL: [Self; 3] = [Self::Black, Self::Frozen, Self::Silent];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Black => "program.black",
            Self::Frozen => "program.frozen",
            Self::Silent => "program.silent",
        }
    }

    /// Whether there is reason for it. What covers the scene may be black, still and silent.
    pub(super) fn is_present(self, stats: &Stats, shown: Showing<'_>, watch: &WatchConfig) -> bool {
        if shown.picture.cover.is_some() {
            return false;
        }
        let scene = shown.scene.filter(|_| shown.picture.scene.is_some());
        let lasts = |seconds: Option<u64>, limit_s| seconds.is_some_and(|long| long >= limit_s);
        match self {
            Self::Black => lasts(stats.black_s, watch.black_s),
            Self::Frozen => {
                let moves = stats
                    .layers
                    .iter()
                    .any(|layer| layer.frames_total.is_some());
                moves && lasts(stats.frozen_s, watch.frozen_s)
            }
            Self::Silent => {
                let sounds = stats.layers.iter().any(|layer| {
                    layer.audio_peak_dbfs.is_some() && is_to_be_heard(scene, layer.layer)
                });
                sounds && lasts(stats.silent_s, watch.silent_s)
            }
        }
    }

    pub(super) fn problem(self, shown: Showing<'_>) -> Problem {
        let (severity, message) = match self {
            Self::Black => (Severity::Warning, black_because(shown)),
            // Both can be meant so: a still in a video, a pause in a talk.
            Self::Frozen => (Severity::Info, "the picture does not change"),
            Self::Silent => (Severity::Info, "nothing is heard"),
        };
        Problem {
            code: self.code().to_owned(),
            severity,
            component: PROGRAM.to_owned(),
            message: message.to_owned(),
            recovering: false,
        }
    }
}

fn is_to_be_heard(scene: Option<&Scene>, layer: sm_common::id::LayerId) -> bool {
    let layers = scene.map_or(&[][..], |scene| &scene.layers);
    layers
        .iter()
        .any(|known| known.id == layer && !known.muted && known.volume > 0.0)
}

fn black_because(shown: Showing<'_>) -> &'static str {
    let layers = shown.scene.map_or(&[][..], |scene| &scene.layers);
    match &shown.picture.scene {
        Some(_) if layers.iter().any(|layer| layer.visible) => {
            "the picture is black: its layers show nothing; see their status"
        }
        Some(_) => "the picture is black: the scene has no visible layer",
        None => "the picture is black: no scene is known yet",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::clock::Timestamp;
    use sm_common::id::{LayerId, SceneId, StreamId};
    use sm_common::layer::Layer;
    use sm_common::performance::LayerPerformance;
    use sm_media_protocol::{CoverPicture, CoverReason};

    use super::*;
    use crate::scene::on_air;

    const WATCH: WatchConfig = WatchConfig {
        black_s: 3,
        frozen_s: 10,
        silent_s: 10,
    };

    fn program(muted: bool) -> (ScenePicture, Scene, LayerId) {
        let id = LayerId::generate();
        let layer: Layer = serde_json::from_value(json!({
            "id": id, "stream": "main", "scene": SceneId::generate(), "name": "a",
            "kind": "color", "source": {"color": "#102030"},
            "transform": {"x": 0, "y": 0, "width": 3, "height": 4}, "opacity": 1.0,
            "visible": true, "locked": false, "volume": 1.0, "muted": muted, "revision": 1,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let scene = Scene {
            id: SceneId::generate(),
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision: 1,
            updated_at: Timestamp::from_unix_millis(0),
            layers: vec![layer],
            groups: Vec::new(),
        };
        let picture = ScenePicture {
            scene: Some(on_air(&scene)),
            ..ScenePicture::default()
        };
        (picture, scene, id)
    }

    fn present(stats: &Stats, picture: &ScenePicture, scene: &Scene) -> Vec<Concern> {
        let shown = Showing {
            picture,
            scene: Some(scene),
        };
        Concern::ALL
            .into_iter()
            .filter(|concern| concern.is_present(stats, shown, &WATCH))
            .collect()
    }

    #[test]
    fn each_concern_has_its_limit_and_its_reason() {
        let (shown, scene, layer) = program(false);
        let moving = LayerPerformance {
            layer,
            frame_age_ms: None,
            frames_total: Some(1),
            frames_dropped: None,
            audio_peak_dbfs: Some(-120.0),
            audio_rms_dbfs: Some(-120.0),
            feed: None,
        };
        let stats = |black_s, frozen_s, silent_s| Stats {
            black_s: Some(black_s),
            frozen_s: Some(frozen_s),
            silent_s: Some(silent_s),
            layers: vec![moving.clone()],
            ..Stats::default()
        };
        assert_eq!(present(&stats(2, 9, 9), &shown, &scene), []);
        assert_eq!(present(&stats(3, 10, 10), &shown, &scene), Concern::ALL);
        for why in [CoverReason::Paused, CoverReason::LayerLost] {
            let covered = ScenePicture {
                cover: Some(CoverPicture {
                    why,
                    scene: Some(on_air(&scene)),
                }),
                ..shown.clone()
            };
            assert_eq!(present(&stats(99, 99, 99), &covered, &scene), []);
        }
        assert_eq!(
            present(&stats(3, 0, 0), &ScenePicture::default(), &scene),
            [Concern::Black]
        );
        let still = Stats {
            layers: Vec::new(),
            ..stats(0, 99, 99)
        };
        assert_eq!(
            present(&still, &shown, &scene),
            [],
            "nothing moves or sounds"
        );
        assert_eq!(
            present(&Stats::default(), &shown, &scene),
            [],
            "not measured"
        );
    }

    #[test]
    fn silence_is_no_concern_when_everything_is_muted() {
        let (shown, scene, layer) = program(true);
        let stats = Stats {
            silent_s: Some(99),
            layers: vec![LayerPerformance {
                layer,
                frame_age_ms: None,
                frames_total: None,
                frames_dropped: None,
                audio_peak_dbfs: Some(-120.0),
                audio_rms_dbfs: Some(-120.0),
                feed: None,
            }],
            ..Stats::default()
        };
        assert_eq!(present(&stats, &shown, &scene), []);
    }

    #[test]
    fn a_black_picture_says_what_to_look_at() {
        let (picture, scene, _) = program(false);
        let because = |picture: &ScenePicture| {
            let shown = Showing {
                picture,
                scene: Some(&scene),
            };
            Concern::Black.problem(shown).message
        };
        let message = because(&picture);
        assert!(message.contains("its layers show nothing"), "{message}");
        let message = because(&ScenePicture::default());
        assert!(message.contains("no scene"), "{message}");
    }
}
