use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sm_test_kit::{Api, until_some};
use tempfile::TempDir;

use crate::harness::{Harness, LIMIT, slow_rule, until_firing};

/// A real Alertmanager of this test alone. Ends with the value.
struct Alertmanager {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Alertmanager {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let directory = tempfile::tempdir().unwrap();
        let config = "route: {receiver: none}\nreceivers: [{name: none}]\n";
        std::fs::write(directory.path().join("config.yml"), config).unwrap();
        let manager = Self {
            child: launch(&directory, port),
            port,
            directory,
        };
        manager.until_ready().await;
        manager
    }

    /// Ends it, with all that it knows, and starts another at its address.
    async fn replace(&mut self) {
        self.end();
        let data = self.directory.path().join("data");
        std::fs::remove_dir_all(data).unwrap();
        self.child = launch(&self.directory, self.port);
        self.until_ready().await;
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn until_ready(&self) {
        let api = Api::new(self.url());
        until_some("Alertmanager is ready", LIMIT, || async {
            let ready = api.try_get("/-/ready").await?;
            ready.status.is_success().then_some(())
        })
        .await;
    }

    /// Waits until it has as many active alerts of the rule.
    async fn until_active(&self, rule: &str, count: usize) -> Vec<Value> {
        let api = Api::new(self.url());
        until_some("Alertmanager has the alerts", LIMIT, || async {
            let alerts = api.get("/api/v2/alerts?active=true").await.expect(200).body;
            let of_rule: Vec<Value> = alerts
                .as_array()?
                .iter()
                .filter(|alert| alert["labels"]["alertname"] == rule)
                .cloned()
                .collect();
            (of_rule.len() == count).then_some(of_rule)
        })
        .await
    }
}

fn launch(directory: &TempDir, port: u16) -> Child {
    let path = directory.path().display();
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={path}/config.yml"))
        .arg(format!("--storage.path={path}/data"))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // The test is over either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Told at once, told again after it has forgotten everything, and told of the end by whoever watches
/// then.
#[tokio::test]
async fn a_real_alertmanager_knows_what_fires_and_what_is_over() {
    let harness = Harness::new();
    let mut manager = Alertmanager::start().await;
    let url = manager.url();
    let settings = [
        ("alertmanager.url", url.as_str()),
        ("alertmanager.resend_ms", "200"),
        ("alertmanager.console_url", "https://studio.example.org/"),
    ];
    let service = harness.watching(&settings);
    let api = harness.operator(&service);
    let rule = "/api/analytics/alerts/rules";
    let rule = api.post(rule, &slow_rule()).await.expect(201).body;
    let id = rule["id"].as_str().unwrap();
    harness.on_air().await;
    harness.fps_now(5.0).await;
    let alert = manager.until_active(id, 1).await.remove(0);
    assert_eq!(alert["labels"]["stream"], "main");
    assert_eq!(alert["labels"]["severity"], "error");
    assert_eq!(alert["labels"]["team"], "studio");
    assert_eq!(alert["annotations"]["summary"], "Slow");
    assert_eq!(alert["annotations"]["remedy"], "Give it CPU.");
    assert_eq!(alert["generatorURL"], "https://studio.example.org/");
    manager.replace().await;
    manager.until_active(id, 1).await;
    service.stop();
    let next = harness.watching(&settings);
    harness.fps_now(30.0).await;
    until_firing(&harness.operator(&next), id, 0).await;
    manager.until_active(id, 0).await;
}
