//! Two engines and one stream.

use sm_common::id::LayerId;
use sm_common::stream::StreamStatus;
use sm_test_kit::Api;

use crate::harness::{Studio, is_running, until_answered, until_playlist, until_true};

#[tokio::test]
async fn a_request_to_a_standby_is_passed_on_to_the_holder() {
    let studio = Studio::open();
    let holder = studio.engine(&[]);
    studio.go_live().await;
    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[]);
    let api = studio.viewer(&standby);
    until_answered(&api, "/live/main/index.m3u8", 200).await;
    let list = until_playlist(&api, "segments", |list| list.segments.len() > 1).await;
    let path = format!("/live/main/{}", list.segments[0]);
    let segment = api.get(&path).await.expect(200);
    assert_eq!(segment.header("content-type"), "video/mp4");
    assert_eq!(segment.header("access-control-allow-origin"), "*");
    assert!(segment.text.starts_with("segment "));
    let part = api
        .request("GET".parse().unwrap(), &path)
        .header("range", "bytes=8-15");
    let part = api.send(part).await.expect(206);
    assert_eq!(part.text, segment.text.get(8..16).unwrap());
    let head = api.request("HEAD".parse().unwrap(), &path);
    let head = api.send(head).await.expect(200);
    let length = segment.text.len().to_string();
    assert_eq!(
        (head.header("content-length"), head.text.len()),
        (length.as_str(), 0)
    );
    let picture = api.get("/live/main/snapshot.jpg").await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");
    // The holder checks the caller itself.
    let stranger = Api::new(standby.url());
    drop(
        stranger
            .get("/live/main/index.m3u8")
            .await
            .expect_problem(401, "auth.token.missing"),
    );
    let unknown = api.get("/live/main/abc-9.m4s").await;
    drop(unknown.expect_problem(404, "stream.segment.not-found"));
    // A request is passed on once.
    let looping = api
        .request("GET".parse().unwrap(), "/live/main/index.m3u8")
        .header("x-sm-passed-on-by", "somebody");
    drop(
        api.send(looping)
            .await
            .expect_problem(404, "stream.not-on-air"),
    );
    drop(holder);
}

#[tokio::test]
async fn a_lost_holders_stream_is_taken_over_by_another_host() {
    let studio = Studio::open();
    let first_host = Studio::another_host();
    let mut first = studio.engine_process(&first_host, "127.85.6.1");
    studio.compose(4, &[(LayerId::generate(), "Hello")]).await;
    let live = studio.go_live().await;
    let before = until_playlist(&first.api, "on air", |list| list.segments.len() > 3).await;
    let worker = first_host.worker_pid().unwrap();
    let second = studio.engine(&[("auth.public_view", "true")]);
    let api = Api::new(second.url());
    until_answered(&api, "/live/main/index.m3u8", 200).await;

    first.kill();
    let back = studio
        .until_observed("on air on the other host", |observed| {
            let engine = observed.engine.as_ref();
            observed.status == StreamStatus::Live
                && engine.is_some_and(|engine| engine.instance == *second.kit().instance())
        })
        .await;
    assert_eq!(back.live_since, live.live_since);
    assert_eq!(back.scene.unwrap().revision, 4);
    assert_eq!(back.interruptions[0].cause, "engine.lost");
    assert!(back.interruptions[0].length_ms > 500);
    assert!(back.errors.is_empty(), "{:?}", back.errors);
    let list = until_playlist(&api, "on air", |_| true).await;
    assert!(list.media_sequence >= before.next(), "no number twice");
    assert!(list.discontinuity_sequence > before.discontinuity_sequence);
    // On the lost host the program goes on for a while, for nobody but a process that starts there.
    assert!(is_running(worker));
}

#[tokio::test]
async fn an_orderly_end_without_a_handover_gives_the_stream_away_within_a_renewal() {
    let studio = Studio::open();
    let first = studio.engine(&[("handover.longest_ms", "0")]);
    studio.go_live().await;
    let host = Studio::another_host();
    // With a lease this long, only one that was given back is taken in time.
    let second = studio.engine_on(&host, &[("lease.ttl_ms", "600000")]);
    let api = studio.viewer(&second);
    until_answered(&api, "/live/main/index.m3u8", 200).await;
    first.stop();
    let back = studio.until_status(StreamStatus::Live).await;
    assert_eq!(back.engine.unwrap().instance, *second.kit().instance());
    assert_eq!(back.interruptions[0].cause, "engine.stopped");
}

#[tokio::test]
async fn a_frozen_holder_is_fenced_off_when_it_wakes_up() {
    let studio = Studio::open();
    let first_host = Studio::another_host();
    let mut first = studio.engine_process(&first_host, "127.85.6.2");
    studio.go_live().await;
    let worker = first_host.worker_pid().unwrap();
    let second = studio.engine(&[("auth.public_view", "true")]);
    first.signal("-STOP");
    let taken = studio
        .until_observed("on air on the other host", |observed| {
            let engine = observed.engine.as_ref();
            observed.status == StreamStatus::Live
                && engine.is_some_and(|engine| engine.instance == *second.kit().instance())
        })
        .await;
    assert!(is_running(worker), "a frozen host cannot end its worker");
    first.signal("-CONT");
    until_true("the old worker is ended", || !is_running(worker)).await;
    until_answered(&first.api, "/live/main/index.m3u8", 200).await;
    let after = studio
        .until_observed("a later state", |observed| {
            observed.revision > taken.revision + 1
        })
        .await;
    assert_eq!(after.engine.unwrap().instance, *second.kit().instance());
    assert_eq!(after.status, StreamStatus::Live);
    first.signal("-TERM");
    assert!(first.wait());
}
