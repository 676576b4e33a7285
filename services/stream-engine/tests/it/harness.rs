//! A studio: Redis, the directories of a host, and one or more engines.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sm_bus::{Bus, Commit, keys};
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::{Channel, Event, LayerReordered, SceneReordered, StreamStateChanged};
use sm_common::id::{LayerId, SceneId, StreamId};
use sm_common::ladder::Rendition;
use sm_common::output::Output;
use sm_common::program::ProgramFormat;
use sm_common::stream::{
    ChosenScenes, DesiredState, DesiredStatus, ObservedState, StreamState, StreamStatus,
};
use sm_stream_engine::{ABOUT, Config, serve};
use sm_test_kit::{Answer, Api, Issuer, Redis, Running, until, until_some};
use tempfile::TempDir;

use crate::playlist::Playlist;

/// Longest wait for anything; the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Length of a segment in these tests, unless the studio is told otherwise.
const SEGMENT_MS: u32 = 200;
/// A setting with which segments of that length come off in three parts of two frames.
pub(crate) const IN_PARTS: (&str, &str) = ("live.part_ms", "67");

/// One host's directories, with its own copy of the fake worker.
#[derive(Debug)]
pub(crate) struct Host {
    directory: TempDir,
}

impl Host {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let worker = std::env::current_exe().unwrap();
        let examples = worker.parent().unwrap().parent().unwrap().join("examples");
        let link = directory.path().join("media-worker");
        std::os::unix::fs::symlink(examples.join("fake_worker"), link).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes the workers of this host misbehave.
    pub(crate) fn demand(&self, what: &str) {
        std::fs::write(self.path(what), "").unwrap();
    }

    pub(crate) fn no_longer_demand(&self, what: &str) {
        std::fs::remove_file(self.path(what)).unwrap();
    }

    /// The process identifier of the worker of `main`.
    pub(crate) fn worker_pid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.path("run/media-worker-main.pid")).ok()?;
        text.trim().parse().ok()
    }

    /// What the workers of this host were told, leases apart.
    pub(crate) fn commands(&self) -> Vec<Value> {
        self.log_of("commands")
    }

    /// The leases that the workers of this host were told of.
    pub(crate) fn leases(&self) -> Vec<Value> {
        self.log_of("leases")
    }

    fn log_of(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        // The last line may still be written.
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn settings(&self, redis: &Redis) -> Vec<(String, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        let settings = [
            ("redis.url", redis.url()),
            // The machine may be as busy as it likes.
            ("admission.enforced", "false".to_owned()),
            ("lease.ttl_ms", "2000".to_owned()),
            ("lease.renew_ms", "300".to_owned()),
            ("handover.claim_ms", "900".to_owned()),
            ("worker.program", path("media-worker")),
            ("worker.pid_directory", path("run")),
            ("worker.assets_directory", path("assets")),
            ("worker.stop_timeout_ms", "1000".to_owned()),
            ("worker.orphan_s", "120".to_owned()),
            ("live.directory", path("live")),
            ("recordings.directory", path("recordings")),
            ("restart.wait_ms", "50".to_owned()),
            ("restart.wait_max_ms", "200".to_owned()),
            ("webrtc.port", "0".to_owned()),
            ("ingest.srt_port", "0".to_owned()),
        ];
        settings
            .map(|(key, value)| (key.to_owned(), value))
            .to_vec()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Workers outlive the engines that a test kills.
        if let Some(worker) = self.worker_pid().filter(|pid| is_running(*pid)) {
            send_signal(worker, "-KILL");
        }
    }
}

/// A scene to write.
#[derive(Clone, Debug)]
pub(crate) struct Set<'a> {
    pub(crate) id: SceneId,
    pub(crate) name: &'a str,
    pub(crate) revision: u64,
    /// Whether the scene must not be seen without it.
    pub(crate) layers: Vec<(LayerId, bool)>,
}

impl<'a> Set<'a> {
    /// A scene of one layer.
    pub(crate) fn new(name: &'a str) -> Self {
        Self {
            id: SceneId::generate(),
            name,
            revision: 1,
            layers: vec![(LayerId::generate(), false)],
        }
    }

    pub(crate) fn requiring(mut self) -> Self {
        for (_, required) in &mut self.layers {
            *required = true;
        }
        self
    }
}

/// Redis, an identity issuer, and one host.
#[derive(Debug)]
pub(crate) struct Studio {
    pub(crate) redis: Redis,
    pub(crate) issuer: Issuer,
    pub(crate) host: Host,
    pub(crate) bus: Bus,
    pub(crate) stream: StreamId,
    pub(crate) segment_ms: u32,
}

impl Studio {
    pub(crate) fn open() -> Self {
        let redis = Redis::start();
        let bus = redis.bus("stream-control");
        Self {
            redis,
            issuer: Issuer::new(),
            host: Host::new(),
            bus,
            stream: StreamId::default(),
            segment_ms: SEGMENT_MS,
        }
    }

    /// Another host with the same Redis.
    pub(crate) fn another_host() -> Host {
        Host::new()
    }

    /// An engine on the studio's own host.
    pub(crate) fn engine(&self, changes: &[(&str, &str)]) -> Running {
        self.engine_on(&self.host, changes)
    }

    pub(crate) fn engine_on(&self, host: &Host, changes: &[(&str, &str)]) -> Running {
        let settings = host.settings(&self.redis);
        let settings = settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<_> = settings.chain(changes.iter().copied()).collect();
        let config: Config = Running::config(&ABOUT, &settings);
        Running::start(ABOUT, config, self.issuer.key_source(), serve)
    }

    /// An engine in a process of its own, which can be killed.
    pub(crate) fn engine_process(&self, host: &Host, address: &str) -> EngineProcess {
        self.engine_process_with(host, address, &[])
    }

    /// The same, with changes to its settings.
    pub(crate) fn engine_process_with(
        &self,
        host: &Host,
        address: &str,
        changes: &[(&str, &str)],
    ) -> EngineProcess {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stream-engine"));
        let own = [
            ("http.bind", address),
            ("http.drain_ms", "0"),
            ("ops.metrics_port", "0"),
            ("ops.health_port", "0"),
            ("auth.jwks_url", ""),
            ("auth.public_view", "true"),
        ];
        let own = own.iter().chain(changes);
        let own = own.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        for (key, value) in host.settings(&self.redis).into_iter().chain(own) {
            command.env(
                format!("SM__{}", key.to_uppercase().replace('.', "__")),
                value,
            );
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(host.path("log"))
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        EngineProcess {
            child,
            api: Api::new(format!("http://{address}:4200")),
        }
    }

    /// A client of `engine` that may watch.
    pub(crate) fn viewer(&self, engine: &Running) -> Api {
        Api::new(engine.url()).with_token(self.issuer.token(Role::Viewer))
    }

    /// Writes the desired state as stream-control does.
    pub(crate) async fn desire(&self, status: DesiredStatus, generation: u64) -> u64 {
        self.desire_so(status, generation, |_| {}).await
    }

    /// The same with these outputs.
    pub(crate) async fn desire_with(
        &self,
        status: DesiredStatus,
        generation: u64,
        outputs: Vec<Output>,
    ) -> u64 {
        self.desire_so(status, generation, |desired| desired.outputs = outputs)
            .await
    }

    /// Wants these further encodings of the program; the first time wants the stream on air.
    pub(crate) async fn desire_ladder(&self, ladder: Vec<Rendition>) -> u64 {
        let before = self.desired().await;
        let (status, generation) = before.map_or((DesiredStatus::Live, 1), |before| {
            (before.status, before.generation)
        });
        self.desire_so(status, generation, |desired| desired.ladder = ladder)
            .await
    }

    /// Chooses scenes as stream-control does; the first time wants the stream on air.
    pub(crate) async fn choose(&self, change: impl FnOnce(&mut ChosenScenes)) -> u64 {
        let before = self.desired().await;
        let (status, generation) = before.map_or((DesiredStatus::Live, 1), |before| {
            (before.status, before.generation)
        });
        self.desire_so(status, generation, |desired| change(&mut desired.chosen))
            .await
    }

    /// Insists on the stream, or no longer does.
    pub(crate) async fn force(&self, forced: bool) -> u64 {
        let before = self.desired().await.unwrap();
        self.desire_so(before.status, before.generation, |desired| {
            desired.forced = forced;
        })
        .await
    }

    /// Wants another format of the program, as stream-control does.
    pub(crate) async fn reformat(&self, change: impl FnOnce(&mut ProgramFormat)) -> u64 {
        let before = self.desired().await.unwrap();
        self.desire_so(before.status, before.generation, |desired| {
            change(&mut desired.program);
        })
        .await
    }

    async fn desired(&self) -> Option<DesiredState> {
        let key = keys::desired(&self.stream);
        self.bus.hash_document(&key, "doc").await.unwrap()
    }

    /// What `change` leaves alone stays as it was.
    async fn desire_so(
        &self,
        status: DesiredStatus,
        generation: u64,
        change: impl FnOnce(&mut DesiredState),
    ) -> u64 {
        let key = keys::desired(&self.stream);
        let before = self.desired().await;
        let now = SystemClock.now();
        let mut desired = DesiredState {
            stream: self.stream.clone(),
            status,
            generation,
            revision: before.as_ref().map_or(1, |before| before.revision + 1),
            since: now,
            changed_by: "test".to_owned(),
            program: ProgramFormat {
                keyframe_interval_ms: self.segment_ms,
                ..ProgramFormat::default()
            },
            ladder: Vec::new(),
            outputs: Vec::new(),
            forced: false,
            chosen: ChosenScenes::default(),
        };
        if let Some(before) = before {
            (desired.program, desired.forced) = (before.program, before.forced);
            desired.ladder = before.ladder;
            (desired.outputs, desired.chosen) = (before.outputs, before.chosen);
        }
        change(&mut desired);
        let observed = ObservedState::never_held(self.stream.clone(), now);
        let news = StreamStateChanged(StreamState::join(&desired, observed));
        let event = self.bus.event(&self.stream, &news, None).unwrap();
        let document = serde_json::to_string(&desired).unwrap();
        let commit = Commit::new()
            .hash_set(key.clone(), "revision", desired.revision.to_string())
            .hash_set(key, "doc", document);
        self.bus.commit(commit, vec![event]).await.unwrap();
        desired.revision
    }

    /// Takes away what is wanted, and the scenes.
    pub(crate) async fn forget_what_is_wanted(&self) {
        let keys = [
            keys::desired(&self.stream),
            keys::scenes(&self.stream),
            keys::former_scene(&self.stream),
        ];
        let commit = keys.into_iter().fold(Commit::new(), |commit, key| {
            commit.write("DEL", key, Vec::new())
        });
        self.bus.commit(commit, Vec::new()).await.unwrap();
    }

    /// Writes the one scene of a stream, of text layers with these texts, as versions with one
    /// scene did.
    pub(crate) async fn compose(&self, revision: u64, layers: &[(LayerId, &str)]) {
        let layers: Vec<(LayerId, Value)> = layers
            .iter()
            .map(|(id, text)| (*id, json!({"kind": "text", "source": {"text": text}})))
            .collect();
        self.compose_of(revision, &layers).await;
    }

    /// The same of layers with any content.
    pub(crate) async fn compose_of(&self, revision: u64, layers: &[(LayerId, Value)]) {
        let scene = SceneId::from_uuid("01900000-0000-7000-8000-000000000001".parse().unwrap());
        let now = SystemClock.now();
        let order: Vec<LayerId> = layers.iter().map(|(id, _)| *id).collect();
        let document = json!({
            "id": scene, "stream": "main", "name": "Main", "order": order, "updated_at": now,
        });
        let key = keys::former_scene(&self.stream);
        let mut commit = Commit::new()
            .hash_set(key.clone(), "revision", revision.to_string())
            .hash_set(key, "doc", document.to_string())
            .write("DEL", keys::layers(&self.stream), Vec::new());
        for (id, content) in layers {
            let layer = json!({
                "id": id, "stream": "main", "scene": scene, "name": "layer",
                "kind": content["kind"], "source": content["source"],
                "transform": {"x": 0, "y": 0, "width": 100, "height": 50}, "opacity": 1.0,
                "visible": true, "locked": false, "volume": 1.0, "muted": false,
                "revision": revision, "created_at": now, "updated_at": now,
            });
            let field = keys::layer_field(*id);
            commit = commit.hash_set(keys::layers(&self.stream), &field, layer.to_string());
        }
        let news = LayerReordered {
            scene,
            order,
            scene_revision: revision,
        };
        let event = self.bus.event(&self.stream, &news, None).unwrap();
        self.bus.commit(commit, vec![event]).await.unwrap();
    }

    /// Writes scenes of text layers as layer-service does, of which the first was made first.
    pub(crate) async fn stage(&self, scenes: &[Set<'_>]) {
        let now = SystemClock.now();
        let key = keys::scenes(&self.stream);
        let order: Vec<SceneId> = scenes.iter().map(|set| set.id).collect();
        let mut commit = Commit::new()
            .hash_set(key.clone(), "revision", "1")
            .hash_set(key.clone(), "order", json!(order).to_string())
            .hash_set(key.clone(), "first", scenes.first().unwrap().id.to_string());
        for set in scenes {
            let order: Vec<LayerId> = set.layers.iter().map(|(id, ..)| *id).collect();
            let document = json!({
                "id": set.id, "name": set.name, "order": order, "updated_at": now,
            });
            commit = commit
                .hash_set(
                    key.clone(),
                    &keys::scene_revision_field(set.id),
                    set.revision.to_string(),
                )
                .hash_set(
                    key.clone(),
                    &keys::scene_document_field(set.id),
                    document.to_string(),
                );
            for (id, required) in &set.layers {
                let layer = json!({
                    "id": id, "stream": "main", "scene": set.id, "name": set.name,
                    "kind": "text", "source": {"text": set.name},
                    "transform": {"x": 0, "y": 0, "width": 100, "height": 50}, "opacity": 1.0,
                    "visible": true, "locked": false, "volume": 1.0, "muted": false,
                    "required": required, "revision": 1, "created_at": now, "updated_at": now,
                });
                let field = keys::layer_field(*id);
                commit = commit.hash_set(keys::layers(&self.stream), &field, layer.to_string());
            }
        }
        let news = SceneReordered {
            order,
            scenes_revision: 1,
        };
        let event = self.bus.event(&self.stream, &news, None).unwrap();
        self.bus.commit(commit, vec![event]).await.unwrap();
    }

    pub(crate) async fn observed(&self) -> Option<ObservedState> {
        self.bus
            .document(&keys::observed(&self.stream))
            .await
            .unwrap()
    }

    /// Waits until the observed state is as `is_so` says, and returns it.
    pub(crate) async fn until_observed(
        &self,
        what: &str,
        is_so: impl Fn(&ObservedState) -> bool,
    ) -> ObservedState {
        let mut last = None;
        let start = std::time::Instant::now();
        while start.elapsed() < PATIENCE {
            last = self
                .bus
                .document::<ObservedState>(&keys::observed(&self.stream))
                .await
                .ok();
            if let Some(Some(observed)) = &last
                && is_so(observed)
            {
                return observed.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not within {PATIENCE:?}: {what}; last seen: {last:#?}");
    }

    pub(crate) async fn until_status(&self, status: StreamStatus) -> ObservedState {
        let what = format!("the stream is {status}");
        self.until_observed(&what, |observed| observed.status == status)
            .await
    }

    /// Puts the stream on air, at generation 1.
    pub(crate) async fn go_live(&self) -> ObservedState {
        let revision = self.desire(DesiredStatus::Live, 1).await;
        let what = "the stream is live as desired";
        self.until_observed(what, |observed| {
            observed.status == StreamStatus::Live && observed.desired_revision == revision
        })
        .await
    }

    /// Every event of the channel so far.
    pub(crate) async fn events(&self, channel: Channel) -> Vec<Event> {
        let newest = self.bus.newest(&self.stream, channel, 10_000).await;
        newest.unwrap().into_iter().map(|one| one.event).collect()
    }
}

/// An engine in a process of its own. Killed with the value.
#[derive(Debug)]
pub(crate) struct EngineProcess {
    child: Child,
    pub(crate) api: Api,
}

impl EngineProcess {
    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        send_signal(self.child.id(), signal);
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        // The test is over either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send_signal(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Whether the process exists, and is no zombie.
pub(crate) fn is_running(pid: u32) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Fetches a playlist until it is as `is_so` says.
pub(crate) async fn until_playlist(
    api: &Api,
    what: &str,
    is_so: impl Fn(&Playlist) -> bool,
) -> Playlist {
    until_some(what, PATIENCE, || async {
        let answer = api.get("/live/main/index.m3u8").await;
        let playlist = (answer.status == 200).then(|| Playlist::parse(&answer.text))?;
        is_so(&playlist).then_some(playlist)
    })
    .await
}

/// Waits until a request is answered with this status.
pub(crate) async fn until_answered(api: &Api, path: &str, status: u16) -> Answer {
    until_some(
        &format!("{path} is answered {status}"),
        PATIENCE,
        || async {
            let request = api.request("GET".parse().unwrap(), path);
            // A process of its own may not listen yet.
            let answered = request.try_clone().unwrap().send().await.is_ok();
            if !answered {
                return None;
            }
            let answer = api.send(request).await;
            (answer.status == status).then_some(answer)
        },
    )
    .await
}

/// Waits until a condition holds.
pub(crate) async fn until_true(what: &str, condition: impl Fn() -> bool) {
    until(what, PATIENCE, || async { condition() }).await;
}
