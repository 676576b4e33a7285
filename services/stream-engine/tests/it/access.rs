//! Who may watch, what is answered, and who is counted.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sm_common::audience::Client;
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_test_kit::{Answer, Api, until_some};

use crate::harness::{PATIENCE, Studio, until_playlist};

const PLAYLIST: &str = "/live/main/index.m3u8";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The query of a signed address.
pub(crate) fn query(stream: &str, in_seconds: i64) -> String {
    let expires = SystemClock.now().as_unix_seconds() + in_seconds;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{stream}\n{expires}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("?expires={expires}&signature={signature}")
}

async fn ask(api: &Api, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = api.request(method.parse().unwrap(), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request).await
}

#[tokio::test]
async fn only_who_may_watch_is_answered() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    studio.go_live().await;
    let stranger = Api::new(engine.url());
    let list = until_playlist(&studio.viewer(&engine), "on air", |_| true).await;
    let segment = format!("/live/main/{}", list.segments[0]);
    for path in [PLAYLIST, segment.as_str(), "/live/main/snapshot.jpg"] {
        drop(
            stranger
                .get(path)
                .await
                .expect_problem(401, "auth.token.missing"),
        );
        let expired = stranger.with_token(studio.issuer.expired_token(Role::Viewer));
        drop(
            expired
                .get(path)
                .await
                .expect_problem(401, "auth.token.expired"),
        );
        let nonsense = stranger.with_token("nonsense");
        drop(
            nonsense
                .get(path)
                .await
                .expect_problem(401, "auth.token.invalid"),
        );
        let machine = stranger.with_token(studio.issuer.token(Role::Service));
        drop(
            machine
                .get(path)
                .await
                .expect_problem(403, "auth.role.insufficient"),
        );
        let cookie = format!("sm_access={}", studio.issuer.token(Role::Viewer));
        drop(
            ask(&stranger, "GET", path, &[("cookie", &cookie)])
                .await
                .expect(200),
        );
    }
    let api = studio.viewer(&engine);
    drop(
        api.get("/live/second/index.m3u8")
            .await
            .expect_problem(404, "stream.not-found"),
    );
    drop(
        api.get("/live/No!/index.m3u8")
            .await
            .expect_problem(400, "request.path.invalid"),
    );
    for name in [
        "playlist.json",
        "abc-1.m4s",
        "init-abc.mp4",
        "..%2fplaylist.json",
        "a.m4s",
    ] {
        let answer = api.get(&format!("/live/main/{name}")).await;
        drop(answer.expect_problem(404, "stream.segment.not-found"));
    }
    let posted = ask(&api, "POST", PLAYLIST, &[]).await;
    drop(posted.expect_problem(405, "route.method-not-allowed"));
}

#[tokio::test]
async fn the_public_may_watch_where_that_is_configured() {
    let studio = Studio::open();
    let engine = studio.engine(&[("auth.public_view", "true")]);
    studio.go_live().await;
    let stranger = Api::new(engine.url());
    let list = until_playlist(&stranger, "on air", |_| true).await;
    let segment = stranger
        .get(&format!("/live/main/{}", list.segments[0]))
        .await
        .expect(200);
    assert!(segment.header("cache-control").starts_with("public"));
}

#[tokio::test]
async fn a_signed_address_lets_one_stream_be_watched_for_a_while() {
    let studio = Studio::open();
    let secret = studio.host.path("playback-secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let engine = studio.engine(&[("playback.secret_file", secret.to_str().unwrap())]);
    studio.go_live().await;
    let stranger = Api::new(engine.url());
    let good = query("main", 60);
    let answer = stranger.get(&format!("{PLAYLIST}{good}")).await.expect(200);
    for line in answer
        .text
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-PROGRAM"))
    {
        let named = line.contains("init-") || line.contains(".m4s");
        assert_eq!(named, line.contains(&good), "{line}");
    }
    let segment = answer
        .text
        .lines()
        .rev()
        .find(|line| line.contains(".m4s"))
        .unwrap();
    drop(
        stranger
            .get(&format!("/live/main/{segment}"))
            .await
            .expect(200),
    );
    drop(
        stranger
            .get(&format!("/live/main/snapshot.jpg{good}"))
            .await
            .expect(200),
    );

    let late = stranger
        .get(&format!("{PLAYLIST}{}", query("main", -1)))
        .await;
    drop(late.expect_problem(403, "playback.expired"));
    for bad in [
        query("second", 60),
        format!("{good}x"),
        "?signature=x".to_owned(),
        format!("{good}&expires=1"),
    ] {
        let refused = stranger.get(&format!("{PLAYLIST}{bad}")).await;
        assert!(
            matches!(refused.status.as_u16(), 401 | 403),
            "{bad}: {}",
            refused.text
        );
    }
    let member = studio.viewer(&engine);
    let answer = member
        .get(&format!("{PLAYLIST}?expires=1&signature=x&_HLS_skip=YES"))
        .await;
    assert!(
        !answer.expect(200).text.contains("signature"),
        "a token needs no signature"
    );
}

#[tokio::test]
async fn files_are_sent_whole_and_in_parts() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio.go_live().await;
    let list = until_playlist(&api, "on air", |_| true).await;
    let answer = api.get(PLAYLIST).await.expect(200);
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(answer.header("cache-control"), "no-cache");
    let path = format!("/live/main/{}", list.segments[0]);
    let whole = api.get(&path).await.expect(200);
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert_eq!(
        whole.header("cache-control"),
        "private, max-age=31536000, immutable"
    );
    let length = whole.text.len();
    let part = ask(&api, "GET", &path, &[("range", "bytes=4-9")])
        .await
        .expect(206);
    assert_eq!(part.text, whole.text.get(4..10).unwrap());
    assert_eq!(part.header("content-range"), format!("bytes 4-9/{length}"));
    let rest = ask(&api, "GET", &path, &[("range", "bytes=-5")])
        .await
        .expect(206);
    assert_eq!(rest.text, whole.text.get(length - 5..).unwrap());
    let behind = ask(&api, "GET", &path, &[("range", "bytes=99999-")])
        .await
        .expect(416);
    assert_eq!(behind.header("content-range"), format!("bytes */{length}"));
    let head = ask(&api, "HEAD", &path, &[]).await.expect(200);
    assert_eq!(
        (head.header("content-length"), head.text.len()),
        (length.to_string().as_str(), 0)
    );
    let asked = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
    ];
    let preflight = ask(&Api::new(engine.url()), "OPTIONS", PLAYLIST, &asked)
        .await
        .expect(204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        "authorization, range"
    );
}

#[tokio::test]
async fn a_snapshot_is_taken_once_for_everybody() {
    let studio = Studio::open();
    let engine = studio.engine(&[]);
    let api = studio.viewer(&engine);
    studio
        .desire(sm_common::stream::DesiredStatus::Offline, 1)
        .await;
    let off = crate::harness::until_answered(&api, "/live/main/snapshot.jpg", 404).await;
    drop(off.expect_problem(404, "stream.not-on-air"));
    studio.go_live().await;
    let asking = (0..20).map(|_| api.get("/live/main/snapshot.jpg"));
    for answer in futures_util::future::join_all(asking).await {
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-type"), "image/jpeg");
        assert!(answer.text.contains("picture"));
    }
    let taken = studio.host.commands();
    let taken = taken
        .iter()
        .filter(|command| command["command"] == "snapshot")
        .count();
    assert!(taken < 10, "{taken} pictures for 20 requests");
    studio.host.demand("no-snapshots");
    let refused = crate::harness::until_answered(&api, "/live/main/snapshot.jpg", 503).await;
    drop(refused.expect_problem(503, "service.unavailable"));
}

#[tokio::test]
async fn distinct_players_are_counted_through_any_engine() {
    let studio = Studio::open();
    let engine = studio.engine(&[("live.viewer_window_s", "5")]);
    studio.go_live().await;
    let host = Studio::another_host();
    let standby = studio.engine_on(&host, &[]);
    let (api, other) = (studio.viewer(&engine), studio.viewer(&standby));
    crate::harness::until_answered(&other, PLAYLIST, 200).await;
    let players = [
        (&api, "203.0.113.1", "hls.js"),
        (&api, "203.0.113.1", "hls.js"),
        (&api, "203.0.113.1", "vlc"),
        (&other, "203.0.113.2", "hls.js"),
        (&other, "203.0.113.3", "hls.js"),
    ];
    for (api, address, agent) in players {
        let headers = [("x-forwarded-for", address), ("user-agent", agent)];
        drop(ask(api, "GET", PLAYLIST, &headers).await.expect(200));
    }
    // As ws-fanout says: one of the players follows the stream as well, and so does somebody else.
    let ttl = Duration::from_mins(1);
    let key = until_some("somebody counts", PATIENCE, || async {
        let key = studio.bus.tell_followers(&studio.stream, None, ttl).await;
        key.unwrap()
    })
    .await;
    let follows = [("203.0.113.2", "hls.js"), ("203.0.113.9", "hls.js")];
    let marks =
        follows.map(|(address, agent)| key.mark(&Client::new(address.parse().unwrap(), agent)));
    let told = studio
        .bus
        .tell_followers(&studio.stream, Some((&key, &marks)), ttl);
    assert_eq!(told.await.unwrap(), Some(key));
    // Four players, and the one that waited for the standby above.
    let watched = studio
        .until_observed("counted", |observed| {
            observed.viewers.current == 5 && observed.viewers.connected == Some(2)
        })
        .await;
    assert_eq!(watched.viewers.peak, 5);
    assert_eq!(watched.viewers.audience, Some(6), "each once");
    let later = studio
        .until_observed("they left", |observed| observed.viewers.current == 0)
        .await;
    assert_eq!(later.viewers.peak, 5);
}
