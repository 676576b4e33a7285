//! layer-service and the real worker that looks into videos and sounds for it.

use std::path::Path;
use std::process::Command;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_layer_service::{ABOUT, Config, serve};
use sm_test_kit::{Answer, Api, Issuer, Redis, Running, until};
use tempfile::TempDir;

use crate::PATIENCE;

/// layer-service with a Redis and a directory of its own.
struct Library {
    // Before what it needs: fields end in this order.
    service: Running,
    api: Api,
    _redis: Redis,
    folder: TempDir,
}

impl Library {
    async fn open(changes: &[(&str, &str)]) -> Self {
        let (redis, issuer) = (Redis::start(), Issuer::new());
        let folder = tempfile::tempdir().unwrap();
        let (url, assets) = (redis.url(), folder.path().join("assets"));
        let assets = assets.display().to_string();
        let own = [
            ("redis.url", url.as_str()),
            ("assets.directory", assets.as_str()),
            ("probe.media_program", env!("CARGO_BIN_EXE_media-worker")),
        ];
        let settings: Vec<_> = own.iter().chain(changes).copied().collect();
        let config: Config = Running::config(&ABOUT, &settings);
        let service = Running::start(ABOUT, config, issuer.key_source(), serve);
        let api = Api::new(service.url()).with_token(issuer.token(Role::Operator));
        let health = Api::new(service.health_url());
        until("the service is ready", PATIENCE, || async {
            health.get("/health/ready").await.status == 200
        })
        .await;
        Self {
            service,
            api,
            _redis: redis,
            folder,
        }
    }

    /// A file that ffmpeg makes with these arguments.
    fn make(&self, name: &str, arguments: &str) -> Vec<u8> {
        let path = self.folder.path().join(name);
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(arguments.split_whitespace())
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success(), "{name}");
        std::fs::read(path).unwrap()
    }

    async fn upload(&self, name: &'static str, content: Vec<u8>) -> Answer {
        let form = Form::new().part("file", Part::bytes(content).file_name(name));
        let request = self.api.request(Method::POST, "/api/assets");
        self.api.send(request.multipart(form)).await
    }

    async fn refused(&self, name: &'static str, content: Vec<u8>, status: u16, code: &str) {
        let answer = self.upload(name, content).await;
        let _refused = answer.expect_problem(status, code);
    }

    fn files(&self) -> usize {
        count(&self.folder.path().join("assets"))
    }
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => count(&entry.path()),
            Ok(_) | Err(_) => 1,
        })
        .sum()
}

fn fields(asset: &Value, names: [&str; 5]) -> Value {
    json!(names.map(|name| asset[name].clone()))
}

/// Red at first, blue from the second on: what is shown small is not the first picture.
const TWO_COLOURS: &str = "-f lavfi -i color=red:s=640x360:r=25:d=1 -f lavfi -i color=blue:s=640x360:r=25:d=19 \
    -f lavfi -i sine=d=20 -filter_complex [0][1]concat[v] -map [v] -map 2 -g 25 -pix_fmt yuv420p -shortest";

#[tokio::test]
async fn videos_and_sounds_say_what_they_are() {
    let library = Library::open(&[]).await;
    let known = ["kind", "width", "height", "video_codec", "audio_codec"];
    for (name, arguments, expected) in [
        (
            "a.mp4",
            format!("{TWO_COLOURS} -c:v libx264 -preset ultrafast -c:a aac"),
            json!(["video", 640, 360, "H.264 / AVC", "MPEG-4 AAC audio"]),
        ),
        (
            "a.webm",
            "-f lavfi -i testsrc2=s=320x180:d=1 -c:v libvpx -deadline realtime".to_owned(),
            json!(["video", 320, 180, "VP8 video", null]),
        ),
        (
            "a.wav",
            "-f lavfi -i sine=d=2".to_owned(),
            json!(["audio", null, null, null, "Uncompressed 16-bit PCM audio"]),
        ),
        (
            "a.mp3",
            "-f lavfi -i sine=d=2".to_owned(),
            json!(["audio", null, null, null, "MPEG-1 Layer 3 (MP3)"]),
        ),
        // A container of videos without a picture is a sound.
        (
            "sound.mp4",
            "-f lavfi -i sine=d=2 -c:a aac".to_owned(),
            json!(["audio", null, null, null, "MPEG-4 AAC audio"]),
        ),
    ] {
        let content = library.make(name, &arguments);
        let asset = library.upload(name, content).await.expect(201).body;
        assert_eq!(fields(&asset, known), expected, "{name}");
        let seconds = asset["duration_ms"].as_f64().unwrap() / 1000.0;
        let expected = match name {
            "a.mp4" => 20.0,
            "a.webm" => 1.0,
            _ => 2.0,
        };
        assert!((seconds - expected).abs() < 0.2, "{name}: {seconds} s");
        let seen = asset["kind"] == "video";
        assert_eq!(asset["thumbnail"] == "image/jpeg", seen, "{name}");
    }
}

#[tokio::test]
async fn a_video_is_shown_small_as_it_looks_behind_its_beginning() {
    let library = Library::open(&[]).await;
    let arguments = format!("{TWO_COLOURS} -c:v libx264 -preset ultrafast -c:a aac");
    let video = library.make("a.mp4", &arguments);
    let asset = library.upload("a.mp4", video).await.expect(201).body;
    let path = format!("/api/assets/{}/thumbnail", asset["id"].as_str().unwrap());
    let answer = library
        .api
        .request(Method::GET, &path)
        .send()
        .await
        .unwrap();
    let small = library.folder.path().join("small.jpg");
    std::fs::write(&small, answer.bytes().await.unwrap()).unwrap();
    // The pixel in the middle.
    let pixels = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&small)
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap()
        .stdout;
    assert_eq!(pixels.len(), 320 * 180 * 3);
    let middle = pixels.chunks_exact(3).nth(90 * 320 + 160).unwrap();
    let [red, _, blue] = middle else {
        unreachable!("a pixel has three colours");
    };
    assert!(*blue > 200 && *red < 60, "{middle:?}");
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_and_leaves_nothing() {
    let library = Library::open(&[
        ("assets.duration_s_max", "5"),
        ("assets.image_side_max", "400"),
    ])
    .await;
    let short =
        "-f lavfi -i testsrc2=s=320x180:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let video = library.make("a.mp4", short);
    let head = |bytes: usize| video.get(..bytes).unwrap().to_vec();
    let garbage = [head(64), vec![0x5a; 100_000]].concat();
    let long = library.make("long.mp3", "-f lavfi -i sine=d=8");
    let wide = short.replace("320x180", "640x180");
    let wide = library.make("wide.mp4", &wide);
    let list = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    for (name, content, status, code) in [
        (
            "half.mp4",
            head(video.len() / 2),
            415,
            "asset.type.unsupported",
        ),
        ("garbage.mp4", garbage, 415, "asset.type.unsupported"),
        ("empty.wav", list, 415, "asset.type.unsupported"),
        (
            "tag.mp3",
            b"ID3\x04\0\0\0\0\0\0".to_vec(),
            415,
            "asset.type.unsupported",
        ),
        ("long.mp3", long, 422, "asset.too-long"),
        ("wide.mp4", wide, 422, "asset.dimensions.too-large"),
    ] {
        library.refused(name, content, status, code).await;
    }
    assert_eq!(library.files(), 0);
    let _kept = library.upload("a.mp4", video).await.expect(201);
    // The file and its thumbnail.
    assert_eq!(library.files(), 2);
}

#[tokio::test]
async fn a_worker_that_takes_too_long_is_ended() {
    let library = Library::open(&[("probe.timeout_ms", "1")]).await;
    let sound = library.make("a.wav", "-f lavfi -i sine=d=1");
    library
        .refused("a.wav", sound, 422, "asset.too-costly")
        .await;
    assert_eq!(library.files(), 0);
    let health = Client::new().get(format!("{}/health", library.service.health_url()));
    let health: Value = health.send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ready", "{health}");
}
