//! Uploads that come in pieces and go on after a loss.

use reqwest::Method;
use serde_json::json;
use sm_common::auth::Role;
use sm_test_kit::{Answer, Api, until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::app::{App, LIMIT, Upload, mp4, png};

const UPLOADS: &str = "/api/assets/uploads";
const PIECE: &str = "application/offset+octet-stream";
/// `a.mp4` and `video/mp4`.
const VIDEO: &str = "filename YS5tcDQ=,filetype dmlkZW8vbXA0";

async fn begin(api: &Api, length: usize, metadata: &str) -> Answer {
    let request = api
        .request(Method::POST, UPLOADS)
        .header("tus-resumable", "1.0.0")
        .header("upload-length", length)
        .header("upload-metadata", metadata);
    api.send(request).await
}

/// A new upload of a video, and its path.
async fn begun(api: &Api, length: usize) -> String {
    let answer = begin(api, length, VIDEO).await.expect(201);
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    assert!(answer.header("upload-expires").ends_with("GMT"));
    // Relative, so that it is right behind a prefix as well.
    format!("/api/assets/{}", answer.header("location"))
}

async fn send(api: &Api, path: &str, offset: usize, piece: &[u8]) -> Answer {
    let request = api
        .request(Method::PATCH, path)
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset)
        .header("content-type", PIECE)
        .body(piece.to_vec());
    api.send(request).await
}

async fn head(api: &Api, path: &str) -> Answer {
    let request = api
        .request(Method::HEAD, path)
        .header("tus-resumable", "1.0.0");
    api.send(request).await
}

async fn arrived(api: &Api, path: &str) -> usize {
    let answer = head(api, path).await;
    assert_eq!(answer.status, 200);
    answer.header("upload-offset").parse().unwrap()
}

/// A piece by hand: its head, and only a part of its body.
async fn half_a_piece(app: &App, path: &str, piece: &[u8], announced: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.service.kit().http_address())
        .await
        .unwrap();
    let token = app.issuer.token(Role::Operator);
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
         tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: {PIECE}\r\n\
         content-length: {announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(piece).await.unwrap();
    stream
}

#[tokio::test]
async fn pieces_come_to_any_replica_and_become_the_file() {
    let app = App::start().await;
    let (_second, other) = app.replica(&[]).await;
    let video = mp4(600_000);
    let path = begun(&app.api, video.len()).await;
    assert_eq!(arrived(&other, &path).await, 0);
    let first = send(&app.api, &path, 0, &video[..250_000])
        .await
        .expect(204);
    assert_eq!(first.header("upload-offset"), "250000");
    assert!(!first.headers.contains_key("content-location"));
    assert_eq!(arrived(&other, &path).await, 250_000);
    let second = send(&other, &path, 250_000, &video[250_000..]).await;
    let second = second.expect(204);
    assert_eq!(second.header("upload-offset"), video.len().to_string());

    let asset = second.header("content-location").trim_start_matches("../");
    let found = app
        .api
        .get(&format!("/api/assets/{asset}"))
        .await
        .expect(200);
    assert_eq!(found.body["name"], "a.mp4");
    assert_eq!(found.body["kind"], "video");
    assert_eq!(std::fs::read(app.kept(&found.body)).unwrap(), video);
    app.expect_files(1).await;
    // Whoever lost the last answer finds it again.
    let again = head(&app.api, &path).await;
    assert_eq!(
        again.header("content-location"),
        second.header("content-location")
    );
    let again = send(&app.api, &path, video.len(), b"").await.expect(204);
    assert_eq!(
        again.header("content-location"),
        second.header("content-location")
    );
    // The same content, at once or in pieces, is one file.
    let whole = app
        .upload(&Upload::new("b.mp4", "", &video))
        .await
        .expect(200);
    assert_eq!(whole.body["id"], found.body["id"]);
}

#[tokio::test]
async fn an_upload_goes_on_after_a_lost_connection_and_a_lost_process() {
    let app = App::start().await;
    let (second, _) = app.replica(&[]).await;
    let video = mp4(900_000);
    let path = begun(&app.api, video.len()).await;
    let stream = half_a_piece(&app, &path, &video[..700_000], video.len()).await;
    until("something has arrived", LIMIT, || async {
        arrived(&app.api, &path).await > 0
    })
    .await;
    drop(stream);
    // What was written when the connection was lost is there, and the upload is free again.
    until("the upload is free", LIMIT, || async {
        let offset = arrived(&app.api, &path).await;
        send(&app.api, &path, offset, b"").await.status == 204
    })
    .await;
    let offset = arrived(&app.api, &path).await;
    assert!((1..=700_000).contains(&offset), "{offset}");
    drop(second);
    let (_third, third) = app.replica(&[]).await;
    let answer = send(&third, &path, offset, &video[offset..])
        .await
        .expect(204);
    let asset = answer.header("content-location").trim_start_matches("../");
    let found = app
        .api
        .get(&format!("/api/assets/{asset}"))
        .await
        .expect(200);
    assert_eq!(std::fs::read(app.kept(&found.body)).unwrap(), video);
}

#[tokio::test]
async fn one_piece_comes_at_a_time_and_each_at_its_place() {
    let app = App::start().await;
    let video = mp4(600_000);
    let path = begun(&app.api, video.len()).await;
    for offset in [1, video.len()] {
        let refused = send(&app.api, &path, offset, b"x").await;
        let _refused = refused.expect_problem(409, "asset.upload.offset");
    }
    let stream = half_a_piece(&app, &path, &video[..500_000], video.len()).await;
    until("the piece has begun", LIMIT, || async {
        arrived(&app.api, &path).await > 0
    })
    .await;
    let offset = arrived(&app.api, &path).await;
    let refused = send(&app.api, &path, offset, &video[offset..]).await;
    let refused = refused.expect_problem(423, "asset.upload.locked");
    assert_eq!(refused.header("retry-after"), "1");
    let cancelled = cancel(&app.api, &path).await;
    let _refused = cancelled.expect_problem(423, "asset.upload.locked");
    drop(stream);
    until("it is over", LIMIT, || async {
        let offset = arrived(&app.api, &path).await;
        let rest = send(&app.api, &path, offset, &video[offset..]).await;
        rest.status == 204
    })
    .await;
}

async fn cancel(api: &Api, path: &str) -> Answer {
    let request = api.request(Method::DELETE, path);
    api.send(request.header("tus-resumable", "1.0.0")).await
}

#[tokio::test]
async fn what_is_no_upload_is_refused() {
    let app = App::with(&[("assets.file_bytes_max", "100000")]).await;
    let post = |headers: &[(&str, &str)]| {
        let mut request = app.api.request(Method::POST, UPLOADS);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.api.send(request)
    };
    let spoken = ("tus-resumable", "1.0.0");
    let length = ("upload-length", "1000");
    for (headers, status, code) in [
        (vec![length], 412, "asset.upload.version"),
        (
            vec![("tus-resumable", "0.2"), length],
            412,
            "asset.upload.version",
        ),
        (vec![spoken], 400, "request.header.invalid"),
        (
            vec![spoken, ("upload-length", "-1")],
            400,
            "request.header.invalid",
        ),
        (
            vec![spoken, ("upload-length", "0")],
            400,
            "request.header.invalid",
        ),
        (
            vec![spoken, ("upload-defer-length", "1")],
            400,
            "request.header.invalid",
        ),
        (
            vec![spoken, length, ("upload-metadata", "filename a")],
            400,
            "request.header.invalid",
        ),
        // ../../etc/passwd
        (
            vec![
                spoken,
                length,
                ("upload-metadata", "filename Li4vLi4vZXRjL3Bhc3N3ZA=="),
            ],
            400,
            "request.header.invalid",
        ),
        (
            vec![spoken, ("upload-length", "100001")],
            413,
            "asset.too-large",
        ),
    ] {
        let refused = post(&headers).await.expect_problem(status, code);
        assert_eq!(refused.header("tus-resumable"), "1.0.0", "{headers:?}");
    }
    let unknown = format!("{UPLOADS}/{}", uuid::Uuid::new_v4());
    let missing = send(&app.api, &unknown, 0, b"x").await;
    let _missing = missing.expect_problem(404, "asset.upload.not-found");
    assert_eq!(head(&app.api, &unknown).await.status, 404);
    let missing = send(&app.api, &format!("{UPLOADS}/..%2f..%2fx"), 0, b"x").await;
    let _missing = missing.expect_problem(400, "request.path.invalid");

    let path = begun(&app.api, 1000).await;
    let request = app
        .api
        .request(Method::PATCH, &path)
        .header("tus-resumable", "1.0.0");
    let request = request
        .header("upload-offset", 0)
        .header("content-type", "video/mp4");
    let refused = app.api.send(request.body("x")).await;
    let _refused = refused.expect_problem(415, "request.media-type.unsupported");
    let refused = send(&app.api, &path, 0, &mp4(2_000)).await;
    let _refused = refused.expect_problem(413, "asset.too-large");
    let viewer = app.api.with_token(app.issuer.token(Role::Viewer));
    let refused = begin(&viewer, 10, "").await;
    let _refused = refused.expect_problem(403, "auth.role.insufficient");
    let options = app.api.request(Method::OPTIONS, UPLOADS);
    let options = app.api.send(options).await.expect(204);
    assert_eq!(
        options.header("tus-extension"),
        "creation,expiration,termination"
    );
    assert_eq!(options.header("tus-max-size"), "100000");
}

#[tokio::test]
async fn a_file_that_is_refused_is_gone_with_its_upload() {
    let app = App::start().await;
    let page = format!("<!doctype html>{}", " ".repeat(20_000)).into_bytes();
    // As soon as its type can be told.
    let path = begun(&app.api, page.len()).await;
    let refused = send(&app.api, &path, 0, &page[..8_000]).await;
    let _refused = refused.expect_problem(415, "asset.type.unsupported");
    assert_eq!(head(&app.api, &path).await.status, 404);
    // And when it is complete.
    let image = png(64, 64, b"pixels");
    for (content, metadata, status, code) in [
        (&image[..], VIDEO, 415, "asset.type.unsupported"),
        (&image[..image.len() / 2], "", 415, "asset.type.unsupported"),
    ] {
        let answer = begin(&app.api, content.len(), metadata).await.expect(201);
        let path = format!("/api/assets/{}", answer.header("location"));
        let refused = send(&app.api, &path, 0, content).await;
        let _refused = refused.expect_problem(status, code);
        assert_eq!(head(&app.api, &path).await.status, 404);
    }
    app.expect_files(0).await;
    assert_eq!(app.api.get("/api/assets").await.body, json!([]));
}

#[tokio::test]
async fn space_is_kept_free_for_what_has_begun() {
    let app = App::with(&[
        ("assets.total_bytes_max", "3000"),
        ("assets.file_bytes_max", "2500"),
        ("assets.resumable_max", "2"),
    ])
    .await;
    let path = begun(&app.api, 2_000).await;
    let video = mp4(1_200);
    let refused = app.upload(&Upload::new("a.mp4", "", &video)).await;
    let _refused = refused.expect_problem(413, "asset.too-large");
    let refused = begin(&app.api, 1_001, VIDEO).await;
    let _refused = refused.expect_problem(413, "asset.too-large");
    let _second = begun(&app.api, 1_000).await;
    let refused = begin(&app.api, 1, VIDEO).await;
    let _refused = refused.expect_problem(429, "rate.limited");
    let _cancelled = cancel(&app.api, &path).await.expect(204);
    assert_eq!(head(&app.api, &path).await.status, 404);
    let _kept = app
        .upload(&Upload::new("a.mp4", "", &video))
        .await
        .expect(201);
    // The file, and what is left to come of the other upload.
    app.expect_files(2).await;
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_is_given_up() {
    let app = App::with(&[("assets.resumable_keep_s", "1")]).await;
    let video = mp4(10_000);
    let path = begun(&app.api, video.len()).await;
    let _piece = send(&app.api, &path, 0, &video[..5_000]).await.expect(204);
    app.expect_files(1).await;
    let (sweeper, _) = app.replica(&[("assets.sweep_interval_s", "1")]).await;
    app.expect_files(0).await;
    until("the upload is gone", LIMIT, || async {
        head(&app.api, &path).await.status == 404
    })
    .await;
    let metrics = reqwest::get(format!("{}/metrics", sweeper.metrics_url()));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    let line = "sm_assets_swept_total{what=\"abandoned\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_complete_upload_that_cannot_be_taken_for_now_is_not_lost() {
    let mut app = App::with(&[("probe.media_program", "/nowhere/media-worker")]).await;
    let video = mp4(10_000);
    let path = begun(&app.api, video.len()).await;
    let refused = send(&app.api, &path, 0, &video).await;
    let _refused = refused.expect_problem(503, "service.unavailable");
    assert_eq!(arrived(&app.api, &path).await, video.len());
    app.redis.kill();
    let refused = send(&app.api, &path, video.len(), b"").await;
    let _refused = refused.expect_problem(503, "dependency.unavailable");
    app.redis.restart();
    let (_second, other) = app.replica(&[]).await;
    let taken = send(&other, &path, video.len(), b"").await.expect(204);
    assert!(taken.headers.contains_key("content-location"));
    app.expect_files(1).await;
}
