//! The picture of the scene in preview over HTTP: who may, when there is none, and through whom.

use sm_common::auth::Role;
use sm_common::stream::{LayerState, ObservedState, StreamStatus};
use sm_test_kit::{Answer, Api, Running};

use crate::harness::{Set, Studio, until_answered};

const PREVIEW: &str = "/live/main/preview.jpg";

fn as_role(studio: &Studio, engine: &Running, role: Role) -> Api {
    Api::new(engine.url()).with_token(studio.issuer.token(role))
}

async fn again(api: &Api, tag: &str) -> Answer {
    let request = api.request("GET".parse().unwrap(), PREVIEW);
    api.send(request.header("if-none-match", tag)).await
}

#[tokio::test]
async fn the_preview_is_seen_by_operators_through_any_engine() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    studio.go_live().await;
    let api = as_role(&studio, &engine, Role::Operator);
    let empty = until_answered(&api, PREVIEW, 404).await;
    drop(empty.expect_problem(404, "preview.not-found"));
    studio
        .choose(|chosen| chosen.preview = Some(second.id))
        .await;
    let previewed = studio
        .until_observed("in preview, with its layers", |observed| {
            observed.preview.is_some()
                && observed.layers.len() == 2
                && observed
                    .layers
                    .iter()
                    .all(|one| one.state == LayerState::Ok)
        })
        .await;
    assert_eq!(previewed.scene.map(|scene| scene.id), Some(first.id));
    let picture = until_answered(&api, PREVIEW, 200).await;
    assert_eq!(picture.header("content-type"), "image/jpeg");
    assert_eq!(picture.header("cache-control"), "private, no-cache");
    let tag = picture.header("etag").to_owned();
    drop(again(&api, &tag).await.expect(304));
    drop(again(&api, "\"another\"").await.expect(200));
    let commands = studio.host.commands();
    let asked = commands
        .iter()
        .find(|command| command["command"] == "preview-picture")
        .unwrap();
    assert_eq!(asked["width_max"], 640);
    assert_eq!(asked["watched_ms"], 5000);

    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[]);
    let other = as_role(&studio, &standby, Role::Operator);
    let passed_on = until_answered(&other, PREVIEW, 200).await;
    assert_eq!(passed_on.header("etag"), tag);
    drop(again(&other, &tag).await.expect(304));

    for engine in [&engine, &standby] {
        let stranger = Api::new(engine.url()).get(PREVIEW).await;
        drop(stranger.expect_problem(401, "auth.token.missing"));
        for role in [Role::Viewer, Role::Moderator] {
            let refused = as_role(&studio, engine, role).get(PREVIEW).await;
            drop(refused.expect_problem(403, "auth.role.insufficient"));
        }
    }
    studio.host.demand("no-snapshots");
    let refused = until_answered(&api, PREVIEW, 503).await;
    drop(refused.expect_problem(503, "service.unavailable"));
}

#[tokio::test]
async fn a_layer_that_fails_in_preview_is_an_error_only_on_air() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (first, second) = (Set::new("First"), Set::new("Second"));
    studio.stage(&[first.clone(), second.clone()]).await;
    studio.go_live().await;
    studio.host.demand("fail-previews");
    studio
        .choose(|chosen| chosen.preview = Some(second.id))
        .await;
    let failing = |observed: &ObservedState| {
        let mut layers = observed.layers.iter();
        layers.any(|one| one.state == LayerState::Failing)
    };
    let previewed = studio
        .until_observed("its layer fails in preview", failing)
        .await;
    assert_eq!(previewed.errors, []);
    assert_eq!(previewed.status, StreamStatus::Live);
    // Nothing changes for the layer, and yet it is wrong now.
    studio.host.demand("fail-layers");
    studio
        .choose(|chosen| {
            chosen.scene = Some(second.id);
            chosen.preview = None;
        })
        .await;
    let on_air = studio
        .until_observed("it fails on air", |observed| !observed.errors.is_empty())
        .await;
    let component = format!("layer:{}", second.layers[0].0);
    assert_eq!(on_air.errors[0].component, component);
    assert_eq!(on_air.status, StreamStatus::Degraded);
}
