//! Secrets of sources: the worker is told of them, and nobody else.

use serde_json::{Value, json};
use sm_bus::{Commit, keys};
use sm_common::event::Channel;
use sm_common::id::{LayerId, SecretId};
use sm_common::stream::{DesiredStatus, StreamStatus};

use crate::harness::Studio;

const SECRET: &str = "planted-secret-4711";

fn camera(url: &str, secret: SecretId) -> Value {
    json!({"kind": "network", "source": {"url": url, "user": "me", "has_password": true,
        "secret": secret}})
}

#[tokio::test]
async fn the_worker_is_given_a_secret_that_is_for_its_source_and_no_other() {
    let studio = Studio::open();
    let secret = SecretId::generate();
    let kept = json!({"origin": "rtsp://camera.example:554", "text": SECRET,
        "created_at": "2026-01-01T00:00:00Z"});
    let key = keys::layer_secrets(&studio.stream);
    let commit = Commit::new().hash_set(key, &secret.to_string(), kept.to_string());
    studio.bus.commit(commit, Vec::new()).await.unwrap();
    let layers = [
        camera("rtsp://camera.example/a", secret),
        camera("rtsp://thief.example/a", secret),
        camera("rtsp://camera.example/a", SecretId::generate()),
    ]
    .map(|content| (LayerId::generate(), content));
    studio.compose_of(4, &layers).await;

    let _engine = studio.engine(&[]);
    studio.desire(DesiredStatus::Live, 1).await;
    studio
        .until_observed("live", |observed| observed.status == StreamStatus::Live)
        .await;
    let commands = studio.host.commands();
    let configured = commands
        .iter()
        .find(|command| command["command"] == "configure")
        .unwrap();
    let told: Vec<&Value> = configured["scene"]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["content"]["secret"])
        .collect();
    assert_eq!(told, [&json!(SECRET), &Value::Null, &Value::Null]);

    let mut all = serde_json::to_string(&studio.observed().await).unwrap();
    for channel in Channel::ALL {
        all += &serde_json::to_string(&studio.events(channel).await).unwrap();
    }
    assert!(!all.contains(SECRET), "{all}");
}
