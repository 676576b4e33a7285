//! The real worker behind its real host: what a strict player of low-latency HLS sees of both, and
//! what viewers over WebRTC do.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod chat;
mod handover;
mod uploads;
mod values;
mod whep;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sm_bus::{Bus, Commit, keys};
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::StreamStateChanged;
use sm_common::id::StreamId;
use sm_common::program::{ProgramFormat, VideoEncoder, VideoProfile};
use sm_common::stream::{ChosenScenes, DesiredState, DesiredStatus, ObservedState, StreamState};
use sm_stream_engine::{ABOUT, Config, serve};
use sm_test_kit::{Api, HlsFollower, HlsSegment, Issuer, Redis, Running, until_some};
use tempfile::TempDir;

/// No wait of a test is longer.
const PATIENCE: Duration = Duration::from_mins(1);
const PLAYLIST: &str = "/live/main/index.m3u8";
/// A third of a second: parts of ten frames, three to a segment.
const PART_MS: &str = "333";

/// Redis and the directories of a host.
struct Studio {
    redis: Redis,
    bus: Bus,
    issuer: Issuer,
    folder: TempDir,
}

/// The directories of another host.
struct Host(TempDir);

impl Studio {
    fn open() -> Self {
        let redis = Redis::start();
        Self {
            bus: redis.bus("stream-control"),
            redis,
            issuer: Issuer::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An engine of this host, with a client that may watch.
    fn engine(&self, changes: &[(&str, &str)]) -> (Running, Api) {
        self.engine_in(self.folder.path(), changes)
    }

    /// The same of another host.
    fn engine_on(&self, host: &Host, changes: &[(&str, &str)]) -> (Running, Api) {
        self.engine_in(host.0.path(), changes)
    }

    fn engine_in(&self, folder: &Path, changes: &[(&str, &str)]) -> (Running, Api) {
        let path = |name: &str| folder.join(name).display().to_string();
        let (redis, run, assets) = (self.redis.url(), path("run"), path("assets"));
        let (live, recordings) = (path("live"), path("recordings"));
        let own = [
            ("redis.url", redis.as_str()),
            ("admission.enforced", "false"),
            ("lease.ttl_ms", "2000"),
            ("lease.renew_ms", "300"),
            ("worker.program", env!("CARGO_BIN_EXE_media-worker")),
            ("worker.pid_directory", &run),
            ("worker.assets_directory", &assets),
            ("worker.orphan_s", "60"),
            ("live.directory", &live),
            ("live.part_ms", PART_MS),
            ("recordings.directory", &recordings),
            ("auth.public_view", "true"),
            ("webrtc.port", "0"),
        ];
        let settings: Vec<_> = own.iter().chain(changes).copied().collect();
        let config: Config = Running::config(&ABOUT, &settings);
        let engine = Running::start(ABOUT, config, self.issuer.key_source(), serve);
        let api = Api::new(engine.url());
        (engine, api)
    }

    /// Puts a small program on air, as stream-control does.
    async fn go_live(&self) {
        self.desire(DesiredStatus::Live, 1).await;
    }

    /// Wants the program to be so.
    async fn desire(&self, status: DesiredStatus, revision: u64) {
        self.desire_as(status, revision, small()).await;
    }

    /// The same in this format.
    async fn desire_as(&self, status: DesiredStatus, revision: u64, program: ProgramFormat) {
        let now = SystemClock.now();
        let stream = StreamId::default();
        let desired = DesiredState {
            stream: stream.clone(),
            status,
            generation: 1,
            revision,
            since: now,
            changed_by: "test".to_owned(),
            program,
            ladder: Vec::new(),
            outputs: Vec::new(),
            forced: false,
            chosen: ChosenScenes::default(),
        };
        let observed = ObservedState::never_held(stream.clone(), now);
        let news = StreamStateChanged(StreamState::join(&desired, observed));
        let event = self.bus.event(&stream, &news, None).unwrap();
        let key = keys::desired(&stream);
        let document = serde_json::to_string(&desired).unwrap();
        let commit = Commit::new()
            .hash_set(key.clone(), "revision", revision.to_string())
            .hash_set(key, "doc", document);
        self.bus.commit(commit, vec![event]).await.unwrap();
    }

    /// The segment is what its parts are together.
    fn assert_whole(&self, segment: &HlsSegment) {
        let read = |name: &str| std::fs::read(self.path("live/main").join(name)).unwrap();
        let parts: Vec<u8> = segment
            .parts
            .iter()
            .flat_map(|part| read(&part.uri))
            .collect();
        let whole = read(segment.uri.as_ref().unwrap());
        assert!(parts == whole, "{segment:?}");
    }
}

/// A small program.
fn small() -> ProgramFormat {
    ProgramFormat {
        width: 320,
        height: 180,
        ..ProgramFormat::default()
    }
}

/// A strict player that has read its first playlist.
async fn follow(api: &Api) -> HlsFollower {
    let mut follower = HlsFollower::default();
    read_first(api, &mut follower).await;
    follower
}

/// Reads the first playlist that is to be had.
async fn read_first(api: &Api, follower: &mut HlsFollower) {
    let list = until_some("there is a playlist", PATIENCE, || async {
        let answer = api.get(PLAYLIST).await;
        (answer.status == 200).then_some(answer.text)
    })
    .await;
    assert_eq!(follower.read(&list), Ok(()), "{list}");
}

/// Waits for part after part, until the follower has seen enough.
async fn read_on(api: &Api, follower: &mut HlsFollower, enough: impl Fn(&HlsFollower) -> bool) {
    let start = Instant::now();
    while !enough(follower) {
        assert!(start.elapsed() < PATIENCE, "{:#?}", follower.segments());
        let (segment, part) = follower.next();
        let next = format!("{PLAYLIST}?_HLS_msn={segment}&_HLS_part={part}");
        let list = api.get(&next).await.expect(200).text;
        assert_eq!(follower.read(&list), Ok(()), "{list}");
    }
}

/// Which run a segment is of, and its number there.
fn place(segment: &HlsSegment) -> (&str, u64) {
    let name = segment.uri.as_ref().unwrap().strip_suffix(".m4s").unwrap();
    let (run, number) = name.rsplit_once('-').unwrap();
    (run, number.parse().unwrap())
}

#[tokio::test]
async fn a_strict_player_follows_the_real_program_from_one_engine_to_the_next() {
    let studio = Studio::open();
    let (first, api) = studio.engine(&[("worker.keep_on_stop", "true")]);
    studio.go_live().await;
    let mut follower = follow(&api).await;
    let (start, _) = follower.next();
    read_on(&api, &mut follower, |seen| seen.next().0 > start + 2).await;
    for number in start..start + 2 {
        let segment = &follower.segments()[&number];
        assert!(segment.parts.len() > 1, "{segment:?}");
        studio.assert_whole(segment);
    }

    // In the middle of a segment, which its worker finishes while nobody listens.
    read_on(&api, &mut follower, |seen| seen.next().1 == 1).await;
    let (left, _) = follower.next();
    tokio::task::spawn_blocking(move || first.stop())
        .await
        .unwrap();
    let (_second, api) = studio.engine(&[]);
    read_first(&api, &mut follower).await;
    read_on(&api, &mut follower, |seen| seen.next().0 > left + 3).await;

    let segments = follower.segments();
    let complete: Vec<_> = segments
        .iter()
        .filter(|(_, segment)| segment.uri.is_some())
        .collect();
    let (first_number, (run, first_in_run)) = (*complete[0].0, place(complete[0].1));
    for (number, segment) in complete {
        let in_run = first_in_run + number - first_number;
        assert_eq!(place(segment), (run, in_run), "{number}");
        assert_eq!(segment.discontinuity, segments[&start].discontinuity);
    }
    // The newest are listed with their parts, whoever listened when they were made.
    let newest = *segments.last_key_value().unwrap().0;
    for (_, segment) in segments.range(newest - 2..newest) {
        studio.assert_whole(segment);
    }
}

#[tokio::test]
async fn a_strict_player_follows_the_program_into_another_format() {
    let studio = Studio::open();
    let (_engine, api) = studio.engine(&[]);
    studio.go_live().await;
    let mut follower = follow(&api).await;
    let (start, _) = follower.next();
    read_on(&api, &mut follower, |seen| seen.next().0 > start + 1).await;
    let other = ProgramFormat {
        width: 640,
        height: 360,
        encoder: VideoEncoder::Openh264,
        profile: VideoProfile::Baseline,
        ..small()
    };
    studio.desire_as(DesiredStatus::Live, 2, other).await;
    let runs = |seen: &HlsFollower| {
        let complete = seen.segments().values().filter(|one| one.uri.is_some());
        let mut runs: Vec<String> = complete.map(|one| place(one).0.to_owned()).collect();
        let of_last = runs.iter().filter(|run| Some(*run) == runs.last()).count();
        runs.dedup();
        (runs.len(), of_last)
    };
    read_on(&api, &mut follower, |seen| runs(seen) >= (2, 3)).await;

    let segments: Vec<_> = follower.segments().values().collect();
    let maps: Vec<&str> = segments
        .iter()
        .map(|segment| segment.map.as_str())
        .collect();
    assert_ne!(
        maps.first(),
        maps.last(),
        "it has an initialisation of its own"
    );
    let discontinuities = |segment: &HlsSegment| segment.discontinuity;
    let first = segments.first().copied().map(discontinuities);
    let last = segments.last().copied().map(discontinuities);
    assert_eq!(
        last,
        first.map(|first| first + 1),
        "and nothing else is cut"
    );
    let key = keys::observed(&StreamId::default());
    let observed: ObservedState = studio.bus.document(&key).await.unwrap().unwrap();
    assert_eq!(
        (observed.worker_restarts, observed.interruptions),
        (0, Vec::new())
    );
    assert_eq!(observed.program.map(|program| program.width), Some(640));
}
