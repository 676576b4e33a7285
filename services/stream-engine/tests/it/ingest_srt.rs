//! Feeds that others push by SRT, from real encoders.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

use prometheus::proto::MetricFamily;
use sm_test_kit::Running;

use crate::harness::{Studio, send_signal, until_answered, until_true};
use crate::ingest::{Encoder, Stage, metric, pictures};

/// How often publishers were refused, or cut, for this reason.
fn refused(engine: &Running, reason: &str) -> f64 {
    let families = engine.kit().registry().gather();
    let mut families = families.iter();
    let family = families.find(|family| family.name() == "sm_engine_ingest_refused_total");
    let metrics = family.map(MetricFamily::get_metric).unwrap_or_default();
    let of_reason = metrics.iter().find(|metric| {
        let mut labels = metric.get_label().iter();
        labels.any(|label| label.value() == reason)
    });
    of_reason.map_or(0.0, |metric| metric.get_counter().get_value())
}

/// An encoder that publishes with this stream id and further options.
fn publish(stage: &Stage, stream_id: &str, options: &[&str]) -> Encoder {
    let address = format!("srt://127.0.0.1:{}", stage.srt_port);
    let own = ["-c:v", "libx264", "-srt_streamid", stream_id];
    Encoder::start("mpegts", &address, &[&own, options].concat())
}

/// Until publishers were refused once more for this reason than `before`.
async fn until_refused(engine: &Running, reason: &str) {
    until_true(reason, || refused(engine, reason) > 0.5).await;
}

/// Frames of picture and of sound that a decoder makes of a feed that may be cut off at its end.
fn decoded(feed: &[u8]) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.flv");
    std::fs::write(&path, feed).unwrap();
    ["v", "a"].map(|kind| {
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", kind, "-count_frames"])
            .args([
                "-show_entries",
                "stream=codec_name,nb_read_frames",
                "-of",
                "csv=p=0",
            ])
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8(probe.stdout).unwrap();
        let mut fields = text.trim().split(',');
        let codec = if kind == "v" { "h264" } else { "aac" };
        if fields.next() != Some(codec) {
            return 0;
        }
        // Not known while there is none.
        fields.next().unwrap().parse().unwrap_or(0)
    })
}

#[tokio::test]
async fn an_encoder_publishes_before_the_stream_is_on_air_and_reaches_every_worker() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[]);
    let mut encoder = stage
        .insist("127.0.0.1", "an encoder is let in", || {
            metric(&engine, "sm_engine_ingest_publishers") > 0.5
        })
        .await;
    stage.studio.go_live().await;
    stage.until_fed().await;
    let before = stage.studio.host.worker_pid().unwrap();
    std::fs::remove_file(stage.studio.host.path("feed")).unwrap();
    send_signal(before, "-KILL");
    until_true("picture and sound reach another worker", || {
        let [pictures, sounds] = decoded(&stage.feed());
        pictures > 20 && sounds > 20
    })
    .await;
    assert!(encoder.is_running());
    assert!(metric(&engine, "sm_engine_ingest_bytes_total") > 1000.0);
}

#[tokio::test]
async fn wrong_keys_modes_and_too_many_publishers_are_refused() {
    let stage = Stage::of("srt").await;
    // Nobody is a proxy, so that wrong keys count.
    let engine = stage.engine(&[
        ("ingest.guesses_max", "2"),
        ("ingest.connections_max", "1"),
        ("http.trusted_proxies", "192.0.2.1/32"),
    ]);
    stage.studio.go_live().await;
    let _first = publish(&stage, &stage.key(1), &[]);
    stage.until_fed().await;
    let said = publish(&stage, &stage.key(1), &[]).last_words();
    assert!(said.contains("failed"), "{said}");
    assert!(refused(&engine, "connections") > 0.5);
    drop(engine);

    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[
        ("ingest.guesses_max", "2"),
        ("http.trusted_proxies", "192.0.2.1/32"),
    ]);
    stage.studio.go_live().await;
    let watching = format!("#!::r={},m=request", stage.key(1));
    let cases = [
        ("stream-id", watching),
        ("stream-id", "#!::u=nobody".to_owned()),
        ("key", format!("#!::r={},m=publish", stage.key(2))),
        ("key", "guess".to_owned()),
        ("guesses", stage.key(1)),
    ];
    for (reason, stream_id) in cases {
        let before = refused(&engine, reason);
        let said = publish(&stage, &stream_id, &[]).last_words();
        let more = refused(&engine, reason) - before;
        assert!((more - 1.0).abs() < 0.1, "{reason}, {more} times: {said}");
    }
    assert!(metric(&engine, "sm_engine_ingest_publishers") < 0.5);
}

#[tokio::test]
async fn a_layer_takes_the_protocol_that_it_says() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[]);
    stage.studio.go_live().await;
    let address = stage.rtmp_address("127.0.0.1", &stage.key(1));
    let said = Encoder::start("flv", &address, &["-c:v", "libx264"]).last_words();
    assert!(said.contains("the stream key is not valid"), "{said}");
    drop(engine);
    let stage = Stage::of("rtmp").await;
    let engine = stage.engine(&[]);
    stage.studio.go_live().await;
    publish(&stage, &stage.key(1), &[]).last_words();
    assert!(refused(&engine, "key") > 0.5);
}

#[tokio::test]
async fn other_codecs_and_what_is_no_transport_stream_are_cut() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[("ingest.message_bytes_max", "100000")]);
    stage.studio.go_live().await;
    let address = stage.srt_address("127.0.0.1", &stage.key(1));
    Encoder::start("mpegts", &address, &["-c:v", "mpeg2video"]).last_words();
    until_refused(&engine, "unsupported").await;
    // Packets of SRT with something else in them.
    let garbage = ["-c:v", "rawvideo", "-an", "-flush_packets", "1"];
    Encoder::start("rawvideo", &format!("{address}&pkt_size=1316"), &garbage).last_words();
    until_refused(&engine, "protocol").await;
    // And its seat is free.
    let _publisher = publish(&stage, &stage.key(1), &[]);
    stage.until_fed().await;
}

#[tokio::test]
async fn a_second_publisher_is_refused_until_the_first_is_gone() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[]);
    stage.studio.go_live().await;
    let controlled = format!("#!::r={},m=publish", stage.key(1));
    let mut first = publish(&stage, &controlled, &[]);
    stage.until_fed().await;
    publish(&stage, &stage.key(1), &[]).last_words();
    assert!(refused(&engine, "occupied") > 0.5);
    assert!(first.is_running());
    // It says that it ends.
    send_signal(first.pid(), "-TERM");
    until_true("it is gone", || {
        metric(&engine, "sm_engine_ingest_publishers") < 0.5
    })
    .await;
    std::fs::remove_file(stage.studio.host.path("feed")).unwrap();
    let _back = stage
        .insist("127.0.0.1", "an encoder that comes back is let in", || {
            pictures(&stage.feed()) > 5
        })
        .await;
}

#[tokio::test]
async fn a_publisher_that_died_gives_up_its_seat() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[
        ("ingest.takeover_after_ms", "300"),
        ("ingest.silence_ms", "2000"),
    ]);
    stage.studio.go_live().await;
    let first = stage.publish("127.0.0.1", &stage.key(1));
    stage.until_fed().await;
    // Nothing says that it is gone.
    drop(first);
    std::fs::remove_file(stage.studio.host.path("feed")).unwrap();
    let back = stage
        .insist("127.0.0.1", "it is let in on another connection", || {
            pictures(&stage.feed()) > 5
        })
        .await;
    until_refused(&engine, "taken-over").await;
    // Who is not followed is missed as well.
    drop(back);
    until_true("the seat is empty", || {
        metric(&engine, "sm_engine_ingest_publishers") < 0.5
    })
    .await;
}

#[tokio::test]
async fn another_key_cuts_who_publishes_with_the_old_one_and_no_key_is_in_a_log() {
    let stage = Stage::of("srt").await;
    let host = &stage.studio.host;
    let settings = stage.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .chain([("telemetry.log", "trace")])
        .collect();
    let engine = stage
        .studio
        .engine_process_with(host, "127.85.6.24", &settings);
    stage.studio.go_live().await;
    until_answered(&engine.api, "/live/main/index.m3u8", 200).await;
    let publisher = stage.publish("127.85.6.24", &stage.key(1));
    stage.until_fed().await;
    stage.set(2, 2).await;
    publisher.last_words();
    std::fs::remove_file(host.path("feed")).unwrap();
    let _next = stage.publish("127.85.6.24", &stage.key(2));
    stage.until_fed().await;
    let log = std::fs::read_to_string(host.path("log")).unwrap();
    assert!(log.contains("publisher connected") && log.contains("the stream key is not valid"));
    let code = |generation| stage.key(generation).get(30..).unwrap().to_owned();
    assert!(!log.contains(&code(1)) && !log.contains(&code(2)));
}

#[tokio::test]
async fn an_engine_that_does_not_hold_the_stream_passes_the_feed_on() {
    let stage = Stage::of("srt").await;
    let host = &stage.studio.host;
    let settings = stage.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let mut holder = stage
        .studio
        .engine_process_with(host, "127.85.6.25", &settings);
    stage.studio.go_live().await;
    let other_host = Studio::another_host();
    let standby = stage
        .studio
        .engine_process_with(&other_host, "127.85.6.26", &settings);
    until_answered(&standby.api, "/live/main/index.m3u8", 200).await;
    let mut through = stage.publish("127.85.6.26", &stage.key(1));
    stage.until_fed().await;
    // Who sits there is known to the holder, whichever way it came.
    stage.publish("127.85.6.25", &stage.key(1)).last_words();
    assert!(through.is_running());
    holder.kill();
    through.last_words();
    let _back = stage
        .insist("127.85.6.26", "the new holder gets the feed", || {
            pictures(&std::fs::read(other_host.path("feed")).unwrap_or_default()) > 5
        })
        .await;
}

#[tokio::test]
async fn whoever_has_to_encrypt_needs_the_passphrase() {
    let stage = Stage::of("srt").await;
    let file = stage.studio.host.path("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    let file = file.display().to_string();
    let engine = stage.engine(&[("ingest.srt_passphrase_file", &file)]);
    stage.studio.go_live().await;
    let open = stage.publish("127.0.0.1", &stage.key(1)).last_words();
    assert!(refused(&engine, "handshake") > 0.5, "{open}");
    let passphrase = |words| publish(&stage, &stage.key(1), &["-passphrase", words]);
    let before = refused(&engine, "handshake");
    passphrase("battery staple").last_words();
    assert!(refused(&engine, "handshake") > before);
    assert!(metric(&engine, "sm_engine_ingest_publishers") < 0.5);
    let _right = passphrase("correct horse");
    stage.until_fed().await;
    until_true("picture and sound arrive", || {
        let [pictures, sounds] = decoded(&stage.feed());
        pictures > 20 && sounds > 20
    })
    .await;
}

/// Passes datagrams on between one encoder and the engine, and loses every `nth` of the encoder's
/// large ones.
fn lossy_network(engine: SocketAddr, nth: u32) -> u16 {
    let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
    let inside = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    inside.connect(engine).unwrap();
    let (answers, back) = (inside.try_clone().unwrap(), outside.try_clone().unwrap());
    let (told, encoder) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut count = 0;
        while let Ok((length, from)) = outside.recv_from(&mut buffer) {
            let _known = told.try_send(from);
            count += u32::from(length > 1000);
            if length > 1000 && count % nth == 0 {
                continue;
            }
            let _sent = inside.send(buffer.get(..length).unwrap());
        }
    });
    std::thread::spawn(move || {
        let Ok(encoder) = encoder.recv() else { return };
        let mut buffer = [0; 2048];
        while let Ok(length) = answers.recv(&mut buffer) {
            let _sent = back.send_to(buffer.get(..length).unwrap(), encoder);
        }
    });
    port
}

#[tokio::test]
async fn what_the_network_loses_is_sent_again() {
    let stage = Stage::of("srt").await;
    let _engine = stage.engine(&[("ingest.srt_latency_ms", "2000")]);
    stage.studio.go_live().await;
    let port = lossy_network(([127, 0, 0, 1], stage.srt_port).into(), 10);
    let address = format!("srt://127.0.0.1:{port}?streamid={}", stage.key(1));
    let _encoder = Encoder::start("mpegts", &address, &["-c:v", "libx264", "-b:v", "2M"]);
    until_true("pictures arrive", || pictures(&stage.feed()) > 100).await;
    let times = timestamps(&stage.feed());
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] <= 34),
        "{times:?}"
    );
}

/// Milliseconds of the pictures of a feed.
fn timestamps(feed: &[u8]) -> Vec<u32> {
    let mut rest = feed.get(13..).unwrap_or_default();
    let mut times = Vec::new();
    while let Some(head) = rest.first_chunk::<11>() {
        let length = usize::try_from(u32::from_be_bytes([0, head[1], head[2], head[3]])).unwrap();
        let Some(&[_, 1]) = rest.get(11..13) else {
            rest = rest.get(15 + length..).unwrap_or_default();
            continue;
        };
        if head[0] == 9 {
            times.push(u32::from_be_bytes([head[7], head[4], head[5], head[6]]));
        }
        rest = rest.get(15 + length..).unwrap_or_default();
    }
    times
}

#[tokio::test]
async fn garbage_at_the_port_costs_nobody_anything() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[]);
    stage.studio.go_live().await;
    let mut publisher = stage.publish("127.0.0.1", &stage.key(1));
    stage.until_fed().await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = ([127, 0, 0, 1], stage.srt_port).into();
    let mut hello = [0; 64];
    // A handshake of version 4, then others with parts of it changed.
    hello[0] = 0x80;
    hello[19] = 4;
    for number in 0..2000_u32 {
        let mut datagram = hello;
        for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
            let place = usize::try_from(number).unwrap() * (at + 7) % datagram.len();
            datagram[place] = byte.wrapping_mul(31).wrapping_add(7);
        }
        let length = usize::try_from(number % 65).unwrap();
        socket.send_to(&datagram[..length], address).unwrap();
        if number % 100 == 0 {
            socket.send_to(&[0xff; 1900], address).unwrap();
        }
    }
    let before = pictures(&stage.feed());
    until_true("it goes on", || pictures(&stage.feed()) > before + 10).await;
    assert!(publisher.is_running());
    drop(engine);
}

#[tokio::test]
async fn publishers_see_that_an_engine_ends() {
    let stage = Stage::of("srt").await;
    let engine = stage.engine(&[]);
    stage.studio.go_live().await;
    let publisher = stage.publish("127.0.0.1", &stage.key(1));
    stage.until_fed().await;
    let lifecycle = engine.kit().lifecycle().clone();
    lifecycle.drain();
    publisher.last_words();
}

#[tokio::test]
async fn without_a_secret_nothing_listens() {
    let stage = Stage::of("srt").await;
    let _engine = stage.engine(&[("ingest.secret_file", "")]);
    assert!(UdpSocket::bind(("127.0.0.1", stage.srt_port)).is_ok());
}
