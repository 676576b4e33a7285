//! An engine dies, and the next one goes on with scenes, slates and previews as they are on air.

use serde_json::{Value, json};
use sm_bus::{Commit, keys};
use sm_common::event::{Channel, EventType};
use sm_common::id::SceneId;
use sm_common::layer::Easing;
use sm_common::stream::{
    ChosenScenes, DesiredStatus, ObservedState, SceneOnAir, Severity, StreamStatus,
};
use sm_common::transition::{Direction, SceneTransition, Take, TransitionKind};

use crate::adoption::{nothing_was_interrupted, until_taken_over};
use crate::harness::{Set, Studio, until_true};

const WIPE: SceneTransition = SceneTransition {
    kind: TransitionKind::Wipe,
    direction: Direction::Up,
    duration_ms: 300,
    easing: Easing::Linear,
};

fn take(scene: SceneId, number: u64) -> Take {
    Take {
        scene,
        transition: WIPE,
        number,
    }
}

fn choose(taken: Take) -> impl FnOnce(&mut ChosenScenes) {
    move |chosen| (chosen.scene, chosen.take) = (Some(taken.scene), Some(taken))
}

fn id(scene: Option<&SceneOnAir>) -> Option<SceneId> {
    scene.map(|scene| scene.id)
}

/// What the worker was told, of this kind.
fn told(studio: &Studio, kind: &str) -> Vec<Value> {
    let commands = studio.host.commands().into_iter();
    commands.filter(|one| one["command"] == kind).collect()
}

async fn takes(studio: &Studio, kind: EventType) -> Vec<Value> {
    let events = studio.events(Channel::LayerUpdates).await.into_iter();
    let takes = events.filter(|event| event.kind == kind);
    takes.map(|event| event.data).collect()
}

/// Makes the newest document of a dead engine one that it never got to write.
async fn lose_last_write(studio: &Studio, change: impl FnOnce(&mut ObservedState)) {
    let mut observed = studio.observed().await.unwrap();
    change(&mut observed);
    let document = serde_json::to_string(&observed).unwrap();
    let commit = Commit::new().set(keys::observed(&studio.stream), document);
    studio.bus.commit(commit, Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_pause_and_a_preview_outlive_the_engine() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.9.1");
    let (main, next, slate) = (Set::new("Main"), Set::new("Next"), Set::new("Back soon"));
    studio
        .stage(&[main.clone(), next.clone(), slate.clone()])
        .await;
    studio.go_live().await;
    studio
        .choose(|chosen| (chosen.preview, chosen.slate) = (Some(next.id), Some(slate.id)))
        .await;
    let revision = studio.desire(DesiredStatus::Paused, 1).await;
    let paused = studio
        .until_observed("paused, with a preview", |observed| {
            observed.desired_revision == revision && observed.status == StreamStatus::Paused
        })
        .await;
    let worker = studio.host.worker_pid();
    let shown = told(&studio, "apply-scene").len();
    first.kill();

    let _second = studio.engine_process(&studio.host, "127.85.9.1");
    let back = until_taken_over(&studio, &paused).await;
    nothing_was_interrupted(&back, &paused);
    assert_eq!(id(back.scene.as_ref()), Some(slate.id), "the slate is seen");
    assert_eq!(
        (&back.scene, &back.covered),
        (&paused.scene, &paused.covered)
    );
    let previewing = studio
        .until_observed("the preview is told of again", |observed| {
            id(observed.preview.as_ref()) == Some(next.id)
        })
        .await;
    assert_eq!(previewing.preview, paused.preview);
    let previews = told(&studio, "apply-preview");
    assert_eq!(previews.len(), 2, "once by each engine");
    assert_eq!(previews[0], previews[1]);
    assert_eq!(
        told(&studio, "apply-scene").len(),
        shown,
        "the picture stays"
    );

    let revision = studio.desire(DesiredStatus::Live, 1).await;
    let resumed = studio
        .until_observed("resumed", |observed| observed.desired_revision == revision)
        .await;
    assert_eq!(id(resumed.scene.as_ref()), Some(main.id));
    assert_eq!(
        (resumed.status, resumed.covered),
        (StreamStatus::Live, None)
    );
    let scenes = told(&studio, "apply-scene");
    assert_eq!(scenes.last().unwrap()["scene"]["cover"], Value::Null);
    assert_eq!(studio.host.worker_pid(), worker);
    assert_eq!(resumed.interruptions, []);
}

#[tokio::test]
async fn a_take_while_the_engine_was_dead_is_made_by_the_next_one() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.9.2");
    let (main, next) = (Set::new("Main"), Set::new("Next"));
    studio.stage(&[main.clone(), next.clone()]).await;
    studio.go_live().await;
    studio.choose(|chosen| chosen.preview = Some(next.id)).await;
    let live = studio
        .until_observed("in preview", |observed| observed.preview.is_some())
        .await;
    let worker = studio.host.worker_pid();
    first.kill();
    let taken = take(next.id, 7);
    let made = taken.clone();
    let revision = studio
        .choose(|chosen| {
            choose(made)(chosen);
            chosen.preview = None;
        })
        .await;

    let _second = studio.engine_process(&studio.host, "127.85.9.2");
    let back = studio
        .until_observed("taken", |observed| observed.desired_revision == revision)
        .await;
    assert_eq!(id(back.scene.as_ref()), Some(next.id));
    nothing_was_interrupted(&back, &live);
    assert_eq!(studio.host.worker_pid(), worker);
    let scenes = told(&studio, "apply-scene");
    assert_eq!(scenes.len(), 1);
    assert_eq!(scenes[0]["scene"]["take"], json!(taken));
    assert_eq!(back.preview, None);
    let previews = told(&studio, "apply-preview");
    assert_eq!(previews.last().unwrap()["scene"], Value::Null);
    assert_eq!(
        takes(&studio, EventType::SceneTakeStarted).await,
        [json!({"from": main.id, "take": taken})]
    );
    assert_eq!(
        takes(&studio, EventType::SceneTaken).await,
        [json!({"scene": next.id, "number": 7, "transition": WIPE})]
    );
}

#[tokio::test]
async fn a_take_that_the_dead_engine_made_and_did_not_tell_is_told_by_the_next_one() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.9.3");
    let (main, next) = (Set::new("Main"), Set::new("Next"));
    studio.stage(&[main.clone(), next.clone()]).await;
    let live = studio.go_live().await;
    let revision = studio.choose(choose(take(next.id, 7))).await;
    studio
        .until_observed("taken", |observed| observed.desired_revision == revision)
        .await;
    first.kill();
    lose_last_write(&studio, |observed| observed.scene.clone_from(&live.scene)).await;
    // Meanwhile the same scene is taken once more: that is not the take that was made.
    studio.choose(choose(take(next.id, 8))).await;
    let shown = told(&studio, "apply-scene").len();

    let _second = studio.engine_process(&studio.host, "127.85.9.3");
    studio
        .until_observed("it is known again", |observed| {
            id(observed.scene.as_ref()) == Some(next.id)
        })
        .await;
    let one = json!({"scene": next.id, "number": 7, "transition": WIPE});
    assert_eq!(
        takes(&studio, EventType::SceneTaken).await,
        [one.clone(), one],
        "by the dead engine, whose word counts as lost, and by the next one"
    );
    assert_eq!(takes(&studio, EventType::SceneTakeStarted).await.len(), 1);
    assert_eq!(told(&studio, "apply-scene").len(), shown);
}

#[tokio::test]
async fn a_scene_that_must_not_be_seen_stays_covered_when_the_engine_dies() {
    let studio = Studio::open();
    let grace = [("engine.required_grace_ms", "300")];
    let mut first = studio.engine_process_with(&studio.host, "127.85.9.4", &grace);
    let camera = Set::new("Camera").requiring();
    studio.stage(std::slice::from_ref(&camera)).await;
    studio.go_live().await;
    studio.host.demand("fail-layers");
    let lost = studio
        .until_observed("the slate is on air", |observed| observed.covered.is_some())
        .await;
    let shown = told(&studio, "apply-scene").len();
    first.kill();
    // What it found out last did not reach Redis: only the worker knows.
    lose_last_write(&studio, |observed| {
        observed.errors.clear();
        observed.scene = observed.covered.take();
    })
    .await;

    let _second = studio.engine_process_with(&studio.host, "127.85.9.4", &grace);
    let back = until_taken_over(&studio, &lost).await;
    assert_eq!(back.status, StreamStatus::Degraded);
    assert_eq!(id(back.covered.as_ref()), Some(camera.id));
    let error = back.errors.iter();
    let mut error = error.filter(|error| error.code == "scene.required-layer.lost");
    let error = error.next().unwrap();
    assert_eq!(error.severity, Severity::Error);
    assert_eq!(error.component, format!("scene:{}", camera.id));
    assert_eq!(
        told(&studio, "apply-scene").len(),
        shown,
        "it stays covered"
    );

    studio.host.no_longer_demand("fail-layers");
    let seen = studio
        .until_observed("it is seen again", |observed| {
            observed.status == StreamStatus::Live && observed.covered.is_none()
        })
        .await;
    assert_eq!(seen.errors, []);
    assert_eq!(seen.interruptions, []);
}

#[tokio::test]
async fn a_pause_of_a_worker_that_was_adopted_covers_its_scene() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.9.5");
    let main = Set::new("Main");
    studio.stage(std::slice::from_ref(&main)).await;
    let live = studio.go_live().await;
    first.kill();
    let _second = studio.engine_process(&studio.host, "127.85.9.5");
    until_taken_over(&studio, &live).await;
    studio.desire(DesiredStatus::Paused, 1).await;
    let paused = studio.until_status(StreamStatus::Paused).await;
    assert_eq!(
        (id(paused.covered.as_ref()), paused.scene),
        (Some(main.id), None)
    );
    until_true("the scene's own layers stay", || {
        let scenes = told(&studio, "apply-scene");
        scenes.last().is_some_and(|one| {
            one["scene"]["cover"]["why"] == "paused"
                && one["scene"]["layers"].as_array().map(Vec::len) == Some(1)
        })
    })
    .await;
    assert_eq!(paused.interruptions, []);
}
