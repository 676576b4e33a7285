//! Takes, previews and slates, as far as the worker.

use serde_json::{Value, json};
use sm_common::event::{Channel, EventType};
use sm_common::id::SceneId;
use sm_common::layer::Easing;
use sm_common::stream::{
    ChosenScenes, DesiredStatus, LayerState, ObservedState, SceneOnAir, Severity, StreamStatus,
};
use sm_common::transition::{Direction, SceneTransition, Take, TransitionKind};

use crate::harness::{Set, Studio, send_signal, until_playlist, until_true};

const FADE: SceneTransition = SceneTransition {
    kind: TransitionKind::Fade,
    direction: Direction::Left,
    duration_ms: 400,
    easing: Easing::Linear,
};

fn take(scene: SceneId, number: u64) -> impl FnOnce(&mut ChosenScenes) {
    move |chosen| {
        chosen.scene = Some(scene);
        chosen.take = Some(Take {
            scene,
            transition: FADE,
            number,
        });
    }
}

fn id(scene: Option<&SceneOnAir>) -> Option<SceneId> {
    scene.map(|scene| scene.id)
}

async fn until_shown(studio: &Studio, scene: SceneId) -> ObservedState {
    studio
        .until_observed("the scene is in the picture", |observed| {
            id(observed.scene.as_ref()) == Some(scene)
        })
        .await
}

/// The latest command of this kind.
fn latest(studio: &Studio, kind: &str) -> Value {
    let commands = studio.host.commands();
    let mut of_kind = commands.into_iter().filter(|one| one["command"] == kind);
    of_kind.next_back().unwrap_or_default()
}

async fn events(studio: &Studio, kind: EventType) -> Vec<Value> {
    let events = studio.events(Channel::LayerUpdates).await;
    let of_kind = events.into_iter().filter(|event| event.kind == kind);
    of_kind.map(|event| event.data).collect()
}

#[tokio::test]
async fn a_take_brings_another_scene_into_the_picture_of_the_same_worker() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    studio.go_live().await;
    until_shown(&studio, first.id).await;
    let worker = studio.host.worker_pid();

    let revision = studio.choose(take(second.id, 1)).await;
    let shown = studio
        .until_observed("taken", |observed| observed.desired_revision == revision)
        .await;
    assert_eq!(id(shown.scene.as_ref()), Some(second.id));
    assert_eq!((shown.status, shown.covered), (StreamStatus::Live, None));
    let layers: Vec<_> = shown.layers.iter().map(|layer| layer.layer).collect();
    assert_eq!(layers, [second.layers[0].0]);
    let told = latest(&studio, "apply-scene");
    assert_eq!(told["scene"]["scene"]["id"], json!(second.id));
    let one = json!({"scene": second.id, "number": 1, "transition": FADE});
    assert_eq!(told["scene"]["take"], one);
    // A change of the scene on air is no take.
    let changed = Set {
        revision: 2,
        ..second.clone()
    };
    studio.stage(&[first.clone(), changed]).await;
    studio
        .until_observed("changed", |observed| {
            let scene = observed.scene.as_ref();
            scene.is_some_and(|scene| scene.revision == 2)
        })
        .await;
    assert_eq!(latest(&studio, "apply-scene")["scene"]["take"], one);
    assert_eq!(studio.host.worker_pid(), worker);
    assert_eq!(
        events(&studio, EventType::SceneTakeStarted).await,
        [json!({"from": first.id,
            "take": {"scene": second.id, "number": 1, "transition": FADE}})]
    );
    assert_eq!(
        events(&studio, EventType::SceneTaken).await,
        [json!({"scene": second.id, "number": 1, "transition": FADE})]
    );
}

#[tokio::test]
async fn a_take_during_a_pause_happens_under_the_slate() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    studio.go_live().await;
    studio.desire(DesiredStatus::Paused, 1).await;
    studio.until_status(StreamStatus::Paused).await;
    let revision = studio.choose(take(second.id, 1)).await;
    let paused = studio
        .until_observed("taken", |observed| observed.desired_revision == revision)
        .await;
    assert_eq!((paused.status, paused.scene), (StreamStatus::Paused, None));
    assert_eq!(id(paused.covered.as_ref()), Some(second.id));
    studio.desire(DesiredStatus::Live, 1).await;
    let live = until_shown(&studio, second.id).await;
    assert_eq!((live.status, live.covered), (StreamStatus::Live, None));
}

#[tokio::test]
async fn a_take_off_air_says_what_will_be_on_air() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    studio.desire(DesiredStatus::Offline, 1).await;
    let revision = studio.choose(take(second.id, 1)).await;
    let off = studio
        .until_observed("nothing to do", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!((off.status, off.scene), (StreamStatus::Offline, None));
    studio.go_live().await;
    until_shown(&studio, second.id).await;
    let configured = latest(&studio, "configure");
    assert_eq!(configured["scene"]["scene"]["id"], json!(second.id));
    assert_eq!(configured["scene"]["take"]["number"], 1);
    assert_eq!(
        events(&studio, EventType::SceneTaken).await,
        [Value::Null; 0]
    );
}

#[tokio::test]
async fn what_was_taken_survives_worker_engine_and_redis() {
    let mut studio = Studio::open();
    let engine = studio.engine(&[("lease.ttl_ms", "800")]);
    let (first, second, slate) = (Set::new("First"), Set::new("Second"), Set::new("Slate"));
    studio
        .stage(&[first.clone(), second.clone(), slate.clone()])
        .await;
    studio.go_live().await;
    studio.choose(take(second.id, 1)).await;
    studio
        .choose(|chosen| (chosen.preview, chosen.slate) = (Some(first.id), Some(slate.id)))
        .await;
    until_shown(&studio, second.id).await;

    send_signal(studio.host.worker_pid().unwrap(), "-KILL");
    let replaced = studio
        .until_observed("replaced", |observed| {
            observed.worker_restarts == 1
                && observed.status == StreamStatus::Live
                && observed.preview.is_some()
        })
        .await;
    assert_eq!(id(replaced.scene.as_ref()), Some(second.id));
    assert_eq!(id(replaced.preview.as_ref()), Some(first.id));
    assert_eq!(
        latest(&studio, "configure")["scene"]["scene"]["id"],
        json!(second.id)
    );
    let preview = latest(&studio, "apply-preview");
    assert_eq!(preview["scene"]["scene"]["id"], json!(first.id));

    engine.stop();
    let engine = studio.engine(&[("lease.ttl_ms", "800")]);
    studio
        .until_observed("taken over", |observed| {
            observed.engine.is_some() && id(observed.scene.as_ref()) == Some(second.id)
        })
        .await;

    // Without Redis a new worker gets the scenes last known.
    let api = studio.viewer(&engine);
    let before = until_playlist(&api, "served", |_| true).await;
    let worker = studio.host.worker_pid().unwrap();
    studio.redis.kill();
    send_signal(worker, "-KILL");
    until_playlist(&api, "both runs", |list| {
        list.maps.len() > before.maps.len()
    })
    .await;
    let configured = latest(&studio, "configure");
    assert_eq!(configured["scene"]["scene"]["id"], json!(second.id));
    studio.redis.restart();
    studio
        .choose(|chosen| chosen.preview = Some(second.id))
        .await;
    studio
        .until_observed("commands are heard again", |observed| {
            id(observed.preview.as_ref()) == Some(second.id)
        })
        .await;
}

#[tokio::test]
async fn a_preview_is_made_changed_and_ended() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    studio.go_live().await;
    let revision = studio
        .choose(|chosen| chosen.preview = Some(second.id))
        .await;
    let previewed = studio
        .until_observed("in preview", |observed| observed.preview.is_some())
        .await;
    assert_eq!(previewed.desired_revision, revision);
    assert_eq!(id(previewed.scene.as_ref()), Some(first.id));
    let changed = Set {
        revision: 2,
        ..second.clone()
    };
    studio.stage(&[first.clone(), changed]).await;
    studio
        .until_observed("changed in preview", |observed| {
            let preview = observed.preview.as_ref();
            preview.is_some_and(|preview| preview.revision == 2)
        })
        .await;
    // The two change places.
    studio
        .choose(|chosen| {
            take(second.id, 1)(chosen);
            chosen.preview = Some(first.id);
        })
        .await;
    let swapped = until_shown(&studio, second.id).await;
    let swapped = match id(swapped.preview.as_ref()) {
        Some(preview) if preview == first.id => swapped,
        _ => {
            studio
                .until_observed("swapped", |observed| {
                    id(observed.preview.as_ref()) == Some(first.id)
                })
                .await
        }
    };
    assert_eq!(id(swapped.scene.as_ref()), Some(second.id));
    studio.choose(|chosen| chosen.preview = None).await;
    studio
        .until_observed("none in preview", |observed| observed.preview.is_none())
        .await;
    assert_eq!(latest(&studio, "apply-preview")["scene"], Value::Null);
}

#[tokio::test]
async fn a_scene_can_be_the_slate() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, slate) = (Set::new("First"), Set::new("Back soon"));
    studio.stage(&[first.clone(), slate.clone()]).await;
    studio.go_live().await;
    studio.choose(|chosen| chosen.slate = Some(slate.id)).await;
    studio.desire(DesiredStatus::Paused, 1).await;
    let paused = studio.until_status(StreamStatus::Paused).await;
    assert_eq!(id(paused.scene.as_ref()), Some(slate.id));
    assert_eq!(id(paused.covered.as_ref()), Some(first.id));
    assert_eq!(paused.layers.len(), 2);
    let told = latest(&studio, "apply-scene");
    assert_eq!(told["scene"]["scene"]["id"], json!(first.id));
    assert_eq!(told["scene"]["cover"]["scene"]["id"], json!(slate.id));
    studio.choose(|chosen| chosen.slate = None).await;
    studio
        .until_observed("the built-in slate", |observed| observed.scene.is_none())
        .await;
    // Also the scene on air can be the slate.
    studio.choose(|chosen| chosen.slate = Some(first.id)).await;
    until_shown(&studio, first.id).await;
}

#[tokio::test]
async fn a_scene_without_its_required_layer_is_not_seen() {
    let studio = Studio::open();
    let grace = [("engine.required_grace_ms", "300")];
    let engine = studio.engine(&grace);
    let (first, other) = (Set::new("Camera").requiring(), Set::new("Other"));
    let slate = Set::new("Back soon");
    studio
        .stage(&[first.clone(), other.clone(), slate.clone()])
        .await;
    studio.go_live().await;
    until_shown(&studio, first.id).await;
    studio.host.demand("fail-layers");
    let lost = studio
        .until_observed("the slate is on air", |observed| observed.covered.is_some())
        .await;
    assert_eq!((lost.status, lost.scene), (StreamStatus::Degraded, None));
    assert_eq!(id(lost.covered.as_ref()), Some(first.id));
    let error = lost
        .errors
        .iter()
        .find(|error| error.code == "scene.required-layer.lost")
        .unwrap();
    assert_eq!(error.severity, Severity::Error);
    assert!(error.message.contains("\"Camera\""), "{}", error.message);
    let told = latest(&studio, "apply-scene");
    assert_eq!(told["scene"]["layers"].as_array().unwrap().len(), 1);
    assert!(told["scene"]["cover"].is_object());

    // It stays so over a new slate, a new worker and a new engine.
    studio.choose(|chosen| chosen.slate = Some(slate.id)).await;
    until_shown(&studio, slate.id).await;
    send_signal(studio.host.worker_pid().unwrap(), "-KILL");
    studio
        .until_observed("replaced", |observed| {
            observed.worker_restarts == 1 && observed.status == StreamStatus::Degraded
        })
        .await;
    let configured = latest(&studio, "configure");
    assert_eq!(configured["scene"]["cover"]["scene"]["id"], json!(slate.id));
    engine.stop();
    let _engine = studio.engine(&grace);
    let taken_over = studio
        .until_observed("taken over", |observed| {
            observed.engine.is_some() && id(observed.scene.as_ref()) == Some(slate.id)
        })
        .await;
    assert_eq!(id(taken_over.covered.as_ref()), Some(first.id));

    studio.host.no_longer_demand("fail-layers");
    let back = studio
        .until_observed("it is back", |observed| {
            observed.status == StreamStatus::Live && observed.covered.is_none()
        })
        .await;
    assert_eq!(id(back.scene.as_ref()), Some(first.id));
    assert_eq!(back.errors, []);
    assert!(
        back.layers
            .iter()
            .all(|layer| layer.state == LayerState::Ok)
    );

    // Another scene is seen at once, whatever the lost one lacks.
    studio.host.demand("fail-layers");
    studio
        .until_observed("lost again", |observed| observed.covered.is_some())
        .await;
    studio.choose(take(other.id, 1)).await;
    let taken = until_shown(&studio, other.id).await;
    assert_eq!(taken.covered, None);
    let codes: Vec<&str> = taken
        .errors
        .iter()
        .map(|error| error.code.as_str())
        .collect();
    assert!(!codes.contains(&"scene.required-layer.lost"), "{codes:?}");
}

#[tokio::test]
async fn a_wanted_scene_that_is_not_there_changes_nothing_on_air() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    let live = studio.go_live().await;
    until_shown(&studio, first.id).await;
    let revision = studio.choose(take(SceneId::generate(), 1)).await;
    let missing = studio
        .until_observed("it is told", |observed| !observed.errors.is_empty())
        .await;
    assert_eq!(missing.errors[0].code, "scene.missing");
    assert_eq!(missing.status, StreamStatus::Degraded);
    assert_eq!(id(missing.scene.as_ref()), Some(first.id));
    assert!(missing.desired_revision < revision);
    assert_eq!(missing.live_since, live.live_since);
    studio.choose(take(second.id, 2)).await;
    let taken = until_shown(&studio, second.id).await;
    assert_eq!(taken.errors, []);
    until_true("the same worker", || {
        let configured = |one: &&Value| one["command"] == "configure";
        studio.host.commands().iter().filter(configured).count() == 1
    })
    .await;
}
