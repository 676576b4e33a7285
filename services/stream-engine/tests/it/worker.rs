//! Workers that die, hang, lie or will not die.

use sm_common::event::{
    Channel, EventType, StreamErrorCleared, StreamErrorRaised, StreamInterrupted,
};
use sm_common::id::LayerId;
use sm_common::stream::{DesiredStatus, LayerState, Severity, StreamStatus};
use sm_media_protocol::ENVIRONMENT;

use crate::harness::{Studio, is_running, send_signal, until_playlist, until_true};

#[tokio::test]
async fn a_killed_worker_is_replaced_and_the_gap_is_told() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    let live = studio.go_live().await;
    let before = until_playlist(&api, "on air", |list| list.segments.len() > 2).await;
    send_signal(studio.host.worker_pid().unwrap(), "-KILL");

    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.live_since, live.live_since);
    assert_eq!(back.worker_restarts, 1);
    assert_eq!(back.interruptions[0].cause, "worker.killed");
    assert!(back.interruptions[0].length_ms < 10_000);
    assert!(back.errors.is_empty(), "{:?}", back.errors);
    let list = until_playlist(&api, "both runs", |list| list.maps.len() == 2).await;
    assert_eq!(list.discontinuities, 1);
    assert!(list.next() > before.next());
    for (number, segment) in list.numbered() {
        if let Some((_, known)) = before.numbered().find(|(known, _)| *known == number) {
            assert_eq!(known, segment, "a number means one segment for ever");
        }
    }

    let told = studio.events(Channel::StreamState).await;
    let of = |kind| told.iter().find(|event| event.kind == kind).unwrap();
    let raised: StreamErrorRaised = of(EventType::StreamErrorRaised).payload().unwrap();
    assert_eq!(
        (raised.0.code.as_str(), raised.0.severity),
        ("worker.killed", Severity::Error)
    );
    assert!(raised.0.message.contains("signal 9") && raised.0.recovering);
    let cleared: StreamErrorCleared = of(EventType::StreamErrorCleared).payload().unwrap();
    assert_eq!(cleared.0.code, "worker.killed");
    let gap: StreamInterrupted = of(EventType::StreamInterrupted).payload().unwrap();
    assert_eq!(gap.0, back.interruptions[0]);
}

#[tokio::test]
async fn a_worker_has_its_environment_before_it_starts() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{worker}/environ")).unwrap();
    for (name, value) in ENVIRONMENT {
        let wanted = format!("{name}={value}");
        assert!(
            environment.split('\0').any(|entry| entry == wanted),
            "{wanted}"
        );
    }
}

#[tokio::test]
async fn a_worker_that_never_gets_on_air_is_given_up_until_a_command() {
    let studio = Studio::open();
    studio.host.demand("exit-at-once");
    let _engine = studio.engine(&[("restart.failures_max", "3")]);
    let revision = studio.desire(DesiredStatus::Live, 1).await;
    let failed = studio.until_status(StreamStatus::Failed).await;
    assert_eq!((failed.desired_revision, failed.generation), (revision, 1));
    assert_eq!(failed.errors[0].code, "worker.exited");
    assert_eq!(failed.errors[0].severity, Severity::Critical);
    assert_eq!(
        (failed.errors[0].count, failed.errors[0].recovering),
        (3, false)
    );
    assert_eq!(
        failed.reason.unwrap(),
        "gave up: the media worker exited with code 3"
    );

    studio.host.no_longer_demand("exit-at-once");
    studio.desire(DesiredStatus::Live, 2).await;
    let live = studio.until_status(StreamStatus::Live).await;
    assert!(live.errors.is_empty());
    assert_eq!(live.generation, 2);
}

#[tokio::test]
async fn a_failed_stream_can_be_stopped() {
    let studio = Studio::open();
    studio.host.demand("exit-at-once");
    let _engine = studio.engine(&[("restart.failures_max", "2")]);
    studio.desire(DesiredStatus::Live, 1).await;
    studio.until_status(StreamStatus::Failed).await;
    let revision = studio.desire(DesiredStatus::Offline, 1).await;
    let off = studio.until_status(StreamStatus::Offline).await;
    assert_eq!(off.desired_revision, revision);
    assert!(off.errors.is_empty());
}

#[tokio::test]
async fn a_missing_worker_program_is_named() {
    let studio = Studio::open();
    let _engine = studio.engine(&[
        ("worker.program", "/nowhere/media-worker"),
        ("restart.failures_max", "2"),
    ]);
    studio.desire(DesiredStatus::Live, 1).await;
    let failed = studio.until_status(StreamStatus::Failed).await;
    assert_eq!(failed.errors[0].code, "worker.not-started");
}

#[tokio::test]
async fn a_worker_that_does_not_say_that_it_is_ready_is_replaced() {
    let studio = Studio::open();
    studio.host.demand("never-ready");
    let _engine = studio.engine(&[("worker.ready_timeout_ms", "2000")]);
    studio.desire(DesiredStatus::Live, 1).await;
    let starting = studio
        .until_observed("the reason is told", |observed| !observed.errors.is_empty())
        .await;
    assert_eq!(starting.status, StreamStatus::Starting);
    assert_eq!(starting.errors[0].code, "worker.not-ready");
    studio.host.no_longer_demand("never-ready");
    let live = studio.until_status(StreamStatus::Live).await;
    assert!(live.interruptions.is_empty(), "it was not on air before");
}

#[tokio::test]
async fn a_refused_configuration_is_told_in_the_workers_words() {
    let studio = Studio::open();
    studio.host.demand("refuse");
    let _engine = studio.engine(&[("restart.failures_max", "2")]);
    studio.desire(DesiredStatus::Live, 1).await;
    let failed = studio.until_status(StreamStatus::Failed).await;
    assert_eq!(failed.errors[0].code, "worker.configuration-refused");
    assert!(failed.reason.unwrap().contains("refused as demanded"));
}

#[tokio::test]
async fn a_worker_that_hangs_is_replaced() {
    let studio = Studio::open();
    let _engine = studio.engine(&[("worker.stall_timeout_ms", "2000")]);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    studio.host.demand("hang");
    until_true("the worker is killed", || !is_running(worker)).await;
    studio.host.no_longer_demand("hang");
    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.interruptions[0].cause, "worker.stalled");
}

#[tokio::test]
async fn lines_that_are_no_messages_are_passed_over() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.host.demand("garbage");
    studio.go_live().await;
    let worker = studio.host.worker_pid();
    until_playlist(&api, "it goes on", |list| list.segments.len() > 5).await;
    assert_eq!(studio.host.worker_pid(), worker);
}

#[tokio::test]
async fn a_worker_that_only_talks_nonsense_is_replaced() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    studio.host.demand("flood");
    until_true("the worker is killed", || !is_running(worker)).await;
    studio.host.no_longer_demand("flood");
    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.interruptions[0].cause, "worker.garbled");
}

#[tokio::test]
async fn a_worker_that_will_not_end_is_killed() {
    let studio = Studio::open();
    let _engine = studio.engine(&[("worker.stop_timeout_ms", "300")]);
    studio.host.demand("ignore-stop");
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    studio.desire(DesiredStatus::Offline, 1).await;
    studio.until_status(StreamStatus::Offline).await;
    assert!(!is_running(worker));
}

#[tokio::test]
async fn a_failing_layer_degrades_the_stream_and_nothing_else() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.host.demand("fail-layers");
    let layer = LayerId::generate();
    studio.compose(1, &[(layer, "Hello")]).await;
    studio.desire(DesiredStatus::Live, 1).await;
    let degraded = studio.until_status(StreamStatus::Degraded).await;
    assert_eq!(degraded.errors[0].component, format!("layer:{layer}"));
    assert_eq!(degraded.errors[0].code, "layer.source.missing");
    assert_eq!(degraded.layers[0].state, LayerState::Failing);
    assert_eq!(degraded.desired_revision, 1, "on air is on air");
    let list = until_playlist(&api, "on air", |_| true).await;
    until_playlist(&api, "it goes on", |later| later.next() > list.next() + 3).await;

    studio.host.no_longer_demand("fail-layers");
    studio.compose(2, &[(layer, "Hello again")]).await;
    let live = studio.until_status(StreamStatus::Live).await;
    assert!(live.errors.is_empty());
    studio.host.demand("fail-layers");
    studio.compose(3, &[(layer, "Hello once more")]).await;
    studio.until_status(StreamStatus::Degraded).await;
    studio.compose(4, &[]).await;
    let without = studio.until_status(StreamStatus::Live).await;
    assert!(without.layers.is_empty(), "a deleted layer fails no more");
}

#[tokio::test]
async fn a_fault_of_the_program_is_told() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio.go_live().await;
    studio.host.demand("fault");
    let degraded = studio.until_status(StreamStatus::Degraded).await;
    assert_eq!(degraded.errors[0].code, "program.audio.lost");
    assert_eq!(degraded.reason.unwrap(), "no sound");
}

#[tokio::test]
async fn a_black_program_is_never_reported_as_fine() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio.go_live().await;
    studio.host.demand("black");
    let degraded = studio.until_status(StreamStatus::Degraded).await;
    assert_eq!(degraded.errors[0].code, "program.black");
    assert_eq!(degraded.errors[0].component, "program");
    let reason = degraded.reason.unwrap();
    assert!(reason.contains("black"), "{reason}");
    studio.host.no_longer_demand("black");
    let live = studio.until_status(StreamStatus::Live).await;
    assert!(live.errors.is_empty());
}
