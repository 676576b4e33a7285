//! Another format of the program while it is on air.

use sm_common::program::VideoEncoder;
use sm_common::stream::{DesiredStatus, StreamStatus};

use crate::harness::{Studio, until_playlist};

/// The names of the commands that the worker was given, leases and snapshots apart.
fn commands(studio: &Studio) -> Vec<String> {
    let commands = studio.host.commands();
    commands
        .iter()
        .map(|command| command["command"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn rates_change_without_a_discontinuity() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let worker = studio.host.worker_pid();
    let revision = studio
        .reformat(|program| program.video_bitrate_kbps = 900)
        .await;
    let observed = studio
        .until_observed("the new rate", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(observed.program.unwrap().video_bitrate_kbps, 900);
    assert_eq!(
        (observed.worker_restarts, observed.interruptions.len()),
        (0, 0)
    );
    assert_eq!(studio.host.worker_pid(), worker);
    let list = until_playlist(&api, "three segments", |list| list.segments.len() > 2).await;
    assert_eq!((list.discontinuities, list.maps.len()), (0, 1));
    assert!(commands(&studio).contains(&"change-rates".to_owned()));
    assert!(!commands(&studio).contains(&"rebuild".to_owned()));
}

#[tokio::test]
async fn another_encoder_is_a_discontinuity_of_the_same_worker_that_an_adopting_engine_keeps() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let worker = studio.host.worker_pid();
    let before = until_playlist(&api, "two segments", |list| list.segments.len() > 1).await;
    let revision = studio
        .reformat(|program| {
            program.encoder = VideoEncoder::Openh264;
            program.framerate = 25;
        })
        .await;
    let observed = studio
        .until_observed("the other encoder", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(observed.status, StreamStatus::Live);
    let program = observed.program.unwrap();
    assert_eq!(
        (program.encoder, program.framerate),
        (VideoEncoder::Openh264, 25)
    );
    assert_eq!(
        (observed.worker_restarts, observed.interruptions.len()),
        (0, 0)
    );
    assert_eq!(studio.host.worker_pid(), worker);
    let after = until_playlist(&api, "both runs", |list| list.maps.len() == 2).await;
    assert_eq!(after.discontinuities, 1);
    assert!(after.next() > before.next(), "numbers go on");
}

#[tokio::test]
async fn a_format_that_the_worker_cannot_have_leaves_everything_as_it_was() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    studio.host.demand("refuse-format");
    let revision = studio
        .reformat(|program| program.encoder = VideoEncoder::Openh264)
        .await;
    let observed = studio
        .until_observed("the refusal", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(observed.program.unwrap().encoder, VideoEncoder::X264);
    assert_eq!(
        observed.status,
        StreamStatus::Live,
        "viewers notice nothing"
    );
    let error = &observed.errors[0];
    assert_eq!(
        (error.code.as_str(), error.component.as_str()),
        ("program.encoder.missing", "program")
    );
    let asked = |commands: Vec<String>| {
        let rebuilds = commands.iter().filter(|command| *command == "rebuild");
        rebuilds.count()
    };
    until_playlist(&api, "more segments", |list| list.segments.len() > 3).await;
    assert_eq!(asked(commands(&studio)), 1, "it is not asked for again");

    // What was refused is forgotten as soon as something else is wanted.
    studio.host.no_longer_demand("refuse-format");
    let revision = studio.reformat(|program| program.framerate = 60).await;
    let observed = studio
        .until_observed("the next format", |observed| {
            observed.desired_revision == revision
        })
        .await;
    assert_eq!(observed.program.unwrap().framerate, 60);
    assert_eq!(observed.errors, []);
    studio.desire(DesiredStatus::Offline, 1).await;
    studio.until_status(StreamStatus::Offline).await;
}
