//! From a variable and a group in Redis to the picture.

use serde_json::{Value, json};
use sm_bus::{Commit, keys};
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::{LayerReordered, VariablesChanged};
use sm_common::id::{GroupId, LayerId, SceneId, StreamId};
use sm_common::variable::Variables;

use super::Studio;

const SCENE: &str = "01900000-0000-7000-8000-000000000001";
const LAYER: &str = "01900000-0000-7000-8000-000000000002";
/// Middle of the text where its layer is, and where its group puts it.
const ALONE: u32 = 20;
const GROUPED: u32 = 120;

impl Studio {
    /// Writes a scene of one text, in a group that moves it down, as layer-service does.
    async fn show_value(&self, revision: u64, group: Option<GroupId>) {
        let stream = StreamId::default();
        let (scene, now) = (SCENE.parse::<SceneId>().unwrap(), SystemClock.now());
        let layer = LAYER.parse::<LayerId>().unwrap();
        let groups: Vec<Value> = group
            .into_iter()
            .map(|id| {
                json!({"id": id, "scene": scene, "name": "Group", "opacity": 1.0, "visible": true,
                    "transform": {"x": 0, "y": 100, "scale": 1.0, "origin_x": 0, "origin_y": 0},
                    "locked": false, "transition": {}, "revision": 1, "created_at": now,
                    "updated_at": now})
            })
            .collect();
        let document = json!({"id": scene, "name": "Main", "order": [layer], "updated_at": now,
            "groups": groups});
        let stored = json!({
            "id": layer, "stream": "main", "scene": scene, "name": "Score", "kind": "text",
            "source": {"text": "{{home}}", "style": {"size": 20}}, "group": group,
            "transform": {"x": 0, "y": 0, "width": 320, "height": 40}, "opacity": 1.0,
            "visible": true, "locked": false, "volume": 1.0, "muted": false,
            "revision": 1, "created_at": now, "updated_at": now,
        });
        let key = keys::scenes(&stream);
        let commit = Commit::new()
            .hash_set(key.clone(), "revision", "1")
            .hash_set(key.clone(), "order", json!([scene]).to_string())
            .hash_set(key.clone(), "first", scene.to_string())
            .hash_set(
                key.clone(),
                &keys::scene_revision_field(scene),
                revision.to_string(),
            )
            .hash_set(
                key,
                &keys::scene_document_field(scene),
                document.to_string(),
            )
            .hash_set(
                keys::layers(&stream),
                &keys::layer_field(layer),
                stored.to_string(),
            );
        let news = LayerReordered {
            scene,
            order: vec![layer],
            scene_revision: revision,
        };
        let event = self.bus.event(&stream, &news, None).unwrap();
        self.bus.commit(commit, vec![event]).await.unwrap();
    }

    /// Sets a variable as layer-service does.
    async fn set_home(&self, revision: u64, value: &str) {
        let stream = StreamId::default();
        let values = json!({"home": value});
        let key = keys::variables(&stream);
        let commit = Commit::new()
            .hash_set(key.clone(), "revision", revision.to_string())
            .hash_set(key, "doc", values.to_string());
        let told = VariablesChanged {
            variables: Variables {
                revision,
                values: serde_json::from_value(values).unwrap(),
            },
            changed: vec!["home".parse().unwrap()],
        };
        let event = self.bus.event(&stream, &told, None).unwrap();
        self.bus.commit(commit, vec![event]).await.unwrap();
    }
}

#[tokio::test]
async fn a_variable_is_in_the_picture_where_its_group_puts_it_whatever_restarts() {
    let studio = Studio::open();
    let (first, api) = studio.engine(&[("worker.keep_on_stop", "true")]);
    studio.set_home(1, "██").await;
    studio.show_value(1, None).await;
    studio.go_live().await;
    let alone = [(ALONE, 2), (GROUPED, 0)];
    studio.until_blocks(&api, "the value shows", &alone).await;
    studio.set_home(2, "████").await;
    let alone = [(ALONE, 4), (GROUPED, 0)];
    studio
        .until_blocks(&api, "the new value shows", &alone)
        .await;
    studio.show_value(2, Some(GroupId::generate())).await;
    let grouped = [(ALONE, 0), (GROUPED, 4)];
    studio
        .until_blocks(&api, "the group has moved it", &grouped)
        .await;

    tokio::task::spawn_blocking(move || first.stop())
        .await
        .unwrap();
    studio.set_home(3, "█").await;
    let (_engine, api) = studio.engine(&[]);
    let grouped = [(ALONE, 0), (GROUPED, 1)];
    studio
        .until_blocks(&api, "the adopted picture is right", &grouped)
        .await;
}
