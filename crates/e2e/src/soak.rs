use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sm_test_kit::Api;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::peers::{Camera, Mortal, RtmpServer, SrtListener};
use crate::{Recording, Stack, record};

/// An access token is good for a quarter of an hour.
const SIGN_IN_EVERY_S: u64 = 600;
/// How long something that died stays away.
const AWAY_S: u64 = 5;

/// What happens during a soak. Times in seconds.
#[derive(Clone, Copy, Debug)]
pub struct SoakPlan {
    /// How long it takes, with one change of a layer every second.
    pub length_s: u64,
    /// How often one of the sources dies, in turns.
    pub source_every_s: u64,
    /// How often one of the outputs' targets dies, in turns.
    pub output_every_s: u64,
}

/// What was seen of a soak.
#[derive(Debug)]
pub struct SoakReport {
    /// Changes of layers that were made.
    pub changes: u64,
    /// How often a source died.
    pub source_deaths: u64,
    /// How often an output's target died.
    pub output_deaths: u64,
    /// Everything that a viewer was sent.
    pub seen: Recording,
    /// Resident memory of the media worker, in KiB, one value a second.
    pub worker_kib: Vec<u64>,
    /// Least frames per second that the state told, once it told any.
    pub fps_min: f64,
    /// The state at the end, when everything was well again.
    pub state: Value,
}

impl SoakReport {
    /// Median of the worker's memory in a part of the soak, from 0 (start) to 1 (end), in KiB.
    pub fn worker_kib_between(&self, from: f64, to: f64) -> u64 {
        let count = f64::from(u32::try_from(self.worker_kib.len()).unwrap());
        let place = |part: f64| {
            let wanted = (part * count).floor();
            (0..self.worker_kib.len())
                .find(|&index| f64::from(u32::try_from(index).unwrap()) >= wanted)
                .unwrap_or(self.worker_kib.len())
        };
        let mut part = self.worker_kib[place(from)..place(to)].to_vec();
        part.sort_unstable();
        part[part.len() / 2]
    }
}

/// What the stack is used with: two cameras, two targets, a recording, and a layer that changes.
struct Studio {
    sources: Vec<Box<dyn Mortal>>,
    targets: Vec<Box<dyn Mortal>>,
    /// Carries the first camera from its publisher.
    _relay: RtmpServer,
    admin: Api,
    layer: String,
    etag: String,
}

impl Studio {
    async fn open(stack: &Stack) -> Self {
        let admin = stack.admin().await;
        let relay = RtmpServer::start();
        let published = Camera::publish(&format!("{}/camera", relay.url()));
        let called = Camera::listen();
        let server = RtmpServer::start();
        let listener = SrtListener::start();
        for (name, url, x) in [("RTMP", published.url(), 0), ("SRT", called.url(), 640)] {
            let layer = json!({"name": name, "kind": "network", "source": {"url": url},
                "transform": {"x": x, "y": 360, "width": 640, "height": 360}});
            admin.post("/api/layers", &layer).await.expect(201);
        }
        for output in [
            json!({"name": "RTMP", "kind": "rtmp", "target": {"url": server.url(), "key": "a"}}),
            json!({"name": "SRT", "kind": "srt",
                "target": {"url": listener.url(), "mode": "caller"}}),
            json!({"name": "File", "kind": "file",
                "target": {"format": "mp4", "split_s": 60, "keep_files": 2}}),
        ] {
            admin.post("/api/stream/outputs", &output).await.expect(201);
        }
        let moves = json!({"name": "Moves", "kind": "color", "source": {"color": "#c00000"},
            "transform": {"x": 0, "y": 0, "width": 320, "height": 180}});
        let layer = admin.post("/api/layers", &moves).await.expect(201);
        let path = format!("/api/layers/{}", layer.body["id"].as_str().unwrap());
        let studio = Self {
            sources: vec![Box::new(published), Box::new(called)],
            targets: vec![Box::new(server), Box::new(listener)],
            _relay: relay,
            etag: admin.get(&path).await.expect(200).header("etag").to_owned(),
            layer: path,
            admin,
        };
        stack.until_state("all is well", all_well).await;
        studio
    }

    async fn change(&mut self, step: u64) {
        let part = step % 100;
        let change = match step % 5 {
            0 => json!({"transform": {"x": part * 9, "y": part * 5}}),
            1 => json!({"opacity": f64::from(u32::try_from(part).unwrap()) / 100.0}),
            2 => json!({"source": {"color": format!("#{part:02x}00c0")}}),
            3 => json!({"transform": {"rotation": part, "corner_radius": part}}),
            _ => json!({"visible": part.is_multiple_of(2)}),
        };
        let patched = self.admin.patch(&self.layer, &self.etag, &change).await;
        patched
            .expect(200)
            .header("etag")
            .clone_into(&mut self.etag);
    }
}

/// Whether nothing is wrong, every layer is seen and every output delivers.
fn all_well(state: &Value) -> bool {
    let all = |list: &str, member: &str, wanted: &str| {
        let list = state[list].as_array();
        list.is_some_and(|list| list.iter().all(|one| one[member] == wanted))
    };
    state["status"] == "live"
        && state["outputs"].as_array().is_some_and(|all| all.len() > 3)
        && all("layers", "state", "ok")
        && all("outputs", "status", "live")
}

/// Dies at its turn and comes back [`AWAY_S`] later. Returns whether somebody died.
fn live_and_die(mortals: &mut [Box<dyn Mortal>], second: u64, every_s: u64) -> bool {
    let turn = usize::try_from(second / every_s).unwrap() % mortals.len();
    match second % every_s {
        0 => mortals[turn].die(),
        AWAY_S => mortals[turn].come_back(),
        _ => {}
    }
    second.is_multiple_of(every_s)
}

/// Changes a layer every second while sources and outputs die and come back, and watches
/// everything that a viewer is sent. The stack must allow sources on the loopback network.
pub async fn soak(stack: &Stack, plan: SoakPlan) -> SoakReport {
    let mut studio = Studio::open(stack).await;
    let stop = CancellationToken::new();
    let recording = record(stack.anonymous(), stop.clone());
    let worker = stack.pid("media-worker-main").unwrap();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut source_deaths, mut output_deaths) = (0, 0);
    let (mut worker_kib, mut fps_min) = (Vec::new(), f64::INFINITY);
    for second in 1..=plan.length_s {
        ticks.tick().await;
        if second.is_multiple_of(SIGN_IN_EVERY_S) {
            studio.admin = stack.admin().await;
        }
        studio.change(second).await;
        source_deaths += u64::from(live_and_die(
            &mut studio.sources,
            second,
            plan.source_every_s,
        ));
        output_deaths += u64::from(live_and_die(
            &mut studio.targets,
            second,
            plan.output_every_s,
        ));
        worker_kib.push(resident_kib(worker));
        let fps = stack.state().await["performance"]["fps"].as_f64();
        fps_min = fps.map_or(fps_min, |fps| fps_min.min(fps));
    }
    for mortal in studio.sources.iter_mut().chain(&mut studio.targets) {
        mortal.come_back();
    }
    let state = stack.until_state("all is well again", all_well).await;
    stop.cancel();
    SoakReport {
        changes: plan.length_s,
        source_deaths,
        output_deaths,
        seen: recording.await.unwrap(),
        worker_kib,
        fps_min,
        state,
    }
}

/// `VmRSS` of a process.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.expect("the worker lives");
    let members: BTreeMap<&str, &str> = status
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    let kib = members["VmRSS"].trim().trim_end_matches(" kB");
    kib.parse().unwrap()
}
