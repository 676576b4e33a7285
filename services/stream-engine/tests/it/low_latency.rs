//! Parts of segments, and requests that wait for them.

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sm_common::stream::{DesiredStatus, StreamStatus};
use sm_test_kit::{Answer, Api, HlsFollower, until_some};

use crate::access::{SECRET, query};
use crate::harness::{
    IN_PARTS, PATIENCE, Studio, is_running, send_signal, until_answered, until_playlist, until_true,
};

const PLAYLIST: &str = "/live/main/index.m3u8";

/// The address of a playlist that holds this part.
fn awaiting((segment, part): (u64, usize)) -> String {
    format!("{PLAYLIST}?_HLS_msn={segment}&_HLS_part={part}")
}

/// A strict client that has read its first playlist.
async fn follow(api: &Api) -> HlsFollower {
    let first = until_answered(api, PLAYLIST, 200).await;
    let mut follower = HlsFollower::default();
    follower.read(&first.text).unwrap();
    follower
}

/// A strict client of a stream whose worker delivers nothing further.
async fn follow_held(studio: &Studio, api: &Api) -> HlsFollower {
    until_answered(api, PLAYLIST, 200).await;
    studio.host.demand("hold");
    until_some("everything delivered is listed", PATIENCE, || async {
        let mut follower = HlsFollower::default();
        follower
            .read(&api.get(PLAYLIST).await.expect(200).text)
            .unwrap();
        let held = std::fs::read_to_string(studio.host.path("held")).ok()?;
        (follower.hint() == Some(held.as_str())).then_some(follower)
    })
    .await
}

/// Reads on, as a player does, until the follower has seen enough.
async fn read_on(
    api: &Api,
    follower: &mut HlsFollower,
    more: &str,
    enough: impl Fn(&HlsFollower) -> bool,
) {
    let start = std::time::Instant::now();
    while !enough(follower) {
        assert!(start.elapsed() < PATIENCE, "{:#?}", follower.segments());
        let answer = api
            .get(&format!("{}{more}", awaiting(follower.next())))
            .await;
        // Between two workers there may be nothing to wait for.
        if answer.status == 200 {
            let broken = follower.read(&answer.text).err();
            assert_eq!(broken, None, "{}", answer.text);
        }
    }
}

/// These segments have all their parts, and are what those are together.
async fn assert_whole(api: &Api, follower: &HlsFollower, numbers: std::ops::Range<u64>) {
    for (number, segment) in follower.segments().range(numbers) {
        let whole = segment.uri.as_ref().unwrap();
        let whole = api.get(&format!("/live/main/{whole}")).await.expect(200);
        let mut joined = String::new();
        for part in &segment.parts {
            let part = api
                .get(&format!("/live/main/{}", part.uri))
                .await
                .expect(200);
            assert_eq!(part.header("content-type"), "video/mp4");
            joined.push_str(&part.text);
        }
        assert_eq!(segment.parts.len(), 3, "{number}");
        assert_eq!(joined, whole.text, "{number}");
    }
}

#[tokio::test]
async fn a_strict_player_follows_part_by_part() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let mut follower = follow(&api).await;
    let (first, _) = follower.next();
    let hinted = follower.hint().unwrap().to_owned();
    let hinted = api.get(&format!("/live/main/{hinted}")).await.expect(200);
    assert!(hinted.text.starts_with("segment "), "it was waited for");
    assert_eq!(
        hinted.header("cache-control"),
        "private, max-age=31536000, immutable"
    );
    read_on(&api, &mut follower, "", |seen| seen.next().0 > first + 4).await;
    assert_whole(&api, &follower, first..first + 4).await;
}

#[tokio::test]
async fn a_delta_update_is_as_good_as_the_whole() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS, ("live.window_segments", "60")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let mut follower = follow(&api).await;
    let skips = |text: &str| text.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=");
    let mut skipping = String::new();
    let start = std::time::Instant::now();
    while !skips(&skipping) {
        assert!(start.elapsed() < PATIENCE, "{skipping}");
        let next = awaiting(follower.next());
        let answer = api.get(&format!("{next}&_HLS_skip=YES")).await;
        skipping = answer.expect(200).text;
        follower.read(&skipping).unwrap();
    }
    assert!(!skipping.contains("#EXT-X-MAP"), "{skipping}");
    let (next, _) = follower.next();
    read_on(&api, &mut follower, "&_HLS_skip=YES", |seen| {
        seen.next().0 > next + 2
    })
    .await;
    let whole = api.get(PLAYLIST).await.expect(200).text;
    assert!(!whole.contains("#EXT-X-SKIP"));
    follower.read(&whole).unwrap();
}

#[tokio::test]
async fn a_request_is_answered_with_the_very_part_it_waited_for() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let mut follower = follow_held(&studio, &api).await;
    // Through a segment and into the next one, whose first part the last part hints at.
    for _ in 0..4 {
        let (segment, part) = follower.next();
        let hint = format!("/live/main/{}", follower.hint().unwrap());
        let wanted = awaiting((segment, part));
        let waiting = futures_util::future::join(api.get(&wanted), api.get(&hint));
        studio.host.demand("step");
        let (list, file) = waiting.await;
        let list = list.expect(200);
        follower.read(&list.text).unwrap();
        let expected = if part == 2 {
            (segment + 1, 0)
        } else {
            (segment, part + 1)
        };
        assert_eq!(follower.next(), expected, "{}", list.text);
        assert!(file.expect(200).text.starts_with("segment "));
        assert_eq!(list.header("cache-control"), "private, max-age=6");
    }
    let plain = api.get(PLAYLIST).await.expect(200);
    assert_eq!(plain.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn directives_that_make_no_sense_are_refused() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let (segment, _) = follow_held(&studio, &api).await.next();
    for senseless in [
        "_HLS_part=0".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_msn=-1".to_owned(),
        format!("_HLS_msn={segment}&_HLS_part=1.5"),
        format!("_HLS_msn={}", segment + 2),
        format!("_HLS_msn={segment}&_HLS_part=99"),
        "_HLS_msn=18446744073709551615".to_owned(),
    ] {
        let answer = api.get(&format!("{PLAYLIST}?{senseless}")).await;
        drop(answer.expect_problem(400, "request.query.invalid"));
    }
    // What was listed long ago is answered at once, with all there is.
    let old = api
        .get(&format!("{PLAYLIST}?_HLS_msn=0&_HLS_part=0"))
        .await
        .expect(200);
    HlsFollower::default().read(&old.text).unwrap();
    // Only what is hinted at is waited for.
    let hint = follow_held(&studio, &api).await.hint().unwrap().to_owned();
    let (run, _) = hint.split_once('-').unwrap();
    for name in [
        format!("{run}-{}.0.m4s", segment + 9),
        "abc-0.0.m4s".to_owned(),
    ] {
        let answer = api.get(&format!("/live/main/{name}")).await;
        drop(answer.expect_problem(404, "stream.segment.not-found"));
    }
}

#[tokio::test]
async fn without_parts_the_playlist_is_plain_and_nothing_waits() {
    let studio = Studio::open();
    let engine = studio.engine(&[("live.part_ms", "0")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let list = until_playlist(&api, "on air", |_| true).await;
    let ahead = format!(
        "{PLAYLIST}?_HLS_msn={}&_HLS_part=0&_HLS_skip=YES",
        list.next() + 50
    );
    let answer = api.get(&ahead).await.expect(200);
    for tag in ["SERVER-CONTROL", "PART", "PRELOAD-HINT", "SKIP"] {
        assert!(!answer.text.contains(tag), "{}", answer.text);
    }
}

#[tokio::test]
async fn who_waits_for_a_stream_that_stops_is_told_so() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let follower = follow_held(&studio, &api).await;
    let (segment, _) = follower.next();
    let wanted = awaiting((segment + 1, 0));
    let hint = format!("/live/main/{}", follower.hint().unwrap());
    let waiting = futures_util::future::join3(
        api.get(&wanted),
        api.get(&hint),
        studio.desire(DesiredStatus::Offline, 1),
    );
    let (list, file, _) = waiting.await;
    drop(list.expect_problem(404, "stream.not-on-air"));
    let file = file.status.as_u16();
    assert!(file == 404, "{file}: there is no such part any more");
}

#[tokio::test]
async fn who_waits_for_a_killed_worker_gets_what_it_left_and_then_the_next() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let mut follower = follow(&api).await;
    // Killed in the middle of a segment.
    while follower.next().1 != 1 {
        let next = awaiting(follower.next());
        follower
            .read(&api.get(&next).await.expect(200).text)
            .unwrap();
    }
    studio.host.demand("hold");
    let (left, _) = follower.next();
    send_signal(studio.host.worker_pid().unwrap(), "-KILL");
    // A part behind its last means the next run's first: without asking for one it is seen now.
    let start = std::time::Instant::now();
    while follower.next().0 == left {
        assert!(start.elapsed() < PATIENCE, "{:#?}", follower.segments());
        let list = api.get(PLAYLIST).await.expect(200);
        follower.read(&list.text).unwrap();
    }
    let short = &follower.segments()[&left];
    let parts = short.parts.len();
    assert!((1..=3).contains(&parts), "{short:?}");
    let whole = short.uri.as_ref().unwrap();
    let whole = api.get(&format!("/live/main/{whole}")).await.expect(200);
    let mut joined = String::new();
    for part in &short.parts {
        joined.push_str(
            &api.get(&format!("/live/main/{}", part.uri))
                .await
                .expect(200)
                .text,
        );
    }
    assert_eq!(joined, whole.text);

    studio.host.no_longer_demand("hold");
    let before = follower.segments()[&left].discontinuity;
    let resumed = |seen: &HlsFollower| {
        let newest = seen.segments().last_key_value().unwrap().1;
        newest.discontinuity == before + 1 && newest.parts.len() == 2
    };
    read_on(&api, &mut follower, "", resumed).await;
}

#[tokio::test]
async fn what_does_not_come_is_not_waited_for_for_ever() {
    let studio = Studio::open();
    let engine = studio.engine(&[IN_PARTS, ("live.forward_read_timeout_ms", "1000")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[IN_PARTS, ("live.forward_read_timeout_ms", "1000")]);
    let other = studio.viewer(&standby);
    until_answered(&other, PLAYLIST, 200).await;
    let next = follow_held(&studio, &api).await.next();
    let (here, there) =
        futures_util::future::join(api.get(&awaiting(next)), other.get(&awaiting(next))).await;
    // Three target durations, which is longer than the standby waits for other answers.
    for answer in [here, there] {
        let answer = answer.expect_problem(503, "service.unavailable");
        assert!(
            answer.text.contains("did not come in time"),
            "{}",
            answer.text
        );
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn only_so_many_requests_wait() {
    let studio = Studio {
        segment_ms: 2000,
        ..Studio::open()
    };
    let engine = studio.engine(&[("live.part_ms", "100"), ("live.waiting_max", "3")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let next = awaiting(follow_held(&studio, &api).await.next());
    let mut waiting: FuturesUnordered<_> = (0..10).map(|_| api.get(&next)).collect();
    for _ in 0..7 {
        let refused = waiting.next().await.unwrap();
        let refused = refused.expect_problem(503, "service.unavailable");
        assert!(
            refused.text.contains("too many requests wait"),
            "{}",
            refused.text
        );
    }
    studio.host.demand("step");
    let answers: Vec<Answer> = waiting.collect().await;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        drop(answer.expect(200));
    }
}

#[tokio::test]
async fn waiting_requests_do_not_hold_up_the_end() {
    let studio = Studio::open();
    // Whoever waits does so for longer than this test has patience.
    let engine = studio.engine(&[IN_PARTS, ("http.shutdown_timeout_s", "60")]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let next = awaiting(follow_held(&studio, &api).await.next());
    let answer = tokio::spawn(async move { api.get(&next).await });
    let metrics = Api::new(engine.metrics_url());
    until_some("the request waits", PATIENCE, || async {
        let text = metrics.get("/metrics").await.text;
        text.contains("sm_engine_waiting_requests 1").then_some(())
    })
    .await;
    tokio::task::spawn_blocking(move || engine.stop())
        .await
        .unwrap();
    let refused = answer
        .await
        .unwrap()
        .expect_problem(503, "service.unavailable");
    assert!(refused.text.contains("about to end"), "{}", refused.text);
}

#[tokio::test]
async fn a_standby_passes_waiting_on_and_no_player_counts_twice() {
    let studio = Studio::open();
    let _holder = studio.engine(&[IN_PARTS]);
    studio.go_live().await;
    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[IN_PARTS]);
    let api = studio.viewer(&standby);
    let mut follower = follow(&api).await;
    let (first, _) = follower.next();
    read_on(&api, &mut follower, "", |seen| seen.next().0 > first + 2).await;
    let hint = format!("/live/main/{}", follower.hint().unwrap());
    drop(api.get(&hint).await.expect(200));
    let watched = studio
        .until_observed("counted", |observed| observed.viewers.current > 0)
        .await;
    assert_eq!((watched.viewers.current, watched.viewers.peak), (1, 1));
    assert_eq!(
        studio.until_status(StreamStatus::Live).await.viewers.peak,
        1
    );
}

#[tokio::test]
async fn a_signed_address_is_good_for_parts_and_for_waiting() {
    let studio = Studio::open();
    let secret = studio.host.path("playback-secret");
    std::fs::write(&secret, SECRET).unwrap();
    let engine = studio.engine(&[IN_PARTS, ("playback.secret_file", secret.to_str().unwrap())]);
    studio.go_live().await;
    let stranger = Api::new(engine.url());
    let good = query("main", 60);
    let list = until_answered(&stranger, &format!("{PLAYLIST}{good}"), 200).await;
    let mut follower = HlsFollower::default();
    follower.read(&list.text).unwrap();
    let (segment, part) = follower.next();
    let next = format!("{PLAYLIST}{good}&_HLS_msn={segment}&_HLS_part={part}");
    let list = stranger.get(&next).await.expect(200);
    follower.read(&list.text).unwrap();
    let named = |line: &&str| line.contains(".m4s") || line.contains("init-");
    for line in list.text.lines().filter(named) {
        assert!(line.contains(&good), "{line}");
    }
    let hint = follower.hint().unwrap();
    drop(
        stranger
            .get(&format!("/live/main/{hint}"))
            .await
            .expect(200),
    );
    let unsigned = hint.split_once('?').unwrap().0;
    let refused = stranger.get(&format!("/live/main/{unsigned}")).await;
    drop(refused.expect_problem(401, "auth.token.missing"));
}

/// Lets the held worker deliver so many pieces, though nobody listens.
async fn step_alone(studio: &Studio, pieces: usize) {
    for _ in 0..pieces {
        let held = || std::fs::read_to_string(studio.host.path("held")).unwrap_or_default();
        let before = held();
        studio.host.demand("step");
        until_true("the worker goes on alone", || {
            !["", &before].contains(&held().as_str())
        })
        .await;
    }
}

/// Every part that a player was ever told of, in order: all of one run, none twice, none missing.
/// The last segment may still grow.
fn assert_every_part_once(follower: &HlsFollower) {
    let segments = follower.segments();
    let (first, newest) = (
        *segments.first_key_value().unwrap().0,
        *segments.last_key_value().unwrap().0,
    );
    let numbers: Vec<u64> = segments.keys().copied().collect();
    assert_eq!(numbers, (first..=newest).collect::<Vec<_>>());
    // The first playlist names the parts of its last segments only.
    let in_parts = segments.iter().skip_while(|(_, one)| one.parts.is_empty());
    let mut place: Option<(String, u64)> = None;
    for (number, segment) in in_parts {
        let growing = segment.uri.is_none();
        assert!(
            segment.parts.len() == 3 || growing && *number == newest,
            "{number}: {segment:?}"
        );
        for (index, part) in segment.parts.iter().enumerate() {
            let name = part.uri.strip_suffix(&format!(".{index}.m4s")).unwrap();
            let (run, in_run) = name.rsplit_once('-').unwrap();
            let offset = number - in_run.parse::<u64>().unwrap();
            let expected = place.get_or_insert_with(|| (run.to_owned(), offset));
            assert_eq!((run, offset), (expected.0.as_str(), expected.1), "{number}");
        }
    }
}

/// The engine is killed in the middle of a segment, and the worker goes on through this segment
/// and into the next. `saved` becomes of the playlist that the next engine finds.
async fn kill_and_adopt(address: &str, saved: impl FnOnce(&std::path::Path, Vec<u8>)) {
    let studio = Studio::open();
    let mut first = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    let live = studio.go_live().await;
    let mut follower = follow_held(&studio, &first.api).await;
    let file = studio.host.path("live/main/playlist.json");
    let early = std::fs::read(&file).unwrap();
    let (start, _) = follower.next();
    while follower.next() != (start + 2, 1) {
        studio.host.demand("step");
        let next = awaiting(follower.next());
        let list = first.api.get(&next).await.expect(200);
        follower.read(&list.text).unwrap();
    }
    // At once: what is listed last need not be saved yet.
    first.kill();
    saved(&file, early);
    step_alone(&studio, 4).await;

    let second = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    until_answered(&second.api, PLAYLIST, 200).await;
    // All but the last part of the next segment was made while nobody listened.
    let begun = std::time::Instant::now();
    while follower.next() != (start + 3, 2) {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", follower.segments());
        let list = second.api.get(PLAYLIST).await.expect(200).text;
        assert_eq!(follower.read(&list), Ok(()), "{list}");
    }
    assert_every_part_once(&follower);
    studio.host.no_longer_demand("hold");
    read_on(&second.api, &mut follower, "", |seen| {
        seen.next().0 > start + 6
    })
    .await;
    assert_every_part_once(&follower);
    for segment in follower.segments().range(start..start + 6) {
        assert_eq!(
            segment.1.discontinuity,
            follower.segments()[&start].discontinuity
        );
    }
    assert_whole(&second.api, &follower, start + 2..start + 5).await;
    let observed = studio.observed().await.unwrap();
    assert_eq!(observed.interruptions, []);
    assert_eq!(observed.live_since, live.live_since);
    let told = studio.host.commands();
    let configured = told.iter().filter(|one| one["command"] == "configure");
    assert_eq!(configured.count(), 1, "one worker from beginning to end");
}

#[tokio::test]
async fn a_killed_engine_costs_no_part() {
    kill_and_adopt("127.85.6.15", |_, _| {}).await;
}

#[tokio::test]
async fn a_killed_engine_that_saved_nothing_of_late_costs_no_part() {
    kill_and_adopt("127.85.6.16", |file, early| {
        std::fs::write(file, early).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_came_after_the_saved_playlist_goes_on_behind_what_the_dead_one_left() {
    let studio = Studio::open();
    let address = "127.85.6.17";
    let mut first = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    studio.go_live().await;
    let mut follower = follow_held(&studio, &first.api).await;
    while follower.next().1 != 1 {
        studio.host.demand("step");
        let list = first.api.get(&awaiting(follower.next())).await.expect(200);
        follower.read(&list.text).unwrap();
    }
    let (left, _) = follower.next();
    let file = studio.host.path("live/main/playlist.json");
    until_true("the part is saved", || {
        let saved = std::fs::read(&file).unwrap();
        let saved: serde_json::Value = serde_json::from_slice(&saved).unwrap();
        let parts = saved["growing"]["parts"].as_array();
        parts.is_some_and(|parts| parts.len() == 1)
    })
    .await;
    first.kill();
    let saved = std::fs::read(&file).unwrap();
    let worker = studio.host.worker_pid().unwrap();
    send_signal(worker, "-KILL");
    until_true("the worker is dead", || !is_running(worker)).await;
    studio.host.no_longer_demand("hold");
    // The next engine and its worker get on air, and that engine dies before it saves a thing.
    let mut second = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    until_answered(&second.api, PLAYLIST, 200).await;
    let resumed = |follower: &HlsFollower| {
        let segments = follower.segments();
        segments.keys().next_back() > Some(&(left + 1)) && segments[&left].uri.is_some()
    };
    read_on(&second.api, &mut follower, "", resumed).await;
    let before = follower.next().0;
    second.kill();
    std::fs::write(&file, saved).unwrap();
    let third = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    let list = until_answered(&third.api, PLAYLIST, 200).await.text;
    assert!(list.contains("#EXT-X-DISCONTINUITY\n"), "{list}");
    read_on(&third.api, &mut follower, "", |seen| {
        seen.next().0 > before + 3
    })
    .await;
    let runs: Vec<u64> = follower
        .segments()
        .values()
        .map(|one| one.discontinuity)
        .collect();
    assert_eq!(runs.first().unwrap() + 1, *runs.last().unwrap());
}

#[tokio::test]
async fn a_restarted_engine_finishes_what_a_dead_worker_left() {
    let studio = Studio::open();
    let address = "127.85.6.14";
    let mut first = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    studio.go_live().await;
    let mut follower = follow_held(&studio, &first.api).await;
    while follower.next().1 != 2 {
        studio.host.demand("step");
        let next = awaiting(follower.next());
        follower
            .read(&first.api.get(&next).await.expect(200).text)
            .unwrap();
    }
    let (left, _) = follower.next();
    // What is listed is saved a moment later. Where the worker dies too, nobody else remembers it.
    until_true("both parts are saved", || {
        let saved = std::fs::read(studio.host.path("live/main/playlist.json")).unwrap();
        let saved: serde_json::Value = serde_json::from_slice(&saved).unwrap();
        let parts = saved["growing"]["parts"].as_array();
        parts.is_some_and(|parts| parts.len() == 2)
    })
    .await;
    first.kill();
    let worker = studio.host.worker_pid().unwrap();
    send_signal(worker, "-KILL");
    until_true("the worker is dead", || !is_running(worker)).await;
    studio.host.no_longer_demand("hold");
    let second = studio.engine_process_with(&studio.host, address, &[IN_PARTS]);
    until_answered(&second.api, PLAYLIST, 200).await;
    let resumed = |seen: &HlsFollower| {
        let discontinuity = |number: u64| seen.segments().get(&number).map(|one| one.discontinuity);
        discontinuity(seen.next().0) > discontinuity(left)
    };
    read_on(&second.api, &mut follower, "", resumed).await;
    until_true("both are listed", || {
        follower.segments()[&left].uri.is_some()
    })
    .await;
}
