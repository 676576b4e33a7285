//! Scenes: named, ordered sets of layers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::group::Group;
use crate::id::{LayerId, SceneId, StreamId, UserId};
use crate::layer::Layer;

/// A scene with its layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scene {
    /// The scene.
    pub id: SceneId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its name.
    pub name: String,
    /// Raised by every change of the scene or one of its layers.
    pub revision: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its layers, from the back of the picture to the front.
    pub layers: Vec<Layer>,
    /// Its groups of layers.
    #[serde(default)]
    pub groups: Vec<Group>,
}

impl Scene {
    /// The scene as it is seen: its groups applied to their layers.
    #[must_use]
    pub fn applied(mut self) -> Self {
        for layer in &mut self.layers {
            let group = self
                .groups
                .iter()
                .find(|known| Some(known.id) == layer.group);
            if let Some(group) = group {
                *layer = group.applied_to(layer);
            }
        }
        self.groups.clear();
        self
    }
}

/// What is stored of a scene beside its revision. The layers are stored one by one, so that a
/// change writes one of them and not all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SceneDocument {
    /// The scene.
    pub id: SceneId,
    /// Its name.
    pub name: String,
    /// Its layers, from the back of the picture to the front.
    pub order: Vec<LayerId>,
    /// Its groups of layers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl SceneDocument {
    /// What is stored of `scene`.
    pub fn of(scene: &Scene) -> Self {
        Self {
            id: scene.id,
            name: scene.name.clone(),
            order: scene.layers.iter().map(|layer| layer.id).collect(),
            groups: scene.groups.clone(),
            updated_at: scene.updated_at,
        }
    }

    /// The scene with its layers. A layer that the order names and `layers` lacks is left out.
    pub fn join(
        self,
        stream: StreamId,
        revision: u64,
        layers: impl IntoIterator<Item = Layer>,
    ) -> Scene {
        let mut known: BTreeMap<LayerId, Layer> =
            layers.into_iter().map(|layer| (layer.id, layer)).collect();
        Scene {
            id: self.id,
            stream,
            name: self.name,
            revision,
            updated_at: self.updated_at,
            layers: self
                .order
                .iter()
                .filter_map(|id| known.remove(id))
                .collect(),
            groups: self.groups,
        }
    }
}

/// A scene without its layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneSummary {
    /// The scene.
    pub id: SceneId,
    /// Its name.
    pub name: String,
    /// Raised by every change of the scene or one of its layers; the `ETag`.
    pub revision: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl SceneSummary {
    /// `scene` without its layers.
    pub fn of(scene: &Scene) -> Self {
        Self {
            id: scene.id,
            name: scene.name.clone(),
            revision: scene.revision,
            updated_at: scene.updated_at,
        }
    }
}

/// Changes of a scene that are being prepared beside it, to be made all at once.
///
/// They are kept as a scene of their own, which is in no list and cannot be taken: whatever changes or
/// shows layers does so with the layers of a draft, by its identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneDraft {
    /// The draft, as the scene that it is.
    pub id: SceneId,
    /// The scene's revision that it began with.
    pub base_revision: u64,
    /// Who began it.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// When.
    pub created_at: Timestamp,
}

/// The drafts of a stream, each by the scene that it is of.
pub type SceneDrafts = BTreeMap<SceneId, SceneDraft>;

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DraftOutcome {
    /// Its changes were made.
    Applied,
    /// It was thrown away.
    Discarded,
}

/// A scene in the list of a stream's scenes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListedScene {
    /// The scene.
    #[serde(flatten)]
    pub scene: SceneSummary,
    /// How many layers it has.
    pub layer_count: usize,
    /// Changes of it that are being prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<SceneDraft>,
}

/// The scenes of a stream, in the order that people gave them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneList {
    /// Raised whenever a scene is created, deleted or moved; the `ETag`.
    pub revision: u64,
    /// The scene that is on air while nobody has chosen another: of those that are left, the one
    /// that was made first.
    pub first: Option<SceneId>,
    /// The scenes.
    pub scenes: Vec<ListedScene>,
}

/// A scene's layers: what `GET /api/layers` answers, and the snapshot of `layer-updates`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerList {
    /// The scene.
    pub scene: SceneSummary,
    /// From the back of the picture to the front.
    pub layers: Vec<Layer>,
    /// The groups that they belong to.
    #[serde(default)]
    pub groups: Vec<Group>,
}

impl From<Scene> for LayerList {
    fn from(scene: Scene) -> Self {
        Self {
            scene: SceneSummary::of(&scene),
            layers: scene.layers,
            groups: scene.groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn layer(id: LayerId) -> Layer {
        serde_json::from_value(json!({
            "id": id, "stream": "main", "scene": SceneId::generate(), "name": "a",
            "kind": "color", "source": {"color": "#102030"},
            "transform": {"x": 0, "y": 0, "width": 3, "height": 4}, "opacity": 1.0,
            "visible": true, "locked": false, "volume": 1.0, "muted": false, "revision": 1,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn layers_come_in_the_order_of_the_document_and_missing_ones_are_left_out() {
        let (back, middle, front) = (
            LayerId::generate(),
            LayerId::generate(),
            LayerId::generate(),
        );
        // A later version may store more.
        let document = json!({
            "id": SceneId::generate(), "name": "Main", "order": [back, middle, front],
            "updated_at": "2026-01-01T00:00:00Z", "a later field": 1,
        });
        let document: SceneDocument = serde_json::from_value(document).unwrap();
        let scene = document.join(StreamId::default(), 7, [layer(front), layer(back)]);
        let ids: Vec<LayerId> = scene.layers.iter().map(|layer| layer.id).collect();
        assert_eq!((ids, scene.revision), (vec![back, front], 7));
        assert_eq!(SceneDocument::of(&scene).order, [back, front]);
    }
}
