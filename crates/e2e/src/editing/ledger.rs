//! What was acknowledged, to be found again in what was told.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::Answer;

use super::history::{CommitId, History};

/// A change that was answered with success.
#[derive(Clone, Debug)]
pub(super) enum Acknowledged {
    /// A layer as it was answered, new or changed; or as it was already.
    Layer(Value),
    /// A layer that was at this revision.
    Deleted { layer: Value, revision: u64 },
    /// A scene's layers are in this order, at this revision of the scene.
    Reordered {
        scene: String,
        revision: u64,
        order: Vec<Value>,
    },
    /// Several changes in one, as they were answered.
    Together {
        scene: String,
        revision: u64,
        results: Vec<Value>,
    },
    /// A scene that got another name.
    Renamed {
        scene: String,
        revision: u64,
        name: String,
    },
    /// A scene that was added to the list.
    SceneAdded(String),
    /// A scene that was deleted.
    SceneGone(String),
}

/// Finds everything that was acknowledged; the commits that did it.
pub(super) fn find_all(acknowledged: &[Acknowledged], history: &History) -> BTreeSet<CommitId> {
    let found = acknowledged.iter().filter_map(|one| one.find(history));
    found.collect()
}

impl Acknowledged {
    /// What the answer to a change of a scene's layers acknowledges.
    pub(super) fn of(
        scene: &str,
        method: &Method,
        path: &str,
        expected: Option<u64>,
        answer: &Answer,
    ) -> Self {
        let (scene, body) = (scene.to_owned(), &answer.body);
        let revision = body["scene"]["revision"].as_u64();
        if let Some(results) = body["results"].as_array() {
            Self::Together {
                scene,
                revision: revision.unwrap(),
                results: results.clone(),
            }
        } else if *method == Method::DELETE {
            let layer = path.split(['/', '?']).nth(3).unwrap();
            Self::Deleted {
                layer: json!(layer),
                revision: expected.unwrap(),
            }
        } else if *method == Method::PUT {
            let layers = body["layers"].as_array().unwrap().iter();
            Self::Reordered {
                scene,
                revision: revision.unwrap(),
                order: layers.map(|layer| layer["id"].clone()).collect(),
            }
        } else {
            Self::Layer(body.clone())
        }
    }

    /// The commit that did it, which must be there and say the same; `None` where nothing had to be
    /// done.
    fn find(&self, history: &History) -> Option<CommitId> {
        match self {
            Self::Layer(layer) => Some(history.layer(layer)),
            Self::Deleted { layer, revision } => Some(history.deletion(layer, *revision)),
            Self::Reordered {
                scene,
                revision,
                order,
            } => history.order(scene, *revision, order),
            Self::Together {
                scene,
                revision,
                results,
            } => history.together(scene, *revision, results),
            Self::Renamed {
                scene,
                revision,
                name,
            } => Some(history.name(scene, *revision, name)),
            Self::SceneAdded(scene) => Some(history.added(scene)),
            Self::SceneGone(scene) => Some(history.gone(scene)),
        }
    }
}
