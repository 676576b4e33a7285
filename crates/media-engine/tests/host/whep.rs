//! Viewers over WebRTC.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use reqwest::Method;
use sm_common::stream::DesiredStatus;
use sm_test_kit::{Api, Received, Running, WhepOffer, WhepViewer, until_some};

use crate::{PATIENCE, Studio};

const WHEP: &str = "/live/main/whep";
/// The slate's colour: what is on air while the stream is paused.
const GREEN: (&str, &str) = ("slate.color", "#00ff00");
const BLANK: (&str, &str) = ("slate.text", "");
/// How far a decoded component may be from what was drawn.
const COLOR_TOLERANCE: u8 = 12;
/// Ticks from a frame to the next, and from a packet of sound to the next.
const FRAME_TICKS: u64 = 3000;
const PACKET_TICKS: u64 = 960;

/// A studio whose slate is on air, all green.
async fn green(changes: &[(&str, &str)]) -> (Studio, Running, Api) {
    let studio = Studio::open();
    let changes: Vec<_> = [GREEN, BLANK].iter().chain(changes).copied().collect();
    let (engine, api) = studio.engine(&changes);
    // Boxed: it is the largest part of every test here.
    Box::pin(studio.desire(DesiredStatus::Paused, 1)).await;
    on_air(&api).await;
    (studio, engine, api)
}

async fn on_air(api: &Api) {
    until_some("the program is on air", PATIENCE, || async {
        let answer = api.get(crate::PLAYLIST).await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// Watches until so many more frames came.
async fn watch_frames(viewer: &mut WhepViewer, more: usize) {
    let wanted = viewer.units(true).count() + more;
    let enough = |viewer: &WhepViewer| viewer.units(true).count() >= wanted;
    viewer.watch("frames come", PATIENCE, enough).await;
}

/// The pixel in the middle of the last frame of a file of H.264.
fn last_pixel(folder: &Path, video: &[u8]) -> [u8; 3] {
    let file = folder.join("seen.h264");
    std::fs::write(&file, video).unwrap();
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "h264", "-i"])
        .arg(&file)
        .args(["-vf", "crop=2:2,scale=1:1", "-f", "rawvideo"])
        .args(["-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    assert!(run.status.success());
    *run.stdout.last_chunk().unwrap()
}

fn is_green([red, green, blue]: [u8; 3]) -> bool {
    red <= COLOR_TOLERANCE && green >= 255 - COLOR_TOLERANCE && blue <= COLOR_TOLERANCE
}

/// How many samples these packets decode to.
fn samples(packets: &[&Received]) -> usize {
    gstreamer::init().unwrap();
    let caps = gstreamer::Caps::builder("audio/x-opus")
        .field("channel-mapping-family", 0)
        .field("rate", 48_000)
        .field("channels", 2)
        .build();
    let source = AppSrc::builder()
        .caps(&caps)
        .format(gstreamer::Format::Time)
        .build();
    let decoder = gstreamer::ElementFactory::make("opusdec").build().unwrap();
    let raw = gstreamer::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("channels", 2)
        .build();
    let sink = AppSink::builder().caps(&raw).sync(false).build();
    let pipeline = gstreamer::Pipeline::new();
    let elements = [source.upcast_ref(), &decoder, sink.upcast_ref()];
    pipeline.add_many(elements).unwrap();
    gstreamer::Element::link_many(elements).unwrap();
    pipeline.set_state(gstreamer::State::Playing).unwrap();
    let first = packets.first().unwrap().ticks;
    for packet in packets {
        let mut buffer = gstreamer::Buffer::from_slice(packet.data.clone());
        let ns = (packet.ticks - first) * 1_000_000 / 48;
        let start = gstreamer::ClockTime::from_nseconds(ns);
        buffer.get_mut().unwrap().set_pts(start);
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    let mut bytes = 0;
    while let Ok(sample) = sink.pull_sample() {
        bytes += sample.buffer().unwrap().size();
    }
    pipeline.set_state(gstreamer::State::Null).unwrap();
    bytes / 4
}

fn steps(viewer: &WhepViewer, video: bool) -> Vec<u64> {
    let ticks = || viewer.units(video).map(|unit| unit.ticks);
    let pairs = ticks().zip(ticks().skip(1));
    pairs.map(|(one, next)| next - one).collect()
}

async fn metric(engine: &Running, line: &str) -> Option<f64> {
    let text = Api::new(engine.metrics_url()).get("/metrics").await.text;
    let value = text.lines().find_map(|found| found.strip_prefix(line));
    value.and_then(|value| value.trim().parse().ok())
}

async fn wait_for_ending(engine: &Running, cause: &str) {
    let line =
        format!("sm_engine_webrtc_sessions_ended_total{{cause=\"{cause}\",stream=\"main\"}}");
    let what = format!("the session's end: {cause}");
    until_some(&what, PATIENCE, || async {
        metric(engine, &line).await.filter(|count| *count >= 1.0)
    })
    .await;
    let open = metric(engine, "sm_engine_webrtc_sessions{stream=\"main\"}").await;
    assert_eq!(open, Some(0.0));
}

#[tokio::test]
async fn a_viewer_sees_and_hears_the_program_until_it_hangs_up() {
    let (studio, engine, api) = green(&[("webrtc.ice_servers", "stun:stun.example.org")]).await;
    let mut viewer = WhepViewer::open(&api, WHEP).await;
    let answer = &viewer.answer;
    assert_eq!(answer.header("content-type"), "application/sdp");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.header("link"),
        "<stun:stun.example.org>; rel=\"ice-server\""
    );
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("location")
    );
    assert!(answer.text.contains("a=ice-lite") && answer.text.contains("profile-level-id=64"));
    watch_frames(&mut viewer, 45).await;

    assert!(is_green(last_pixel(studio.folder.path(), &viewer.video())));
    assert!(steps(&viewer, true).iter().all(|step| *step == FRAME_TICKS));
    let sounds = steps(&viewer, false);
    assert!(
        sounds.iter().all(|step| *step == PACKET_TICKS),
        "{sounds:?}"
    );
    let packets: Vec<_> = viewer.units(false).collect();
    assert!(packets.len() > 40, "{}", packets.len());
    // The decoder leaves out what the encoder put in front.
    let heard = samples(&packets);
    assert!(heard.abs_diff(packets.len() * 960) < 2000, "{heard}");

    // The picture changes: what a viewer sees is what is on air.
    studio.desire(DesiredStatus::Live, 2).await;
    let folder = studio.folder.path().to_owned();
    let start = Instant::now();
    while is_green(last_pixel(&folder, &viewer.video())) {
        assert!(start.elapsed() < PATIENCE);
        watch_frames(&mut viewer, 10).await;
    }

    // It is counted with the others.
    let viewers = metric(&engine, "sm_engine_viewers{stream=\"main\"}").await;
    assert_eq!(viewers, Some(1.0));

    let location = viewer.location.clone();
    let delete = |path: String| api.send(api.request(Method::DELETE, &path));
    let elsewhere = location.replace("/whep/", "/whep/0");
    delete(elsewhere)
        .await
        .expect_problem(400, "request.path.invalid");
    delete(location.clone()).await.expect(200);
    viewer
        .watch("the other side hangs up", PATIENCE, |viewer| viewer.hung_up)
        .await;
    wait_for_ending(&engine, "deleted").await;
    delete(location)
        .await
        .expect_problem(404, "webrtc.session.not-found");
}

#[tokio::test]
async fn what_is_lost_on_the_way_is_sent_again() {
    let (studio, _engine, api) = green(&[]).await;
    let mut viewer = WhepViewer::open(&api, WHEP).await;
    viewer.lose_every = 20;
    watch_frames(&mut viewer, 60).await;
    assert!(steps(&viewer, true).iter().all(|step| *step == FRAME_TICKS));
    assert!(is_green(last_pixel(studio.folder.path(), &viewer.video())));
}

#[tokio::test]
async fn a_session_goes_on_with_the_next_worker_and_ends_with_the_program() {
    let (studio, engine, api) = green(&[("webrtc.away_max_ms", "30000")]).await;
    let mut viewer = WhepViewer::open(&api, WHEP).await;
    watch_frames(&mut viewer, 20).await;
    let pid = std::fs::read_to_string(studio.path("run/media-worker-main.pid")).unwrap();
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
    assert!(killed.unwrap().success());
    let before = viewer.received.len();
    watch_frames(&mut viewer, 30).await;
    assert!(!viewer.hung_up);
    let ticks: Vec<u64> = viewer.units(true).map(|unit| unit.ticks).collect();
    assert!(ticks.is_sorted(), "time goes on: {ticks:?}");
    let after: Vec<u8> = viewer.received[before..]
        .iter()
        .filter(|unit| unit.is_video)
        .flat_map(|unit| unit.data.iter().copied())
        .collect();
    assert!(is_green(last_pixel(studio.folder.path(), &after)));

    let ended = tokio::task::spawn_blocking(move || engine.stop());
    viewer
        .watch("the other side hangs up", PATIENCE, |viewer| viewer.hung_up)
        .await;
    ended.await.unwrap();
}

#[tokio::test]
async fn viewers_that_do_not_come_vanish_or_are_too_slow_leave_no_session() {
    let (studio, engine, api) = green(&[
        ("webrtc.connect_max_ms", "300"),
        ("webrtc.silence_max_ms", "700"),
        ("webrtc.away_max_ms", "500"),
        ("webrtc.loss_patience_ms", "1000"),
    ])
    .await;
    let offer = WhepOffer::new().await;
    offer.send(&api, WHEP).await.expect(201);
    wait_for_ending(&engine, "never-came").await;

    let mut vanishing = WhepViewer::open(&api, WHEP).await;
    watch_frames(&mut vanishing, 5).await;
    drop(vanishing);
    wait_for_ending(&engine, "silent").await;

    let mut slow = WhepViewer::open(&api, WHEP).await;
    slow.lose_every = 2;
    slow.watch("the other side hangs up", PATIENCE, |viewer| viewer.hung_up)
        .await;
    wait_for_ending(&engine, "too-slow").await;

    let mut last = WhepViewer::open(&api, WHEP).await;
    watch_frames(&mut last, 5).await;
    studio.desire(DesiredStatus::Offline, 2).await;
    last.watch("the other side hangs up", PATIENCE, |viewer| viewer.hung_up)
        .await;
    wait_for_ending(&engine, "off-air").await;
    let offer = WhepOffer::new().await;
    let answer = until_some("the stream is off air", PATIENCE, || async {
        let answer = offer.send(&api, WHEP).await;
        (answer.status == 404).then_some(answer)
    });
    answer.await.expect_problem(404, "stream.not-on-air");
}

#[tokio::test]
async fn offers_that_do_not_do_are_refused_with_what_to_change() {
    let (_studio, engine, api) = green(&[("webrtc.sessions_per_stream_max", "1")]).await;
    let post = |kind: &str, body: &str| {
        let request = api.request(Method::POST, WHEP).header("content-type", kind);
        api.send(request.body(body.to_owned()))
    };
    let garbage = post("application/sdp", "v=0\r\nhello").await;
    garbage.expect_problem(400, "webrtc.offer.invalid");
    let json = post("application/json", "{}").await;
    json.expect_problem(415, "request.media-type.unsupported");
    let long = "x".repeat(100_000);
    let long = post("application/sdp", &long).await;
    long.expect_problem(413, "request.body.too-large");
    let offer = WhepOffer::without_h264().await;
    let problem = offer.send(&api, WHEP).await;
    let problem = problem.expect_problem(422, "webrtc.offer.unsupported");
    let detail = problem.body["detail"].as_str().unwrap();
    assert!(detail.contains("H.264, High profile"), "{detail}");
    let offer = WhepOffer::new().await;
    let nowhere = offer.send(&api, "/live/nowhere/whep").await;
    nowhere.expect_problem(404, "stream.not-found");

    let viewer = WhepViewer::open(&api, WHEP).await;
    let full = WhepOffer::new().await.send(&api, WHEP).await;
    let full = full.expect_problem(503, "webrtc.session.limit-reached");
    assert!(!full.header("retry-after").is_empty());

    let options = api
        .send(api.request(Method::OPTIONS, WHEP))
        .await
        .expect(204);
    assert!(
        options
            .header("access-control-allow-methods")
            .contains("POST")
    );
    assert_eq!(options.header("accept-post"), "application/sdp");
    for (method, path) in [
        (Method::GET, WHEP),
        (Method::PATCH, viewer.location.as_str()),
    ] {
        let answer = api.send(api.request(method, path)).await;
        answer.expect(405);
    }
    drop(engine);
}

#[tokio::test]
async fn any_engine_answers_and_the_holder_sends() {
    let (studio, _holder, _) = green(&[]).await;
    let another = studio.path("another");
    let another = another.display().to_string();
    let (_sibling, api) = studio.engine(&[
        ("worker.pid_directory", &another),
        ("live.directory", &another),
    ]);
    let offer = WhepOffer::new().await;
    let answer = until_some("the sibling knows the holder", PATIENCE, || async {
        let answer = offer.send(&api, WHEP).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    let mut viewer = offer.accept(answer, WHEP);
    watch_frames(&mut viewer, 10).await;
    let path = viewer.location.clone();
    api.send(api.request(Method::DELETE, &path))
        .await
        .expect(200);
    viewer
        .watch("the other side hangs up", PATIENCE, |viewer| viewer.hung_up)
        .await;
}
