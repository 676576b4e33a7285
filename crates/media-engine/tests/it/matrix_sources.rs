//! Every kind of source through every fault.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use sm_common::address::NetworkPolicy;
use sm_common::id::LayerId;
use sm_common::layer::OnLoss;
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, LayerReport, Report, SceneLayer};
use tempfile::TempDir;

use crate::ingest::ingest;
use crate::matrix::noise_file;
use crate::matrix::{Beside, assert_in_reference, cell};
use crate::network::{assert_tone, colors, file, network, next_segments, over_green};
use crate::network_servers::{
    Origin, Running, TONE, color, feed, free_tcp_port, free_udp_port, noise, publish, rtmp, srt,
    until_up, write_hls,
};
use crate::recording::make;
use crate::rtsp_server::{Manners, RtspServer};
use crate::scene::{audio, image, video};
use crate::worker::{Worker, small};

/// Where pictures come from, as a test needs it.
trait Source {
    fn layer(&self) -> SceneLayer;
    /// Comes, or comes back, with this picture and a tone.
    fn come(&mut self, worker: &Worker, picture: &str);
    fn die(&mut self);
    /// Comes with what is no media, for somebody who fetches it.
    fn come_as_garbage(&mut self) {}
    /// Sends what is no media to somebody who waits for it.
    fn push_garbage(&mut self, _worker: &mut Worker) {}
}

/// What a report says, as the reference has it.
fn told(report: &LayerReport) -> String {
    let state = match report.state {
        LayerState::Loading => "loading",
        LayerState::Ok => "ok",
        LayerState::Failing => "failing",
    };
    cell(state, report.code.as_deref())
}

/// The first report from now on that says why nothing is shown.
fn complaint(worker: &mut Worker, layer: LayerId) -> String {
    let report = worker.wait_for_next("complaint", |report| match report {
        Report::Layer(report) => {
            (report.layer == layer && report.code.is_some()).then(|| report.clone())
        }
        _ => None,
    });
    told(&report)
}

fn ok(worker: &mut Worker, layer: LayerId) -> String {
    told(&crate::network::next(worker, layer, LayerState::Ok))
}

/// A program with this layer over green, and an output of each kind.
fn on_air(layer: &SceneLayer, beside: &Beside) -> Worker {
    let mut worker = Worker::start();
    worker.network = NetworkPolicy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
    };
    let scene = over_green(std::slice::from_ref(layer));
    worker.configure_with(small(), scene, beside.outputs(), 0);
    worker
}

/// Takes a source through everything, and looks for what was seen in the reference.
fn go_through(name: &str, source: &mut dyn Source) {
    let layer = source.layer();
    let beside = Beside::new();
    let mut worker = on_air(&layer, &beside);
    let missing = complaint(&mut worker, layer.id);
    beside.wait(&mut worker);
    source.come(&worker, "red");
    let there = ok(&mut worker, layer.id);
    next_segments(&mut worker, 2);
    source.die();
    let gone = complaint(&mut worker, layer.id);
    next_segments(&mut worker, 1);
    source.come(&worker, "blue");
    let back = ok(&mut worker, layer.id);
    next_segments(&mut worker, 2);
    let played = beside.stop(&mut worker);
    assert_eq!(colors(&played), "grgb", "{name}");
    assert_tone(&played);
    source.die();

    source.come_as_garbage();
    let layer = source.layer();
    let beside = Beside::new();
    let mut worker = on_air(&layer, &beside);
    source.push_garbage(&mut worker);
    let garbage = complaint(&mut worker, layer.id);
    beside.wait(&mut worker);
    next_segments(&mut worker, 1);
    assert_eq!(colors(&beside.stop(&mut worker)), "g", "{name}");
    assert_in_reference(&[name, &missing, &there, &gone, &back, &garbage]);
}

/// A server, and somebody who publishes there.
struct RtmpPull {
    folder: TempDir,
    port: u16,
    running: Option<(Running, Running)>,
}

impl Source for RtmpPull {
    fn layer(&self) -> SceneLayer {
        let url = format!("rtmp://127.0.0.1:{}/live/camera", self.port);
        network(&url, OnLoss::Hide)
    }

    fn come(&mut self, _: &Worker, picture: &str) {
        let server = rtmp(self.folder.path(), self.port);
        until_up(self.port);
        self.running = Some((server, publish(self.port, &color(picture))));
    }

    fn die(&mut self) {
        self.running = None;
    }

    fn come_as_garbage(&mut self) {
        self.port = noise();
    }
}

#[test]
fn an_rtmp_server_goes_through_everything() {
    go_through(
        "RTMP, pulled",
        &mut RtmpPull {
            folder: tempfile::tempdir().unwrap(),
            port: free_tcp_port(),
            running: None,
        },
    );
}

struct SrtPull {
    port: u16,
    running: Option<Running>,
}

impl Source for SrtPull {
    fn layer(&self) -> SceneLayer {
        network(&format!("srt://127.0.0.1:{}", self.port), OnLoss::Hide)
    }

    fn come(&mut self, _: &Worker, picture: &str) {
        self.running = Some(srt(self.port, &color(picture), TONE));
    }

    fn die(&mut self) {
        self.running = None;
    }

    fn come_as_garbage(&mut self) {
        let address = format!("srt://127.0.0.1:{}?mode=listener&pkt_size=1316", self.port);
        let mut bare_samples = Command::new("ffmpeg");
        bare_samples
            .args(["-v", "error", "-re", "-f", "lavfi", "-i", "anoisesrc"])
            .args(["-f", "s16le", &address]);
        self.running = Some(Running::start(&mut bare_samples));
    }
}

#[test]
fn an_srt_listener_goes_through_everything() {
    let port = free_udp_port();
    let running = None;
    go_through("SRT, called", &mut SrtPull { port, running });
}

struct HlsPull {
    folder: TempDir,
    origin: Origin,
    running: Option<Running>,
}

impl HlsPull {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            origin: Origin::start(folder.path()),
            folder,
            running: None,
        }
    }
}

impl Source for HlsPull {
    fn layer(&self) -> SceneLayer {
        network(&self.origin.url("live.m3u8"), OnLoss::Hide)
    }

    fn come(&mut self, _: &Worker, picture: &str) {
        self.running = Some(write_hls(self.folder.path(), &color(picture)));
    }

    fn die(&mut self) {
        self.running = None;
        for file in fs::read_dir(self.folder.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    fn come_as_garbage(&mut self) {
        self.origin
            .put("live.m3u8", b"<!doctype html><title>Sign in</title>");
    }
}

#[test]
fn an_hls_origin_goes_through_everything() {
    go_through("HLS", &mut HlsPull::start());
}

struct RtspPull {
    server: RtspServer,
}

impl Source for RtspPull {
    fn layer(&self) -> SceneLayer {
        network(&self.server.url(""), OnLoss::Hide)
    }

    fn come(&mut self, _: &Worker, picture: &str) {
        self.server.come(&color(picture));
    }

    fn die(&mut self) {
        self.server.die();
    }

    fn come_as_garbage(&mut self) {
        let noise = Some([0x9a; 1000].to_vec());
        let manners = Manners {
            noise,
            ..Manners::default()
        };
        self.server = RtspServer::start(manners, &color("red"));
    }
}

#[test]
fn an_rtsp_camera_goes_through_everything() {
    let server = RtspServer::absent(Manners::default());
    go_through("RTSP", &mut RtspPull { server });
}

struct Pushed {
    layer: SceneLayer,
    running: Option<Running>,
    babbling: Option<UnixStream>,
}

impl Pushed {
    fn socket(&self, folder: &Path) -> std::path::PathBuf {
        folder.join(self.layer.id.to_string())
    }
}

impl Source for Pushed {
    fn layer(&self) -> SceneLayer {
        self.layer.clone()
    }

    fn come(&mut self, worker: &Worker, picture: &str) {
        let socket = self.socket(worker.path());
        self.running = Some(feed(&socket, &color(picture), TONE));
    }

    fn die(&mut self) {
        self.running = None;
    }

    fn push_garbage(&mut self, worker: &mut Worker) {
        complaint(worker, self.layer.id);
        let mut stream = UnixStream::connect(self.socket(worker.path())).unwrap();
        // It may be refused before all of it is taken.
        let _taken = stream.write_all(&[0xff; 5000]);
        self.babbling = Some(stream);
    }
}

#[test]
fn a_publisher_goes_through_everything() {
    let mut pushed = Pushed {
        layer: ingest(OnLoss::Hide),
        running: None,
        babbling: None,
    };
    go_through("RTMP, pushed", &mut pushed);
}

/// The same for what is a file of this machine: it is opened once, and what is open cannot be lost.
fn file_goes_through(name: &str, kind: fn(&Path) -> LayerContent, bytes: &[u8], seen: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (path, noise) = (folder.path().join("file"), folder.path().join("noise"));
    noise_file(&noise);
    let whole = [0, 0, 320, 180];
    let (layer, broken) = (
        crate::scene::layer(kind(&path), whole),
        crate::scene::layer(kind(&noise), whole),
    );
    let beside = Beside::new();
    let mut worker = Worker::start();
    let scene = over_green(&[layer.clone(), broken.clone()]);
    worker.configure_with(small(), scene, beside.outputs(), 0);
    let [missing, garbage] = [layer.id, broken.id].map(|id| {
        let failing = worker.wait_for_layer(id, LayerState::Failing);
        told(&failing)
    });
    beside.wait(&mut worker);
    // As it is uploaded: it is there at once and whole.
    let draft = folder.path().join("draft");
    fs::write(&draft, bytes).unwrap();
    fs::rename(&draft, &path).unwrap();
    let there = ok(&mut worker, layer.id);
    next_segments(&mut worker, 1);
    fs::remove_file(&path).unwrap();
    next_segments(&mut worker, 3);
    let reports = worker.reports.iter().rev();
    let last = reports.clone().find_map(|report| match report {
        Report::Layer(report) => (report.layer == layer.id).then(|| told(report)),
        _ => None,
    });
    let gone = last.unwrap();
    assert_eq!(colors(&beside.stop(&mut worker)), seen, "{name}");
    assert_in_reference(&[name, &missing, &there, &gone, &gone, &garbage]);
}

#[test]
fn a_picture_goes_through_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("red.png");
    let red = ["-f", "lavfi", "-i", "color=red:s=320x180", "-frames:v", "1"];
    make(&path, &red);
    file_goes_through("Picture", image, &fs::read(path).unwrap(), "gr");
}

#[test]
fn a_video_goes_through_everything() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = file(
        folder.path(),
        "red.mp4",
        Some("color=red:s=320x180:r=30"),
        "1",
    );
    file_goes_through("Video", |path| video(path, true), &bytes, "gr");
}

#[test]
fn a_sound_goes_through_everything() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = file(folder.path(), "tone.mp4", None, "1");
    file_goes_through("Audio", |path| audio(path, true), &bytes, "g");
}
