//! A file system that is really full, in the middle of writing.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_test_kit::{Answer, Api, Issuer, Keys, Redis, until};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app::{App, LIMIT, Upload, content_type, files, mp4, png};

/// Bytes of the file system.
const SIZE: u64 = 4 * 1024 * 1024;
/// Bytes that it takes and gives at once.
const PAGE: u64 = 4096;

/// A service in a process of its own, whose files are on a small file system that only it has. Killed
/// with the value, and the file system with it.
struct SmallDisk {
    child: Child,
    address: String,
    api: Api,
    token: String,
    directory: TempDir,
    _keys: Keys,
    _redis: Redis,
}

impl SmallDisk {
    async fn open() -> Self {
        let (redis, issuer) = (Redis::start(), Issuer::new());
        let keys = Keys::of(&issuer).await;
        let directory = tempfile::tempdir().unwrap();
        let (url, files) = (redis.url(), directory.path().display().to_string());
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/media-stand-in.sh");
        let settings = [
            ("http.bind", "127.0.0.1"),
            ("http.port", "0"),
            ("ops.metrics_port", "0"),
            ("ops.health_port", "0"),
            ("redis.url", url.as_str()),
            ("auth.jwks_url", keys.url()),
            ("assets.directory", files.as_str()),
            ("assets.disk_free_bytes_min", "0"),
            ("probe.media_program", stand_in),
        ];
        let variables = settings.map(|(key, value)| {
            let name = key.to_uppercase().replace('.', "__");
            (format!("SM__{name}"), value)
        });
        // Whoever is not root has a name space of users as well, to be root in.
        let own = if rustix::process::geteuid().is_root() {
            "--mount"
        } else {
            "--user --map-root-user --mount"
        };
        let mut child = Command::new("unshare")
            .args(own.split(' '))
            .args(["sh", "-c"])
            .arg(format!(
                "mount -t tmpfs -o size={SIZE} none \"$0\" && exec \"$1\""
            ))
            .arg(&files)
            .arg(env!("CARGO_BIN_EXE_layer-service"))
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let listening = tokio::task::spawn_blocking(move || {
            let mut lines = log.lines().map_while(Result::ok);
            let listening = lines.find_map(|line| addresses(&line));
            // Read on: a full pipe would hold the process.
            std::thread::spawn(move || lines.for_each(drop));
            listening
        });
        let (address, health) = listening.await.unwrap().expect("the process starts");
        let health = Api::new(format!("http://{health}"));
        until("the process is ready", LIMIT, || async {
            health.get("/health/ready").await.status == 200
        })
        .await;
        let token = issuer.token(Role::Operator);
        Self {
            child,
            api: Api::new(format!("http://{address}")).with_token(token.as_str()),
            address,
            token,
            directory,
            _keys: keys,
            _redis: redis,
        }
    }

    /// The files as the process has them.
    fn directory(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.child.id());
        Path::new(&root).join(self.directory.path().strip_prefix("/").unwrap())
    }

    fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.directory()).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Fills the disk up to so many bytes.
    fn leave(&self, bytes: u64) {
        let filler = usize::try_from(self.free() - bytes).unwrap();
        std::fs::write(self.directory().join("filler"), vec![7; filler]).unwrap();
        assert_eq!(self.free(), bytes);
    }

    fn make_room(&self) {
        std::fs::remove_file(self.directory().join("filler")).unwrap();
    }

    /// Nothing is there but what fills the disk up to `left` bytes, and nothing is listed.
    async fn nothing_is_kept(&self, left: u64) {
        until("the space is given back", LIMIT, || async {
            self.free() == left
        })
        .await;
        let own = files(&self.directory());
        assert_eq!(own, [self.directory().join("filler")]);
        assert_eq!(self.api.get("/api/assets").await.body, json!([]));
        let scenes = self.api.get("/api/scenes").await.expect(200).body;
        assert_eq!(scenes["scenes"].as_array().unwrap().len(), 1);
    }

    /// Sends a body without saying how long it is, so that nobody can refuse it before.
    async fn send(&self, path: &str, media_type: &str, body: Vec<u8>) -> Answer {
        let pieces = body.chunks(64 * 1024).map(Bytes::copy_from_slice);
        let pieces: Vec<Result<Bytes, Infallible>> = pieces.map(Ok).collect();
        let request = self.api.request(Method::POST, path);
        let request = request.header("content-type", media_type);
        let request = request.body(Body::wrap_stream(stream::iter(pieces)));
        self.api.send(request).await
    }

    async fn upload(&self, upload: &Upload<'_>) -> Answer {
        let form = upload.form();
        self.send("/api/assets", &content_type(), form).await
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the process listens for requests and for health, in the line of its log that says so.
fn addresses(line: &str) -> Option<(String, String)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| Some(line.get(name)?.as_str()?.to_owned());
    Some((address("http")?, address("health")?))
}

/// Bytes of the pages that a file takes.
fn pages(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap().div_ceil(PAGE) * PAGE
}

#[tokio::test]
async fn an_upload_that_fills_the_disk_gives_everything_back() {
    let disk = SmallDisk::open().await;
    let video = mp4(2_000_000);
    // The last page does not fit: a client that is answered while it still sends may not hear of it.
    let left = pages(video.len()) - PAGE;
    disk.leave(left);
    let refused = disk.upload(&Upload::new("a.mp4", "", &video)).await;
    let refused = refused.expect_problem(507, "asset.storage.full");
    assert!(
        refused.text.contains("nothing was kept"),
        "{}",
        refused.text
    );
    disk.nothing_is_kept(left).await;

    disk.make_room();
    let kept = disk.upload(&Upload::new("a.mp4", "", &video)).await;
    let _kept = kept.expect(201);
}

#[tokio::test]
async fn a_picture_without_room_for_its_thumbnail_is_not_kept() {
    let disk = SmallDisk::open().await;
    let picture = png(200, 200, b"a picture");
    let upload = Upload::new("a.png", "", &picture);
    disk.leave(pages(picture.len()));
    let refused = disk.upload(&upload).await;
    let _refused = refused.expect_problem(507, "asset.storage.full");
    disk.nothing_is_kept(pages(picture.len())).await;

    disk.make_room();
    let asset = disk.upload(&upload).await.expect(201).body;
    let path = format!("/api/assets/{}/thumbnail", asset["id"].as_str().unwrap());
    assert!(!disk.api.get_bytes(&path).await.is_empty());
}

#[tokio::test]
async fn a_piece_that_fills_the_disk_goes_on_when_there_is_room() {
    let disk = SmallDisk::open().await;
    let video = mp4(2_000_000);
    let begun = disk
        .api
        .request(Method::POST, "/api/assets/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", video.len())
        .header("upload-metadata", "filename YS5tcDQ=,filetype dmlkZW8vbXA0");
    let begun = disk.api.send(begun).await.expect(201);
    let path = format!("/api/assets/{}", begun.header("location"));
    let arrived = || async {
        let request = disk.api.request(Method::HEAD, &path);
        let head = disk.api.send(request.header("tus-resumable", "1.0.0"));
        let offset = head.await.expect(200).header("upload-offset").to_owned();
        offset.parse::<usize>().unwrap()
    };
    // A part of it, so that there was room when it began: so little that it is written at once, and no
    // more of it later.
    let mut piece = TcpStream::connect(disk.address.as_str()).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n\
         tus-resumable: 1.0.0\r\nupload-offset: 0\r\nconnection: close\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
        disk.token,
        video.len()
    );
    piece.write_all(head.as_bytes()).await.unwrap();
    piece.write_all(&video[..300_000]).await.unwrap();
    until("some of it is on the disk", LIMIT, || async {
        arrived().await > 0
    })
    .await;
    disk.leave(pages(video.len() - arrived().await) - PAGE);
    // The service may end the connection before it has read everything.
    let _sent = piece.write_all(&video[300_000..]).await;
    let mut answer = Vec::new();
    let _read = piece.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 507"), "{answer}");
    assert!(answer.contains("asset.storage.full"), "{answer}");
    // What has arrived stays, and is what it says.
    let offset = arrived().await;
    assert!((1..video.len()).contains(&offset), "{offset}");

    disk.make_room();
    let rest = disk
        .api
        .request(Method::PATCH, &path)
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream")
        .body(video.get(offset..).unwrap().to_vec());
    let done = disk.api.send(rest).await.expect(204);
    let asset = done.header("content-location").trim_start_matches("../");
    let content = format!("/api/assets/{asset}/content");
    assert_eq!(disk.api.get_bytes(&content).await, video);
}

#[tokio::test]
async fn a_scene_that_fills_the_disk_leaves_nothing_behind() {
    let elsewhere = App::start().await;
    let video = mp4(1_000_000);
    let asset = elsewhere.upload(&Upload::new("a.mp4", "", &video)).await;
    let asset = asset.expect(201).body;
    let layer = json!({"name": "clip", "kind": "video", "source": {"asset": asset["id"]}});
    let layer = elsewhere.api.post("/api/layers", &layer).await;
    let scene = layer.expect(201).body["scene"].clone();
    let export = format!("/api/scenes/{}/export", scene.as_str().unwrap());
    let file = elsewhere.api.get_bytes(&export).await;

    let disk = SmallDisk::open().await;
    // No room for the file; for the file, and not for what is in it.
    for left in [pages(file.len()) - PAGE, pages(file.len()) + PAGE] {
        disk.leave(left);
        let refused = disk
            .send("/api/scenes/import", "application/zip", file.clone())
            .await;
        let _refused = refused.expect_problem(507, "asset.storage.full");
        disk.nothing_is_kept(left).await;
        disk.make_room();
    }
    let imported = disk.send("/api/scenes/import", "application/zip", file);
    let _imported = imported.await.expect(201);
    let listed = disk.api.get("/api/assets").await.expect(200).body;
    assert_eq!(listed[0]["id"], asset["id"]);
}
