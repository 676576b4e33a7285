//! Values for the tests of this module.

use serde_json::json;
use sm_common::clock::Timestamp;
use sm_common::group::Group;
use sm_common::id::{GroupId, LayerId, SceneId, StreamId};
use sm_common::layer::Layer;
use sm_common::scene::Scene;

/// When everything here was made.
pub(crate) const THEN: Timestamp = Timestamp::from_unix_millis(1_000);

/// A layer of one colour.
pub(crate) fn layer(name: &str) -> Layer {
    serde_json::from_value(json!({
        "id": LayerId::generate(), "stream": "main", "scene": SceneId::generate(), "name": name,
        "kind": "color", "source": {"color": "#102030"},
        "transform": {"x": 0, "y": 0, "width": 100, "height": 50},
        "opacity": 1.0, "visible": true, "locked": false, "volume": 1.0, "muted": false,
        "revision": 1, "created_at": THEN, "updated_at": THEN,
    }))
    .unwrap()
}

/// A scene of layers with these names, at revision 7.
pub(crate) fn scene(names: &[&str]) -> Scene {
    Scene {
        id: SceneId::generate(),
        stream: StreamId::default(),
        name: "Main".to_owned(),
        revision: 7,
        updated_at: THEN,
        layers: names.iter().map(|name| layer(name)).collect(),
        groups: Vec::new(),
    }
}

/// Makes these layers of the scene a group.
pub(crate) fn group(scene: &mut Scene, members: &[LayerId]) -> GroupId {
    let group: Group = serde_json::from_value(json!({
        "id": GroupId::generate(), "scene": scene.id, "name": "Group",
        "transform": {"x": 0, "y": 0, "scale": 1.0, "origin_x": 0, "origin_y": 0},
        "opacity": 1.0, "visible": true, "locked": false,
        "transition": {"duration_ms": 0, "easing": "linear"},
        "revision": 1, "created_at": THEN, "updated_at": THEN,
    }))
    .unwrap();
    let id = group.id;
    scene.groups.push(group);
    for layer in &mut scene.layers {
        if members.contains(&layer.id) {
            layer.group = Some(id);
        }
    }
    id
}
