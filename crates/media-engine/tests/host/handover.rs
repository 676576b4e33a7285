//! A host is replaced: the real worker of another one runs before its own ends.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use serde_json::json;
use sm_bus::keys;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::stream::{ObservedState, StreamStatus};
use sm_test_kit::{Api, HlsFollower, until_some};

use super::{Host, PATIENCE, PLAYLIST, Studio, follow};

/// The handover waits for the machine, however busy it is.
const SETTINGS: [(&str, &str); 3] = [
    ("handover.longest_ms", "20000"),
    ("handover.claim_ms", "10000"),
    ("live.window_segments", "60"),
];

/// From when to when each listed segment was on air, with the address of its file.
fn spans(text: &str) -> BTreeMap<String, (Timestamp, Timestamp)> {
    let (mut start, mut length) = (None, Duration::ZERO);
    let mut spans = BTreeMap::new();
    for line in text.lines() {
        if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            start = Some(serde_json::from_value::<Timestamp>(json!(date)).unwrap());
        } else if let Some(duration) = line.strip_prefix("#EXTINF:") {
            let seconds = duration.trim_end_matches(',').parse().unwrap();
            length = Duration::from_secs_f64(seconds);
        } else if !line.starts_with('#') {
            let start: Timestamp = start.unwrap();
            spans.insert(line.to_owned(), (start, start.plus(length)));
        }
    }
    spans
}

/// Fetches what is listed, as a player does, until it has seen three segments of another run. From
/// when to when each was on air, with its file.
async fn play(api: Api, mut follower: HlsFollower) -> Vec<(Timestamp, Timestamp, String)> {
    let mut seen = BTreeMap::new();
    let first_map = follower.segments().values().next().unwrap().map.clone();
    let start = Instant::now();
    loop {
        assert!(
            start.elapsed() < PATIENCE / 3,
            "{:?} {:?}",
            follower.next(),
            seen
        );
        let (segment, part) = follower.next();
        let next = format!("{PLAYLIST}?_HLS_msn={segment}&_HLS_part={part}");
        let answer = api.get(&next).await;
        // Who waits while the stream changes hands asks again.
        if answer.status != 200 {
            continue;
        }
        assert_eq!(follower.read(&answer.text), Ok(()), "{}", answer.text);
        for (file, span) in spans(&answer.text) {
            if let Entry::Vacant(place) = seen.entry(file) {
                let path = format!("/live/main/{}", place.key());
                let segment = api.get(&path).await;
                // What is not to be had while the stream changes hands is asked for again.
                if segment.status == 200 && !segment.text.is_empty() {
                    place.insert(span);
                }
            }
        }
        let has_all = spans(&answer.text)
            .keys()
            .all(|file| seen.contains_key(file));
        let others = follower.segments().values();
        let others = others.filter(|one| one.uri.is_some() && one.map != first_map);
        if has_all && others.count() >= 3 {
            let spans = seen
                .into_iter()
                .map(|(file, (start, end))| (start, end, file));
            let mut spans: Vec<_> = spans.collect();
            spans.sort_unstable();
            return spans;
        }
    }
}

#[tokio::test]
async fn a_strict_player_sees_every_moment_while_a_host_is_replaced() {
    let studio = Studio::open();
    let (first, _) = studio.engine(&SETTINGS);
    studio.go_live().await;
    let other = Host(tempfile::tempdir().unwrap());
    let (second, api) = studio.engine_on(&other, &SETTINGS);
    // It knows the second engine alone, from the beginning.
    let follower = follow(&api).await;
    let playing = tokio::spawn(play(api, follower));
    let ended = tokio::task::spawn_blocking(move || first.stop());
    let spans = playing.await.unwrap();
    ended.await.unwrap();

    // Within a run the segments follow on one another; that the lists are whole, the player has seen.
    let run = |file: &str| file.split_once('-').unwrap().0.to_owned();
    let former = run(&spans[0].2);
    let (former, next): (Vec<_>, Vec<_>) = spans.iter().partition(|one| run(&one.2) == former);
    let ended = former.iter().map(|(_, end, _)| *end).max().unwrap();
    let began = next.iter().map(|(start, ..)| *start).min().unwrap();
    assert!(began <= ended, "{spans:#?}");
    let key = keys::observed(&StreamId::default());
    let observed = until_some("the other engine says so", PATIENCE, || async {
        let observed: ObservedState = studio.bus.document(&key).await.unwrap()?;
        let holder = observed.engine.as_ref()?;
        (holder.instance == *second.kit().instance()).then_some(observed)
    })
    .await;
    // It shows nothing but black, which may be told by now.
    assert!([StreamStatus::Live, StreamStatus::Degraded].contains(&observed.status));
    assert_eq!(
        (observed.worker_restarts, observed.interruptions),
        (0, vec![])
    );
}
