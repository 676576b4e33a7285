use std::io::Write as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sm_e2e::{Rgb, Stack, StackOptions, Still};
use sm_test_kit::{Api, until_some};

/// Longest wait for a picture.
const WAIT: Duration = Duration::from_mins(1);
/// The preview's width.
const WIDTH: usize = 640;
/// The same picture, compressed twice: this near everywhere.
const TOLERANCE: u8 = 3;
/// Compressed with loss: an area of one colour comes back this near.
const COLOUR_TOLERANCE: u8 = 12;
const DRAWING: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">
    <rect width="100" height="100" fill="#00a000"/><circle cx="50" cy="50" r="30" fill="#ffffff"/></svg>"##;

/// A scene is put together on one machine, and taken in on another that has nothing: both draw the same.
#[tokio::test]
async fn a_scene_looks_the_same_on_the_machine_that_takes_it_in() {
    let (file, picture) = {
        let stack = Stack::start(StackOptions::at("127.96"));
        let admin = stack.admin().await;
        let scene = furnish(&admin).await;
        let path = format!("/api/scenes/{}/export", scene.as_str().unwrap());
        (admin.get_bytes(&path).await, look(&admin, &scene).await)
    };
    let stack = Stack::start(StackOptions::at("127.96"));
    let admin = stack.admin().await;
    assert_eq!(admin.get("/api/assets").await.expect(200).body, json!([]));
    let request = admin.request(Method::POST, "/api/scenes/import");
    let taken_in = admin.send(request.body(file)).await.expect(201).body;
    assert_eq!(taken_in["needs_secrets"], json!([]));
    let same = look(&admin, &taken_in["scene"]["id"]).await;
    let difference = picture.difference(&same);
    assert!(
        difference <= TOLERANCE,
        "the pictures differ by {difference}"
    );
}

/// A new scene with a drawing, text and colours over each other. Its id.
async fn furnish(admin: &Api) -> Value {
    let name = json!({"name": "Furnished"});
    let scene = admin.post("/api/scenes", &name).await.expect(201).body["id"].clone();
    let form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.svg\"\r\n\
         content-type: image/svg+xml\r\n\r\n{DRAWING}\r\n--x--\r\n"
    );
    let upload = admin.request(Method::POST, "/api/assets");
    let upload = upload.header("content-type", "multipart/form-data; boundary=x");
    let drawing = admin.send(upload.body(form)).await.expect(201).body["id"].clone();
    let layers = [
        json!({"name": "Back", "kind": "color", "source": {"color": "#203060"}}),
        json!({"name": "Drawing", "kind": "image", "source": {"asset": drawing},
            "transform": {"x": 100, "y": 60, "width": 600, "height": 600}}),
        json!({"name": "Veil", "kind": "color", "source": {"color": "#c00000"}, "opacity": 0.5,
            "transform": {"x": 640, "y": 200, "width": 400, "height": 300, "rotation": 20,
                "corner_radius": 40}}),
        json!({"name": "Title", "kind": "text", "source": {"text": "The same",
            "style": {"size": 90, "bold": true}}, "transform": {"x": 300, "y": 500,
            "width": 900, "height": 160}}),
    ];
    let path = format!("/api/layers?scene={}", scene.as_str().unwrap());
    for layer in &layers {
        drop(admin.post(&path, layer).await.expect(201));
    }
    scene
}

/// What the preview shows of a scene, once its drawing is there.
async fn look(admin: &Api, scene: &Value) -> Still {
    let body = json!({"action": "preview", "scene": scene});
    let asked = admin.post("/api/stream/control", &body).await;
    assert!(asked.status.is_success(), "{}", asked.text);
    let request = || admin.request(Method::GET, "/live/main/preview.jpg");
    until_some("the drawing is in the preview", WAIT, || async {
        let picture = request().send().await.ok()?;
        let picture = picture.error_for_status().ok()?.bytes().await.ok()?;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&picture).unwrap();
        let still = Still::last_of(file.path(), WIDTH);
        // In the drawing's square and beside its circle; and where only the background is.
        let green = still.at(70, 50).is_near(Rgb(0, 0xa0, 0), COLOUR_TOLERANCE);
        let blue = still
            .at(10, 10)
            .is_near(Rgb(0x20, 0x30, 0x60), COLOUR_TOLERANCE);
        (green && blue).then_some(still)
    })
    .await
}
