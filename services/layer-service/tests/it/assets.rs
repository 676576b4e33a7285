use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use sm_test_kit::until;

use crate::app::{App, LIMIT, Upload, color, files, gif, mp4, path_of, png, pointers, tag_of};

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

    let mut unused = asset.clone();
    unused["uses"] = json!([]);
    assert_eq!(app.api.get("/api/assets").await.body, json!([unused]));
    assert_eq!(app.api.get(&asset_path(asset)).await.body, unused);
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
    let known = [
        "width",
        "height",
        "duration_ms",
        "video_codec",
        "audio_codec",
    ];
    let known = known.map(|field| asset[field].clone());
    assert_eq!(json!(known), json!([640, 360, 4000, "H.264", "AAC"]));
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
    for words in ["of scene \\\"Main\\\"", "on air"] {
        assert!(refused.text.contains(words), "{}", refused.text);
    }
    let found = app.api.get(&path).await.expect(200);
    let [place] = found.body["uses"].as_array().unwrap().as_slice() else {
        panic!("one layer uses it: {}", found.body);
    };
    assert_eq!(place["layer"], layer["id"]);
    assert_eq!(place["scene"], layer["scene"]);
    let words = ["layer_name", "scene_name", "on_air"].map(|field| place[field].clone());
    assert_eq!(json!(words), json!(["logo", "Main", true]));
    let listed = app.api.get("/api/assets").await.expect(200);
    assert_eq!(listed.body, json!([found.body]));

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

#[tokio::test]
async fn drawings_and_animations_are_taken_as_pictures() {
    let app = App::start().await;
    let svg =
        br#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>"#;
    let moves = gif(3, Duration::from_millis(200));
    for (name, media_type, content, known) in [
        (
            "logo.svg",
            "image/svg+xml",
            svg.to_vec(),
            json!([40, 20, null, null]),
        ),
        ("spinner.gif", "image/gif", moves, json!([1, 1, 3, 600])),
        (
            "still.gif",
            "image/gif",
            gif(1, Duration::ZERO),
            json!([1, 1, null, null]),
        ),
    ] {
        let upload = Upload::new(name, media_type, &content);
        let asset = app.upload(&upload).await.expect(201).body;
        assert_eq!(asset["kind"], "image");
        assert_eq!(asset["media_type"], media_type);
        let found = ["width", "height", "frames", "duration_ms"].map(|field| asset[field].clone());
        assert_eq!(json!(found), known, "{name}");
        let layer = image_layer(&asset["id"]);
        let _created = app.api.post("/api/layers", &layer).await.expect(201);
        let content = app
            .api
            .get(&format!("{}/content", asset_path(&asset)))
            .await;
        let policy = content.header("content-security-policy");
        assert!(policy.contains("sandbox"), "{policy}");
    }
}

#[tokio::test]
async fn drawings_that_are_too_much_are_refused() {
    let app = App::with(&[
        ("assets.svg_bytes_max", "2000"),
        ("assets.svg_parts_max", "50"),
    ])
    .await;
    let svg = |body: &str| {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4">{body}</svg>"#)
    };
    let uses: Vec<String> = (1..9)
        .map(|n| {
            format!(
                r##"<g id="g{n}"><use href="#g{0}"/><use href="#g{0}"/></g>"##,
                n - 1
            )
        })
        .collect();
    for (drawing, reason) in [
        (svg(&" ".repeat(2_000)), "at most 2000"),
        (svg(&uses.concat()), "more than 50 parts"),
        (svg(&"<g>".repeat(5)), "no well-formed SVG"),
        (
            format!("<!DOCTYPE svg [<!ENTITY a 'b'>]>{}", svg("")),
            "entities",
        ),
    ] {
        let upload = Upload::new("a.svg", "image/svg+xml", drawing.as_bytes());
        let refused = app.upload(&upload).await;
        let refused = refused.expect_problem(415, "asset.type.unsupported");
        assert!(refused.text.contains(reason), "{}", refused.text);
    }
    app.expect_files(0).await;
}

#[tokio::test]
async fn sounds_are_taken_and_played_by_layers_of_their_own() {
    let app = App::start().await;
    let wav = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    for (name, media_type, content) in [
        ("a.mp3", "audio/mpeg", b"ID3\x04\0\0\0\0\0\0".to_vec()),
        ("a.flac", "audio/flac", b"fLaC\0\0\0\x22".to_vec()),
        ("a.wav", "audio/wav", wav),
    ] {
        let asset = app.upload(&Upload::new(name, media_type, &content)).await;
        let asset = asset.expect(201).body;
        assert_eq!(
            (&asset["kind"], &asset["media_type"]),
            (&json!("audio"), &json!(media_type))
        );
        let layer = json!({"name": "Jingle", "kind": "audio", "source": {"asset": asset["id"]}});
        let layer = app.api.post("/api/layers", &layer).await.expect(201).body;
        let command = format!("{}/playback", path_of(&layer));
        let paused = app.api.post(&command, &json!({"action": "pause"})).await;
        assert_eq!(paused.expect(200).body["playback"]["paused"], true);
        let video = json!({"name": "Clip", "kind": "video", "source": {"asset": asset["id"]}});
        let refused = app.api.post("/api/layers", &video).await;
        let refused = refused.expect_problem(422, "request.validation.failed");
        assert_eq!(pointers(&refused), ["/source/asset"]);
    }
}

#[tokio::test]
async fn a_font_is_taken_when_it_is_one_and_kept_while_text_is_written_in_it() {
    let app = App::with(&[("assets.claim_ms", "1000")]).await;
    let broken = [b"\0\x01\0\0\0\x0a\0\x80".as_slice(), &[7; 500]].concat();
    let refused = app.upload(&Upload::new("a.ttf", "font/ttf", &broken)).await;
    let refused = refused.expect_problem(415, "asset.type.unsupported");
    assert!(refused.text.contains("font"), "{}", refused.text);

    let font = std::fs::read("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").unwrap();
    let asset = app.upload(&Upload::new("a.ttf", "font/ttf", &font)).await;
    let asset = asset.expect(201).body;
    assert_eq!(asset["kind"], "font");
    let image = png(8, 8, b"");
    let image = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let text = |font: &Value| {
        json!({"name": "Title", "kind": "text",
            "source": {"text": "a", "style": {"font_asset": font}}})
    };
    for wrong in [&image.body["id"], &json!("ab".repeat(32))] {
        let refused = app.api.post("/api/layers", &text(wrong)).await;
        let refused = refused.expect_problem(422, "request.validation.failed");
        assert_eq!(pointers(&refused), ["/source/style/font_asset"]);
    }
    let layer = app.api.post("/api/layers", &text(&asset["id"])).await;
    let layer = layer.expect(201).body;
    // Other changes of the style do not ask for the font again.
    let patch = json!({"source": {"style": {"size": 90}}});
    let changed = app.api.patch(&path_of(&layer), "\"1\"", &patch).await;
    assert_eq!(
        changed.expect(200).body["source"]["style"]["font_asset"],
        asset["id"]
    );
    let refused = app.api.delete(&asset_path(&asset), "").await;
    let _in_use = refused.expect_problem(409, "asset.in-use");
}

#[tokio::test]
async fn a_full_disk_is_said_before_anything_is_sent() {
    let app = App::with(&[("assets.disk_free_bytes_min", "1000000000000000")]).await;
    let image = png(8, 8, b"");
    let refused = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let _refused = refused.expect_problem(507, "asset.storage.full");
    app.expect_files(0).await;
}

#[tokio::test]
async fn without_the_media_worker_pictures_are_taken_and_videos_are_not() {
    let app = App::with(&[("probe.media_program", "/nowhere/media-worker")]).await;
    let (image, video) = (png(8, 8, b""), mp4(1000));
    let refused = app.upload(&Upload::new("a.mp4", "video/mp4", &video)).await;
    let refused = refused.expect_problem(503, "service.unavailable");
    assert!(!refused.text.contains("nowhere"), "{}", refused.text);
    app.expect_files(0).await;
    let _kept = app
        .upload(&Upload::new("a.png", "image/png", &image))
        .await
        .expect(201);
    let health = reqwest::get(format!("{}/health", app.service.health_url()));
    let health: Value = health.await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "degraded", "{health}");
}

#[tokio::test]
async fn files_that_nobody_uses_are_removed_where_that_is_wanted() {
    let app = App::start().await;
    let (logo, other) = (png(8, 8, b"logo"), png(8, 8, b"other"));
    let logo = app.upload(&Upload::new("a.png", "image/png", &logo)).await;
    let logo = logo.expect(201).body;
    let layer = image_layer(&logo["id"]);
    let layer = app.api.post("/api/layers", &layer).await.expect(201).body;
    let other = app.upload(&Upload::new("b.png", "image/png", &other)).await;
    let other = asset_path(&other.expect(201).body);
    let (sweeper, _) = app
        .replica(&[
            ("assets.sweep_interval_s", "1"),
            ("assets.unused_keep_s", "1"),
            ("assets.claim_ms", "1000"),
        ])
        .await;
    until("the unused one is gone", LIMIT, || async {
        app.api.get(&other).await.status == 404
    })
    .await;
    let _found = app.api.get(&asset_path(&logo)).await.expect(200);
    let _deleted = app
        .api
        .delete(&path_of(&layer), &tag_of(&layer))
        .await
        .expect(204);
    until("the other one is gone as well", LIMIT, || async {
        app.api.get(&asset_path(&logo)).await.status == 404
    })
    .await;
    app.expect_files(0).await;
    let metrics = reqwest::get(format!("{}/metrics", sweeper.metrics_url()));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    let line = "sm_assets_swept_total{what=\"unused\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}
