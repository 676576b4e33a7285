use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sm_service_kit::Kit;
use sm_test_kit::{Api, Running, until};
use tempfile::TempDir;

use crate::harness::{Harness, LIMIT, counter, viewers};

/// A real Prometheus that takes remote-write. Ends with the value.
struct Prometheus {
    child: Option<Child>,
    port: u16,
    directory: TempDir,
}

impl Prometheus {
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let directory = tempfile::tempdir().unwrap();
        File::create(directory.path().join("prometheus.yml")).unwrap();
        Self {
            child: None,
            port: free.local_addr().unwrap().port(),
            directory,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, with what it has on disk.
    async fn start(&mut self) {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--web.enable-remote-write-receiver")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let api = Api::new(self.url());
        until("Prometheus is ready", LIMIT, || async {
            let answer = api.try_get("/-/ready").await;
            answer.is_some_and(|answer| answer.status == 200)
        })
        .await;
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Every sample of a series, by its time in milliseconds.
    async fn samples(&self, series: &str) -> BTreeMap<i64, f64> {
        let api = Api::new(self.url());
        let path = format!("/api/v1/query?query={series}[2h]");
        let answer = api.get(&path).await.expect(200).body;
        let values = answer["data"]["result"][0]["values"].as_array().cloned();
        let sample = |pair: &Value| {
            let milliseconds = (pair[0].as_f64().unwrap() * 1000.0).round();
            let time = format!("{milliseconds:.0}").parse().unwrap();
            (time, pair[1].as_str().unwrap().parse().unwrap())
        };
        values.iter().flatten().map(sample).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Publishes samples of `seconds` as time goes on.
async fn pass(harness: &Harness, seconds: std::ops::Range<u64>) {
    for second in seconds {
        harness.move_to(second);
        harness.samples(second..second + 1).await;
    }
}

fn sender(harness: &Harness, prometheus: &Prometheus, site: &str) -> Running {
    let url = format!("{}/api/v1/write", prometheus.url());
    harness.replica(&[
        ("remote_write.url", url.as_str()),
        ("remote_write.labels.site", site),
        ("remote_write.interval_ms", "50"),
        ("remote_write.timeout_ms", "2000"),
        ("remote_write.delay_s", "0"),
        ("remote_write.backfill_s", "18000"),
        ("remote_write.span_max_s", "40"),
        ("remote_write.retry_min_ms", "50"),
        ("remote_write.retry_max_ms", "200"),
    ])
}

/// The viewers of the first seconds.
fn ledger(harness: &Harness, seconds: u64) -> BTreeMap<i64, f64> {
    let value = |second| f64::from(u32::try_from(viewers(second)).unwrap());
    (0..seconds)
        .map(|second| (harness.at(second).as_unix_millis(), value(second)))
        .collect()
}

async fn until_received(harness: &Harness, prometheus: &Prometheus, seconds: u64) {
    let series = "sm_stream_viewers{stream=\"main\"}";
    let expected = ledger(harness, seconds);
    until("Prometheus has every sample", LIMIT, || async {
        prometheus.samples(series).await == expected
    })
    .await;
}

/// Over a receiver that dies and a sender that is replaced while it is away.
#[tokio::test]
async fn prometheus_receives_every_sample_once() {
    let harness = Harness::new();
    let mut prometheus = Prometheus::new();
    prometheus.start().await;
    let first = sender(&harness, &prometheus, "hall");
    // The last second is not over until another follows.
    pass(&harness, 0..121).await;
    until_received(&harness, &prometheus, 120).await;

    prometheus.kill();
    pass(&harness, 121..171).await;
    until("the sender has noticed", LIMIT, || async {
        counter(first.kit(), "sm_analytics_remote_write_failures_total") > 0
    })
    .await;
    let health = Api::new(first.health_url()).get("/health").await;
    let health = health.expect(200).body;
    let parts = health["components"].as_array().unwrap();
    let part = parts.iter().find(|part| part["name"] == "remote-write");
    assert_eq!(part.unwrap()["status"], "down", "{health}");
    let kits: Vec<Kit> = vec![first.kit().clone()];
    first.stop();
    let second = sender(&harness, &prometheus, "hall");
    pass(&harness, 171..201).await;
    prometheus.start().await;
    until_received(&harness, &prometheus, 200).await;

    // What one replica counts, no other does: fps, viewers and the most viewers of each second.
    let kits = kits.iter().chain([second.kit()]);
    let sent = kits.map(|kit| counter(kit, "sm_analytics_remote_write_samples_total"));
    assert_eq!(sent.sum::<u64>(), 3 * 200);
    assert_eq!(
        counter(
            second.kit(),
            "sm_analytics_remote_write_refused_samples_total"
        ),
        0
    );
}

/// What a receiver will never take is given up, counted, and does not hold up what follows.
#[tokio::test]
async fn samples_that_are_refused_do_not_hold_up_others() {
    let mut prometheus = Prometheus::new();
    prometheus.start().await;
    let recent = Harness::new();
    pass(&recent, 0..3).await;
    let first = sender(&recent, &prometheus, "recent");
    until_received(&recent, &prometheus, 2).await;
    first.stop();

    // Hours before what Prometheus has: out of its bounds.
    let mut late = Harness::new();
    late.begin_hours_ago(3);
    pass(&late, 0..3).await;
    pass(&late, 10_800..10_802).await;
    let second = sender(&late, &prometheus, "late");
    let count = |name: &str| counter(second.kit(), name);
    until("what follows is taken", LIMIT, || async {
        count("sm_analytics_remote_write_samples_total") > 0
    })
    .await;
    assert_eq!(
        count("sm_analytics_remote_write_refused_samples_total"),
        3 * 3
    );
    assert_eq!(count("sm_analytics_remote_write_samples_total"), 3);
}
