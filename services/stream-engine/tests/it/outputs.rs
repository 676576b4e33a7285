//! Outputs beside HLS: the worker is told of them, and what it says of them is told.

use sm_common::clock::Timestamp;
use sm_common::event::{Channel, EventType, StreamOutputAdapted, StreamOutputStatusChanged};
use sm_common::output::{Adaptive, Output, OutputState, OutputStatus, OutputTarget, RtmpTarget};
use sm_common::stream::{DesiredStatus, ObservedState, StreamStatus};

use crate::harness::{Set, Studio, send_signal};
use crate::ingest::metric;

/// The key that nobody but the worker may see.
const SECRET: &str = "planted-secret-4711";

fn output(id: &str) -> Output {
    Output {
        id: id.parse().unwrap(),
        name: format!("To {id}"),
        target: OutputTarget::Rtmp(RtmpTarget {
            url: "rtmp://127.0.0.1/app".to_owned(),
            key: Some(SECRET.to_owned().into()),
        }),
        adaptive: Adaptive::default(),
        enabled: true,
        generation: 1,
        revision: 1,
        created_at: Timestamp::from_unix_millis(0),
        updated_at: Timestamp::from_unix_millis(0),
    }
}

fn find<'a>(observed: &'a ObservedState, id: &str) -> Option<&'a OutputState> {
    let mut outputs = observed.outputs.iter();
    outputs.find(|output| output.id.as_str() == id)
}

fn status(observed: &ObservedState, id: &str) -> Option<OutputStatus> {
    find(observed, id).map(|output| output.status)
}

#[tokio::test]
async fn outputs_come_and_go_while_the_stream_stays_live() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio.go_live().await;
    let worker = studio.host.worker_pid();

    let both = vec![output("one"), output("two")];
    let revision = studio
        .desire_with(DesiredStatus::Live, 1, both.clone())
        .await;
    let live = studio
        .until_observed("both outputs deliver", |observed| {
            observed.desired_revision == revision
                && status(observed, "one") == Some(OutputStatus::Live)
                && status(observed, "two") == Some(OutputStatus::Live)
        })
        .await;
    let ids: Vec<&str> = live.outputs.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["hls", "one", "two"]);
    assert_eq!(live.status, StreamStatus::Live);
    assert_eq!(live.outputs[1].url, "rtmp://127.0.0.1/app/***");

    let mut fewer = both;
    fewer[0].enabled = false;
    let revision = studio.desire_with(DesiredStatus::Live, 1, fewer).await;
    let one_stopped = studio
        .until_observed("the first is stopped", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(status(&one_stopped, "one"), Some(OutputStatus::Stopped));
    assert_eq!(status(&one_stopped, "two"), Some(OutputStatus::Live));
    assert_eq!(one_stopped.status, StreamStatus::Live);
    assert_eq!(studio.host.worker_pid(), worker, "the same worker");
    let told = studio.host.commands();
    let told = told
        .iter()
        .rfind(|command| command["command"] == "apply-outputs");
    let told = told.unwrap()["outputs"].as_array().unwrap().clone();
    assert_eq!((told.len(), &told[0]["id"]), (1, &"two".into()));
    assert_eq!(told[0]["target"]["key"], SECRET, "the worker needs it");

    let told = studio.events(Channel::StreamState).await;
    let told: Vec<_> = told
        .iter()
        .filter(|event| event.kind == EventType::StreamOutputStatusChanged)
        .map(|event| event.payload::<StreamOutputStatusChanged>().unwrap().0)
        .filter(|output| output.id.as_str() == "one")
        .map(|output| output.status)
        .collect();
    assert!(
        told.ends_with(&[OutputStatus::Live, OutputStatus::Stopped]),
        "{told:?}"
    );

    let observed = serde_json::to_string(&studio.observed().await).unwrap();
    assert!(!observed.contains(SECRET), "{observed}");
    for channel in [Channel::StreamState, Channel::Metrics] {
        let events = serde_json::to_string(&studio.events(channel).await).unwrap();
        assert!(!events.contains(SECRET), "{events}");
    }
}

#[tokio::test]
async fn a_new_worker_is_told_of_the_outputs_and_counters_go_on() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    studio
        .desire_with(DesiredStatus::Live, 1, vec![output("one")])
        .await;
    let delivered = |bytes: u64| {
        move |observed: &ObservedState| {
            find(observed, "one").is_some_and(|one| {
                one.status == OutputStatus::Live && one.counters.bytes_total >= bytes
            })
        }
    };
    studio
        .until_observed("three segments are sent", delivered(3000))
        .await;
    send_signal(studio.host.worker_pid().unwrap(), "-KILL");
    let again = studio
        .until_observed("the next worker delivers", |observed| {
            observed.worker_restarts == 1 && delivered(4000)(observed)
        })
        .await;
    assert_eq!(find(&again, "one").unwrap().reconnects, 1);
    let configured = studio.host.commands();
    let configured = configured
        .iter()
        .filter(|command| command["command"] == "configure");
    for command in configured {
        assert_eq!(command["outputs"][0]["id"], "one");
        let directory = command["recordings"]["directory"].as_str().unwrap();
        assert!(directory.ends_with("recordings/main"), "{directory}");
    }
}

#[tokio::test]
async fn outputs_go_on_undisturbed_through_take_preview_and_pause() {
    let studio = Studio::open();
    let _engine = studio.engine(&[]);
    let (main, next) = (Set::new("Main"), Set::new("Next"));
    studio.stage(&[main.clone(), next.clone()]).await;
    studio
        .desire_with(DesiredStatus::Live, 1, vec![output("one")])
        .await;
    studio
        .until_observed("the output delivers", |observed| {
            status(observed, "one") == Some(OutputStatus::Live)
        })
        .await;
    let worker = studio.host.worker_pid();
    studio
        .choose(|chosen| (chosen.scene, chosen.preview) = (Some(next.id), Some(main.id)))
        .await;
    for wanted in [DesiredStatus::Paused, DesiredStatus::Live] {
        let revision = studio.desire(wanted, 1).await;
        let obeyed = studio
            .until_observed("obeyed", |observed| observed.desired_revision == revision)
            .await;
        assert_eq!(status(&obeyed, "one"), Some(OutputStatus::Live));
        assert!(obeyed.preview.is_some());
    }
    let commands = studio.host.commands();
    let of_outputs = commands
        .iter()
        .filter(|one| one["command"] == "apply-outputs");
    assert_eq!(of_outputs.count(), 0, "told once, with the configuration");
    assert_eq!(studio.host.worker_pid(), worker);
}

#[tokio::test]
async fn a_stream_without_its_network_outputs_is_reconnecting_and_hls_goes_on() {
    let studio = Studio::open();
    studio.host.demand("fail-outputs");
    let _engine = studio.engine(&[]);
    let revision = studio
        .desire_with(DesiredStatus::Live, 1, vec![output("one")])
        .await;
    let down = studio.until_status(StreamStatus::Reconnecting).await;
    assert_eq!(status(&down, "hls"), Some(OutputStatus::Live));
    assert_eq!(down.desired_revision, revision, "the picture is on air");
    let error = &down.errors[0];
    assert_eq!(error.component, "output:one");
    assert_eq!(
        (error.code.as_str(), error.recovering),
        ("output.refused", true)
    );

    studio.host.no_longer_demand("fail-outputs");
    let live = studio.until_status(StreamStatus::Live).await;
    assert!(live.errors.is_empty());
    assert!(live.interruptions.is_empty(), "viewers noticed nothing");

    studio.host.demand("fail-outputs");
    studio.until_status(StreamStatus::Reconnecting).await;
    studio.desire_with(DesiredStatus::Live, 1, Vec::new()).await;
    let removed = studio.until_status(StreamStatus::Live).await;
    assert!(removed.errors.is_empty(), "what is removed is not wrong");
}

#[tokio::test]
async fn an_output_that_is_sent_less_is_told_of_and_counted_until_it_gets_all_of_it() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let mut adapts = output("one");
    adapts.adaptive = Adaptive {
        enabled: true,
        min_kbps: 300,
    };
    studio
        .desire_with(DesiredStatus::Live, 1, vec![adapts, output("two")])
        .await;
    let reduced = |wanted: bool| {
        move |observed: &ObservedState| {
            let one = find(observed, "one").and_then(|one| one.adaptive.as_ref());
            one.is_some_and(|adaptive| adaptive.reduced == wanted)
        }
    };
    studio.until_observed("all of it", reduced(false)).await;
    studio.host.demand("reduce-outputs");
    let less = studio.until_observed("less", reduced(true)).await;
    let adaptive = find(&less, "one").unwrap().adaptive.clone().unwrap();
    assert_eq!((adaptive.video_kbps, adaptive.code), (300, None));
    assert_eq!(find(&less, "two").unwrap().adaptive, None);
    assert_eq!(less.status, StreamStatus::Live, "nothing is wrong");
    assert!((metric(&engine, "sm_engine_outputs_reduced") - 1.0).abs() < 0.1);
    studio.host.no_longer_demand("reduce-outputs");
    studio.until_observed("all again", reduced(false)).await;
    assert!(metric(&engine, "sm_engine_outputs_reduced") < 0.1);

    let told = studio.events(Channel::StreamState).await;
    let told: Vec<_> = told
        .iter()
        .filter(|event| event.kind == EventType::StreamOutputAdapted)
        .map(|event| event.payload::<StreamOutputAdapted>().unwrap().0)
        .map(|output| output.adaptive.map(|adaptive| adaptive.reduced))
        .collect();
    assert_eq!(told, [Some(true), Some(false)]);
    let commands = studio.host.commands();
    let configured = commands
        .iter()
        .find(|one| one["command"] == "configure")
        .unwrap();
    let adaptive = serde_json::json!({"enabled": true, "min_kbps": 300});
    assert_eq!(configured["outputs"][0]["adaptive"], adaptive);
    assert_eq!(configured["adaptive"]["calm_ms"], 5000);
}
