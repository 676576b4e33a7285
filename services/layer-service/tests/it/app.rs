//! The service under test, and what its users do.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage, Frame, ImageFormat, RgbaImage};
use reqwest::Method;
use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_layer_service::{ABOUT, Config, serve};
use sm_test_kit::{Answer, Api, Issuer, Redis, Running, until};
use tempfile::TempDir;

/// What stands in for the media worker.
const MEDIA_STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/media-stand-in.sh");
/// Longest wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A service with a Redis and a directory of its own.
pub(crate) struct App {
    // Before what it needs: fields end in this order.
    pub(crate) service: Running,
    pub(crate) api: Api,
    pub(crate) issuer: Issuer,
    pub(crate) redis: Redis,
    directory: TempDir,
}

/// A file to upload.
pub(crate) struct Upload<'a> {
    pub(crate) field: &'a str,
    pub(crate) name: &'a str,
    pub(crate) media_type: &'a str,
    pub(crate) content: &'a [u8],
}

impl<'a> Upload<'a> {
    pub(crate) fn new(name: &'a str, media_type: &'a str, content: &'a [u8]) -> Self {
        Self {
            field: "file",
            name,
            media_type,
            content,
        }
    }

    /// The form's parts, without its end.
    pub(crate) fn part(&self) -> Vec<u8> {
        let mut part = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             content-type: {}\r\n\r\n",
            self.field, self.name, self.media_type
        )
        .into_bytes();
        part.extend_from_slice(self.content);
        part.extend_from_slice(b"\r\n");
        part
    }

    /// The whole form.
    pub(crate) fn form(&self) -> Vec<u8> {
        let mut form = self.part();
        form.extend_from_slice(END.as_bytes());
        form
    }
}

pub(crate) const BOUNDARY: &str = "a-boundary-of-a-form";
pub(crate) const END: &str = "--a-boundary-of-a-form--\r\n";

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A service with these settings on top of the defaults, once it is ready.
    pub(crate) async fn with(changes: &[(&str, &str)]) -> Self {
        let redis = Redis::start();
        let issuer = Issuer::new();
        let directory = tempfile::tempdir().unwrap();
        let service = launch(&redis, &issuer, directory.path(), changes);
        let api = Api::new(service.url()).with_token(issuer.token(Role::Operator));
        let app = Self {
            service,
            api,
            issuer,
            redis,
            directory,
        };
        ready(&app.service).await;
        app
    }

    /// One more process of the service beside the first.
    pub(crate) async fn replica(&self, changes: &[(&str, &str)]) -> (Running, Api) {
        let service = launch(&self.redis, &self.issuer, self.directory.path(), changes);
        ready(&service).await;
        let api = Api::new(service.url()).with_token(self.issuer.token(Role::Operator));
        (service, api)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Creates a layer of one colour.
    pub(crate) async fn create(&self, name: &str) -> Value {
        self.api
            .post("/api/layers", &color(name))
            .await
            .expect(201)
            .body
    }

    pub(crate) async fn upload(&self, upload: &Upload<'_>) -> Answer {
        self.post_form(upload.form()).await
    }

    pub(crate) async fn post_form(&self, form: Vec<u8>) -> Answer {
        let request = self
            .api
            .request(Method::POST, "/api/assets")
            .header("content-type", content_type())
            .body(form);
        self.api.send(request).await
    }

    /// Sends any text as a JSON body.
    pub(crate) async fn send_text(&self, method: Method, path: &str, text: String) -> Answer {
        let request = self
            .api
            .request(method, path)
            .header("content-type", "application/json")
            .header("if-match", "\"1\"")
            .body(text);
        self.api.send(request).await
    }

    /// Waits until the directory holds this many files, temporary ones included, and no thumbnail of
    /// another.
    pub(crate) async fn expect_files(&self, count: usize) {
        until(&format!("{count} files"), LIMIT, || async {
            let (small, large): (Vec<_>, Vec<_>) = files(self.directory())
                .into_iter()
                .partition(|path| path.starts_with(self.directory().join("thumbnails")));
            let named = |small: &PathBuf| {
                large
                    .iter()
                    .any(|file| file.file_name() == small.file_name())
            };
            large.len() == count && small.iter().all(named)
        })
        .await;
    }

    /// Where the content of an asset is kept.
    pub(crate) fn kept(&self, asset: &Value) -> PathBuf {
        let id = asset["id"].as_str().unwrap();
        self.directory().join(id.get(..2).unwrap()).join(id)
    }

    /// Names of the layers from back to front.
    pub(crate) async fn names(&self) -> Vec<String> {
        let list = self.api.get("/api/layers").await.expect(200);
        let layers = list.body["layers"].as_array().unwrap().iter();
        layers
            .map(|layer| layer["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub(crate) fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

fn launch(redis: &Redis, issuer: &Issuer, directory: &Path, changes: &[(&str, &str)]) -> Running {
    let (url, directory) = (redis.url(), directory.display().to_string());
    let mut all = vec![
        ("redis.url", url.as_str()),
        ("assets.directory", directory.as_str()),
        ("probe.picture_program", env!("CARGO_BIN_EXE_layer-service")),
        ("probe.media_program", MEDIA_STAND_IN),
    ];
    all.extend_from_slice(changes);
    let config: Config = Running::config(&ABOUT, &all);
    Running::start(ABOUT, config, issuer.key_source(), serve)
}

async fn ready(service: &Running) {
    let health = Api::new(service.health_url());
    until("ready", LIMIT, || async {
        health.get("/health/ready").await.status == 200
    })
    .await;
}

/// The body of a layer of one colour.
pub(crate) fn color(name: &str) -> Value {
    json!({"name": name, "kind": "color", "source": {"color": "#102030"}})
}

pub(crate) fn path_of(layer: &Value) -> String {
    format!("/api/layers/{}", layer["id"].as_str().unwrap())
}

pub(crate) fn tag_of(layer: &Value) -> String {
    format!("\"{}\"", layer["revision"])
}

/// The pointers of a problem's faults.
pub(crate) fn pointers(answer: &Answer) -> Vec<&str> {
    let errors = answer.body["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}

/// Every file under a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// A PNG of this size; `filler` makes its content unique.
pub(crate) fn png(width: u32, height: u32, filler: &[u8]) -> Vec<u8> {
    let bytes = usize::try_from(width * height).unwrap() * 4;
    let pixels = filler.iter().copied().chain(std::iter::repeat(255));
    let picture = RgbaImage::from_raw(width, height, pixels.take(bytes).collect()).unwrap();
    encoded(&picture.into(), ImageFormat::Png)
}

pub(crate) fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// The header of a PNG that says this size, and nothing else.
pub(crate) fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend_from_slice(&width.to_be_bytes());
    png.extend_from_slice(&height.to_be_bytes());
    png.extend_from_slice(b"\x08\x06\0\0\0\0\0\0\0");
    png
}

/// An animation of one pixel.
pub(crate) fn gif(frames: usize, delay: Duration) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for number in 0..frames {
        let pixel = image::Rgba([u8::try_from(number % 251).unwrap(), 0, 0, 255]);
        let delay = Delay::from_saturating_duration(delay);
        let frame = Frame::from_parts(RgbaImage::from_pixel(1, 1, pixel), 0, 0, delay);
        encoder.encode_frame(frame).unwrap();
    }
    drop(encoder);
    file
}

/// The beginning of an MP4, and then anything.
pub(crate) fn mp4(bytes: usize) -> Vec<u8> {
    let mut mp4 = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    mp4.extend((0..bytes).map(|index| u8::try_from(index % 251).unwrap()));
    mp4
}
