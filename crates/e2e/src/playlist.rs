use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use sm_test_kit::Api;
use tempfile::NamedTempFile;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// An HLS media playlist, as far as tests look at it.
#[derive(Clone, Debug)]
pub struct Playlist {
    /// Number of its first segment.
    pub media_sequence: u64,
    /// Segments with the initialisation section that each needs.
    pub segments: Vec<(String, String)>,
    /// Discontinuities that it lists.
    pub discontinuities: usize,
}

impl Playlist {
    /// Reads a playlist; panics when it is none.
    pub fn parse(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U"), "{text}");
        let mut playlist = Self {
            media_sequence: 0,
            segments: Vec::new(),
            discontinuities: 0,
        };
        let mut map = String::new();
        for line in text.lines() {
            if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
                playlist.media_sequence = number.parse().unwrap();
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-MAP:") {
                attributes.split('"').nth(1).unwrap().clone_into(&mut map);
            } else if line == "#EXT-X-DISCONTINUITY" {
                playlist.discontinuities += 1;
            } else if !line.starts_with('#') && !line.is_empty() {
                playlist.segments.push((map.clone(), line.to_owned()));
            }
        }
        playlist
    }

    /// The main stream's playlist through Traefik; `None` when it is not to be had.
    pub async fn fetch(api: &Api) -> Option<Self> {
        let answer = api.get("/live/main/index.m3u8").await;
        (answer.status == 200).then(|| Self::parse(&answer.text))
    }

    /// The number after its last segment.
    pub fn next(&self) -> u64 {
        self.media_sequence + u64::try_from(self.segments.len()).unwrap()
    }

    /// The newest segment with its initialisation section, as a file that can be decoded.
    pub async fn newest_segment(&self, api: &Api) -> NamedTempFile {
        let newest = self.next().saturating_sub(1);
        self.segments_from(newest, api).await
    }

    /// The segments from this number on with the initialisation section of the first, as a file that
    /// can be decoded.
    pub async fn segments_from(&self, number: u64, api: &Api) -> NamedTempFile {
        let skipped = number
            .checked_sub(self.media_sequence)
            .expect("the segment has not left the playlist");
        let segments = self.segments.iter().skip(skipped.try_into().unwrap());
        let mut parts: Vec<&String> = segments.clone().map(|(_, segment)| segment).collect();
        let (map, _) = segments.clone().next().expect("the playlist lists it");
        parts.insert(0, map);
        let mut file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        for part in parts {
            let bytes = api.get_bytes(&format!("/live/main/{part}")).await;
            file.write_all(&bytes).unwrap();
        }
        file
    }
}

/// What `ffprobe` says of an address.
#[derive(Clone, Debug)]
pub struct Probe(Value);

impl Probe {
    /// Reads the streams at `url`, with further headers where needed.
    pub fn read(url: &str, headers: &str) -> Self {
        let output = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-headers",
                headers,
                "-show_streams",
                "-of",
                "json",
                url,
            ])
            .output()
            .expect("ffprobe is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        Self(serde_json::from_str(&text).unwrap())
    }

    /// The codecs of its streams, sorted.
    pub fn codecs(&self) -> Vec<String> {
        let streams = self.0["streams"].as_array().unwrap();
        let mut codecs: Vec<String> = streams
            .iter()
            .map(|stream| stream["codec_name"].as_str().unwrap().to_owned())
            .collect();
        codecs.sort();
        codecs
    }
}

/// What a viewer saw while something happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    /// Requests for the playlist that were answered with one.
    pub answered: u64,
    /// Requests that were not.
    pub refused: u64,
    /// Longest time without a new segment.
    pub longest_wait: Duration,
    /// Whether segment numbers ever went back.
    pub went_back: bool,
}

/// Reads the playlist ten times a second until `stop`.
pub fn watch(api: Api, stop: CancellationToken) -> JoinHandle<Watched> {
    tokio::spawn(async move {
        let mut seen = Watched::default();
        let mut newest = 0;
        let mut since = Instant::now();
        let mut ticks = interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            ticks.tick().await;
            match Playlist::fetch(&api).await {
                Some(playlist) => {
                    seen.answered += 1;
                    seen.went_back |= playlist.next() < newest;
                    if playlist.next() > newest {
                        newest = playlist.next();
                        since = Instant::now();
                    }
                }
                None => seen.refused += 1,
            }
            seen.longest_wait = seen.longest_wait.max(since.elapsed());
        }
        seen
    })
}
