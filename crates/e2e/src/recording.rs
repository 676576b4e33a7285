use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sm_test_kit::Api;
use tempfile::NamedTempFile;
use tokio::task::JoinHandle;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::Playlist;

/// Far more often than a segment leaves the playlist.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Packets' times are whole ticks of their track, and printed with microseconds.
const ROUNDING_MICROS: i64 = 100;

/// What one run of the worker sent: its initialisation section and every segment in order.
#[derive(Debug)]
pub struct Recording {
    file: NamedTempFile,
    segments: BTreeSet<String>,
}

/// Keeps every segment from now on until `stop`, as a player that records would.
pub fn record(api: Api, stop: CancellationToken) -> JoinHandle<Recording> {
    tokio::spawn(async move {
        let mut recording = Recording {
            file: tempfile::Builder::new().suffix(".mp4").tempfile().unwrap(),
            segments: BTreeSet::new(),
        };
        let mut ticks = interval(LOOK_EVERY);
        let mut last_look = false;
        while !last_look {
            last_look = stop.is_cancelled();
            ticks.tick().await;
            recording.catch_up(&api).await;
        }
        recording
    })
}

impl Recording {
    async fn catch_up(&mut self, api: &Api) {
        let playlist = Playlist::fetch(api).await.expect("the stream is on air");
        for (map, segment) in playlist.segments {
            if self.segments.contains(&segment) {
                continue;
            }
            if self.segments.is_empty() {
                self.append(api, &map).await;
            }
            self.append(api, &segment).await;
            self.segments.insert(segment);
        }
    }

    async fn append(&mut self, api: &Api, name: &str) {
        let bytes = api.get_bytes(&format!("/live/main/{name}")).await;
        self.file.write_all(&bytes).unwrap();
    }

    /// How many segments it holds.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Packets, by codec, whose distance to the one before is not the codec's usual one.
    pub fn irregular_packets(&self) -> BTreeMap<String, Vec<i64>> {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json"])
            .args(["-show_entries", "packet=codec_type,dts_time"])
            .arg(self.file.path())
            .output()
            .expect("ffprobe is installed");
        assert!(output.status.success());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for packet in report["packets"].as_array().unwrap() {
            let kind = packet["codec_type"].as_str().unwrap().to_owned();
            let time = packet["dts_time"].as_str().unwrap();
            times.entry(kind).or_default().push(micros(time));
        }
        times
            .into_iter()
            .map(|(kind, times)| (kind, irregular(&times)))
            .collect()
    }
}

/// Seconds with six decimals as microseconds.
fn micros(seconds: &str) -> i64 {
    seconds.replace('.', "").parse().unwrap()
}

/// The distances that are not the usual one, which is the median.
fn irregular(times: &[i64]) -> Vec<i64> {
    let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let all = steps.clone();
    steps.sort_unstable();
    let usual = steps[steps.len() / 2];
    all.into_iter()
        .filter(|step| (step - usual).abs() > ROUNDING_MICROS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_missing_or_late_is_irregular_and_rounding_is_not() {
        assert!(irregular(&[-33_333, 0, 33_333, 66_667, 100_000]).is_empty());
        assert_eq!(irregular(&[0, 33_333, 66_667, 133_333, 166_667]), [66_666]);
        assert_eq!(
            irregular(&[0, 33_333, 67_667, 100_000, 133_333]),
            [34_334, 32_333]
        );
        assert_eq!(micros("-0.021333"), -21_333);
    }
}
