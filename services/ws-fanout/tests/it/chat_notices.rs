//! What the chat is told of its stream.

use sm_bus::{keys, redis};
use sm_common::auth::Role;
use sm_common::event::{Channel, SceneTaken, StreamStateChanged};
use sm_common::id::SceneId;
use sm_common::stream::{ObservedState, StreamState, StreamStatus};
use sm_common::transition::SceneTransition;

use crate::harness::{NOW, World, texts};

impl World {
    async fn publish_status(&self, status: StreamStatus) {
        let desired = self.desired();
        let observed = ObservedState {
            status,
            ..ObservedState::never_held(self.stream.clone(), NOW)
        };
        let state = StreamStateChanged(StreamState::join(&desired, observed));
        self.bus.publish(&self.stream, &state, None).await.unwrap();
    }

    async fn publish_taken(&self, scene: SceneId, number: u64) {
        let taken = SceneTaken {
            scene,
            transition: SceneTransition::default(),
            number,
        };
        self.bus.publish(&self.stream, &taken, None).await.unwrap();
    }

    async fn name_scene(&self, scene: SceneId, name: &str) {
        let document = serde_json::json!({
            "id": scene, "name": name, "order": [], "updated_at": NOW,
        });
        let mut command = redis::cmd("HSET");
        command.arg(keys::scenes(&self.stream));
        command.arg(keys::scene_document_field(scene));
        command.arg(document.to_string());
        let _set: i64 = self.bus.query(&command).await.unwrap();
    }
}

#[tokio::test]
async fn the_chat_is_told_once_what_happens_to_the_stream() {
    let world = World::start().await;
    let _one_more = world.replica().await;
    let scene = SceneId::generate();
    world.name_scene(scene, "Interview").await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;

    for status in [
        StreamStatus::Offline,
        StreamStatus::Starting,
        StreamStatus::Live,
        StreamStatus::Degraded,
        StreamStatus::Live,
    ] {
        world.publish_status(status).await;
    }
    let live = socket.events(1).await.remove(0).data;
    assert_eq!(live["kind"], "system");
    assert_eq!(live["notice"]["event"], "stream-live");
    world.publish_taken(scene, 1).await;
    let taken = socket.events(1).await.remove(0).data;
    assert_eq!(taken["notice"]["event"], "scene-taken");
    assert_eq!(taken["notice"]["name"], "Interview");
    world.publish_taken(scene, 1).await;
    world.publish_status(StreamStatus::Stopping).await;
    world.publish_status(StreamStatus::Offline).await;
    let ended = socket.events(1).await.remove(0).data;
    assert_eq!(ended["notice"]["event"], "stream-ended");
    // Both replicas have been through all of it when they have told of what comes last.
    world.publish_status(StreamStatus::Live).await;
    world.publish_taken(scene, 2).await;
    let newest = socket.events(2).await;
    let list = world.api(Role::Viewer).get("/api/chat").await.expect(200);
    let spoken = texts(list.body.as_array().unwrap());
    let told = [
        "The stream is live.",
        "On air: Interview",
        "The stream has ended.",
    ];
    assert_eq!(spoken[..3], told);
    assert_eq!(spoken.len(), 5, "{spoken:?} {newest:?}");
}

#[tokio::test]
async fn the_chat_is_told_nothing_where_that_is_switched_off() {
    let world = World::with(&[("chat.system_messages", "false")]).await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    socket.subscribe(Channel::StreamState, None).await;
    world.publish_status(StreamStatus::Live).await;
    assert_eq!(socket.events(1).await[0].channel, Channel::StreamState);
    world.publish("first").await;
    let first = socket.events(1).await.remove(0);
    assert_eq!((first.channel, first.offset), (Channel::Chat, 1));
}
