//! An engine dies or is replaced, and its worker stays on air.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

use serde_json::Value;
use sm_common::event::{Channel, EventType};
use sm_common::id::LayerId;
use sm_common::stream::{DesiredStatus, LayerState, ObservedState, StreamStatus};
use sm_media_protocol::{LeaseTerms, Report, decode, encode};

use crate::harness::{
    Host, Studio, is_running, send_signal, until_answered, until_playlist, until_true,
};
use crate::playlist::Playlist;

/// Waits until the worker of `list`'s run has written so many more segments than are listed.
async fn until_written(host: &Host, list: &Playlist, more: u64) {
    let run = list.maps.last().unwrap();
    let run = run.strip_prefix("init-").unwrap().strip_suffix(".mp4");
    let newest = list.segments.last().unwrap().strip_suffix(".m4s").unwrap();
    let (_, number) = newest.rsplit_once('-').unwrap();
    let number: u64 = number.parse().unwrap();
    let file = host.path(&format!("live/main/{}-{}.m4s", run.unwrap(), number + more));
    until_true("the worker goes on alone", || file.exists()).await;
}

/// A player that saw both lists saw every segment once, in order, without a break.
fn assert_goes_on(before: &Playlist, after: &Playlist) {
    assert_eq!((after.discontinuities, after.maps.len()), (0, 1));
    assert_eq!(after.maps, before.maps, "the same run");
    assert_eq!(after.discontinuity_sequence, before.discontinuity_sequence);
    let offset = |list: &Playlist| {
        let offsets = list.numbered().map(|(number, file)| {
            let file = file.strip_suffix(".m4s").unwrap();
            let (_, in_run) = file.rsplit_once('-').unwrap();
            number - in_run.parse::<u64>().unwrap()
        });
        offsets.collect::<Vec<_>>()
    };
    let mut offsets = [offset(before), offset(after)].concat();
    offsets.dedup();
    assert_eq!(offsets.len(), 1, "{before:?} {after:?}");
}

pub(crate) fn nothing_was_interrupted(observed: &ObservedState, live: &ObservedState) {
    assert_eq!(observed.interruptions, []);
    assert_eq!(observed.worker_restarts, live.worker_restarts);
    assert_eq!(observed.live_since, live.live_since);
    assert_eq!((observed.status, observed.since), (live.status, live.since));
    assert!(observed.errors.is_empty(), "{:?}", observed.errors);
}

pub(crate) async fn until_taken_over(studio: &Studio, before: &ObservedState) -> ObservedState {
    let token = |observed: &ObservedState| observed.engine.as_ref().map(|engine| engine.token);
    studio
        .until_observed("another engine holds the stream", |observed| {
            observed.status == before.status && token(observed) > token(before)
        })
        .await
}

/// Waits until the worker has been told again what goes on beside the picture. Of the picture
/// itself there is nothing to say.
async fn until_told_beside(studio: &Studio, before: usize) {
    let told_since = || -> Vec<Value> {
        let commands = studio.host.commands();
        let since = commands.iter().skip(before);
        since.map(|one| one["command"].clone()).collect()
    };
    until_true("outputs and preview are told again", || {
        told_since().len() >= 2
    })
    .await;
    assert_eq!(told_since(), ["apply-outputs", "apply-preview"]);
}

#[tokio::test]
async fn a_killed_engine_costs_no_picture() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.3");
    let layer = LayerId::generate();
    studio.compose(4, &[(layer, "Hello")]).await;
    studio.go_live().await;
    let live = studio
        .until_observed("the layer is in the picture", |observed| {
            observed
                .layers
                .iter()
                .any(|one| one.state == LayerState::Ok)
        })
        .await;
    let before = until_playlist(&first.api, "on air", |list| list.segments.len() > 3).await;
    let worker = studio.host.worker_pid().unwrap();
    first.kill();
    until_written(&studio.host, &before, 8).await;

    // The same address and directory; the lease of the dead process is still good.
    let second = studio.engine_process(&studio.host, "127.85.6.3");
    let back = until_taken_over(&studio, &live).await;
    nothing_was_interrupted(&back, &live);
    assert_eq!(back.scene, live.scene);
    assert_eq!(back.layers, live.layers);
    assert_eq!(back.program, live.program);
    assert_eq!(studio.host.worker_pid(), Some(worker));
    until_answered(&second.api, "/live/main/index.m3u8", 200).await;
    let list = until_playlist(&second.api, "it goes on", |list| {
        list.next() > before.next() + 8
    })
    .await;
    assert_goes_on(&before, &list);
    let configured = studio.host.commands();
    let configured = configured
        .iter()
        .filter(|one| one["command"] == "configure")
        .count();
    assert_eq!(configured, 1, "one worker from beginning to end");

    // It obeys its new host.
    let other = LayerId::generate();
    studio
        .compose(5, &[(layer, "Hello"), (other, "again")])
        .await;
    let changed = studio
        .until_observed("the new scene is on air", |observed| {
            observed
                .scene
                .as_ref()
                .is_some_and(|scene| scene.revision == 5)
                && observed.layers.len() == 2
                && observed
                    .layers
                    .iter()
                    .all(|one| one.state == LayerState::Ok)
        })
        .await;
    assert_eq!(changed.interruptions, []);
    assert!(changed.performance.layer_change_to_air_ms.is_none());
    let events = studio.events(Channel::StreamState).await;
    let interrupted = events
        .iter()
        .any(|event| event.kind == EventType::StreamInterrupted);
    assert!(!interrupted);

    // And it is watched over: its end is noticed, although it is no child of this process.
    send_signal(worker, "-KILL");
    let replaced = studio
        .until_observed("replaced", |observed| {
            observed.status == StreamStatus::Live && observed.worker_restarts == 1
        })
        .await;
    assert_eq!(replaced.interruptions[0].cause, "worker.exited");
}

#[tokio::test]
async fn a_paused_stream_stays_paused_and_a_stop_is_obeyed() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.4");
    studio.compose(4, &[(LayerId::generate(), "Hello")]).await;
    studio.go_live().await;
    studio.desire(DesiredStatus::Paused, 1).await;
    let paused = studio.until_status(StreamStatus::Paused).await;
    until_playlist(&first.api, "on air", |_| true).await;
    let worker = studio.host.worker_pid().unwrap();
    first.kill();
    let told = studio.host.commands().len();
    let _second = studio.engine_process(&studio.host, "127.85.6.4");
    let back = until_taken_over(&studio, &paused).await;
    nothing_was_interrupted(&back, &paused);
    until_told_beside(&studio, told).await;
    studio.desire(DesiredStatus::Offline, 1).await;
    studio.until_status(StreamStatus::Offline).await;
    assert!(!is_running(worker));
    assert_eq!(studio.host.commands().last().unwrap()["command"], "stop");
}

#[tokio::test]
async fn a_command_that_was_given_while_the_engine_was_dead_is_obeyed() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.5");
    studio.go_live().await;
    let before = until_playlist(&first.api, "on air", |_| true).await;
    let worker = studio.host.worker_pid().unwrap();
    first.kill();
    studio.desire(DesiredStatus::Paused, 1).await;
    let second = studio.engine_process(&studio.host, "127.85.6.5");
    let paused = studio.until_status(StreamStatus::Paused).await;
    assert_eq!(paused.interruptions, []);
    assert_eq!(studio.host.worker_pid(), Some(worker));
    until_answered(&second.api, "/live/main/index.m3u8", 200).await;
    let list = until_playlist(&second.api, "it goes on", |list| {
        list.next() > before.next()
    })
    .await;
    assert_goes_on(&before, &list);
}

#[tokio::test]
async fn an_engine_that_is_to_keep_its_worker_leaves_it_to_its_successor() {
    let studio = Studio::open();
    let keep = [("worker.keep_on_stop", "true")];
    let mut first = studio.engine_process_with(&studio.host, "127.85.6.6", &keep);
    let live = studio.go_live().await;
    let before = until_playlist(&first.api, "on air", |list| list.segments.len() > 3).await;
    let worker = studio.host.worker_pid().unwrap();
    first.signal("-TERM");
    assert!(first.wait());
    let holder = studio.bus.lease_holder(&studio.stream).await.unwrap();
    assert!(holder.is_some(), "nobody else is to take it at once");
    until_written(&studio.host, &before, 8).await;
    let second = studio.engine_process_with(&studio.host, "127.85.6.6", &keep);
    let back = until_taken_over(&studio, &live).await;
    nothing_was_interrupted(&back, &live);
    assert_eq!(studio.host.worker_pid(), Some(worker));
    until_answered(&second.api, "/live/main/index.m3u8", 200).await;
    let list = until_playlist(&second.api, "it goes on", |list| {
        list.next() > before.next() + 8
    })
    .await;
    assert_goes_on(&before, &list);
}

#[tokio::test]
async fn an_engine_that_stops_in_order_ends_its_worker() {
    let studio = Studio::open();
    let mut engine = studio.engine_process(&studio.host, "127.85.6.7");
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    engine.signal("-TERM");
    assert!(engine.wait());
    assert!(!is_running(worker));
    assert_eq!(studio.host.worker_pid(), None);
}

#[tokio::test]
async fn a_worker_that_died_while_nobody_watched_is_replaced_and_the_gap_is_told() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.8");
    let live = studio.go_live().await;
    let before = until_playlist(&first.api, "on air", |list| list.segments.len() > 3).await;
    let worker = studio.host.worker_pid().unwrap();
    first.kill();
    send_signal(worker, "-KILL");
    until_true("the worker is dead", || !is_running(worker)).await;
    // The number of its process is somebody else's by now.
    let bystander = Bystander::start();
    let pid_file = studio.host.path("run/media-worker-main.pid");
    std::fs::write(pid_file, format!("{}\n", bystander.0.id())).unwrap();

    let second = studio.engine_process(&studio.host, "127.85.6.8");
    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.live_since, live.live_since);
    assert_eq!(back.interruptions.len(), 1);
    assert_eq!(back.interruptions[0].cause, "engine.lost");
    assert!(is_running(bystander.0.id()), "a number is no proof");
    assert_ne!(studio.host.worker_pid(), Some(bystander.0.id()));
    let list = until_playlist(&second.api, "both runs", |list| list.maps.len() == 2).await;
    assert_eq!(list.discontinuities, 1, "the old segments are still listed");
    for (number, segment) in list.numbered() {
        if let Some((_, known)) = before.numbered().find(|(known, _)| *known == number) {
            assert_eq!(known, segment, "a number means one segment for ever");
        }
    }
}

#[tokio::test]
async fn a_frozen_worker_is_not_adopted_but_ended() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.9");
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    first.kill();
    send_signal(worker, "-STOP");
    let impatient = [("worker.adopt_timeout_ms", "300")];
    let _second = studio.engine_process_with(&studio.host, "127.85.6.9", &impatient);
    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.interruptions[0].cause, "engine.lost");
    assert!(!is_running(worker));
}

#[tokio::test]
async fn a_worker_that_answers_nonsense_is_not_adopted_but_ended() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.13");
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    first.kill();
    studio.host.demand("babble");
    let impatient = [("worker.ready_timeout_ms", "2000")];
    let _second = studio.engine_process_with(&studio.host, "127.85.6.13", &impatient);
    until_true("the worker is ended", || !is_running(worker)).await;
    studio.host.no_longer_demand("babble");
    let back = studio
        .until_observed("back on air", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.interruptions[0].cause, "engine.lost");
}

#[tokio::test]
async fn a_host_that_lost_the_stream_leaves_its_worker_to_its_own_end() {
    let studio = Studio::open();
    let first_host = Studio::another_host();
    let short = [("worker.orphan_s", "6")];
    let mut first = studio.engine_process_with(&first_host, "127.85.6.10", &short);
    let live = studio.go_live().await;
    let worker = first_host.worker_pid().unwrap();
    first.kill();
    let leases = first_host.leases().len();
    let second = studio.engine(&[("auth.public_view", "true")]);
    let taken = until_taken_over(&studio, &live).await;
    let holder = second.kit().instance();
    assert_eq!(taken.engine.as_ref().unwrap().instance, *holder);
    // Back again, but the stream is somebody else's now: it asks the holder, and nobody here.
    let restarted = studio.engine_process_with(&first_host, "127.85.6.10", &short);
    until_answered(&restarted.api, "/live/main/index.m3u8", 200).await;
    assert_eq!(first_host.leases().len(), leases, "it is not spoken to");
    until_true("the worker ends by itself", || !is_running(worker)).await;
    let after = studio.until_status(StreamStatus::Live).await;
    assert_eq!(after.engine.unwrap().instance, *holder);
}

#[tokio::test]
async fn engines_that_share_a_machine_do_not_take_each_others_workers() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.6.11");
    let live = studio.go_live().await;
    let before = until_playlist(&first.api, "on air", |_| true).await;
    let worker = studio.host.worker_pid().unwrap();
    let own = studio.host.path("live-2").display().to_string();
    let second = studio.engine_process_with(
        &studio.host,
        "127.85.6.12",
        &[("live.directory", own.as_str())],
    );
    until_answered(&second.api, "/live/main/index.m3u8", 200).await;
    let holder = &live.engine.as_ref().unwrap().instance;
    until_playlist(&first.api, "it goes on", |list| {
        list.next() > before.next() + 5
    })
    .await;
    let still = studio.observed().await.unwrap();
    assert_eq!(still.engine.as_ref().unwrap().instance, *holder);
    assert_eq!(studio.host.worker_pid(), Some(worker));

    // Its lease over, the worker of the dead one delivers where the new holder cannot serve it.
    first.kill();
    let back = studio
        .until_observed("on air again", |observed| {
            observed.status == StreamStatus::Live && !observed.interruptions.is_empty()
        })
        .await;
    assert_eq!(back.interruptions[0].cause, "engine.lost");
    assert!(!is_running(worker), "two never run beside each other");
}

#[tokio::test]
async fn a_line_that_breaks_is_taken_up_again() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.compose(4, &[(LayerId::generate(), "Hello")]).await;
    let live = studio.go_live().await;
    let before = until_playlist(&api, "on air", |_| true).await;
    let worker = studio.host.worker_pid();
    // Whoever connects takes the place of the engine's connection.
    let socket = studio.host.path("run/media-workers/main.sock");
    let mut intruder = UnixStream::connect(socket).unwrap();
    let lease = sm_media_protocol::Command::Lease(LeaseTerms {
        token: live.engine.as_ref().unwrap().token,
        valid_until_ms: 0,
    });
    intruder.write_all(&encode(&lease).unwrap()).unwrap();
    let mut lines = BufReader::new(intruder).split(b'\n');
    let ready: Report = decode(&lines.next().unwrap().unwrap()).unwrap();
    assert!(matches!(
        ready,
        Report::Ready {
            on_air: Some(_),
            ..
        }
    ));
    // The engine connects again, and that is the intruder's end.
    tokio::task::spawn_blocking(move || while let Some(Ok(_)) = lines.next() {})
        .await
        .unwrap();
    let list = until_playlist(&api, "it goes on", |list| list.next() > before.next() + 5).await;
    assert_goes_on(&before, &list);
    studio.compose(5, &[]).await;
    let changed = studio
        .until_observed("it is still obeyed", |observed| {
            observed
                .scene
                .as_ref()
                .is_some_and(|scene| scene.revision == 5)
        })
        .await;
    nothing_was_interrupted(&changed, &live);
    assert_eq!(studio.host.worker_pid(), worker);
}

/// A process that has nothing to do with all this.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        // The test is over either way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
