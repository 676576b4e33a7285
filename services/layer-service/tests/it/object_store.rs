//! Files in an object store instead of a directory.

use std::io::Cursor;

use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::{Answer, ObjectStore, Running, until};
use zip::ZipArchive;

use crate::app::{App, LIMIT, Upload, files, mp4, path_of, png, tag_of};

/// More than goes to the store in one request, and than is read from it in one.
const LARGE: usize = 9_000_000;

async fn app(store: &ObjectStore, changes: &[(&str, &str)]) -> App {
    let settings = store.settings();
    let settings = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let all: Vec<_> = settings.chain(changes.iter().copied()).collect();
    App::with(&all).await
}

fn name(asset: &Value) -> String {
    let id = asset["id"].as_str().unwrap();
    format!("{}/{id}", id.get(..2).unwrap())
}

fn path(asset: &Value) -> String {
    format!("/api/assets/{}", asset["id"].as_str().unwrap())
}

async fn upload(app: &App, file: &str, content: &[u8]) -> Answer {
    app.upload(&Upload::new(file, "", content)).await
}

async fn range(app: &App, path: &str, range: &str) -> Vec<u8> {
    let request = app.api.request(Method::GET, path).header("range", range);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 206, "{range}");
    answer.bytes().await.unwrap().to_vec()
}

async fn health(service: &Running) -> Value {
    let health = reqwest::get(format!("{}/health", service.health_url()));
    health.await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn files_are_in_the_bucket_and_come_out_whole_or_in_part() {
    let store = ObjectStore::start();
    let app = app(&store, &[]).await;
    let (image, video) = (png(400, 100, b"pixels"), mp4(LARGE));
    let image_asset = upload(&app, "a.png", &image).await.expect(201).body;
    let asset = upload(&app, "b.mp4", &video).await.expect(201).body;
    let thumbnails = [&image_asset, &asset].map(|asset| format!("thumbnails/{}", name(asset)));
    let mut expected = vec![name(&image_asset), name(&asset)];
    expected.extend(thumbnails);
    expected.sort_unstable();
    assert_eq!(store.objects(), expected);
    assert_eq!(std::fs::read(store.object(&name(&asset))).unwrap(), video);
    assert_eq!(store.parts(), 0);
    // Nothing is left on the disk.
    app.expect_files(0).await;

    let content = format!("{}/content", path(&asset));
    assert_eq!(app.api.get_bytes(&content).await, video);
    for (from, to) in [(0, 99), (1_048_500, 1_048_700), (LARGE, LARGE + 23)] {
        let part = range(&app, &content, &format!("bytes={from}-{to}")).await;
        assert_eq!(part, video[from..=to]);
    }
    let thumbnail = format!("{}/thumbnail", path(&image_asset));
    assert!(!app.api.get_bytes(&thumbnail).await.is_empty());
    // The same again is the same.
    let again = upload(&app, "c.mp4", &video).await.expect(200).body;
    assert_eq!(again["id"], asset["id"]);

    let layer = json!({"name": "clip", "kind": "video", "source": {"asset": asset["id"]}});
    let layer = app.api.post("/api/layers", &layer).await.expect(201).body;
    let refused = app.api.delete(&path(&asset), "").await;
    let _in_use = refused.expect_problem(409, "asset.in-use");
    let file = format!("/api/scenes/{}/export", layer["scene"].as_str().unwrap());
    let file = app.api.get_bytes(&file).await;
    let mut archive = ZipArchive::new(Cursor::new(file)).unwrap();
    let entry = format!("assets/{}", asset["id"].as_str().unwrap());
    let mut packed = Vec::new();
    std::io::copy(&mut archive.by_name(&entry).unwrap(), &mut packed).unwrap();
    assert_eq!(packed, video);

    let deleted = app.api.delete(&path(&image_asset), "").await;
    let _deleted = deleted.expect(204);
    expected.retain(|object| !object.ends_with(&name(&image_asset)));
    assert_eq!(store.objects(), expected);
    let _deleted = app
        .api
        .delete(&path_of(&layer), &tag_of(&layer))
        .await
        .expect(204);
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_half_kept_and_uploads_go_on_after() {
    let store = ObjectStore::start();
    let app = app(&store, &[]).await;
    let image = png(8, 8, b"known");
    let known = upload(&app, "a.png", &image).await.expect(201).body;
    let objects = store.objects();
    let video = mp4(50_000);
    let begun = app
        .api
        .request(Method::POST, "/api/assets/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", video.len())
        .header("upload-metadata", "filename YS5tcDQ=,filetype dmlkZW8vbXA0");
    let begun = app.api.send(begun).await.expect(201);
    let piece = |offset: usize| {
        let request = app
            .api
            .request(
                Method::PATCH,
                &format!("/api/assets/{}", begun.header("location")),
            )
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(video.get(offset..).unwrap().to_vec());
        app.api.send(request)
    };

    store.set_away(true);
    let refused = upload(&app, "b.png", &png(8, 8, b"new")).await;
    let refused = refused.expect_problem(503, "dependency.unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(
        refused.text.contains("nothing was kept"),
        "{}",
        refused.text
    );
    let refused = piece(0).await;
    let _refused = refused.expect_problem(503, "dependency.unavailable");
    for part in ["content", "thumbnail"] {
        let refused = app.api.get(&format!("{}/{part}", path(&known))).await;
        let _refused = refused.expect_problem(503, "dependency.unavailable");
    }
    // Of all that only what came in pieces waits on the disk.
    assert_eq!(files(app.directory()).len(), 1);
    assert_eq!(store.objects(), objects);
    let listed = app.api.get("/api/assets").await.expect(200).body;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let layer = json!({"name": "a", "kind": "color", "source": {"color": "#102030"}});
    let _created = app.api.post("/api/layers", &layer).await.expect(201);

    store.set_away(false);
    let done = piece(video.len()).await.expect(204);
    assert!(done.headers.contains_key("content-location"));
    let _kept = upload(&app, "b.png", &png(8, 8, b"new")).await.expect(201);
    let content = app
        .api
        .get_bytes(&format!("{}/content", path(&known)))
        .await;
    assert_eq!(content, image);
    app.expect_files(0).await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_by_the_health() {
    let store = ObjectStore::start();
    store.set_away(true);
    let app = app(&store, &[]).await;
    until("the store is missed", LIMIT, || async {
        let health = health(&app.service).await;
        health["status"] == "degraded" && health.to_string().contains("object-store")
    })
    .await;
    store.set_away(false);
    until("it is there again", LIMIT, || async {
        health(&app.service).await["status"] == "ready"
    })
    .await;
}

#[tokio::test]
async fn objects_that_nobody_knows_are_swept_and_those_of_others_are_not() {
    let store = ObjectStore::start();
    let app = app(
        &store,
        &[
            ("assets.sweep_interval_s", "1"),
            ("assets.orphan_age_s", "1"),
        ],
    )
    .await;
    let kept = upload(&app, "a.png", &png(8, 8, b"listed")).await;
    let kept = name(&kept.expect(201).body);
    let orphan = format!("ab/{}", "ab".repeat(32));
    let thumbnail = format!("thumbnails/{orphan}");
    let withdrawn = "withdrawn/one".to_owned();
    let foreign = "notes/readme".to_owned();
    for object in [&orphan, &thumbnail, &withdrawn, &foreign] {
        let path = store.object(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "left behind").unwrap();
    }
    let mut expected = vec![kept.clone(), foreign, format!("thumbnails/{kept}")];
    expected.sort_unstable();
    until("what nobody knows is gone", LIMIT, || async {
        store.objects() == expected
    })
    .await;
}
