use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sm_test_kit::Api;
use tokio::time::sleep;

use crate::peers::{Camera, Mortal, RtmpServer};
use crate::stack::Stack;

/// Longest wait for an incident, and for its end.
const PATIENCE: Duration = Duration::from_mins(1);
/// Distance of two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a fault that has to be ended lasts.
const FAULT: Duration = Duration::from_secs(6);
/// How long the CPU is taken away: a low frame rate has to last before it is one.
const STARVED: Duration = Duration::from_secs(25);
/// Busy processes for each core.
const BUSY_PER_CORE: usize = 12;
/// Players that come all at once.
const VIEWERS: usize = 300;

/// What came out of a fault.
#[derive(Clone, Debug)]
pub struct DrillRow {
    /// What was done.
    pub fault: &'static str,
    /// The part that the cause should be, or nothing where no incident should come.
    pub expected: Option<String>,
    /// The incident's title; nothing where none came.
    pub incident: Option<String>,
    /// The likely causes, the most likely first.
    pub causes: Vec<String>,
    /// From the fault until the incident could be read.
    pub detected: Option<Duration>,
    /// From the first sign until the last was gone, as the incident says.
    pub recovered: Option<Duration>,
    /// Whether the incident ended.
    pub resolved: bool,
}

impl DrillRow {
    /// Whether what came is what should.
    pub fn is_right(&self) -> bool {
        match &self.expected {
            Some(expected) => self
                .causes
                .first()
                .is_some_and(|cause| cause.starts_with(expected)),
            None => self.incident.is_none(),
        }
    }
}

/// What a drill saw.
#[derive(Clone, Debug)]
pub struct DrillReport {
    /// One for each fault, in their order.
    pub rows: Vec<DrillRow>,
    /// Incidents that were opened while nothing was done.
    pub false_alarms: Vec<String>,
    /// How long that was.
    pub quiet: Duration,
}

/// Breaks one thing after another on a running stack, and reads what the incidents say. Judges
/// nothing.
pub async fn drill(stack: &Stack, quiet: Duration) -> DrillReport {
    let mut drill = Drill::open(stack).await;
    let false_alarms = drill.quiet(quiet).await;
    let rows = vec![
        drill.engine_kill().await,
        drill.output_death().await,
        drill.source_loss().await,
        drill.redis_pause().await,
        drill.bad_layer().await,
        drill.viewer_surge().await,
        drill.starvation().await,
    ];
    DrillReport {
        rows,
        false_alarms,
        quiet,
    }
}

struct Drill<'a> {
    stack: &'a Stack,
    api: Api,
    target: RtmpServer,
    camera: Camera,
    output: String,
    layer: String,
    /// Incidents that are known already.
    known: BTreeSet<String>,
}

impl<'a> Drill<'a> {
    async fn open(stack: &'a Stack) -> Self {
        let api = stack.admin().await;
        let target = RtmpServer::start();
        let camera = Camera::listen();
        let output =
            json!({"name": "Tube", "kind": "rtmp", "target": {"url": target.url(), "key": "a"}});
        let output = api.post("/api/stream/outputs", &output).await.expect(201);
        let layer = json!({"name": "Camera", "kind": "network", "source": {"url": camera.url()},
            "transform": {"x": 0, "y": 360, "width": 640, "height": 360}});
        let layer = api.post("/api/layers", &layer).await.expect(201);
        let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();
        let mut drill = Self {
            stack,
            target,
            camera,
            output: id(&output.body),
            layer: id(&layer.body),
            api,
            known: BTreeSet::new(),
        };
        drill.until_well().await;
        drill.known = drill.ids().await;
        drill
    }

    /// Waits until everything delivers, and every incident is over.
    async fn until_well(&self) {
        self.stack
            .until_state("all is well", |state| {
                let all = |list: &str, member: &str, wanted: &str| {
                    let list = state[list].as_array();
                    list.is_some_and(|list| list.iter().all(|one| one[member] == wanted))
                };
                state["status"] == "live"
                    && all("layers", "state", "ok")
                    && all("outputs", "status", "live")
            })
            .await;
        self.stack
            .until("every incident is over", || async {
                let incidents = self.incidents().await.unwrap_or_default();
                incidents
                    .iter()
                    .all(|incident| incident["state"] == "resolved")
            })
            .await;
    }

    /// The incidents, newest first; nothing while they cannot be read.
    async fn incidents(&self) -> Option<Vec<Value>> {
        let answer = self.api.try_get("/api/analytics/incidents").await?;
        let list = answer.body["incidents"].as_array()?;
        Some(list.clone())
    }

    async fn ids(&self) -> BTreeSet<String> {
        let incidents = self.incidents().await.unwrap_or_default();
        let ids = incidents.iter().filter_map(|one| one["id"].as_str());
        ids.map(str::to_owned).collect()
    }

    async fn quiet(&mut self, length: Duration) -> Vec<String> {
        sleep(length).await;
        let incidents = self.incidents().await.unwrap_or_default();
        let new = incidents
            .iter()
            .filter(|one| !self.known.contains(one["id"].as_str().unwrap_or_default()));
        let titles = new.map(|one| one["title"].to_string()).collect();
        self.known = self.ids().await;
        titles
    }

    async fn fresh(&self) -> Option<Value> {
        let incidents = self.incidents().await?;
        // The oldest that is new: others may follow from it.
        incidents
            .into_iter()
            .rev()
            .find(|one| !self.known.contains(one["id"].as_str().unwrap_or_default()))
    }

    /// Waits for what a fault that began at `start` brings, and for its end.
    async fn observe(
        &mut self,
        fault: &'static str,
        expected: Option<String>,
        start: Instant,
    ) -> DrillRow {
        let mut row = self.detect(fault, expected, start).await;
        self.end(&mut row).await;
        row
    }

    async fn detect(
        &self,
        fault: &'static str,
        expected: Option<String>,
        start: Instant,
    ) -> DrillRow {
        let mut row = DrillRow {
            fault,
            expected,
            incident: None,
            causes: Vec::new(),
            detected: None,
            recovered: None,
            resolved: false,
        };
        while row.incident.is_none() && start.elapsed() < PATIENCE {
            if let Some(incident) = self.fresh().await {
                row.detected = Some(start.elapsed());
                take(&mut row, &incident);
            }
            sleep(LOOK_EVERY).await;
        }
        row
    }

    /// What is known of the incident when it is over.
    async fn end(&mut self, row: &mut DrillRow) {
        let start = Instant::now();
        while row.incident.is_some() && !row.resolved && start.elapsed() < PATIENCE {
            if let Some(incident) = self.fresh().await {
                take(row, &incident);
            }
            sleep(LOOK_EVERY).await;
        }
        self.until_well().await;
        self.known = self.ids().await;
    }

    async fn engine_kill(&mut self) -> DrillRow {
        let worker = self.stack.pid("media-worker-main").unwrap();
        let start = Instant::now();
        self.stack.kill(worker);
        self.observe("media worker killed", Some("engine".to_owned()), start)
            .await
    }

    async fn output_death(&mut self) -> DrillRow {
        let start = Instant::now();
        self.target.die();
        let expected = Some(format!("output:{}", self.output));
        let mut row = self
            .detect("target of an output dies", expected, start)
            .await;
        sleep(FAULT).await;
        self.target.come_back();
        self.end(&mut row).await;
        row
    }

    async fn source_loss(&mut self) -> DrillRow {
        let start = Instant::now();
        self.camera.die();
        let expected = Some(format!("source:{}", self.layer));
        let mut row = self.detect("camera dies", expected, start).await;
        sleep(FAULT).await;
        self.camera.come_back();
        self.end(&mut row).await;
        row
    }

    async fn redis_pause(&mut self) -> DrillRow {
        let redis = self
            .stack
            .pid("redis-1")
            .or_else(|| self.stack.pid("redis"));
        let redis = redis.unwrap();
        let start = Instant::now();
        self.stack.freeze(redis);
        sleep(FAULT).await;
        self.stack.thaw(redis);
        self.observe("Redis frozen for 6 s", Some("redis".to_owned()), start)
            .await
    }

    /// A layer whose source is no media at all.
    async fn bad_layer(&mut self) -> DrillRow {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a.ts", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for peer in listener.incoming().flatten() {
                garbage(peer);
            }
        });
        let start = Instant::now();
        let layer = json!({"name": "Bad", "kind": "network", "source": {"url": url}});
        let layer = self.api.post("/api/layers", &layer).await.expect(201);
        let id = layer.body["id"].as_str().unwrap().to_owned();
        let expected = Some(format!("layer:{id}"));
        let mut row = self.detect("layer without media", expected, start).await;
        let path = format!("/api/layers/{id}");
        let etag = self
            .api
            .get(&path)
            .await
            .expect(200)
            .header("etag")
            .to_owned();
        let _gone = self.api.delete(&path, &etag).await.expect(204);
        self.end(&mut row).await;
        row
    }

    /// Nothing is wrong when many come.
    async fn viewer_surge(&mut self) -> DrillRow {
        let playlist = format!("{}/live/main/index.m3u8", self.stack.url());
        let start = Instant::now();
        let viewers = (0..VIEWERS).map(|viewer| {
            let agent = format!("player/{viewer}");
            let playlist = playlist.clone();
            async move {
                let client = reqwest::Client::builder()
                    .user_agent(agent)
                    .build()
                    .unwrap();
                for _ in 0..5 {
                    // What they see is not judged here.
                    let _ = client.get(&playlist).send().await;
                    sleep(Duration::from_secs(1)).await;
                }
            }
        });
        futures_util::future::join_all(viewers).await;
        sleep(FAULT).await;
        let mut row = DrillRow {
            fault: "300 players come at once",
            expected: None,
            incident: None,
            causes: Vec::new(),
            detected: None,
            recovered: None,
            resolved: false,
        };
        if let Some(incident) = self.fresh().await {
            row.detected = Some(start.elapsed());
            take(&mut row, &incident);
        }
        self.end(&mut row).await;
        row
    }

    async fn starvation(&mut self) -> DrillRow {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let start = Instant::now();
        let mut busy: Vec<Child> = (0..cores * BUSY_PER_CORE).map(|_| spin()).collect();
        let expected = Some("host".to_owned());
        let mut row = self.detect("CPU taken away", expected, start).await;
        sleep(STARVED.saturating_sub(start.elapsed())).await;
        for child in &mut busy {
            // They end with us otherwise.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.end(&mut row).await;
        row
    }
}

fn spin() -> Child {
    Command::new("sh")
        .args(["-c", "while :; do :; done"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// Answers with what is no media.
fn garbage(mut peer: std::net::TcpStream) {
    use std::io::{Read as _, Write as _};
    let mut request = [0; 1024];
    let _ = peer.read(&mut request);
    let body = "no media at all. ".repeat(4096);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: video/mp2t\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // Whoever reads may hang up.
    let _ = peer.write_all(head.as_bytes());
    let _ = peer.write_all(body.as_bytes());
}

fn take(row: &mut DrillRow, incident: &Value) {
    row.incident = incident["title"].as_str().map(str::to_owned);
    row.causes = incident["causes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|cause| cause["component"].as_str().map(str::to_owned))
        .collect();
    row.recovered = incident["recovery_ms"].as_u64().map(Duration::from_millis);
    row.resolved = incident["state"] == "resolved";
}
