//! What a host cannot carry is refused, and what is on air goes on. The costs are set so that the
//! outcome does not depend on how busy the machine is.

use sm_common::stream::{DesiredStatus, StreamStatus};

use crate::harness::{Studio, until_playlist};

/// More than any machine has.
const DEAR: (&str, &str) = ("admission.costs.base_cores", "100000");
const ENFORCED: (&str, &str) = ("admission.enforced", "true");
/// Everything that is in use fits as well.
const ROOMY: (&str, &str) = ("admission.cpu_max", "1000");

#[tokio::test]
async fn a_stream_that_the_host_cannot_carry_waits_with_the_reason_until_an_admin_insists() {
    let studio = Studio::open();
    let _engine = studio.engine(&[ENFORCED, ROOMY, DEAR]);
    studio.desire(DesiredStatus::Live, 1).await;
    let waiting = studio
        .until_observed("refused", |observed| !observed.errors.is_empty())
        .await;
    assert_eq!(waiting.status, StreamStatus::Starting);
    assert_eq!(waiting.errors[0].code, "stream.capacity.exceeded");
    let reason = waiting.reason.unwrap();
    assert!(reason.contains("admission.cpu_max 1000"), "{reason}");
    assert_eq!(studio.host.worker_pid(), None, "it is not half on air");

    studio.force(true).await;
    let live = studio.until_status(StreamStatus::Live).await;
    assert_eq!(live.errors, []);
}

#[tokio::test]
async fn what_is_refused_and_not_wanted_any_more_is_forgotten() {
    let studio = Studio::open();
    let _engine = studio.engine(&[ENFORCED, ROOMY, DEAR]);
    studio.desire(DesiredStatus::Live, 1).await;
    studio
        .until_observed("refused", |observed| !observed.errors.is_empty())
        .await;
    let revision = studio.desire(DesiredStatus::Offline, 1).await;
    let off = studio
        .until_observed("off air", |observed| observed.desired_revision == revision)
        .await;
    assert_eq!((off.status, off.errors.len()), (StreamStatus::Offline, 0));
}

#[tokio::test]
async fn a_stream_that_was_on_air_is_taken_over_however_full_the_host_is() {
    let studio = Studio::open();
    let first = studio.engine(&[]);
    studio.go_live().await;
    let host = Studio::another_host();
    let _second = studio.engine_on(&host, &[ENFORCED, ROOMY, DEAR]);
    tokio::task::spawn_blocking(move || first.stop())
        .await
        .unwrap();
    let worker = || host.worker_pid().is_some();
    crate::harness::until_true("the other host has a worker", worker).await;
    studio.until_status(StreamStatus::Live).await;
}

#[tokio::test]
async fn a_format_that_costs_too_much_is_refused_and_the_program_goes_on() {
    let studio = Studio::open();
    // A pixel more is too much.
    let pixels = ("admission.costs.compose_cores_per_mpixel_s", "1000000");
    let engine = studio.engine(&[ENFORCED, ROOMY, pixels]);
    let api = studio.viewer(&engine);
    studio.desire(DesiredStatus::Live, 1).await;
    studio
        .until_observed("refused", |observed| !observed.errors.is_empty())
        .await;
    studio.force(true).await;
    studio.until_status(StreamStatus::Live).await;
    studio.force(false).await;
    let revision = studio.reformat(|program| program.framerate = 60).await;
    let observed = studio
        .until_observed("the refusal", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(observed.program.unwrap().framerate, 30);
    assert_eq!(observed.errors[0].code, "program.capacity.exceeded");
    let revision = studio.reformat(|program| program.framerate = 20).await;
    let observed = studio
        .until_observed("a cheaper one", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(observed.program.unwrap().framerate, 20);
    assert_eq!(observed.errors, []);
    until_playlist(&api, "both runs", |list| list.maps.len() == 2).await;
}

#[tokio::test]
async fn the_others_are_told_what_the_host_can_carry() {
    let studio = Studio::open();
    let engine = studio.engine(&[ENFORCED]);
    let instance = engine.kit().instance().clone();
    let told = sm_test_kit::until_some("measured capacity", crate::harness::PATIENCE, || async {
        let now = studio.bus.clock().now();
        let rows = studio.bus.instances(now).await.unwrap();
        let row = rows.into_iter().find(|row| row.instance == instance)?;
        row.capacity
            .filter(|capacity| capacity.used_cores.is_some())
    })
    .await;
    assert!(told.enforced && told.cores > 0.0);
    assert!(told.used_cores > Some(0.0));
    assert!(told.headroom_cores() < Some(told.limit_cores()));
}
