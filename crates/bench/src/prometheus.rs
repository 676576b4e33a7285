use std::fs::{File, read_dir};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use prost::Message;
use reqwest::{Client, Url};
use serde_json::Value;
use sm_test_kit::{Api, until};
use tempfile::TempDir;

/// Longest wait for a server that starts.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Prometheus that takes remote-write. Ends with the value.
pub(crate) struct Prometheus {
    child: Child,
    url: String,
    client: Client,
    directory: TempDir,
}

/// `prometheus.WriteRequest`
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// Samples of one series: `prometheus.TimeSeries`
#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// A series to be sent: metric, stream, and samples by milliseconds.
pub(crate) type Series = (&'static str, String, Vec<(i64, f64)>);

impl Prometheus {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        File::create(path("prometheus.yml"))?;
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                path("prometheus.yml").display()
            ))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg("--storage.tsdb.retention.time=60d")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args([
                "--web.enable-remote-write-receiver",
                "--web.enable-admin-api",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log"))?)
            .spawn()
            .context("start prometheus: `make test-setup` installs it")?;
        let url = format!("http://127.0.0.1:{port}");
        let api = Api::new(&url);
        until("Prometheus is ready", PATIENCE, || async {
            let answer = api.try_get("/-/ready").await;
            answer.is_some_and(|answer| answer.status == 200)
        })
        .await;
        Ok(Self {
            child,
            url,
            client: Client::new(),
            directory,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends samples in one request.
    pub(crate) async fn write(&self, series: Vec<Series>) -> anyhow::Result<()> {
        let label = |name: &str, value: &str| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let timeseries = series
            .into_iter()
            .map(|(metric, stream, samples)| TimeSeries {
                labels: vec![label("__name__", metric), label("stream", &stream)],
                samples: samples
                    .into_iter()
                    .map(|(timestamp, value)| Sample { value, timestamp })
                    .collect(),
            })
            .collect();
        let request = WriteRequest { timeseries };
        let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())?;
        let answer = self
            .client
            .post(format!("{}/api/v1/write", self.url))
            .header("content-encoding", "snappy")
            .header("content-type", "application/x-protobuf")
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        Ok(())
    }

    /// Asks for the means of each step, of several metrics of a stream.
    pub(crate) async fn means(
        &self,
        metrics: &[&str],
        stream: &str,
        (from, to): (i64, i64),
        step_s: i64,
    ) -> anyhow::Result<usize> {
        let names = metrics.join("|");
        let query =
            format!("avg_over_time({{__name__=~\"{names}\",stream=\"{stream}\"}}[{step_s}s])");
        let mut url = Url::parse(&format!("{}/api/v1/query_range", self.url))?;
        url.query_pairs_mut()
            .append_pair("query", &query)
            .append_pair("start", &from.to_string())
            .append_pair("end", &to.to_string())
            .append_pair("step", &step_s.to_string());
        let answer = self.client.get(url).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
        let text = answer.bytes().await?;
        let body: Value = serde_json::from_slice(&text)?;
        let result = body.pointer("/data/result").and_then(Value::as_array);
        let series = result.map_or(0, Vec::len);
        anyhow::ensure!(
            series == metrics.len(),
            "{series} of {} series",
            metrics.len()
        );
        Ok(text.len())
    }

    /// Writes everything into blocks; their bytes.
    pub(crate) async fn snapshot(&self) -> anyhow::Result<u64> {
        let answer = self
            .client
            .post(format!("{}/api/v1/admin/tsdb/snapshot", self.url))
            .send()
            .await?;
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let name = body.pointer("/data/name").and_then(Value::as_str);
        let name = name.context("no snapshot")?;
        bytes_under(&self.directory.path().join("data/snapshots").join(name))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bytes_under(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            bytes_under(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}
