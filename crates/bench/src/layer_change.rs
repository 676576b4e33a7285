#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use std::time::Duration;

use image::{ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_e2e::{Stack, StackOptions};
use sm_test_kit::Api;

use crate::measurement::Measurement;

/// The group's name: `B=layer-change` runs every case.
pub(crate) const GROUP: &str = "layer-change";

const NET: &str = "127.83";
/// As many as the state's percentiles are of.
const CHANGES: u32 = 1000;
/// Changes come at least so far from each other, so that no two share a frame, ...
const DISTANCE: Duration = Duration::from_millis(40);
/// ... and at every place between two frames alike often: this part of a frame further each time.
const STEP: f64 = 0.618_034;
const SOURCES: u8 = 50;
const FRAME_MS: f64 = 1000.0 / 30.0;

/// From a layer's change to the frame that shows it, in frames of a program of 30 a second.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let stack = Stack::start(StackOptions::at(NET));
    runtime.block_on(async {
        let admin = stack.admin().await;
        let mut all = changed_property(&stack, &admin).await;
        all.push(new_source(&stack, &admin).await);
        Ok(all)
    })
}

/// What the state says of a thousand changes of a property: from the acknowledged write to the
/// composed frame, as the engine measures it.
async fn changed_property(stack: &Stack, admin: &Api) -> Vec<Measurement> {
    let layer = json!({"name": "Moved", "kind": "color", "source": {"color": "#336699"},
        "transform": {"x": 0, "y": 0, "width": 100, "height": 100}});
    let mut layer = admin.post("/api/layers", &layer).await.expect(201);
    let path = format!("/api/layers/{}", id(&layer.body));
    for number in 0..CHANGES {
        let change = json!({"transform": {"x": number % 1000}});
        let place = (f64::from(number) * STEP).fract();
        tokio::time::sleep(DISTANCE + Duration::from_secs_f64(place * FRAME_MS / 1000.0)).await;
        let etag = layer.header("etag").to_owned();
        layer = admin.patch(&path, &etag, &change).await.expect(200);
    }
    let scene = admin.get("/api/layers").await.expect(200);
    let state = stack
        .until_state("the last change is on air", |state| {
            state["scene"]["revision"] == scene.body["scene"]["revision"]
        })
        .await;
    let performance = &state["performance"];
    let frames = |member: &str| {
        let value = performance[member].as_f64();
        value.expect("the engine measures changes") / FRAME_MS
    };
    let p50 = frames("layer_change_to_air_ms_p50");
    let p99 = frames("layer_change_to_air_ms_p99");
    vec![
        Measurement::within("layer-change-p50", "frame intervals", 1.0, &[p50]),
        Measurement::within("layer-change-p99", "frame intervals", 1.0, &[p99]),
        // A change that just misses a frame waits for nearly an interval, however short its way.
        Measurement::within(
            "layer-change-p99-missed",
            "frames composed without it",
            1.0,
            &[p99.floor()],
        ),
    ]
}

/// From the request for a layer of a picture that nobody has shown so far to its being on air, the
/// way through Traefik included.
async fn new_source(stack: &Stack, admin: &Api) -> Measurement {
    let mut frames = Vec::new();
    for number in 0..SOURCES {
        let asset = upload(admin, number).await;
        let layer = json!({"name": format!("New {number}"), "kind": "image",
            "source": {"asset": asset},
            "transform": {"x": 0, "y": 0, "width": 320, "height": 180}});
        let asked = SystemClock.now();
        let created = admin.post("/api/layers", &layer).await.expect(201);
        let path = format!("/api/layers/{}", id(&created.body));
        stack
            .until("the picture is on air", || async {
                admin.get(&path).await.expect(200).body["status"]["state"] == "ok"
            })
            .await;
        let layer = admin.get(&path).await.expect(200);
        let since: Timestamp = serde_json::from_value(layer.body["status"]["since"].clone())
            .expect("a status has a moment");
        frames.push(since.since(asked).as_secs_f64() * 1000.0 / FRAME_MS);
        admin.delete(&path, layer.header("etag")).await.expect(204);
    }
    Measurement::within("layer-change-new-source", "frames", 5.0, &frames)
}

fn id(layer: &Value) -> &str {
    layer["id"].as_str().expect("a layer has an id")
}

/// Uploads a picture like no other.
async fn upload(admin: &Api, number: u8) -> String {
    let mut png = std::io::Cursor::new(Vec::new());
    RgbImage::from_fn(640, 360, |x, y| {
        let [x, y] = [x, y].map(|side| side.to_le_bytes()[0]);
        Rgb([number, x, y])
    })
    .write_to(&mut png, ImageFormat::Png)
    .expect("a picture can be written");
    let part = Part::bytes(png.into_inner()).file_name("picture.png");
    let form = Form::new().part("file", part);
    let upload = admin.request(Method::POST, "/api/assets").multipart(form);
    let asset = admin.send(upload).await.expect(201);
    asset.body["id"]
        .as_str()
        .expect("an asset has an id")
        .to_owned()
}
