//! Scenes as files: what goes out comes in the same, and nothing comes in that should not.

use std::io::{Cursor, Write as _};

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sm_common::auth::Role;
use sm_common::id::AssetId;
use sm_test_kit::{Answer, Api};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::app::{App, Upload, color, files, mp4, path_of, png, pointers};

/// Something that is in no file.
const PASSWORD: &str = "correct horse battery staple";

async fn import(api: &Api, file: Vec<u8>) -> Answer {
    let request = api.request(Method::POST, "/api/scenes/import");
    let request = request.header("content-type", "application/zip").body(file);
    api.send(request).await
}

async fn export(api: &Api, scene: &Value) -> Vec<u8> {
    let id = scene["id"].as_str().unwrap();
    api.get_bytes(&format!("/api/scenes/{id}/export")).await
}

/// The one scene of a new installation.
async fn first_scene(api: &Api) -> Value {
    let list = api.get("/api/layers").await.expect(200).body;
    list["scene"].clone()
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in entries {
        archive.start_file(*name, packed).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn digest(content: &[u8]) -> String {
    AssetId::from_sha256(&Sha256::digest(content).into()).to_string()
}

/// What people decide of the layers, without what is another in each installation.
fn decided(layers: &Value) -> Vec<Value> {
    let mut layers = layers.as_array().unwrap().clone();
    for layer in &mut layers {
        let members = layer.as_object_mut().unwrap();
        for member in ["id", "scene", "created_at", "updated_at", "revision"] {
            members.remove(member);
        }
        let source = members["source"].as_object_mut().unwrap();
        for member in ["secret", "has_password", "next"] {
            source.remove(member);
        }
    }
    layers
}

/// A scene with a picture, a video that is followed by it, a locked text, and a camera with a password.
async fn furnish(app: &App) -> Value {
    let picture = png(8, 8, b"picture");
    let upload = Upload::new("a.png", "image/png", &picture);
    let picture = app.upload(&upload).await.expect(201).body["id"].clone();
    let video = mp4(50_000);
    let upload = Upload::new("b.mp4", "video/mp4", &video);
    let video = app.upload(&upload).await.expect(201).body["id"].clone();
    let post =
        |layer: Value| async move { app.api.post("/api/layers", &layer).await.expect(201).body };
    let shown = post(json!({"name": "Video", "kind": "video", "source": {"asset": video}})).await;
    let next = post(
        json!({"name": "Picture", "kind": "image", "source": {"asset": picture},
        "transform": {"x": 7, "rotation": 30}, "blend": "add"}),
    );
    let next = next.await;
    let patch =
        json!({"source": {"at_end": "next", "loop": false, "next": next["id"]}, "locked": true});
    let followed = app.api.patch(&path_of(&shown), "\"1\"", &patch).await;
    let _followed = followed.expect(200);
    let camera = json!({"name": "Camera", "kind": "network", "source": {
        "url": "rtsp://cameras.example/one", "user": "studio", "password": PASSWORD}});
    post(camera).await;
    post(color("Colour")).await;
    first_scene(&app.api).await
}

#[tokio::test]
async fn a_scene_is_the_same_on_a_clean_machine_but_for_its_secrets() {
    let (here, there) = (App::start().await, App::start().await);
    let scene = furnish(&here).await;
    let file = export(&here.api, &scene).await;
    assert_eq!(
        export(&here.api, &scene).await,
        file,
        "the same bytes again"
    );
    let mut archive = ZipArchive::new(Cursor::new(file.clone())).unwrap();
    let text = std::io::read_to_string(archive.by_name("scene.json").unwrap()).unwrap();
    for secret in [PASSWORD, "\"secret\"", "\"has_password\""] {
        assert!(!text.contains(secret), "{text}");
    }

    let answer = import(&there.api, file.clone()).await.expect(201);
    let made = &answer.body["scene"];
    let place = answer.header("location");
    let before = here.api.get("/api/layers").await.expect(200).body["layers"].clone();
    let after = there.api.get(place).await.expect(200);
    assert_eq!(after.header("etag"), answer.header("etag"));
    assert_eq!(after.body, *made);
    let after = &after.body["layers"];
    assert_eq!(decided(after), decided(&before));
    assert_eq!(made["name"], scene["name"]);
    assert_ne!(after[0]["id"], before[0]["id"]);
    assert_eq!(after[0]["source"]["next"], after[1]["id"]);
    assert_eq!(after[0]["locked"], true);
    assert_eq!(answer.body["needs_secrets"], json!([after[2]["id"]]));
    for layer in [0, 1] {
        let asset = after[layer]["source"]["asset"].as_str().unwrap();
        let content = format!("/api/assets/{asset}/content");
        assert_eq!(
            there.api.get_bytes(&content).await,
            here.api.get_bytes(&content).await
        );
    }
    let names = |assets: Value| -> Vec<Value> {
        let assets = assets.as_array().unwrap().iter();
        let mut names: Vec<Value> = assets.map(|asset| asset["name"].clone()).collect();
        names.sort_by_key(ToString::to_string);
        names
    };
    let assets = there.api.get("/api/assets").await.expect(200).body;
    assert_eq!(names(assets), ["a.png", "b.mp4"]);

    // Again, under another name: what is there already is kept once.
    let kept = files(there.directory());
    let request = there
        .api
        .request(Method::POST, "/api/scenes/import?name=Again");
    let again = there.api.send(request.body(file)).await.expect(201);
    assert_eq!(again.body["scene"]["name"], "Again");
    assert_eq!(files(there.directory()), kept);
    let listed = there.api.get("/api/scenes").await.expect(200).body;
    assert_eq!(listed["scenes"].as_array().unwrap().len(), 3);
    assert_eq!(listed["scenes"][2]["id"], again.body["scene"]["id"]);
}

/// `scene.json` of one picture.
fn described(asset: &str) -> Value {
    json!({"format": "stream-manager-scene", "version": 1, "name": "One picture",
        "layers": [{"id": "01900000-0000-7000-8000-00000000000b", "needs_secret": false,
            "layer": {"name": "Picture", "kind": "image", "source": {"asset": asset}}}],
        "assets": [{"id": asset, "name": "a.png"}]})
}

/// A picture, its digest, its place in an archive, and the description of a scene that shows it.
struct Sample {
    content: Vec<u8>,
    place: String,
    scene: String,
}

impl Sample {
    fn of(content: Vec<u8>) -> Self {
        let id = digest(&content);
        Self {
            content,
            place: format!("assets/{id}"),
            scene: described(&id).to_string(),
        }
    }

    fn archive(&self) -> Vec<u8> {
        archive(&[("scene.json", self.scene.as_bytes()), self.entry()])
    }

    /// With something else beside the picture.
    fn archive_with(&self, other: (&str, &[u8])) -> Vec<u8> {
        archive(&[("scene.json", self.scene.as_bytes()), self.entry(), other])
    }

    fn entry(&self) -> (&str, &[u8]) {
        (&self.place, &self.content)
    }
}

/// Files that are none of a scene: what is sent, and how it is refused.
fn bad_files(good: &Sample) -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let invalid = |what, file| (what, file, 422, "scene.file.invalid");
    let large = |what, file| (what, file, 413, "scene.file.too-large");
    let wrong = |what, file| (what, file, 422, "request.validation.failed");
    let whole = good.archive();
    let other = Sample::of(b"other".to_vec());
    let swapped = archive(&[
        ("scene.json", other.scene.as_bytes()),
        (&other.place, &good.content),
    ]);
    vec![
        invalid("text", b"no archive".to_vec()),
        invalid("nothing", Vec::new()),
        invalid("half", whole[..whole.len() / 2].to_vec()),
        invalid("empty", archive(&[])),
        invalid("no scene", archive(&[good.entry()])),
        invalid(
            "a climbing path",
            good.archive_with(("assets/../../x", b"x")),
        ),
        invalid("an absolute path", good.archive_with(("/etc/passwd", b"x"))),
        invalid("a stray file", good.archive_with(other.entry())),
        invalid("another content", swapped),
        invalid("no JSON", archive(&[("scene.json", b"{")])),
        large("a bomb", Sample::of(vec![0; 150_000]).archive()),
        large(
            "a large description",
            archive(&[("scene.json", &vec![b' '; 50_001])]),
        ),
        large("too much", vec![0; 200_001]),
        wrong(
            "another format",
            archive(&[("scene.json", b"{\"format\": \"x\", \"version\": 1}")]),
        ),
        wrong("no file", archive(&[("scene.json", good.scene.as_bytes())])),
        (
            "no picture",
            Sample::of(b"no picture at all".to_vec()).archive(),
            415,
            "asset.type.unsupported",
        ),
    ]
}

#[tokio::test]
async fn what_is_no_scene_is_refused_with_a_reason_and_nothing_of_it_is_kept() {
    let app = App::with(&[
        ("scene_files.bytes_max", "200000"),
        ("scene_files.scene_bytes_max", "50000"),
    ])
    .await;
    let good = Sample::of(png(8, 8, b""));
    for (what, file, status, code) in bad_files(&good) {
        let answer = import(&app.api, file).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        let _refused = answer.expect_problem(status, code);
    }
    let mut wrong: Value = serde_json::from_str(&good.scene).unwrap();
    wrong["layers"][0]["layer"]["opacity"] = json!(2);
    wrong["layers"][0]["layer"]["transform"] = json!({"width": 0});
    let wrong = wrong.to_string();
    let wrong = archive(&[("scene.json", wrong.as_bytes()), good.entry()]);
    let answer = import(&app.api, wrong).await;
    let answer = answer.expect_problem(422, "request.validation.failed");
    assert_eq!(
        pointers(&answer),
        ["/layers/0/layer/transform/width", "/layers/0/layer/opacity"]
    );
    let listed = app.api.get("/api/scenes").await.expect(200).body;
    assert_eq!(listed["scenes"].as_array().unwrap().len(), 1);
    assert_eq!(app.api.get("/api/assets").await.expect(200).body, json!([]));
    app.expect_files(0).await;
    let _good = import(&app.api, good.archive()).await.expect(201);
    app.expect_files(1).await;
}

#[tokio::test]
async fn a_scene_that_finds_no_room_leaves_no_file_behind() {
    let app = App::with(&[("scene.scenes_max", "1")]).await;
    let file = Sample::of(png(8, 8, b"")).archive();
    let answer = import(&app.api, file).await;
    let _full = answer.expect_problem(409, "scene.limit-reached");
    assert_eq!(app.api.get("/api/assets").await.expect(200).body, json!([]));
    app.expect_files(0).await;
}

#[tokio::test]
async fn a_full_disk_is_said_before_a_scene_is_sent() {
    let app = App::with(&[("assets.disk_free_bytes_min", "1000000000000000")]).await;
    let refused = import(&app.api, b"whatever it is".to_vec()).await;
    let _refused = refused.expect_problem(507, "asset.storage.full");
    app.expect_files(0).await;
}

#[tokio::test]
async fn scenes_go_out_and_come_in_for_operators_alone() {
    let app = App::start().await;
    let scene = first_scene(&app.api).await;
    let viewer = app.api.with_token(app.issuer.token(Role::Viewer));
    let path = format!("/api/scenes/{}/export", scene["id"].as_str().unwrap());
    let _refused = viewer.get(&path).await.expect(403);
    let _refused = import(&viewer, Vec::new()).await.expect(403);
    let unknown = "/api/scenes/01900000-0000-7000-8000-000000000001/export";
    let answer = app.api.get(unknown).await;
    let _missing = answer.expect_problem(404, "scene.not-found");
}

#[tokio::test]
async fn variables_come_with_the_texts_that_show_them_and_overwrite_none() {
    async fn set(app: &App, values: Value) {
        let request = app.api.request(Method::PATCH, "/api/variables");
        let body = json!({"values": values});
        let _set = app.api.send(request.json(&body)).await.expect(200);
    }
    async fn values(app: &App) -> Value {
        app.api.get("/api/variables").await.expect(200).body["values"].clone()
    }
    let (here, there) = (App::start().await, App::start().await);
    let text = json!({"name": "Score", "kind": "text",
        "source": {"text": "{{home}} {{away}} {{nobody}} {{clock}}"}});
    let _text = here.api.post("/api/layers", &text).await.expect(201);
    set(&here, json!({"home": 3, "away": 2, "hidden": "x"})).await;
    let file = export(&here.api, &first_scene(&here.api).await).await;
    set(&there, json!({"away": "two"})).await;
    let brought = import(&there.api, file.clone()).await.expect(201).body;
    assert_eq!(
        brought["variables"],
        json!({"set": ["home"], "kept": ["away"]})
    );
    assert_eq!(values(&there).await, json!({"home": 3, "away": "two"}));
    let replace = "/api/scenes/import?variables=replace";
    let request = there.api.request(Method::POST, replace).body(file);
    let brought = there.api.send(request).await.expect(201).body;
    assert_eq!(brought["variables"], json!({"set": ["away"], "kept": []}));
    assert_eq!(values(&there).await, json!({"home": 3, "away": 2}));

    let wrong = json!({"format": "stream-manager-scene", "version": 1, "name": "a", "layers": [],
        "assets": [], "variables": {"clock": 1, "list": []}});
    let wrong = archive(&[("scene.json", wrong.to_string().as_bytes())]);
    let refused = import(&there.api, wrong).await;
    let refused = refused.expect_problem(400, "request.body.invalid");
    assert_eq!(pointers(&refused), ["/variables/clock", "/variables/list"]);
}
