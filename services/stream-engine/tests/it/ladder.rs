//! Renditions of the program, and the playlist that offers them.

use sm_common::ladder::Rendition;
use sm_common::stream::{ObservedState, StreamStatus};
use sm_test_kit::{Api, HlsFollower};

use crate::harness::{
    IN_PARTS, PATIENCE, Studio, send_signal, until_answered, until_playlist, until_true,
};
use crate::playlist::Playlist;

const MASTER: &str = "/live/main/master.m3u8";
const PROGRAM: &str = "/live/main/index.m3u8";
const LOW: &str = "/live/main/low.m3u8";

fn rendition(name: &str, height: u32) -> Rendition {
    Rendition {
        name: name.parse().unwrap(),
        width: None,
        height,
        video_bitrate_kbps: 500,
    }
}

/// The playlists that the master playlist names, in its order.
async fn offered(api: &Api) -> Vec<String> {
    let answer = api.get(MASTER).await;
    let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.map(str::to_owned).collect();
    if answer.status == 200 {
        names
    } else {
        Vec::new()
    }
}

async fn until_offered(api: &Api, expected: &[&str]) {
    let start = std::time::Instant::now();
    while offered(api).await != expected {
        assert!(start.elapsed() < PATIENCE, "{:?}", offered(api).await);
        tokio::task::yield_now().await;
    }
}

/// Follows a playlist part by part, as a strict player.
async fn follow(api: &Api, path: &str, follower: &mut HlsFollower, until: u64) {
    let start = std::time::Instant::now();
    while follower.next().0 < until {
        assert!(start.elapsed() < PATIENCE, "{:#?}", follower.segments());
        let (segment, part) = follower.next();
        let answer = api
            .get(&format!("{path}?_HLS_msn={segment}&_HLS_part={part}"))
            .await;
        if answer.status == 200 {
            let broken = follower.read(&answer.text).err();
            assert_eq!(broken, None, "{}", answer.text);
        }
    }
}

async fn begin(api: &Api, path: &str) -> HlsFollower {
    let first = until_answered(api, path, 200).await;
    let mut follower = HlsFollower::default();
    follower.read(&first.text).unwrap();
    follower
}

/// Both lists say the same of the segments that both have, apart from the files.
fn assert_alike(program: &Playlist, rendition: &Playlist) {
    let own = |name: &String| format!("low_{name}");
    let numbered: Vec<_> = rendition.numbered().collect();
    let mut alike = 0;
    for (number, file) in program.numbered() {
        if let Some((_, of_rendition)) = numbered.iter().find(|(other, _)| *other == number) {
            assert_eq!(**of_rendition, own(file));
            alike += 1;
        }
    }
    assert!(alike > 0, "{program:?} {rendition:?}");
}

fn errors(observed: &ObservedState) -> Vec<(&str, &str)> {
    let errors = observed.errors.iter();
    errors
        .map(|error| (error.component.as_str(), error.code.as_str()))
        .collect()
}

#[tokio::test]
async fn a_strict_player_follows_a_rendition_under_the_programs_numbers() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio
        .desire_ladder(vec![rendition("low", 360), rendition("mid", 480)])
        .await;
    until_offered(&api, &["index.m3u8", "mid.m3u8", "low.m3u8"]).await;
    let master = api.get(MASTER).await.expect(200);
    for told in [
        "RESOLUTION=1280x720,FRAME-RATE=30.000",
        "RESOLUTION=640x360",
        "RESOLUTION=854x480",
    ] {
        assert!(master.text.contains(told), "{}", master.text);
    }
    // A kilobyte in a fifth of a second.
    assert!(
        master
            .text
            .contains("BANDWIDTH=40000,AVERAGE-BANDWIDTH=40000"),
        "{}",
        master.text
    );
    assert_eq!(
        master.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    let mut low = begin(&api, LOW).await;
    let (first, _) = low.next();
    follow(&api, LOW, &mut low, first + 3).await;
    let mut program = begin(&api, PROGRAM).await;
    follow(&api, PROGRAM, &mut program, first + 3).await;
    for (number, segment) in low.segments() {
        let Some(of_program) = program.segments().get(number) else {
            continue;
        };
        assert_eq!(segment.map.replace("low_", ""), of_program.map);
        let own: Vec<_> = segment.parts.iter().map(|part| part.duration_s).collect();
        let of_program: Vec<_> = of_program
            .parts
            .iter()
            .map(|part| part.duration_s)
            .collect();
        assert!(own.starts_with(&of_program) || of_program.starts_with(&own));
    }
    let part = &low.segments()[&first].parts[0].uri;
    let part = api.get(&format!("/live/main/{part}")).await.expect(200);
    assert!(part.text.starts_with("segment "));
    let text = api.get(LOW).await.expect(200).text;
    for sibling in ["URI=\"index.m3u8\",LAST-MSN=", "URI=\"mid.m3u8\",LAST-MSN="] {
        assert!(text.contains(sibling), "{text}");
    }
}

#[tokio::test]
async fn without_a_ladder_the_master_offers_the_program_alone() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    let nothing = until_answered(&api, MASTER, 404).await;
    drop(nothing.expect_problem(404, "stream.not-on-air"));
    studio.go_live().await;
    until_offered(&api, &["index.m3u8"]).await;
    drop(api.get(LOW).await.expect_problem(404, "stream.not-on-air"));
    drop(
        api.get("/live/main/LOW.m3u8")
            .await
            .expect_problem(400, "request.path.invalid"),
    );
}

#[tokio::test]
async fn a_rendition_that_fails_leaves_the_master_and_hurts_nobody() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.desire_ladder(vec![rendition("low", 360)]).await;
    until_offered(&api, &["index.m3u8", "low.m3u8"]).await;
    let mut program = begin(&api, PROGRAM).await;
    studio.host.demand("fail-renditions");
    until_offered(&api, &["index.m3u8"]).await;
    drop(api.get(LOW).await.expect_problem(404, "stream.not-on-air"));
    let observed = studio
        .until_observed("the error is told", |observed| !observed.errors.is_empty())
        .await;
    assert_eq!(errors(&observed), [("rendition:low", "rendition.too-slow")]);
    let (next, _) = program.next();
    follow(&api, PROGRAM, &mut program, next + 3).await;
    studio.host.no_longer_demand("fail-renditions");
    until_offered(&api, &["index.m3u8", "low.m3u8"]).await;
    studio
        .until_observed("the error is over", |observed| {
            observed.errors.is_empty() && observed.status == StreamStatus::Live
        })
        .await;
    // What it missed is a gap under the program's numbers, or not listed any more.
    let low = Playlist::parse(&api.get(LOW).await.expect(200).text);
    let list = Playlist::parse(&api.get(PROGRAM).await.expect(200).text);
    assert_alike(&list, &low);
    let observed = studio.until_observed("it is live", |_| true).await;
    assert_eq!(
        (observed.worker_restarts, observed.interruptions.len()),
        (0, 0)
    );
}

#[tokio::test]
async fn a_ladder_is_changed_on_air() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let before = until_playlist(&api, "on air", |_| true).await;
    studio.desire_ladder(vec![rendition("low", 360)]).await;
    until_offered(&api, &["index.m3u8", "low.m3u8"]).await;
    studio.desire_ladder(Vec::new()).await;
    until_offered(&api, &["index.m3u8"]).await;
    let after = until_playlist(&api, "it goes on", |list| list.next() > before.next()).await;
    assert_eq!((after.discontinuities, &after.maps), (0, &before.maps));
}

#[tokio::test]
async fn a_killed_engine_costs_no_rendition() {
    let studio = Studio::open();
    let mut first = studio.engine_process_with(&studio.host, "127.85.33.3", &[IN_PARTS]);
    studio.desire_ladder(vec![rendition("low", 360)]).await;
    let mut follower = begin(&first.api, LOW).await;
    let (begun, _) = follower.next();
    follow(&first.api, LOW, &mut follower, begun + 2).await;
    first.kill();
    // The worker goes on alone for more than the list holds in parts.
    let segments = |studio: &Studio| {
        let files = std::fs::read_dir(studio.host.path("live/main")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("low_") && name.matches('.').count() == 1)
            .count()
    };
    let written = segments(&studio);
    until_true("the rendition goes on alone", || {
        segments(&studio) > written + 3
    })
    .await;
    let second = studio.engine_process_with(&studio.host, "127.85.33.3", &[IN_PARTS]);
    until_answered(&second.api, LOW, 200).await;
    let (next, _) = follower.next();
    // The same follower: every number means what it meant.
    follow(&second.api, LOW, &mut follower, next + 6).await;
    let discontinuities: Vec<u64> = follower
        .segments()
        .values()
        .map(|segment| segment.discontinuity)
        .collect();
    assert!(discontinuities.iter().all(|one| *one == discontinuities[0]));
    let text = second.api.get(LOW).await.expect(200).text;
    assert!(!text.contains("#EXT-X-GAP"), "{text}");
}

#[tokio::test]
async fn a_killed_worker_is_a_discontinuity_in_every_rendition() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.desire_ladder(vec![rendition("low", 360)]).await;
    let mut low = begin(&api, LOW).await;
    let (first, _) = low.next();
    follow(&api, LOW, &mut low, first + 2).await;
    send_signal(studio.host.worker_pid().unwrap(), "-KILL");
    until_playlist(&api, "the next run", |list| list.maps.len() > 1).await;
    let start = std::time::Instant::now();
    let (program, low) = loop {
        assert!(start.elapsed() < PATIENCE);
        let program = Playlist::parse(&api.get(PROGRAM).await.expect(200).text);
        let answer = api.get(LOW).await;
        if answer.status == 200 {
            let low = Playlist::parse(&answer.text);
            if low.maps.len() > 1 && program.maps.len() > 1 {
                break (program, low);
            }
        }
    };
    assert_eq!(low.discontinuities, program.discontinuities);
    let own: Vec<_> = program
        .maps
        .iter()
        .map(|map| map.replace("init-", "init-low_"))
        .collect();
    assert_eq!(low.maps, own);
    assert_alike(&program, &low);
}

#[tokio::test]
async fn another_host_goes_on_with_every_rendition_under_new_numbers() {
    let studio = Studio::open();
    let mut first = studio.engine_process_with(&studio.host, "127.85.33.5", &[IN_PARTS]);
    studio.desire_ladder(vec![rendition("low", 360)]).await;
    let before = begin(&first.api, LOW).await;
    let host = Studio::another_host();
    let second = studio.engine_process_with(&host, "127.85.33.6", &[IN_PARTS]);
    first.kill();
    send_signal(studio.host.worker_pid().unwrap(), "-KILL");
    let (next, _) = before.next();
    let start = std::time::Instant::now();
    let text = loop {
        assert!(start.elapsed() < PATIENCE);
        let answer = second.api.get(LOW).await;
        if answer.status == 200 {
            break answer.text;
        }
    };
    let low = Playlist::parse(&text);
    assert!(low.media_sequence >= next, "{text}");
    assert_eq!(low.discontinuity_sequence, 1);
    let program = Playlist::parse(&second.api.get(PROGRAM).await.expect(200).text);
    assert_alike(&program, &low);
}
