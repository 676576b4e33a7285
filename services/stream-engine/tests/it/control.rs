use serde_json::Value;
use sm_bus::keys;
use sm_common::event::{Channel, EventType, StreamStateChanged};
use sm_common::id::LayerId;
use sm_common::output::OutputStatus;
use sm_common::performance::MetricsSample;
use sm_common::stream::{DesiredStatus, LayerState, LayerStatus, StreamStatus};

use crate::harness::{PATIENCE, Studio, is_running, until_playlist, until_true};

fn kinds(events: &[sm_common::event::Event]) -> Vec<EventType> {
    events.iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_desired_stream_goes_on_air_and_off_again() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    let revision = studio.desire(DesiredStatus::Offline, 1).await;
    let off = studio
        .until_observed("offline as desired", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!((off.status, off.live_since), (StreamStatus::Offline, None));

    let live = studio.go_live().await;
    assert_eq!(live.generation, 1);
    assert!(live.live_since.is_some());
    assert_eq!(live.outputs[0].status, OutputStatus::Live);
    assert_eq!(live.outputs[0].url, "/live/main/index.m3u8");
    assert_eq!(live.engine.unwrap().instance, *engine.kit().instance());
    let playlist = until_playlist(&api, "two segments", |list| list.segments.len() > 1).await;
    assert_eq!((playlist.media_sequence, playlist.discontinuities), (0, 0));
    assert_eq!(playlist.maps.len(), 1);
    let segment = api
        .get(&format!("/live/main/{}", playlist.segments[0]))
        .await
        .expect(200);
    assert!(segment.text.starts_with("segment 00000000"));

    let worker = studio.host.worker_pid().unwrap();
    studio.desire(DesiredStatus::Offline, 1).await;
    let off = studio.until_status(StreamStatus::Offline).await;
    assert_eq!((off.live_since, off.scene), (None, None));
    assert!(!is_running(worker));
    assert_eq!(studio.host.worker_pid(), None);
    let gone = api
        .get("/live/main/index.m3u8")
        .await
        .expect_problem(404, "stream.not-on-air");
    assert_eq!(gone.header("retry-after"), "1");
    assert!(
        studio
            .host
            .commands()
            .iter()
            .any(|command| command["command"] == "stop")
    );

    studio.desire(DesiredStatus::Live, 2).await;
    let again = until_playlist(&api, "on air again", |_| true).await;
    assert!(again.media_sequence >= playlist.next(), "numbers go on");
    assert_eq!(
        (again.discontinuities, again.maps.len()),
        (0, 1),
        "old segments are dropped"
    );
    assert!(again.discontinuity_sequence > playlist.discontinuity_sequence);
}

#[tokio::test]
async fn state_and_samples_are_published_as_they_are_written() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio.go_live().await;
    studio
        .until_observed("a sample", |observed| observed.performance.fps.is_some())
        .await;
    let states = studio.events(Channel::StreamState).await;
    let statuses: Vec<StreamStatus> = states
        .iter()
        .filter(|event| event.source.starts_with("/stream-engine/"))
        .filter_map(|event| event.payload::<StreamStateChanged>().ok())
        .map(|StreamStateChanged(state)| state.observed.status)
        .collect();
    assert_eq!(statuses.first(), Some(&StreamStatus::Starting));
    assert!(statuses.contains(&StreamStatus::Live));
    let samples = studio.events(Channel::Metrics).await;
    assert!(
        samples
            .iter()
            .all(|event| event.kind == EventType::StreamMetricsSampled)
    );
    let last: MetricsSample = samples.last().unwrap().payload().unwrap();
    assert_eq!(last.performance.fps, Some(30.0));
}

#[tokio::test]
async fn a_layer_change_is_shown_and_timed() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (title, ticker) = (LayerId::generate(), LayerId::generate());
    studio.compose(1, &[(title, "Hello")]).await;
    studio.go_live().await;
    let first = studio
        .until_observed("the scene is on air", |observed| observed.scene.is_some())
        .await;
    assert_eq!(first.scene.unwrap().name, "Main");
    assert_eq!(first.performance.layer_change_to_air_ms, None);

    studio
        .compose(2, &[(ticker, "News"), (title, "Hello")])
        .await;
    let changed = studio
        .until_observed("the change is on air", |observed| {
            observed
                .scene
                .as_ref()
                .is_some_and(|scene| scene.revision == 2)
                && observed.performance.layer_change_to_air_ms.is_some()
                && observed
                    .layers
                    .iter()
                    .all(|layer| layer.state == LayerState::Ok)
        })
        .await;
    assert_eq!(changed.layers.len(), 2);
    let latest = changed.performance.layer_change_to_air_ms;
    assert_eq!(changed.performance.layer_change_to_air_ms_p50, latest);
    assert_eq!(changed.performance.layer_change_to_air_ms_p99, latest);
    let applied = studio.host.commands();
    let applied = applied
        .iter()
        .rev()
        .find(|command| command["command"] == "apply-scene")
        .unwrap();
    let texts: Vec<&Value> = applied["scene"]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["content"]["text"])
        .collect();
    assert_eq!(texts, ["News", "Hello"]);

    let statuses: Vec<(String, LayerStatus)> = studio
        .bus
        .hash_documents(&keys::layer_statuses(&studio.stream))
        .await
        .unwrap();
    assert_eq!(statuses.len(), 2);
    let told = studio.events(Channel::LayerUpdates).await;
    assert!(kinds(&told).contains(&EventType::LayerStatusChanged));
}

#[tokio::test]
async fn a_paused_stream_shows_the_slate_and_goes_on_delivering() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.compose(1, &[(LayerId::generate(), "Hello")]).await;
    studio.go_live().await;
    let before = until_playlist(&api, "on air", |_| true).await;

    let revision = studio.desire(DesiredStatus::Paused, 1).await;
    let paused = studio.until_status(StreamStatus::Paused).await;
    assert_eq!(paused.desired_revision, revision);
    assert_eq!(paused.scene, None);
    // The sources of the scene stay connected under the slate.
    assert_eq!(
        (paused.covered.unwrap().revision, paused.layers.len()),
        (1, 1)
    );
    let commands = studio.host.commands();
    let scene = &commands.last().unwrap()["scene"];
    assert_eq!(scene["layers"].as_array().unwrap().len(), 1);
    let slate = &scene["cover"]["layers"];
    assert_eq!(slate[1]["content"]["text"], "We will be right back");
    let during = until_playlist(&api, "goes on", |list| list.next() > before.next() + 2).await;
    assert_eq!((during.discontinuities, &during.maps), (0, &before.maps));

    let revision = studio.desire(DesiredStatus::Live, 1).await;
    let live = studio.until_status(StreamStatus::Live).await;
    assert_eq!(live.desired_revision, revision);
    assert_eq!(live.scene.unwrap().revision, 1);
    assert!(live.interruptions.is_empty());
}

#[tokio::test]
async fn a_restart_replaces_the_worker_and_counts_the_gap() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    let before = until_playlist(&api, "on air", |list| list.segments.len() > 2).await;

    let revision = studio.desire(DesiredStatus::Live, 2).await;
    let after = studio
        .until_observed("restarted", |observed| {
            observed.desired_revision == revision && observed.status == StreamStatus::Live
        })
        .await;
    assert_eq!((after.generation, after.worker_restarts), (2, 1));
    assert!(!is_running(worker));
    assert_eq!(after.interruptions.len(), 1);
    assert_eq!(after.interruptions[0].cause, "stream.restarted");
    let list = until_playlist(&api, "both runs", |list| list.maps.len() == 2).await;
    assert_eq!(list.discontinuities, 1);
    for (number, segment) in list.numbered() {
        if let Some((_, known)) = before.numbered().find(|(known, _)| *known == number) {
            assert_eq!(known, segment, "a number means one segment for ever");
        }
    }
}

#[tokio::test]
async fn an_orderly_end_stops_the_worker_and_gives_the_lease_back() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    engine.stop();
    assert!(!is_running(worker));
    assert_eq!(studio.bus.lease_holder(&studio.stream).await.unwrap(), None);
    let left = studio.observed().await.unwrap();
    assert_eq!(left.status, StreamStatus::Reconnecting);
    assert_eq!(left.engine, None);

    let _next = studio.engine(&[]);
    let back = studio.until_status(StreamStatus::Live).await;
    assert_eq!(back.live_since, left.live_since);
    assert_eq!(back.interruptions[0].cause, "engine.stopped");
}

#[tokio::test]
async fn a_worker_and_its_engine_report_what_they_use() {
    let studio = Studio::open();
    let engine = studio.engine(&[("ops.report_interval_ms", "100")]);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    sm_test_kit::until("both rows", PATIENCE, || async {
        let now = sm_common::clock::Clock::now(&sm_common::clock::SystemClock);
        let rows = studio.bus.instances(now).await.unwrap();
        rows.iter().any(|row| row.service == "stream-engine")
            && rows
                .iter()
                .any(|row| row.service == "media-worker" && row.pid == worker)
    })
    .await;
    let metrics = sm_test_kit::Api::new(engine.metrics_url());
    let text = metrics.get("/metrics").await.expect(200).text;
    assert!(
        text.contains("sm_engine_lease_held{stream=\"main\"} 1"),
        "{text}"
    );
    let health = sm_test_kit::Api::new(engine.health_url())
        .get("/health")
        .await
        .expect(200);
    let components = health.body["components"].as_array().unwrap();
    let stream = components
        .iter()
        .find(|part| part["name"] == "stream:main")
        .unwrap();
    assert_eq!(stream["status"], "up");
    assert!(
        health.body["indicators"]["stream_main_lease_age_s"]
            .as_f64()
            .unwrap()
            < 5.0
    );
}

#[tokio::test]
async fn another_streams_lease_is_taken_when_it_is_announced() {
    let studio = Studio::open();
    let engine = studio.engine(&[("engine.look_interval_ms", "100")]);
    let api = studio.viewer(&engine);
    let path = "/live/second/index.m3u8";
    drop(api.get(path).await.expect_problem(404, "stream.not-found"));
    let mut announce = sm_bus::redis::cmd("SADD");
    announce.arg(keys::STREAMS).arg("second");
    let _added: i64 = studio.bus.query(&announce).await.unwrap();
    sm_test_kit::until("it is looked after", PATIENCE, || async {
        api.get(path).await.body["code"] == "stream.not-on-air"
    })
    .await;
    let holder = studio.bus.lease_holder(&"second".parse().unwrap()).await;
    assert_eq!(holder.unwrap().unwrap().instance, *engine.kit().instance());
}

#[tokio::test]
async fn unneeded_files_are_deleted_after_their_grace() {
    let studio = Studio::open();
    let engine = studio.engine(&[("live.window_segments", "3"), ("live.grace_s", "0")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let first = until_playlist(&api, "on air", |_| true).await.segments[0].clone();
    let file = studio.host.path("live/main").join(first);
    until_true("the first segment is deleted", || !file.exists()).await;
    let list = until_playlist(&api, "on air", |list| list.segments.len() == 3).await;
    for name in list.segments.iter().chain(&list.maps) {
        drop(api.get(&format!("/live/main/{name}")).await.expect(200));
    }
}
