//! Layers that others push to, by way of the host.

use sm_common::id::LayerId;
use sm_common::layer::OnLoss;
use sm_common::performance::FeedPerformance;
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, Report, SceneLayer};

use crate::continuity::assert_regular;
use crate::network::{
    APART_S_MAX, BLUE, GREEN, RED, assert_tone, colors, flash_after_beep, next, next_segments,
    on_air,
};
use crate::network_servers::{Running, TONE, color, feed};
use crate::worker::Worker;

pub(crate) fn ingest(on_loss: OnLoss) -> SceneLayer {
    let feed = LayerId::generate();
    let content = LayerContent::Ingest {
        feed,
        latency_ms: 300,
        on_loss,
    };
    SceneLayer {
        id: feed,
        ..crate::scene::layer(content, [0, 0, 320, 180])
    }
}

/// Publishes to the layer as the host does.
fn publish(worker: &Worker, layer: LayerId, picture: &str, sound: &str) -> Running {
    feed(&worker.path().join(layer.to_string()), picture, sound)
}

fn next_feed(
    worker: &mut Worker,
    layer: LayerId,
    is_so: impl Fn(&FeedPerformance) -> bool,
) -> FeedPerformance {
    worker.wait_for_next("what is known of the feed", |report| match report {
        Report::Stats(stats) => {
            let own = stats.layers.iter().find(|own| own.layer == layer)?;
            own.feed.clone().filter(&is_so)
        }
        _ => None,
    })
}

#[test]
fn a_publisher_may_come_late_die_and_come_back() {
    let source = ingest(OnLoss::Hide);
    let mut worker = on_air(std::slice::from_ref(&source));
    let waiting = worker.wait_for("word of waiting", |report| match report {
        Report::Layer(report) => (report.layer == source.id).then(|| report.clone()),
        _ => None,
    });
    assert_eq!(waiting.state, LayerState::Loading, "it is nobody's failure");
    assert_eq!(waiting.code.as_deref(), Some("layer.ingest.waiting"));
    assert_eq!(waiting.next_attempt_at, None);

    let camera = publish(&worker, source.id, &color("red"), TONE);
    next(&mut worker, source.id, LayerState::Ok);
    let known = next_feed(&mut worker, source.id, |feed| {
        feed.width.is_some() && feed.audio_codec.is_some()
    });
    assert_eq!(known.video_codec.as_deref(), Some("h264"));
    assert_eq!(known.audio_codec.as_deref(), Some("aac"));
    assert_eq!((known.width, known.height), (Some(160), Some(90)));
    assert_eq!(
        (known.framerate, known.sample_rate),
        (Some(30.0), Some(48_000))
    );
    assert!(
        known.bitrate_kbps.is_some_and(|kbps| kbps > 10.0),
        "{known:?}"
    );
    next_segments(&mut worker, 2);
    drop(camera);
    let lost = next(&mut worker, source.id, LayerState::Failing);
    assert_eq!(lost.code.as_deref(), Some("layer.ingest.lost"));
    assert_eq!((lost.attempts, lost.next_attempt_at), (None, None));
    next_segments(&mut worker, 1);
    let _camera = publish(&worker, source.id, &color("blue"), TONE);
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "grgb");
    assert_tone(&recording);
    assert_regular(&recording, 30);
}

#[test]
fn the_last_frame_stays_where_it_is_to_and_nothing_is_known_of_who_is_gone() {
    let source = ingest(OnLoss::Hold);
    let mut worker = on_air(std::slice::from_ref(&source));
    let camera = publish(&worker, source.id, &color("red"), TONE);
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 1);
    drop(camera);
    next(&mut worker, source.id, LayerState::Failing);
    worker.wait_for_next("a second without a feed", |report| match report {
        Report::Stats(stats) => {
            let own = stats.layers.iter().find(|own| own.layer == source.id)?;
            own.feed.is_none().then_some(())
        }
        _ => None,
    });
    next_segments(&mut worker, 1);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "gr");
    recording.last_frame().assert_is(160, 90, RED);
}

#[test]
fn a_pushed_flash_and_its_beep_arrive_together_also_after_a_break() {
    let picture = "color=black:s=160x90:r=30,drawbox=c=white:t=fill:enable='gte(mod(t,2),1)'";
    let sound = "sine=1000:r=48000,volume='gte(mod(t,2),1)':eval=frame";
    let source = ingest(OnLoss::Hide);
    let mut worker = on_air(std::slice::from_ref(&source));
    let camera = publish(&worker, source.id, picture, sound);
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 1);
    drop(camera);
    next(&mut worker, source.id, LayerState::Failing);
    let _camera = publish(&worker, source.id, picture, sound);
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 5);
    let recording = worker.stop();
    let apart = flash_after_beep(&recording);
    assert!(
        apart.iter().any(|apart| apart.abs() <= APART_S_MAX),
        "the flash comes so long after a beep: {apart:?}"
    );
}

#[test]
fn garbage_is_refused_and_the_next_publisher_is_shown() {
    let source = ingest(OnLoss::Hide);
    let mut worker = on_air(std::slice::from_ref(&source));
    let path = worker.path().join(source.id.to_string());
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 5000],
        b"FLV\x01\x05\0\0\0\x09\0\0\0\0\xff\xff",
    ] {
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        // It may be refused before all of it is taken.
        let _taken = std::io::Write::write_all(&mut stream, garbage);
    }
    next(&mut worker, source.id, LayerState::Failing);
    let _camera = publish(&worker, source.id, &color("blue"), TONE);
    next(&mut worker, source.id, LayerState::Ok);
    next_segments(&mut worker, 2);
    let recording = worker.stop();
    assert_eq!(colors(&recording), "gb");
    recording.last_frame().assert_is(160, 90, BLUE);
    recording.frames()[0].assert_is(160, 90, GREEN);
}
