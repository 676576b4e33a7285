//! Recordings over HTTP: who may, what is listed and sent, and what can be deleted.

use serde::Deserialize;
use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_common::clock::Timestamp;
use sm_common::id::OutputId;
use sm_common::output::{Adaptive, FileTarget, Output, OutputStatus, OutputTarget};
use sm_common::stream::{DesiredStatus, ObservedState};
use sm_test_kit::{Answer, Api, Running};

use crate::harness::{Host, Studio, until_answered};

const LIST: &str = "/live/main/recordings/";
const OLD: &str = "20260708T091011.123Z-0.mp4";
const NEW: &str = "20260708T101112Z-0.mp4";

fn record(host: &Host, file: &str, content: &str) {
    let folder = host.path("recordings/main/recording");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file), content).unwrap();
}

fn path(file: &str) -> String {
    format!("{LIST}recording/{file}")
}

fn as_role(studio: &Studio, engine: &Running, role: Role) -> Api {
    Api::new(engine.url()).with_token(studio.issuer.token(role))
}

async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request("DELETE".parse().unwrap(), path)).await
}

async fn range(api: &Api, path: &str, range: &str) -> Answer {
    let request = api.request("GET".parse().unwrap(), path);
    api.send(request.header("range", range)).await
}

/// An engine of a stream that is off air, with two recordings.
async fn off_air(studio: &Studio) -> (Running, Api) {
    record(&studio.host, OLD, "the first recording");
    record(&studio.host, NEW, "the second");
    let engine = studio.engine(&[]);
    studio.desire(DesiredStatus::Offline, 1).await;
    let api = as_role(studio, &engine, Role::Operator);
    until_answered(&api, LIST, 200).await;
    (engine, api)
}

#[derive(Debug, Deserialize)]
struct Listed {
    file: String,
    finished: bool,
}

#[derive(Debug, Deserialize)]
struct List {
    recordings: Vec<Listed>,
}

fn listed(answer: &Answer) -> Vec<(String, bool)> {
    let list: List = serde_json::from_str(&answer.text).unwrap();
    let recordings = list.recordings.into_iter();
    recordings.map(|one| (one.file, one.finished)).collect()
}

#[tokio::test]
async fn recordings_are_for_operators() {
    let studio = Studio::open();
    let (engine, _api) = off_air(&studio).await;
    let stranger = Api::new(engine.url());
    for path in [LIST.to_owned(), path(OLD)] {
        let refused = stranger.get(&path).await;
        drop(refused.expect_problem(401, "auth.token.missing"));
        for role in [Role::Viewer, Role::Moderator, Role::Service] {
            let refused = as_role(&studio, &engine, role).get(&path).await;
            drop(refused.expect_problem(403, "auth.role.insufficient"));
        }
    }
    let viewer = as_role(&studio, &engine, Role::Viewer);
    let refused = delete(&viewer, &path(OLD)).await;
    drop(refused.expect_problem(403, "auth.role.insufficient"));
    assert!(
        studio
            .host
            .path(&format!("recordings/main/recording/{OLD}"))
            .exists()
    );
}

#[tokio::test]
async fn recordings_are_listed_sent_and_deleted_off_air() {
    let studio = Studio::open();
    let (_engine, api) = off_air(&studio).await;
    let answer = api.get(LIST).await.expect(200);
    let expected = [(NEW.to_owned(), true), (OLD.to_owned(), true)];
    assert_eq!(listed(&answer), expected);
    let body: Value = serde_json::from_str(&answer.text).unwrap();
    let last = &body["recordings"][1];
    assert_eq!(
        (&last["output"], &last["bytes"], &last["started_at"]),
        (
            &json!("recording"),
            &json!(19),
            &json!("2026-07-08T09:10:11.123Z")
        )
    );

    let whole = api.get(&path(OLD)).await.expect(200);
    assert_eq!(whole.text, "the first recording");
    assert_eq!(whole.header("content-type"), "video/mp4");
    let part = range(&api, &path(OLD), "bytes=4-8").await.expect(206);
    assert_eq!(part.text, "first");
    assert_eq!(part.header("content-range"), "bytes 4-8/19");
    let behind = range(&api, &path(OLD), "bytes=19-").await.expect(416);
    assert_eq!(behind.header("content-range"), "bytes */19");

    drop(delete(&api, &path(OLD)).await.expect(204));
    let gone = delete(&api, &path(OLD)).await;
    drop(gone.expect_problem(404, "recording.not-found"));
    let gone = api.get(&path(OLD)).await;
    drop(gone.expect_problem(404, "recording.not-found"));
    assert_eq!(
        listed(&api.get(LIST).await.expect(200)),
        [(NEW.to_owned(), true)]
    );
}

#[tokio::test]
async fn no_path_leaves_the_recordings() {
    let studio = Studio::open();
    let (_engine, api) = off_air(&studio).await;
    let secret = studio.host.path("secret.mp4");
    std::fs::write(&secret, "secret").unwrap();
    let link = studio
        .host
        .path("recordings/main/recording/20260709T000000Z-0.mp4");
    std::os::unix::fs::symlink(&secret, link).unwrap();
    for path in [
        "/live/main/recordings/recording/20260709T000000Z-0.mp4",
        "/live/main/recordings/recording/notes.txt",
        "/live/main/recordings/recording/..%2f..%2f..%2fsecret.mp4",
        "/live/main/recordings/..%2f..%2f/secret.mp4",
        "/live/main/recordings/%2e%2e/secret.mp4",
        "/live/..%2frecordings/recordings/",
        "/live/second/recordings/",
    ] {
        for answer in [api.get(path).await, delete(&api, path).await] {
            let status = answer.status.as_u16();
            assert!(matches!(status, 400 | 404 | 405), "{path}: {status}");
            assert!(!answer.text.contains("secret\""), "{path}");
        }
    }
    assert!(secret.exists());
    assert_eq!(listed(&api.get(LIST).await.expect(200)).len(), 2);
}

#[tokio::test]
async fn what_is_written_is_not_finished_and_stays() {
    let studio = Studio::open();
    let (_engine, api) = off_air(&studio).await;
    let recording = |enabled| Output {
        id: OutputId::recording(),
        name: "Recording".to_owned(),
        target: OutputTarget::File(FileTarget::default()),
        adaptive: Adaptive::default(),
        enabled,
        generation: 1,
        revision: 1,
        created_at: Timestamp::from_unix_millis(0),
        updated_at: Timestamp::from_unix_millis(0),
    };
    let until = async |enabled, wanted: OutputStatus| {
        let outputs = vec![recording(enabled)];
        studio.desire_with(DesiredStatus::Live, 2, outputs).await;
        let is_so = |observed: &ObservedState| {
            let mut outputs = observed.outputs.iter();
            outputs.any(|one| one.id == OutputId::recording() && one.status == wanted)
        };
        studio.until_observed("the recording is so", is_so).await
    };
    until(true, OutputStatus::Live).await;

    let expected = [(NEW.to_owned(), false), (OLD.to_owned(), true)];
    assert_eq!(listed(&api.get(LIST).await.expect(200)), expected);
    let refused = delete(&api, &path(NEW)).await;
    drop(refused.expect_problem(409, "recording.in-use"));
    assert_eq!(api.get(&path(NEW)).await.expect(200).text, "the second");
    drop(delete(&api, &path(OLD)).await.expect(204));
    until(false, OutputStatus::Stopped).await;
    drop(delete(&api, &path(NEW)).await.expect(204));
}

#[tokio::test]
async fn the_engine_that_holds_the_stream_is_asked() {
    let studio = Studio::open();
    record(&studio.host, OLD, "the first recording");
    let engine = studio.engine(&[]);
    studio.go_live().await;
    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[]);
    let (here, there) = (
        as_role(&studio, &engine, Role::Operator),
        as_role(&studio, &standby, Role::Operator),
    );
    until_answered(&there, "/live/main/index.m3u8", 200).await;
    for api in [&here, &there] {
        assert_eq!(listed(&api.get(LIST).await.expect(200)).len(), 1);
    }
    let part = range(&there, &path(OLD), "bytes=4-8").await.expect(206);
    assert_eq!(part.text, "first");
    drop(delete(&there, &path(OLD)).await.expect(204));
    assert!(listed(&here.get(LIST).await.expect(200)).is_empty());
}
