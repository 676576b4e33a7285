//! The chat in the picture: what comes, goes and must not be seen. Blocks stand for letters.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::id::{MessageId, UserId};
use sm_common::layer::{ChatEntrance, ChatOrder, ChatSource, TextStyle};
use sm_common::stream::LayerState;
use sm_media_protocol::{ChatFeed, ChatLine, Command, LayerContent, Report, SceneLayer};

use crate::recording::Frame;
use crate::scene::{layer, scene, style};
use crate::worker::{Worker, small};

const BLACK: [u8; 3] = [0, 0, 0];
const RED: [u8; 3] = [255, 0, 0];
const WHITE: [u8; 3] = [255, 255, 255];
/// Height of a message of one line of letters of 20 pixels.
const HEIGHT: usize = 24;

fn source() -> ChatSource {
    ChatSource {
        names: false,
        gap: 6,
        style: style(20),
        ..ChatSource::default()
    }
}

fn chat(source: ChatSource) -> SceneLayer {
    layer(LayerContent::Chat { source, font: None }, [0, 0, 320, 180])
}

fn line(text: &str) -> ChatLine {
    ChatLine {
        id: MessageId::generate(),
        user: UserId::generate(),
        color: None,
        name: "██".to_owned(),
        text: text.to_owned(),
        sent_at: SystemClock.now(),
    }
}

/// The chat, as read at the same time in all of a test.
fn feed(messages: &[ChatLine], deleted: &[MessageId]) -> ChatFeed {
    ChatFeed {
        read_at: Timestamp::from_unix_millis(1),
        messages: messages.to_vec(),
        deleted: deleted.to_vec(),
    }
}

fn tell(worker: &mut Worker, messages: &[ChatLine], deleted: &[MessageId]) {
    worker.send(&Command::ApplyChat {
        chat: feed(messages, deleted),
    });
}

/// Lets so many more segments be written.
fn go_on(worker: &mut Worker, segments: u64) {
    let is_segment = |report: &&Report| matches!(report, Report::SegmentWritten(_));
    let written = worker.reports.iter().filter(is_segment).count();
    worker.wait_for_segments(u64::try_from(written).unwrap() + segments);
}

/// Where the rows of the column with ink begin and end, from the top.
fn bars(frame: &Frame, x: usize) -> Vec<(usize, usize)> {
    let mut bars: Vec<(usize, usize)> = Vec::new();
    for y in 0..180 {
        if frame.pixel(x, y).iter().any(|&part| part > 128) {
            match bars.last_mut() {
                Some((_, end)) if *end + 1 == y => *end = y,
                _ => bars.push((y, y)),
            }
        }
    }
    bars
}

#[test]
fn messages_stand_above_each_other_with_coloured_names_and_a_deleted_one_vanishes() {
    let shown = chat(ChatSource {
        names: true,
        name_color: Some("#ff0000".parse().unwrap()),
        ..source()
    });
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    let [older, newer] = ["█", "███"].map(line);
    tell(&mut worker, &[older.clone(), newer.clone()], &[]);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 2);
    tell(&mut worker, from_ref(&older), &[newer.id]);
    go_on(&mut worker, 2);
    let frames = worker.stop().frames();

    let both = |frame: &Frame| frame.is(75, 168, WHITE);
    let first = frames.iter().position(both).expect("the newer one shows");
    let frame = &frames[first];
    frame.assert_is(12, 168, RED);
    frame.assert_is(37, 168, BLACK);
    frame.assert_is(110, 168, BLACK);
    frame.assert_is(12, 138, RED);
    frame.assert_is(50, 138, WHITE);
    frame.assert_is(75, 138, BLACK);
    let gone = frames.iter().rposition(both).unwrap() + 1;
    assert!(gone < frames.len(), "it is deleted");
    for frame in &frames[gone..] {
        frame.assert_is(75, 168, BLACK);
        frame.assert_is(12, 168, RED);
        frame.assert_is(50, 168, WHITE);
        frame.assert_is(12, 138, BLACK);
    }
}

#[test]
fn an_edited_message_says_something_else_where_it_is() {
    let shown = chat(source());
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    let [older, newer] = ["█", "██"].map(line);
    tell(&mut worker, &[older.clone(), newer.clone()], &[]);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 1);
    let edited = ChatLine {
        text: "████".to_owned(),
        ..older
    };
    tell(&mut worker, &[edited, newer], &[]);
    go_on(&mut worker, 2);
    let frames = worker.stop().frames();
    let last = frames.last().expect("there are frames");
    last.assert_is(50, 138, WHITE);
    last.assert_is(75, 138, BLACK);
    last.assert_is(25, 168, WHITE);
    last.assert_is(50, 168, BLACK);
    assert!(frames.iter().any(|frame| frame.is(50, 138, BLACK)));
}

#[test]
fn a_new_message_moves_the_others_up_evenly_and_comes_to_rest() {
    let shown = chat(ChatSource {
        entrance_ms: 500,
        ..source()
    });
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    let [older, newer] = ["█", "█"].map(line);
    tell(&mut worker, from_ref(&older), &[]);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 1);
    tell(&mut worker, &[older, newer], &[]);
    go_on(&mut worker, 3);
    let frames = worker.stop().frames();
    let tops: Vec<usize> = frames
        .iter()
        .filter_map(|frame| bars(frame, 6).first().copied())
        .map(|(top, _)| top)
        .collect();
    let rest = 180 - HEIGHT;
    let began = tops.iter().rposition(|&top| top >= rest).unwrap();
    let moving: Vec<_> = tops[began..].to_vec();
    let ended = moving
        .iter()
        .position(|top| *top <= rest - HEIGHT - 6)
        .unwrap();
    // 500 ms are 15 frames, of which the last move by less than a step.
    assert!((10..=15).contains(&ended), "{moving:?}");
    assert!(
        moving.is_sorted_by(|above, below| above >= below),
        "{moving:?}"
    );
    let steps: Vec<_> = moving[..=ended]
        .windows(2)
        .map(|two| two[0] - two[1])
        .collect();
    assert!(
        steps[0] > steps[steps.len() - 1],
        "fast at first: {steps:?}"
    );
    assert!(steps.iter().all(|step| step % 2 == 0), "{steps:?}");
}

#[test]
fn messages_fade_when_their_time_is_over() {
    let shown = chat(ChatSource {
        max_age_s: Some(2),
        fade_ms: 500,
        order: ChatOrder::NewestAbove,
        entrance: ChatEntrance::None,
        ..source()
    });
    let mut worker = Worker::on_air(small(), scene(1, &[shown]));
    tell(&mut worker, &[line("█")], &[]);
    go_on(&mut worker, 5);
    let frames = worker.stop().frames();
    let bright: Vec<u8> = frames.iter().map(|frame| frame.pixel(6, 12)[0]).collect();
    let last_whole = bright
        .iter()
        .rposition(|&luma| luma > 240)
        .expect("it shows");
    let fading = &bright[last_whole + 1..];
    let gone = fading.iter().position(|&luma| luma < 16).expect("it goes");
    assert!(
        (12..=17).contains(&gone),
        "500 ms are 15 frames: {fading:?}"
    );
    assert!(
        fading[..gone].is_sorted_by(|near, far| near >= far),
        "{fading:?}"
    );
    assert!(
        fading[gone..].iter().all(|&luma| luma < 16),
        "it stays away"
    );
}

#[test]
fn what_strangers_write_stays_in_its_box_and_its_line() {
    let boxed = |source, place| layer(LayerContent::Chat { source, font: None }, place);
    let hostile = boxed(source(), [40, 60, 200, 60]);
    let readable = boxed(
        ChatSource {
            style: TextStyle {
                background: Some("#0000ff".parse().unwrap()),
                ..style(20)
            },
            ..source()
        },
        [0, 130, 320, 50],
    );
    let mut worker = Worker::on_air(small(), scene(1, &[hostile, readable.clone()]));
    let zalgo: String = "Z̍"
        .chars()
        .chain(std::iter::repeat_n('\u{30d}', 300))
        .collect();
    let messages = [
        line(&"W".repeat(500)),
        line(&format!("a\u{202e}b\u{0}\u{7}\u{1b}[2Jc\n\n\nd{zalgo}")),
        line(&"\u{200f}\u{2066}".repeat(250)),
        line("\u{10ffff}\u{e0001}😀👩\u{200d}👩\u{200d}👧"),
        line("שלום עולם"),
    ];
    tell(&mut worker, &messages, &[]);
    worker.wait_for_layer(readable.id, LayerState::Ok);
    go_on(&mut worker, 2);
    let frame = worker.stop().last_frame();
    let dark = |part| {
        frame
            .part(part)
            .iter()
            .all(|pixel| pixel.iter().all(|&c| c < 48))
    };
    assert!(dark([0, 0, 320, 58]) && dark([0, 60, 38, 60]) && dark([242, 60, 78, 60]));
    assert!(!dark([40, 60, 200, 60]), "there are letters");
    // Hebrew starts at the right, and its background is as wide as it is.
    assert!(frame.is(316, 170, [0, 0, 255]) && frame.is(100, 170, BLACK));
}

#[test]
fn a_flood_of_messages_costs_the_program_no_frame_and_ends_with_the_newest() {
    let shown = chat(source());
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    tell(&mut worker, &[], &[]);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    // A thousand messages a second, as a host tells them: the newest, ten times a second.
    let start = Instant::now();
    for round in 1..=20_u32 {
        let flood: Vec<_> = (0..50).map(|n| line(&format!("{round} {n} ▚▚▚"))).collect();
        tell(&mut worker, &flood, &[]);
        let next = Duration::from_millis(100) * round;
        std::thread::sleep(next.saturating_sub(start.elapsed()));
    }
    let newest = line("██████████████");
    tell(&mut worker, &[newest], &[]);
    go_on(&mut worker, 3);
    let dropped = worker.reports.iter().rev().find_map(|report| match report {
        Report::Stats(stats) => Some(stats.frames_dropped),
        _ => None,
    });
    assert_eq!(dropped, Some(0));
    let recording = worker.stop();
    let steps = recording.steps("v");
    assert!(
        steps.iter().all(|step| (step - steps[0]).abs() < 0.002),
        "{steps:?}"
    );
    let frames = recording.frames();
    let lit = |frame: &Frame| {
        frame
            .part([0, 100, 320, 80])
            .iter()
            .any(|pixel| pixel[0] > 200)
    };
    assert!(frames.iter().filter(|frame| lit(frame)).count() > 30);
    frames.last().unwrap().assert_is(150, 168, WHITE);
}

#[test]
fn the_chat_survives_its_host_and_the_next_one_may_have_read_less() {
    let shown = chat(source());
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    let [older, newer] = ["█", "██"].map(line);
    tell(&mut worker, &[older.clone(), newer.clone()], &[]);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 1);
    worker.go_away();
    worker.connect(2);
    go_on(&mut worker, 1);
    let anew = ChatFeed {
        read_at: Timestamp::from_unix_millis(2),
        ..feed(from_ref(&newer), &[])
    };
    worker.send(&Command::ApplyChat { chat: anew });
    go_on(&mut worker, 2);
    let frames = worker.stop().frames();
    let first = frames
        .iter()
        .position(|frame| frame.is(18, 168, WHITE))
        .unwrap();
    let both = |frame: &Frame| frame.is(6, 138, WHITE);
    let gone = frames.iter().rposition(both).unwrap();
    for frame in &frames[first..] {
        frame.assert_is(18, 168, WHITE);
    }
    assert!(
        frames[first + 10..=gone].iter().all(both),
        "it stays meanwhile"
    );
    assert!(gone + 1 < frames.len());
}

#[test]
fn a_layer_that_comes_back_does_not_show_what_was_deleted_meanwhile() {
    let shown = chat(source());
    let mut worker = Worker::on_air(small(), scene(1, from_ref(&shown)));
    tell(&mut worker, &[line("█")], &[]);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    go_on(&mut worker, 1);
    worker.apply(scene(2, &[]));
    let again = SceneLayer {
        id: sm_common::id::LayerId::generate(),
        ..shown
    };
    worker.apply(scene(3, from_ref(&again)));
    worker.wait_for_layer(again.id, LayerState::Loading);
    go_on(&mut worker, 1);
    let frame = worker.stop().last_frame();
    frame.assert_is(6, 168, BLACK);
}
