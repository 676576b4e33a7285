//! Feeds that others push, through Traefik to the picture.

use std::process::{Child, Command, Stdio};

use serde_json::json;
use sm_e2e::{Playlist, Rgb, Stack, StackOptions, Still};

const COLOUR_TOLERANCE: u8 = 12;
/// The demo's canvas.
const WIDTH: usize = 1280;
const GREEN: &str = "0x00c000";

/// An encoder that pushes green and a tone. Killed with the value.
struct Encoder(Child);

impl Encoder {
    fn start(address: &str) -> Self {
        let picture = format!("color={GREEN}:s=320x180:r=30");
        let child = Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-f", "lavfi", "-i", &picture])
            .args(["-re", "-f", "lavfi", "-i", "sine=500:r=48000"])
            // Pictures that are decoded in another order than they are shown.
            .args(["-c:v", "libx264", "-preset", "veryfast", "-bf", "2"])
            .args(["-pix_fmt", "yuv420p", "-g", "15", "-c:a", "aac"])
            .args(["-f", "mpegts", address])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Ends it in good order.
    fn end(mut self) {
        let pid = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn newest_segment(stack: &Stack) -> tempfile::NamedTempFile {
    let viewer = stack.anonymous();
    let playlist = Playlist::fetch(&viewer).await.unwrap();
    playlist.newest_segment(&viewer).await
}

/// How loud a file is at most, in decibels.
fn loudest(file: &std::path::Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i"])
        .arg(file)
        .args(["-vn", "-af", "volumedetect", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let level = said.split("max_volume: ").nth(1).unwrap_or("-99 dB");
    level.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_pushed_by_srt_is_seen_and_heard() {
    let stack = Stack::start(StackOptions::at("127.84"));
    let admin = stack.admin().await;
    let layer = json!({
        "name": "Guest", "kind": "ingest", "source": {"protocol": "srt"},
        "transform": {"x": 0, "y": 0, "width": 640, "height": 360},
    });
    let created = admin.post("/api/layers", &layer).await.expect(201);
    let path = format!("/api/layers/{}", created.body["id"].as_str().unwrap());
    let shown = admin.get(&format!("{path}/ingest")).await.expect(200);
    let encoder = Encoder::start(shown.body["address"].as_str().unwrap());
    stack
        .until("green is on air, with its tone", || async {
            let segment = newest_segment(&stack).await;
            let colour = Still::last_of(segment.path(), WIDTH).at(320, 180);
            colour.is_near(Rgb(0, 0xc0, 0), COLOUR_TOLERANCE) && loudest(segment.path()) > -40.0
        })
        .await;
    let status = admin.get(&path).await.expect(200).body["status"].clone();
    assert_eq!(status["state"], "ok");
    encoder.end();
    stack
        .until("the layer says that it has lost its publisher", || async {
            let status = admin.get(&path).await.expect(200).body["status"].clone();
            status["code"] == "layer.ingest.lost"
        })
        .await;
}

/// One system's output is another one's feed. Here both are the same.
#[tokio::test]
async fn a_program_can_be_pushed_to_a_layer() {
    let stack = Stack::start(StackOptions::at("127.85"));
    let admin = stack.admin().await;
    let layer = json!({
        "name": "Program", "kind": "ingest", "source": {"protocol": "srt"},
        "transform": {"x": 0, "y": 0, "width": 640, "height": 360},
    });
    let created = admin.post("/api/layers", &layer).await.expect(201);
    let path = format!("/api/layers/{}", created.body["id"].as_str().unwrap());
    let shown = admin.get(&format!("{path}/ingest")).await.expect(200).body;
    let output = json!({"name": "Myself", "kind": "srt",
        "target": {"url": shown["server"], "stream_id": shown["stream_key"]}});
    let created = admin.post("/api/stream/outputs", &output).await;
    created.expect(201);
    let state = stack
        .until_state("the feed is known", |state| {
            let layers = state["performance"]["layers"].as_array();
            let mut feeds = layers.into_iter().flatten().map(|layer| &layer["feed"]);
            feeds.any(|feed| feed["audio_codec"].is_string() && feed["width"].is_number())
        })
        .await;
    let layers = state["performance"]["layers"].as_array().unwrap().iter();
    let feed = layers
        .map(|layer| &layer["feed"])
        .find(|feed| !feed.is_null());
    let feed = feed.unwrap();
    assert_eq!(
        (&feed["video_codec"], &feed["audio_codec"]),
        (&json!("h264"), &json!("aac"))
    );
    assert_eq!(
        (&feed["width"], &feed["height"]),
        (&json!(1280), &json!(720))
    );
    let status = admin.get(&path).await.expect(200).body["status"].clone();
    assert_eq!(status["state"], "ok");
}
