//! Feeds that others push, from real encoders.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use secrecy::ExposeSecret as _;
use serde_json::json;
use sm_bus::{Commit, keys};
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::LayerReordered;
use sm_common::id::{LayerId, SceneId};
use sm_common::ingest::IngestSecret;
use sm_test_kit::{Api, Running};
use tempfile::TempDir;

use crate::harness::{PATIENCE, Studio, until_answered, until_true};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A studio with a layer that others push to.
struct Stage {
    studio: Studio,
    scene: SceneId,
    layer: LayerId,
    secret: TempDir,
    port: u16,
}

impl Stage {
    async fn open() -> Self {
        let secret = tempfile::tempdir().unwrap();
        std::fs::write(secret.path().join("secret"), SECRET).unwrap();
        let stage = Self {
            studio: Studio::open(),
            scene: SceneId::generate(),
            layer: LayerId::generate(),
            secret,
            port: free_port(),
        };
        stage.set(1, 1).await;
        stage
    }

    /// Writes the layer as layer-service does.
    async fn set(&self, revision: u64, generation: u32) {
        let now = SystemClock.now();
        let (stream, scene) = (&self.studio.stream, self.scene);
        let document =
            json!({"id": scene, "name": "Main", "order": [self.layer], "updated_at": now});
        let layer = json!({
            "id": self.layer, "stream": stream, "scene": scene, "name": "Guest",
            "kind": "ingest", "source": {"protocol": "rtmp", "generation": generation},
            "transform": {"x": 0, "y": 0, "width": 100, "height": 50}, "opacity": 1.0,
            "visible": true, "locked": false, "volume": 1.0, "muted": false,
            "revision": revision, "created_at": now, "updated_at": now,
        });
        let key = keys::scenes(stream);
        let commit = Commit::new()
            .hash_set(key.clone(), "revision", "1")
            .hash_set(key.clone(), "order", json!([scene]).to_string())
            .hash_set(key.clone(), "first", scene.to_string())
            .hash_set(
                key.clone(),
                &keys::scene_revision_field(scene),
                revision.to_string(),
            )
            .hash_set(
                key,
                &keys::scene_document_field(scene),
                document.to_string(),
            )
            .hash_set(
                keys::layers(stream),
                &keys::layer_field(self.layer),
                layer.to_string(),
            );
        let news = LayerReordered {
            scene,
            order: vec![self.layer],
            scene_revision: revision,
        };
        let event = self.studio.bus.event(stream, &news, None).unwrap();
        self.studio.bus.commit(commit, vec![event]).await.unwrap();
    }

    fn key(&self, generation: u32) -> String {
        let secret = IngestSecret::new(SECRET).unwrap();
        let key = secret.stream_key(&self.studio.stream, self.layer, generation);
        key.expose_secret().to_owned()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let secret = self.secret.path().join("secret").display().to_string();
        vec![
            ("ingest.secret_file", secret),
            ("ingest.rtmp_port", self.port.to_string()),
            ("ingest.guess_delay_ms", "1".to_owned()),
            ("ingest.takeover_after_ms", "60000".to_owned()),
        ]
    }

    fn engine(&self, changes: &[(&str, &str)]) -> Running {
        let settings = self.settings();
        let settings = settings.iter().map(|(key, value)| (*key, value.as_str()));
        let settings: Vec<_> = settings.chain(changes.iter().copied()).collect();
        self.studio.engine(&settings)
    }

    /// An encoder that publishes with this key, and what it says.
    fn publish(&self, host: &str, key: &str) -> Encoder {
        Encoder::start(
            &format!("rtmp://{host}:{}/live/{key}", self.port),
            &["-c:v", "libx264"],
        )
    }

    /// An encoder that comes back until it is let in and `done`.
    async fn insist(&self, host: &str, what: &str, done: impl Fn() -> bool) -> Encoder {
        let encoder = RefCell::new(self.publish(host, &self.key(1)));
        until_true(what, || {
            let mut encoder = encoder.borrow_mut();
            if !encoder.is_running() {
                *encoder = self.publish(host, &self.key(1));
            }
            done()
        })
        .await;
        encoder.into_inner()
    }

    /// What the worker has got of the feed it gets now.
    fn feed(&self) -> Vec<u8> {
        std::fs::read(self.studio.host.path("feed")).unwrap_or_default()
    }

    async fn until_fed(&self) {
        until_true("the worker gets frames", || pictures(&self.feed()) > 10).await;
    }
}

/// ffmpeg. Killed with the value.
struct Encoder(Child);

impl Encoder {
    fn start(address: &str, codec: &[&str]) -> Self {
        let child = Command::new("ffmpeg")
            .args([
                "-v",
                "info",
                "-re",
                "-f",
                "lavfi",
                "-i",
                "testsrc=s=160x90:r=30",
            ])
            .args([
                "-re",
                "-f",
                "lavfi",
                "-i",
                "sine=500:r=48000",
                "-pix_fmt",
                "yuv420p",
            ])
            .args(codec)
            .args([
                "-preset",
                "ultrafast",
                "-tune",
                "zerolatency",
                "-g",
                "10",
                "-c:a",
                "aac",
            ])
            .args(["-f", "flv", address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What it said until it gave up.
    fn last_words(mut self) -> String {
        let mut said = String::new();
        let mut stderr = self.0.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert!(!self.0.wait().unwrap().success(), "{said}");
        said
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Pictures in an FLV file, whose first must need no other.
fn pictures(file: &[u8]) -> usize {
    let Some(mut rest) = file.strip_prefix(b"FLV\x01\x05\0\0\0\x09\0\0\0\0") else {
        return 0;
    };
    let mut count = 0;
    while let Some(head) = rest.first_chunk::<11>() {
        let length = usize::try_from(u32::from_be_bytes([0, head[1], head[2], head[3]])).unwrap();
        let Some(payload) = rest.get(11..11 + length) else {
            break;
        };
        if let [first, 1, ..] = *payload
            && head[0] == 9
        {
            assert!(count > 0 || first == 0x17, "begins with a keyframe");
            count += 1;
        }
        rest = rest.get(11 + length + 4..).unwrap_or_default();
    }
    count
}

#[tokio::test]
async fn an_encoder_publishes_before_the_stream_is_on_air_and_reaches_every_worker() {
    let stage = Stage::open().await;
    let engine = stage.engine(&[]);
    // Until the stream has a holder, it is told to try again.
    let mut encoder = stage
        .insist("127.0.0.1", "an encoder is let in", || {
            metric(&engine, "sm_engine_ingest_publishers") > 0.5
        })
        .await;
    stage.studio.go_live().await;
    stage.until_fed().await;
    // A worker that dies costs the publisher nothing.
    let before = stage.studio.host.worker_pid().unwrap();
    std::fs::remove_file(stage.studio.host.path("feed")).unwrap();
    crate::harness::send_signal(before, "-KILL");
    until_true("another worker", || {
        stage
            .studio
            .host
            .worker_pid()
            .is_some_and(|pid| pid != before)
    })
    .await;
    stage.until_fed().await;
    assert!(encoder.is_running());
    let health = Api::new(engine.health_url())
        .get("/health")
        .await
        .expect(200);
    assert!(health.text.contains("\"rtmp\""), "{}", health.text);
}

pub(crate) fn metric(engine: &Running, name: &str) -> f64 {
    let families = engine.kit().registry().gather();
    let family = families.iter().find(|family| family.name() == name);
    family.map_or(0.0, |family| {
        let metric = family.get_metric().first().unwrap();
        metric.get_gauge().get_value() + metric.get_counter().get_value()
    })
}

#[tokio::test]
async fn wrong_keys_codecs_and_applications_are_refused_with_a_reason() {
    let stage = Stage::open().await;
    let engine = stage.engine(&[("ingest.guesses_max", "2")]);
    stage.studio.go_live().await;
    let key = stage.key(1);
    let other = Encoder::start(
        &format!("rtmp://127.0.0.1:{}/live/{key}", stage.port),
        &["-c:v", "flv1"],
    );
    let said = other.last_words();
    assert!(said.contains("not H.264"), "{said}");
    let nowhere = Encoder::start(
        &format!("rtmp://127.0.0.1:{}/elsewhere/{key}", stage.port),
        &["-c:v", "libx264"],
    );
    let said = nowhere.last_words();
    assert!(said.contains("publish to the application `live`"), "{said}");
    for wrong in [stage.key(2), "guess".to_owned()] {
        let said = stage.publish("127.0.0.1", &wrong).last_words();
        assert!(said.contains("the stream key is not valid"), "{said}");
    }
    let said = stage.publish("127.0.0.1", &key).last_words();
    assert!(said.contains("too many wrong stream keys"), "{said}");
    assert!(metric(&engine, "sm_engine_ingest_publishers") < 0.5);
}

#[tokio::test]
async fn a_second_publisher_is_refused_until_the_first_is_gone() {
    let stage = Stage::open().await;
    let _engine = stage.engine(&[]);
    stage.studio.go_live().await;
    let mut first = stage.publish("127.0.0.1", &stage.key(1));
    stage.until_fed().await;
    let said = stage.publish("127.0.0.1", &stage.key(1)).last_words();
    assert!(said.contains("somebody else publishes"), "{said}");
    assert!(first.is_running());
    drop(first);
    std::fs::remove_file(stage.studio.host.path("feed")).unwrap();
    let _back = stage
        .insist("127.0.0.1", "an encoder that comes back is let in", || {
            pictures(&stage.feed()) > 5
        })
        .await;
}

#[tokio::test]
async fn a_publisher_whose_network_is_gone_does_not_lock_itself_out() {
    let stage = Stage::open().await;
    let _engine = stage.engine(&[("ingest.takeover_after_ms", "300")]);
    stage.studio.go_live().await;
    let first = stage.publish("127.0.0.1", &stage.key(1));
    stage.until_fed().await;
    // Its connection is still there, and nothing comes any more.
    crate::harness::send_signal(first.0.id(), "-STOP");
    std::fs::remove_file(stage.studio.host.path("feed")).unwrap();
    let mut back = stage
        .insist("127.0.0.1", "it is let in on another connection", || {
            pictures(&stage.feed()) > 5
        })
        .await;
    crate::harness::send_signal(first.0.id(), "-CONT");
    let said = first.last_words();
    assert!(!said.contains(&stage.key(2)), "{said}");
    assert!(back.is_running());
}

#[tokio::test]
async fn another_key_cuts_who_publishes_with_the_old_one_and_no_key_is_in_a_log() {
    let stage = Stage::open().await;
    let host = &stage.studio.host;
    let settings = stage.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .chain([("telemetry.log", "trace")])
        .collect();
    let engine = stage
        .studio
        .engine_process_with(host, "127.85.6.21", &settings);
    stage.studio.go_live().await;
    until_answered(&engine.api, "/live/main/index.m3u8", 200).await;
    let publisher = stage.publish("127.85.6.21", &stage.key(1));
    stage.until_fed().await;
    stage.set(2, 2).await;
    let said = publisher.last_words();
    assert!(said.contains("the stream key is not valid"), "{said}");
    std::fs::remove_file(host.path("feed")).unwrap();
    let _next = stage.publish("127.85.6.21", &stage.key(2));
    stage.until_fed().await;
    let log = std::fs::read_to_string(host.path("log")).unwrap();
    assert!(log.contains("publisher connected") && log.contains("publisher refused"));
    let code = |generation| stage.key(generation).get(30..).unwrap().to_owned();
    let told = format!("{log}{:?}", host.commands());
    assert!(!told.contains(&code(1)) && !told.contains(&code(2)));
    let secret = std::str::from_utf8(SECRET).unwrap();
    assert!(!told.contains(secret));
}

#[tokio::test]
async fn an_engine_that_does_not_hold_the_stream_passes_the_feed_on() {
    let stage = Stage::open().await;
    let host = &stage.studio.host;
    let settings = stage.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let mut holder = stage
        .studio
        .engine_process_with(host, "127.85.6.22", &settings);
    stage.studio.go_live().await;
    let other_host = Studio::another_host();
    let standby = stage
        .studio
        .engine_process_with(&other_host, "127.85.6.23", &settings);
    until_answered(&standby.api, "/live/main/index.m3u8", 200).await;
    let through = stage.publish("127.85.6.23", &stage.key(1));
    stage.until_fed().await;
    // Who sits there is known to the holder, whichever way it came.
    let said = stage.publish("127.85.6.22", &stage.key(1)).last_words();
    assert!(said.contains("somebody else publishes"), "{said}");
    holder.kill();
    let said = through.last_words();
    assert!(!said.contains(&stage.key(2)), "{said}");
    // The standby takes the stream over, and who comes back is let in.
    let _back = stage
        .insist("127.85.6.23", "the new holder gets the feed", || {
            pictures(&std::fs::read(other_host.path("feed")).unwrap_or_default()) > 5
        })
        .await;
}

#[tokio::test]
async fn garbage_is_cut_and_costs_nobody_anything() {
    let stage = Stage::open().await;
    let engine = stage.engine(&[("ingest.open_timeout_ms", "500")]);
    stage.studio.go_live().await;
    let address: SocketAddr = ([127, 0, 0, 1], stage.port).into();
    let mut packet = vec![3];
    packet.extend([7; 3072]);
    let cases: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x33\x11\0\0",
        &[&packet[..], &[0xff; 4000]].concat(),
        &[&packet[..], b"\x03\0\0\0\xff\xff\xff\x14\0\0\0\0"].concat(),
        // Nothing at all: it is not waited for.
        b"",
    ];
    for garbage in cases {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(garbage).unwrap();
        let ended = tokio::task::spawn_blocking(move || {
            let mut rest = Vec::new();
            // Closed in good order or not.
            let _end = stream.read_to_end(&mut rest);
        });
        ended.await.unwrap();
    }
    let _publisher = stage.publish("127.0.0.1", &stage.key(1));
    stage.until_fed().await;
    assert!(metric(&engine, "sm_engine_ingest_bytes_total") > 1000.0);
}

#[tokio::test]
async fn without_a_secret_nothing_listens() {
    let stage = Stage::open().await;
    let engine = stage.engine(&[("ingest.secret_file", "")]);
    assert!(TcpStream::connect(("127.0.0.1", stage.port)).is_err());
    let health = Api::new(engine.health_url())
        .get("/health")
        .await
        .expect(200);
    assert!(!health.text.contains("\"rtmp\""));
}
