//! From a message in Redis to the picture, and out of it again.

use serde_json::json;
use sm_bus::{Commit, keys, redis};
use sm_common::auth::Role;
use sm_common::chat::{ChatMessage, ChatMessageDeleted};
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::LayerReordered;
use sm_common::id::{LayerId, MessageId, SceneId, StreamId, UserId};
use sm_test_kit::{Api, until};

use super::{PATIENCE, Studio};

/// Bottom of the picture, where the newest message stands, and above it.
const NEWEST: u32 = 168;
const BEFORE: u32 = 136;

impl Studio {
    /// Writes a scene of one layer that shows the chat, as layer-service does.
    async fn show_chat(&self) {
        let stream = StreamId::default();
        let (scene, layer, now) = (SceneId::generate(), LayerId::generate(), SystemClock.now());
        let order = json!([layer]);
        let document = json!({"id": scene, "name": "Main", "order": order, "updated_at": now});
        let key = keys::scenes(&stream);
        let layers = keys::layers(&stream);
        let stored = json!({
            "id": layer, "stream": "main", "scene": scene, "name": "Chat", "kind": "chat",
            "source": {"names": false, "gap": 8, "style": {"size": 20}},
            "transform": {"x": 0, "y": 0, "width": 320, "height": 180}, "opacity": 1.0,
            "visible": true, "locked": false, "volume": 1.0, "muted": false,
            "revision": 1, "created_at": now, "updated_at": now,
        });
        let commit = Commit::new()
            .hash_set(key.clone(), "revision", "1")
            .hash_set(key.clone(), "order", json!([scene]).to_string())
            .hash_set(key.clone(), "first", scene.to_string())
            .hash_set(key.clone(), &keys::scene_revision_field(scene), "1")
            .hash_set(
                key,
                &keys::scene_document_field(scene),
                document.to_string(),
            )
            .hash_set(layers, &keys::layer_field(layer), stored.to_string());
        let news = LayerReordered {
            scene,
            order: vec![layer],
            scene_revision: 1,
        };
        let event = self.bus.event(&stream, &news, None).unwrap();
        self.bus.commit(commit, vec![event]).await.unwrap();
    }

    /// Posts a message as ws-fanout does.
    async fn post(&self, text: &str) -> MessageId {
        let now = SystemClock.now();
        let message = ChatMessage::new(UserId::generate(), "Ada", Role::Viewer, text, now);
        let stream = StreamId::default();
        self.bus.publish(&stream, &message, None).await.unwrap();
        message.id
    }

    async fn delete(&self, id: MessageId) {
        let stream = StreamId::default();
        let deleted = ChatMessageDeleted { id };
        self.bus.publish(&stream, &deleted, None).await.unwrap();
    }

    /// How many subscribe to the chat.
    async fn readers(&self) -> u64 {
        let mut asked = redis::cmd("PUBSUB");
        asked.arg("NUMSUB").arg("chat");
        let (_, count): (String, u64) = self.bus.query(&asked).await.unwrap();
        count
    }

    /// Waits until the picture is as wide with ink as said, in these rows.
    pub(crate) async fn until_blocks(&self, api: &Api, what: &str, rows: &[(u32, u32)]) {
        until(what, PATIENCE, || async {
            if api.get("/live/main/snapshot.jpg").await.status != 200 {
                return false;
            }
            let picture = std::fs::read(self.path("live/main/snapshot.jpg")).unwrap();
            rows.iter()
                .all(|&(y, blocks)| blocks_in(&picture, y) == blocks)
        })
        .await;
    }
}

/// How many blocks of 15.4 pixels are lit in a row of a JPEG, from the left.
fn blocks_in(picture: &[u8], y: u32) -> u32 {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let crop = format!("crop=320:1:0:{y}");
    let mut decoder = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "image2pipe", "-i", "-", "-vf"])
        .args([&crop, "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    decoder.stdin.take().unwrap().write_all(picture).unwrap();
    let row = decoder.wait_with_output().unwrap().stdout;
    let lit = row.iter().take_while(|&&luma| luma > 128).count();
    u32::try_from((lit * 10 + 77) / 154).unwrap()
}

#[tokio::test]
async fn a_message_is_in_the_picture_until_it_is_deleted_whatever_restarts() {
    let mut studio = Studio::open();
    let (first, api) = studio.engine(&[("worker.keep_on_stop", "true")]);
    studio.post("█").await;
    assert_eq!(studio.readers().await, 0, "no scene shows it");
    studio.show_chat().await;
    studio.go_live().await;
    studio
        .until_blocks(&api, "what was there before shows", &[(NEWEST, 1)])
        .await;
    let second = studio.post("██").await;
    let shows = [(NEWEST, 2), (BEFORE, 1)];
    studio.until_blocks(&api, "a new one shows", &shows).await;
    studio.delete(second).await;
    let left = [(NEWEST, 1), (BEFORE, 0)];
    studio
        .until_blocks(&api, "a deleted one is gone", &left)
        .await;

    // What happens while no engine listens is known to the next one.
    let third = studio.post("███").await;
    let shows = [(NEWEST, 3), (BEFORE, 1)];
    studio.until_blocks(&api, "the next shows", &shows).await;
    tokio::task::spawn_blocking(move || first.stop())
        .await
        .unwrap();
    studio.delete(third).await;
    studio.post("████").await;
    let (_engine, api) = studio.engine(&[]);
    let shows = [(NEWEST, 4), (BEFORE, 1)];
    studio
        .until_blocks(&api, "the adopted picture is right", &shows)
        .await;

    // A Redis that is killed begins another history.
    studio.redis.kill();
    studio.redis.restart();
    let fifth = studio.post("█████").await;
    let shows = [(NEWEST, 5), (BEFORE, 4)];
    studio.until_blocks(&api, "Redis is back", &shows).await;
    studio.delete(fifth).await;
    let left = [(NEWEST, 4), (BEFORE, 1)];
    studio.until_blocks(&api, "and deletes", &left).await;

    // A new worker is told all of it.
    let worker = std::fs::read_to_string(studio.path("run/media-worker-main.pid")).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", worker.trim()])
        .status()
        .unwrap();
    assert!(killed.success());
    let replaced = || async {
        let pid = std::fs::read_to_string(studio.path("run/media-worker-main.pid"));
        pid.is_ok_and(|pid| pid != worker)
    };
    until("the worker is replaced", PATIENCE, replaced).await;
    studio
        .until_blocks(&api, "the next worker shows it", &left)
        .await;
}
