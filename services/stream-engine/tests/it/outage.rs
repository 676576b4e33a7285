//! Redis is away.

use sm_common::event::{Channel, EventType};
use sm_common::id::LayerId;
use sm_common::stream::{DesiredStatus, StreamStatus};
use sm_test_kit::Api;

use crate::harness::{Studio, is_running, send_signal, until_playlist, until_true};

#[tokio::test]
async fn what_is_on_air_stays_on_air_without_redis_and_catches_up() {
    let mut studio = Studio::open();
    let engine = studio.engine(&[("lease.ttl_ms", "800")]);
    let api = studio.viewer(&engine);
    let layer = LayerId::generate();
    studio.compose(1, &[(layer, "Hello")]).await;
    let live = studio.go_live().await;
    studio.redis.kill();
    let list = until_playlist(&api, "served", |_| true).await;
    until_playlist(&api, "it goes on", |now| now.next() > list.next() + 8).await;
    // The worker may send to the network for as long as its host lives.
    let told = studio.host.leases().len();
    until_true("the worker is told again", || {
        let leases = studio.host.leases();
        let newest = leases.last().unwrap()["valid_until_ms"].as_u64();
        leases.len() > told && newest > Some(boot_ms())
    })
    .await;

    // A worker that dies meanwhile is replaced, with the scene last known.
    let worker = studio.host.worker_pid().unwrap();
    send_signal(worker, "-KILL");
    let list = until_playlist(&api, "both runs", |list| list.maps.len() == 2).await;
    let configured = studio.host.commands();
    let configured = configured
        .iter()
        .rev()
        .find(|one| one["command"] == "configure")
        .unwrap();
    assert_eq!(configured["scene"]["layers"][0]["id"], layer.to_string());
    let health = Api::new(engine.health_url());
    sm_test_kit::until("health says so", crate::harness::PATIENCE, || async {
        health.get("/health/ready").await.expect(200).body["status"] == "degraded"
    })
    .await;

    studio.redis.restart();
    let back = studio
        .until_observed("caught up", |observed| observed.worker_restarts == 1)
        .await;
    assert_eq!(back.live_since, live.live_since);
    assert_eq!(back.interruptions[0].cause, "worker.killed");
    let events = studio.events(Channel::StreamState).await;
    assert!(
        events
            .iter()
            .any(|event| event.kind == EventType::StreamInterrupted)
    );
    // Commands reach it again, and nothing was interrupted by the return.
    let after = until_playlist(&api, "it goes on", |now| now.next() > list.next() + 3).await;
    assert_eq!(after.maps.last(), list.maps.last());
    studio.desire(DesiredStatus::Offline, 1).await;
    studio.until_status(StreamStatus::Offline).await;
}

/// The clock that leases are told by.
fn boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let now = std::time::Duration::try_from(now).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[tokio::test]
async fn a_frozen_redis_holds_nothing_up() {
    let studio = Studio::open();
    let engine = studio.engine(&[("lease.ttl_ms", "800")]);
    let api = studio.viewer(&engine);
    let live = studio.go_live().await;
    studio.redis.freeze();
    let list = until_playlist(&api, "served", |_| true).await;
    until_playlist(&api, "it goes on", |now| now.next() > list.next() + 8).await;
    studio.redis.thaw();
    let revision = studio.desire(DesiredStatus::Paused, 1).await;
    let paused = studio
        .until_observed("obeys again", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(paused.live_since, live.live_since);
    assert!(paused.interruptions.is_empty());
}

#[tokio::test]
async fn a_standby_lets_the_holder_come_back_after_an_outage() {
    let mut studio = Studio::open();
    let holder = studio.engine(&[("lease.ttl_ms", "800")]);
    studio.go_live().await;
    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[("lease.ttl_ms", "800")]);
    let api = studio.viewer(&standby);
    until_playlist(&api, "passed on", |_| true).await;
    studio.redis.kill();
    let list = until_playlist(&api, "still passed on", |_| true).await;
    until_playlist(&api, "it goes on", |now| now.next() > list.next() + 8).await;
    let worker = studio.host.worker_pid();
    studio.redis.restart();
    let before = studio.until_status(StreamStatus::Live).await;
    let back = studio
        .until_observed("written again", |observed| {
            observed.revision > before.revision + 2
        })
        .await;
    assert_eq!(back.engine.unwrap().instance, *holder.kit().instance());
    assert_eq!(studio.host.worker_pid(), worker);
}

#[tokio::test]
async fn a_holder_that_must_not_go_on_stops_without_redis() {
    let mut studio = Studio::open();
    let engine = studio.engine(&[("lease.ttl_ms", "800"), ("lease.without_redis", "stop")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    studio.redis.kill();
    until_true("the worker is ended", || !is_running(worker)).await;
    drop(
        api.get("/live/main/index.m3u8")
            .await
            .expect_problem(404, "stream.not-on-air"),
    );
    studio.redis.restart();
    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.interruptions[0].cause, "engine.lost");
}

#[tokio::test]
async fn an_engine_that_starts_without_redis_begins_when_it_comes() {
    let mut studio = Studio::open();
    studio.redis.kill();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    let unknown = api.get("/live/main/index.m3u8").await;
    let unknown = unknown.expect_problem(503, "service.unavailable");
    assert_eq!(unknown.header("retry-after"), "1");
    studio.redis.restart();
    studio.go_live().await;
    until_playlist(&api, "on air", |_| true).await;
}

#[tokio::test]
async fn a_redis_that_has_forgotten_what_is_wanted_ends_nothing() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.compose(1, &[(LayerId::generate(), "Hello")]).await;
    studio.go_live().await;
    let list = until_playlist(&api, "on air", |_| true).await;
    let worker = studio.host.worker_pid();
    let told = studio.host.commands().len();
    studio.forget_what_is_wanted().await;
    // Longer than it takes the engine to look again.
    until_playlist(&api, "it goes on", |now| now.next() > list.next() + 15).await;
    assert_eq!(studio.host.worker_pid(), worker);
    assert_eq!(studio.host.commands().len(), told);
    studio.desire(DesiredStatus::Offline, 1).await;
    until_true("it obeys again", || studio.host.worker_pid().is_none()).await;
}
