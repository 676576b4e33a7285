//! A host is replaced: its stream goes to another one that runs it already.

use std::time::Duration;

use serde_json::Value;
use sm_bus::{keys, redis};
use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::event::{Channel, EventType};
use sm_common::id::LayerId;
use sm_common::ladder::Rendition;
use sm_common::output::{Adaptive, Output, OutputStatus, OutputTarget, RtmpTarget};
use sm_common::stream::{DesiredStatus, ObservedState, StreamStatus};
use sm_test_kit::{Api, HlsFollower, Running, until, until_some};

use crate::harness::{
    Host, IN_PARTS, PATIENCE, Studio, is_running, until_answered, until_playlist, until_true,
};
use crate::playlist::Playlist;

const PLAYLIST: &str = "/live/main/index.m3u8";
const LOW: &str = "/live/main/low.m3u8";
/// Everything that these tests look at stays listed.
const LONG_LIST: (&str, &str) = ("live.window_segments", "100");
/// No test waits for the end of this.
const PATIENT: (&str, &str) = ("handover.longest_ms", "60000");
const SETTINGS: [(&str, &str); 3] = [IN_PARTS, LONG_LIST, PATIENT];

/// The engine ends as SIGTERM would end it, while the test goes on.
fn end(engine: Running) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || engine.stop())
}

/// Who is to have the stream next, as the lease says.
async fn heir(studio: &Studio) -> Option<String> {
    let mut command = redis::cmd("HGET");
    command.arg(keys::lease(&studio.stream)).arg("heir");
    studio.bus.query(&command).await.unwrap()
}

async fn until_claimed(studio: &Studio) {
    until("there is an heir", PATIENCE, || async {
        heir(studio).await.is_some()
    })
    .await;
}

/// Waits until the holder knows of its heir: that one says so more seldom than the holder asks.
async fn until_known(studio: &Studio) {
    let mut command = redis::cmd("HGET");
    command.arg(keys::lease(&studio.stream)).arg("heir_until");
    let mut claims = std::collections::BTreeSet::new();
    while claims.len() < 4 {
        let until: Option<String> = studio.bus.query(&command).await.unwrap();
        claims.extend(until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the host's worker would deliver, if it were not held.
async fn until_held(host: &Host) {
    let held = host.path("held");
    until_true("a worker stands by", || held.exists()).await;
}

async fn until_live_on(studio: &Studio, engine: &Running) -> ObservedState {
    studio
        .until_observed("live on the other engine", |observed| {
            let holder = observed.engine.as_ref();
            observed.status == StreamStatus::Live
                && holder.is_some_and(|holder| holder.instance == *engine.kit().instance())
        })
        .await
}

fn configurations(host: &Host) -> usize {
    let commands = host.commands();
    let configured = commands.iter().filter(|one| one["command"] == "configure");
    configured.count()
}

fn counted(metrics: &str, outcome: &str) -> bool {
    let line = format!("sm_engine_handovers_total{{outcome=\"{outcome}\",stream=\"main\"}} 1");
    metrics.lines().any(|known| known == line)
}

fn to_a_server() -> Output {
    Output {
        id: "one".parse().unwrap(),
        name: "One".to_owned(),
        target: OutputTarget::Rtmp(RtmpTarget {
            url: "rtmp://127.0.0.1/app".to_owned(),
            key: None,
        }),
        adaptive: Adaptive::default(),
        enabled: true,
        generation: 1,
        revision: 1,
        created_at: Timestamp::from_unix_millis(0),
        updated_at: Timestamp::from_unix_millis(0),
    }
}

/// Every moment from the first to the last segment is in one that is listed.
fn assert_nothing_is_missing(list: &Playlist) {
    let mut spans = list.spans.iter();
    let (mut covered, mut before) = (spans.next().unwrap().1, None);
    for (start, end) in spans {
        // Times are written in milliseconds.
        let until = covered.plus(Duration::from_millis(2));
        assert!(*start <= until, "{before:?} {start} {covered} {list:#?}");
        covered = covered.max(*end);
        before = Some(*start);
    }
}

/// What a strict player has seen once it has seen two runs, and more of the second.
async fn watch(api: Api) -> (HlsFollower, Playlist) {
    let mut follower = HlsFollower::default();
    let start = std::time::Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "{:#?}", follower.segments());
        let answer = api.get(PLAYLIST).await;
        // While the lease changes hands nobody may answer.
        if answer.status == 200 {
            follower.read(&answer.text).unwrap();
            let list = Playlist::parse(&answer.text);
            let run = list.maps.last().unwrap().replace("init-", "");
            let run = run.trim_end_matches(".mp4");
            let of_run = list.segments.iter().filter(|one| one.starts_with(run));
            if list.maps.len() == 2 && of_run.count() > 5 {
                return (follower, list);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_replaced_host_costs_no_picture() {
    let studio = Studio::open();
    let first = studio.engine(&SETTINGS);
    studio.compose(4, &[(LayerId::generate(), "Hello")]).await;
    studio
        .desire_with(DesiredStatus::Live, 1, vec![to_a_server()])
        .await;
    let live = studio
        .until_observed("the output delivers", |observed| {
            let mut outputs = observed.outputs.iter();
            observed.status == StreamStatus::Live
                && outputs.all(|one| one.status == OutputStatus::Live)
        })
        .await;
    let host = Studio::another_host();
    let second = studio.engine_on(&host, &SETTINGS);
    let api = studio.viewer(&second);
    until_answered(&api, PLAYLIST, 200).await;
    let before = until_playlist(&api, "on air", |list| list.segments.len() > 3).await;
    let worker = studio.host.worker_pid().unwrap();

    // It knows the second engine alone.
    let watching = tokio::spawn(watch(api.clone()));
    end(first).await.unwrap();
    assert!(!is_running(worker));
    let (follower, list) = watching.await.unwrap();

    assert_eq!(
        (list.discontinuities, list.media_sequence),
        (1, before.media_sequence)
    );
    let known: Vec<_> = list.numbered().take(before.segments.len()).collect();
    assert_eq!(known, before.numbered().collect::<Vec<_>>());
    assert_nothing_is_missing(&list);
    // Every old segment and its init section is played from here, as it was.
    for segment in &before.segments {
        let copy = api.get(&format!("/live/main/{segment}")).await.expect(200);
        let original = std::fs::read_to_string(studio.host.path("live/main").join(segment));
        assert_eq!(copy.text, original.unwrap());
    }
    drop(
        api.get(&format!("/live/main/{}", before.maps[0]))
            .await
            .expect(200),
    );
    let parts = follower.segments().values().flat_map(|one| &one.parts);
    assert!(parts.count() > 10);

    let back = until_live_on(&studio, &second).await;
    assert_eq!(back.live_since, live.live_since);
    assert_eq!((&back.interruptions, back.worker_restarts), (&vec![], 0));
    assert!(back.errors.is_empty(), "{:?}", back.errors);
    assert_eq!(back.scene, live.scene);
    let events = studio.events(Channel::StreamState).await;
    let told = |kind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(told(EventType::StreamInterrupted), 0);

    // The worker stood by without outputs and without a permit, and has both now.
    let commands = host.commands();
    assert_eq!(commands[0]["command"], "configure");
    assert_eq!(commands[0]["outputs"], serde_json::json!([]));
    let applied = |one: &&Value| one["command"] == "apply-outputs";
    let applied = commands.iter().find(applied).unwrap();
    assert_eq!(applied["outputs"][0]["id"], "one");
    assert_eq!(configurations(&host), 1);
    let leases = host.leases();
    assert_eq!(
        (
            leases[0]["token"].as_u64(),
            leases[0]["valid_until_ms"].as_u64()
        ),
        (Some(0), Some(0))
    );
    assert!(leases.last().unwrap()["token"].as_u64() > Some(0));
    studio
        .until_observed("the output delivers again", |observed| {
            observed
                .outputs
                .iter()
                .all(|one| one.status == OutputStatus::Live)
        })
        .await;
    let metrics = Api::new(second.metrics_url()).get("/metrics").await.text;
    assert!(counted(&metrics, "taken"), "{metrics}");
}

#[tokio::test]
async fn without_another_engine_a_host_ends_as_ever() {
    let studio = Studio::open();
    let engine = studio.engine(&[PATIENT]);
    studio.go_live().await;
    let worker = studio.host.worker_pid().unwrap();
    end(engine).await.unwrap();
    assert!(!is_running(worker));
    let holder = studio.bus.lease_holder(&studio.stream).await.unwrap();
    assert_eq!(holder, None);
    let last = studio.observed().await.unwrap();
    assert_eq!(
        (last.status, last.engine),
        (StreamStatus::Reconnecting, None)
    );
}

#[tokio::test]
async fn nobody_but_the_heir_reads_what_is_handed_over() {
    let studio = Studio::open();
    let first = studio.engine(&[PATIENT, ("auth.public_view", "true")]);
    studio.go_live().await;
    let host = Studio::another_host();
    host.demand("hold");
    let second = studio.engine_on(&host, &[PATIENT]);
    let (stranger, metrics) = (Api::new(first.url()), Api::new(first.metrics_url()));
    let ended = end(first);
    until_held(&host).await;
    let files = ["", "/init-a.mp4", "/playlist.json"];
    for path in files.map(|file| format!("/handover/main{file}")) {
        for key in [None, Some(""), Some("0123456789abcdef")] {
            for method in ["GET", "POST"].map(|method| method.parse().unwrap()) {
                let request = stranger.request(method, &path);
                let request = match key {
                    Some(key) => request.header("x-sm-heir-key", key),
                    None => request,
                };
                let answer = stranger.send(request).await;
                assert!(
                    [404, 405].contains(&answer.status.as_u16()),
                    "{path} {}",
                    answer.text
                );
            }
        }
    }
    let metrics = metrics.get("/metrics").await.text;
    assert!(!metrics.contains("sm_engine_handovers_total{"), "{metrics}");
    host.no_longer_demand("hold");
    ended.await.unwrap();
    until_live_on(&studio, &second).await;
}

#[tokio::test]
async fn an_heir_that_dies_leaves_the_holder_to_its_end() {
    let studio = Studio::open();
    let first = studio.engine(&[PATIENT]);
    studio.go_live().await;
    let host = Studio::another_host();
    host.demand("hold");
    let mut second = studio.engine_process_with(&host, "127.85.6.40", &[PATIENT]);
    let ended = end(first);
    until_claimed(&studio).await;
    until_held(&host).await;
    second.kill();
    ended.await.unwrap();
    let last = studio.observed().await.unwrap();
    assert_eq!(
        (last.status, last.engine),
        (StreamStatus::Reconnecting, None)
    );
    // Whoever comes then has the stream, with the gap told.
    let third_host = Studio::another_host();
    let third = studio.engine_on(&third_host, &[]);
    let back = until_live_on(&studio, &third).await;
    assert_eq!(back.interruptions[0].cause, "engine.stopped");
}

#[tokio::test]
async fn an_heir_whose_worker_fails_takes_over_as_ever() {
    let studio = Studio::open();
    let first = studio.engine(&[PATIENT]);
    studio.go_live().await;
    let host = Studio::another_host();
    host.demand("exit-at-once");
    let second = studio.engine_on(&host, &[PATIENT]);
    end(first).await.unwrap();
    host.no_longer_demand("exit-at-once");
    let back = until_live_on(&studio, &second).await;
    assert_eq!(back.interruptions[0].cause, "engine.stopped");
    let metrics = Api::new(second.metrics_url()).get("/metrics").await.text;
    assert!(counted(&metrics, "given-up"), "{metrics}");
}

#[tokio::test]
async fn a_holder_that_dies_meanwhile_is_followed_by_the_worker_that_stands_by() {
    let studio = Studio::open();
    let first_host = Studio::another_host();
    let mut first = studio.engine_process_with(&first_host, "127.85.6.41", &SETTINGS);
    let live = studio.go_live().await;
    let before = until_playlist(&first.api, "on air", |list| list.segments.len() > 3).await;
    studio.host.demand("hold");
    let second = studio.engine(&SETTINGS);
    first.signal("-TERM");
    until_held(&studio.host).await;
    // What was observed last is later than the beginning of the worker that stands by.
    let stands_by = SystemClock.now();
    studio
        .until_observed("it is told", |observed| observed.at > stands_by)
        .await;
    let worker = studio.host.worker_pid();
    first.kill();
    studio.host.no_longer_demand("hold");
    let back = until_live_on(&studio, &second).await;
    assert_eq!(back.live_since, live.live_since);
    // It has every moment since: viewers wait for the lease to run out, and miss nothing.
    assert_eq!(back.interruptions, []);
    assert_eq!(
        (studio.host.worker_pid(), configurations(&studio.host)),
        (worker, 1)
    );
    let list = until_playlist(&studio.viewer(&second), "on air", |_| true).await;
    assert!(list.media_sequence >= before.next(), "no number twice");
}

#[tokio::test]
async fn nothing_is_given_away_while_redis_cannot_say_so() {
    let mut studio = Studio::open();
    let changes = [IN_PARTS, LONG_LIST, ("handover.longest_ms", "6000")];
    let first = studio.engine(&changes);
    studio.go_live().await;
    let host = Studio::another_host();
    host.demand("hold");
    let second = studio.engine_on(&host, &SETTINGS);
    let api = studio.viewer(&first);
    let ended = end(first);
    until_held(&host).await;
    until_known(&studio).await;
    studio.redis.kill();
    let list = until_playlist(&api, "still there", |_| true).await;
    let list = until_playlist(&api, "it goes on", |now| now.next() > list.next() + 5).await;
    // The heir is ready, and asks.
    host.no_longer_demand("hold");
    until_playlist(&api, "it still goes on", |now| now.next() > list.next() + 8).await;
    ended.await.unwrap();
    studio.redis.restart();
    // The holder has ended meanwhile, but the worker that stood by has every moment since.
    let back = until_live_on(&studio, &second).await;
    assert_eq!(back.interruptions, []);
    assert_eq!(configurations(&host), 1);
    let list = until_playlist(&studio.viewer(&second), "on air", |_| true).await;
    assert_nothing_is_missing(&list);
}

#[tokio::test]
async fn engines_that_end_together_wait_for_nobody() {
    let studio = Studio::open();
    let first = studio.engine(&[PATIENT]);
    studio.go_live().await;
    let host = Studio::another_host();
    let second = studio.engine_on(&host, &[PATIENT]);
    until_answered(&studio.viewer(&second), PLAYLIST, 200).await;
    let both = [end(first), end(second)];
    for one in both {
        one.await.unwrap();
    }
    assert_eq!(studio.bus.lease_holder(&studio.stream).await.unwrap(), None);
    assert_eq!(configurations(&host), 0);
}

#[tokio::test]
async fn an_heir_that_is_to_end_itself_makes_room() {
    let studio = Studio::open();
    let first = studio.engine(&[PATIENT]);
    studio.go_live().await;
    let host = Studio::another_host();
    host.demand("hold");
    let second = studio.engine_on(&host, &[PATIENT]);
    let ended = end(first);
    until_held(&host).await;
    let worker = host.worker_pid().unwrap();
    let third_host = Studio::another_host();
    let third = studio.engine_on(&third_host, &[PATIENT]);
    end(second).await.unwrap();
    until_true("its worker is gone", || !is_running(worker)).await;
    ended.await.unwrap();
    let back = until_live_on(&studio, &third).await;
    assert_eq!(back.interruptions, []);
}

#[tokio::test]
async fn a_stop_is_obeyed_while_the_stream_is_handed_over() {
    let studio = Studio::open();
    let first = studio.engine(&[PATIENT]);
    studio.go_live().await;
    let host = Studio::another_host();
    host.demand("hold");
    let _second = studio.engine_on(&host, &[PATIENT]);
    let ended = end(first);
    until_held(&host).await;
    let (worker, standby) = (studio.host.worker_pid(), host.worker_pid());
    studio.desire(DesiredStatus::Offline, 1).await;
    studio.until_status(StreamStatus::Offline).await;
    ended.await.unwrap();
    for worker in [worker, standby].map(Option::unwrap) {
        until_true("no worker is left", || !is_running(worker)).await;
    }
    assert_eq!(
        studio
            .until_status(StreamStatus::Offline)
            .await
            .interruptions,
        []
    );
}

#[tokio::test]
async fn a_worker_that_stands_by_shows_what_is_wanted_by_now() {
    let studio = Studio::open();
    let first = studio.engine(&SETTINGS);
    let layer = LayerId::generate();
    studio.compose(4, &[(layer, "Hello")]).await;
    let live = studio.go_live().await;
    let host = Studio::another_host();
    host.demand("hold");
    let second = studio.engine_on(&host, &SETTINGS);
    let ended = end(first);
    until_held(&host).await;
    studio.compose(5, &[(layer, "Goodbye")]).await;
    until_true("it is told", || {
        let commands = host.commands();
        let shown = commands
            .iter()
            .filter(|one| one["command"] == "apply-scene");
        shown.count() == 1
    })
    .await;
    host.no_longer_demand("hold");
    ended.await.unwrap();
    let back = until_live_on(&studio, &second).await;
    assert_eq!((back.live_since, back.since), (live.live_since, live.since));
    assert_eq!(back.scene.unwrap().revision, 5);
    assert_eq!(back.interruptions, []);
    let commands = host.commands();
    let shown = commands
        .iter()
        .filter(|one| one["command"] == "apply-scene");
    assert_eq!(shown.count(), 1, "nothing is told twice");
}

#[tokio::test]
async fn renditions_are_handed_over_with_the_program() {
    let studio = Studio::open();
    let first = studio.engine(&SETTINGS);
    let low = Rendition {
        name: "low".parse().unwrap(),
        width: None,
        height: 180,
        video_bitrate_kbps: 500,
    };
    studio.desire_ladder(vec![low]).await;
    studio.until_status(StreamStatus::Live).await;
    let host = Studio::another_host();
    let second = studio.engine_on(&host, &SETTINGS);
    let api = studio.viewer(&second);
    until_answered(&api, LOW, 200).await;
    let before = until_playlist(&api, "on air", |list| list.segments.len() > 3).await;
    end(first).await.unwrap();
    until_live_on(&studio, &second).await;
    until_playlist(&api, "both runs", |list| list.maps.len() == 2).await;
    let list = until_some("both runs of the rendition", PATIENCE, || async {
        let answer = api.get(LOW).await;
        let list = (answer.status == 200).then(|| (Playlist::parse(&answer.text), answer.text));
        list.filter(|(list, _)| list.maps.len() == 2)
    });
    let (list, text) = list.await;
    assert!(!text.contains("#EXT-X-GAP"), "{text}");
    assert_eq!(
        (list.discontinuities, list.media_sequence),
        (1, before.media_sequence)
    );
    assert_nothing_is_missing(&list);
    for segment in &list.segments {
        let answer = api.get(&format!("/live/main/{segment}")).await;
        drop(answer.expect(200));
    }
}
