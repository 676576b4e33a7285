use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use sm_test_kit::until;

use crate::app::{App, LIMIT, Upload, color, files, mp4, path_of, png, pointers, tag_of};

fn image_layer(asset: &Value) -> Value {
    json!({"name": "logo", "kind": "image", "source": {"asset": asset}})
}

fn asset_path(asset: &Value) -> String {
    format!("/api/assets/{}", asset["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_image_is_kept_under_its_digest() {
    let app = App::start().await;
    let image = png(640, 360, b"pixels");
    let upload = Upload::new("Logo großartig.png", "image/png", &image);
    let created = app.upload(&upload).await.expect(201);
    let asset = &created.body;
    assert_eq!(created.header("location"), asset_path(asset));
    assert_eq!(asset["name"], "Logo großartig.png");
    assert_eq!(asset["kind"], "image");
    assert_eq!(asset["media_type"], "image/png");
    assert_eq!(
        (&asset["width"], &asset["height"]),
        (&json!(640), &json!(360))
    );
    assert_eq!(asset["bytes"], image.len());

    let kept = app.kept(asset);
    assert_eq!(std::fs::read(&kept).unwrap(), image);
    let mode = kept.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o137, 0, "{mode:o} is more than 0640");
    app.expect_files(1).await;

    assert_eq!(app.api.get("/api/assets").await.body, json!([asset]));
    assert_eq!(app.api.get(&asset_path(asset)).await.body, *asset);
}

#[tokio::test]
async fn the_same_content_is_kept_once() {
    let app = App::start().await;
    let image = png(8, 8, b"same");
    let first = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let first = first.expect(201).body;
    let again = app.upload(&Upload::new("b.png", "", &image)).await;
    assert_eq!(again.expect(200).body, first);
    app.expect_files(1).await;
}

#[tokio::test]
async fn a_video_is_taken_as_well() {
    let app = App::start().await;
    let video = mp4(300_000);
    let created = app.upload(&Upload::new("a.mp4", "video/mp4", &video)).await;
    let asset = created.expect(201).body;
    assert_eq!(asset["kind"], "video");
    assert_eq!(asset["width"], Value::Null);
    let layer =
        json!({"name": "clip", "kind": "video", "source": {"asset": asset["id"], "loop": false}});
    let _created = app.api.post("/api/layers", &layer).await.expect(201);
}

#[tokio::test]
async fn a_layer_shows_only_files_that_exist_and_are_of_its_kind() {
    let app = App::start().await;
    let unknown = json!("ab".repeat(32));
    let video = mp4(1000);
    let video = app.upload(&Upload::new("a.mp4", "video/mp4", &video)).await;
    let video = video.expect(201).body;
    for asset in [&unknown, &video["id"]] {
        let refused = app.api.post("/api/layers", &image_layer(asset)).await;
        let refused = refused.expect_problem(422, "request.validation.failed");
        assert_eq!(pointers(&refused), ["/source/asset"]);
    }
    let layer = app.create("a").await;
    let patch = json!({"kind": "image", "source": {"asset": unknown}});
    let refused = app.api.patch(&path_of(&layer), "\"1\"", &patch).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/source/asset"]);
}

#[tokio::test]
async fn a_file_that_a_layer_shows_is_not_deleted() {
    let app = App::with(&[("assets.claim_ms", "1000")]).await;
    let image = png(8, 8, b"");
    let asset = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let asset = asset.expect(201).body;
    let path = asset_path(&asset);
    let layer = image_layer(&asset["id"]);
    let layer = app.api.post("/api/layers", &layer).await.expect(201).body;
    let refused = app.api.delete(&path, "").await;
    let refused = refused.expect_problem(409, "asset.in-use");
    assert!(
        refused.text.contains(layer["id"].as_str().unwrap()),
        "{}",
        refused.text
    );

    let blank = json!({"kind": "color", "source": {"color": "#000000"}});
    let answer = app
        .api
        .patch(&path_of(&layer), &tag_of(&layer), &blank)
        .await;
    let _changed = answer.expect(200);
    // For a moment more: a layer that is just being given the file would lose it.
    until("the file is deleted", LIMIT, || async {
        let answer = app.api.delete(&path, "").await;
        if answer.status == 204 {
            return true;
        }
        let refused = answer.expect_problem(409, "asset.in-use");
        assert_eq!(refused.header("retry-after"), "2");
        false
    })
    .await;
    let missing = app.api.get(&path).await;
    let _missing = missing.expect_problem(404, "asset.not-found");
    let missing = app.api.delete(&path, "").await;
    let _missing = missing.expect_problem(404, "asset.not-found");
    app.expect_files(0).await;
}

#[tokio::test]
async fn a_file_never_shown_is_deleted_at_once() {
    let app = App::start().await;
    let image = png(8, 8, b"");
    let upload = Upload::new("a.png", "image/png", &image);
    let asset = app.upload(&upload).await.expect(201).body;
    let path = asset_path(&asset);
    let _deleted = app.api.delete(&path, "").await.expect(204);
    app.expect_files(0).await;
    let _again = app.upload(&upload).await.expect(201);
    app.expect_files(1).await;
}

/// A file is given to layers and taken away at the same time, over two replicas: in the end each
/// layer that shows it finds it.
#[tokio::test]
async fn deleting_and_showing_a_file_at_once_leaves_no_layer_without_it() {
    let app = App::start().await;
    let (_second, other) = app.replica(&[]).await;
    for round in 0..10_u8 {
        let image = png(8, 8, &[round]);
        let asset = app.upload(&Upload::new("a.png", "image/png", &image)).await;
        let asset = asset.expect(201).body;
        let (layer, path) = (image_layer(&asset["id"]), asset_path(&asset));
        let show = app.api.post("/api/layers", &layer);
        let delete = other.delete(&path, "");
        let (shown, deleted) = futures_util::future::join(show, delete).await;
        let (shown, deleted) = (shown.status.as_u16(), deleted.status.as_u16());
        assert!(
            matches!((shown, deleted), (201, 409) | (422, 204)),
            "shown: {shown}, deleted: {deleted}"
        );
        let found = app.api.get(&path).await.status.as_u16();
        assert_eq!(found, if shown == 201 { 200 } else { 404 });
    }
}

#[tokio::test]
async fn uploads_of_the_same_content_at_once_keep_one_file() {
    let app = App::start().await;
    let image = png(8, 8, b"at once");
    let upload = || async {
        app.upload(&Upload::new("a.png", "image/png", &image))
            .await
            .status
            .as_u16()
    };
    let mut answers = Vec::from(<[u16; 4]>::from(
        futures_util::future::join4(upload(), upload(), upload(), upload()).await,
    ));
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 200, 201]);
    app.expect_files(1).await;
}

#[tokio::test]
async fn all_files_together_are_bounded_in_bytes_and_number() {
    let app = App::with(&[
        ("assets.total_bytes_max", "3000"),
        ("assets.file_bytes_max", "2500"),
        ("assets.files_max", "2"),
    ])
    .await;
    let upload = |content: Vec<u8>| {
        let app = &app;
        async move { app.upload(&Upload::new("a", "", &content)).await }
    };
    let _kept = upload(mp4(2_000)).await.expect(201);
    // Fits the limit of one file, not what is left of all.
    let _refused = upload(mp4(2_001))
        .await
        .expect_problem(413, "asset.too-large");
    let _kept = upload(png(8, 8, b"")).await.expect(201);
    let refused = upload(png(8, 8, b"one more")).await;
    let refused = refused.expect_problem(413, "asset.too-large");
    assert!(refused.text.contains("2 files"), "{}", refused.text);
    app.expect_files(2).await;
}

#[tokio::test]
async fn what_a_killed_process_leaves_behind_is_swept() {
    let app = App::with(&[
        ("assets.sweep_interval_s", "1"),
        ("assets.orphan_age_s", "1"),
    ])
    .await;
    let image = png(8, 8, b"listed");
    let upload = Upload::new("a.png", "image/png", &image);
    let listed = app.upload(&upload).await.expect(201).body;
    let orphan = app.directory().join("ab").join("ab".repeat(32));
    let half = app.directory().join("tmp").join("half");
    let foreign = app.directory().join("README");
    for path in [&orphan, &half, &foreign] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "left behind").unwrap();
    }
    until("both are gone", LIMIT, || async {
        !orphan.exists() && !half.exists()
    })
    .await;
    assert!(app.kept(&listed).exists());
    assert!(foreign.exists(), "{:?}", files(app.directory()));
    let metrics = reqwest::get(format!("{}/metrics", app.service.metrics_url()));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    let line = format!("sm_assets_bytes {}", image.len());
    assert!(metrics.contains(&line), "{metrics}");
}

#[tokio::test]
async fn layers_can_be_edited_while_files_cannot_be_written() {
    // A file where the directory should be.
    let file = tempfile::NamedTempFile::new().unwrap();
    let directory = file.path().display().to_string();
    let app = App::with(&[("assets.directory", directory.as_str())]).await;
    let _created = app.api.post("/api/layers", &color("a")).await.expect(201);
    let image = png(8, 8, b"");
    let refused = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let refused = refused.expect_problem(500, "internal");
    assert!(!refused.text.contains(&directory), "{}", refused.text);
    let health = reqwest::get(format!("{}/health", app.service.health_url()));
    let health: Value = health.await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "degraded", "{health}");
}
