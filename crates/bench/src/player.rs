use std::pin::pin;
use std::time::{Duration, Instant};

use serde_json::json;
use sm_common::clock::Timestamp;
use sm_test_kit::Api;
use tokio::time::{sleep, timeout};

/// How often a player looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What moments and lengths may be off within a run, whose segments follow on one another frame by
/// frame: half a frame of 30 a second. What is missing there is a whole segment.
const ROUNDED: Duration = Duration::from_millis(16);
/// How long a player waits for an answer before it asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Somebody who watches the stream through Traefik and fetches each new segment.
#[derive(Debug)]
pub(crate) struct Player {
    viewer: Api,
    /// Every segment that was listed since it began to watch, in order.
    seen: Vec<Listed>,
    fetched_at: Instant,
    wait: Duration,
}

/// A listed segment.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// The initialisation section of the run that made it.
    pub(crate) run: String,
    file: String,
    start: Timestamp,
    end: Timestamp,
}

/// What a player has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Milliseconds of the program that are in no segment.
    pub(crate) uncovered_ms: f64,
    /// The longest wait for a segment that could be fetched.
    pub(crate) wait_s: f64,
}

impl Player {
    /// Begins with the segments that are listed now, at least one.
    pub(crate) async fn watch(viewer: Api) -> Self {
        let mut player = Self {
            viewer,
            seen: Vec::new(),
            fetched_at: Instant::now(),
            wait: Duration::ZERO,
        };
        while player.seen.is_empty() {
            player.seen = listed(&player.viewer).await;
        }
        player.fetched_at = Instant::now();
        player
    }

    /// The run of the first segment that it saw.
    pub(crate) fn first_run(&self) -> &str {
        self.seen.first().map_or("", |one| &one.run)
    }

    /// Plays on until a segment came for which `enough` is true, which is given all so far.
    pub(crate) async fn until(&mut self, enough: impl Fn(&[Listed]) -> bool) {
        while !(self.has_next().await && enough(&self.seen)) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Plays on for so many segments.
    pub(crate) async fn play(&mut self, segments: usize) {
        let wanted = self.seen.len().saturating_add(segments);
        self.until(|seen| seen.len() >= wanted).await;
    }

    /// Plays on until something else is over.
    pub(crate) async fn play_during(&mut self, other: impl Future<Output = ()>) {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                () = &mut other => return,
                // What was asked for when it is over is asked for again.
                () = self.until(|_seen| true) => {}
            }
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        let pairs = self.seen.iter().zip(self.seen.iter().skip(1));
        let gaps = pairs.filter_map(|(one, next)| {
            let gap = next.start.since(one.end);
            (one.run != next.run || gap > ROUNDED).then_some(gap)
        });
        Seen {
            uncovered_ms: gaps.sum::<Duration>().as_secs_f64() * 1000.0,
            wait_s: self.wait.as_secs_f64(),
        }
    }

    /// Whether there is a new segment, and its bytes have come.
    async fn has_next(&mut self) -> bool {
        let Ok(now) = timeout(ANSWER_TIMEOUT, listed(&self.viewer)).await else {
            return false;
        };
        let known = self.seen.last().map(|last| &last.file);
        let news = now
            .iter()
            .rposition(|one| Some(&one.file) == known)
            .map_or(now.as_slice(), |at| now.get(at + 1..).unwrap_or_default());
        let Some(newest) = news.last() else {
            return false;
        };
        let path = format!("/live/main/{}", newest.file);
        let answer = timeout(ANSWER_TIMEOUT, self.viewer.get(&path)).await;
        let came = answer.is_ok_and(|answer| answer.status == 200);
        if came {
            self.wait = self.wait.max(self.fetched_at.elapsed());
            self.fetched_at = Instant::now();
            self.seen.extend_from_slice(news);
        }
        came
    }
}

/// The segments of the playlist; none where there is no playlist, or one that cannot be read.
pub(crate) async fn listed(viewer: &Api) -> Vec<Listed> {
    let Some(answer) = viewer.try_get("/live/main/index.m3u8").await else {
        return Vec::new();
    };
    let mut list = Vec::new();
    if answer.status != 200 {
        return list;
    }
    let (mut run, mut start, mut length) = (String::new(), None, None);
    for line in answer.text.lines() {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:") {
            map.clone_into(&mut run);
        } else if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            start = serde_json::from_value::<Timestamp>(json!(date)).ok();
        } else if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            length = seconds.trim_end_matches(',').parse().ok();
        } else if !line.starts_with('#')
            && let (Some(start), Some(length)) = (start, length)
        {
            list.push(Listed {
                run: run.clone(),
                file: line.to_owned(),
                start,
                end: start.plus(Duration::from_secs_f64(length)),
            });
        }
    }
    list
}
