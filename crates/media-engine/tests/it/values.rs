//! Values in texts: filled in while the text is on air. Blocks stand for letters.

use std::collections::BTreeMap;
use std::slice::from_ref;

use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::layer::TickerDirection;
use sm_common::stream::LayerState;
use sm_media_protocol::{Command, LayerContent, Report, TextValues};

use crate::recording::Frame;
use crate::scene::{layer, scene, style, text};
use crate::worker::{Worker, small};

fn tell(worker: &mut Worker, home: &str) {
    worker.send(&Command::ApplyValues {
        values: TextValues {
            variables: BTreeMap::from([("home".to_owned(), home.to_owned())]),
            viewers: Some(3),
            on_air_since: None,
        },
    });
}

/// Lets so many more segments be written.
fn go_on(worker: &mut Worker, segments: u64) {
    let is_segment = |report: &&Report| matches!(report, Report::SegmentWritten(_));
    let written = worker.reports.iter().filter(is_segment).count();
    worker.wait_for_segments(u64::try_from(written).unwrap() + segments);
}

/// How many blocks of 23.1 pixels are lit in a row, from the left.
fn blocks(frame: &Frame, y: usize) -> usize {
    let is_lit = |x: &usize| frame.pixel(*x, y).iter().all(|&part| part > 128);
    let lit = (0..320).take_while(is_lit).count();
    (lit * 10 + 115) / 231
}

#[test]
fn a_text_shows_each_new_value_and_never_nothing() {
    let shown = layer(text("{{home}}", style(30)), [0, 0, 320, 60]);
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    tell(&mut worker, "██");
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 2);
    tell(&mut worker, "█████");
    go_on(&mut worker, 2);
    let frames = worker.stop().frames();
    let widths: Vec<usize> = frames.iter().map(|frame| blocks(frame, 30)).collect();
    let first = widths
        .iter()
        .position(|&width| width == 2)
        .expect("the first value");
    let second = widths
        .iter()
        .position(|&width| width == 5)
        .expect("the second value");
    assert!(first < second, "{widths:?}");
    assert!(
        widths[first..second].iter().all(|&width| width == 2),
        "{widths:?}"
    );
    assert!(
        widths[second..].iter().all(|&width| width == 5),
        "{widths:?}"
    );
}

#[test]
fn a_name_without_a_value_stays_and_is_said() {
    let known = layer(
        text("{{home}} {{viewers}} {{uptime}}", style(20)),
        [0, 0, 320, 60],
    );
    let unknown = layer(text("{{away}}", style(20)), [0, 60, 320, 60]);
    let ticker = LayerContent::Ticker {
        text: "{{away}} {{clock}} ".to_owned(),
        speed: 60,
        direction: TickerDirection::Left,
        style: style(20),
        font: None,
    };
    let ticker = layer(ticker, [0, 120, 320, 60]);
    let layers = [known.clone(), unknown.clone(), ticker.clone()];
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    tell(&mut worker, "1");
    let flawed = "layer.text.unknown-variable";
    for layer in [unknown.id, ticker.id] {
        worker.wait_for("the name is said", |report| match report {
            Report::Layer(report) => {
                let is_said = report.code.as_deref() == Some(flawed);
                (report.layer == layer && report.state == LayerState::Ok && is_said).then_some(())
            }
            _ => None,
        });
    }
    let named = worker.reports.iter().filter_map(|report| match report {
        Report::Layer(report) if report.layer == known.id => report.code.as_deref(),
        _ => None,
    });
    assert_eq!(named.filter(|code| *code == flawed).count(), 0);
    let _frames = worker.stop();
}

#[test]
fn a_running_time_ticks_by_itself() {
    let shown = layer(text("{{uptime}}", style(30)), [0, 0, 320, 60]);
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    let since = SystemClock.now().as_unix_millis() - 3_600_000;
    worker.send(&Command::ApplyValues {
        values: TextValues {
            on_air_since: Some(Timestamp::from_unix_millis(since)),
            ..TextValues::default()
        },
    });
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 4);
    let frames = worker.stop().frames();
    let last = frames.len() - 1;
    // A second of frames lies between.
    let ink = |frame: &Frame| frame.part([0, 0, 320, 60]);
    let apart = crate::recording::difference(&ink(&frames[last - 45]), &ink(&frames[last]));
    assert!(apart > 0.2, "{apart}");
}
