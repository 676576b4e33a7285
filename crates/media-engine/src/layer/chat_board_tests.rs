use sm_common::id::UserId;
use sm_common::layer::TextStyle;

use super::*;
use crate::picture::{Bitmap, Matrix};

const READ: Timestamp = Timestamp::from_unix_millis(1000);

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_millis(ms)
}

fn line(sent_ms: i64) -> ChatLine {
    ChatLine {
        id: MessageId::generate(),
        user: UserId::generate(),
        color: None,
        name: "Ada".to_owned(),
        text: format!("{sent_ms}"),
        sent_at: at(sent_ms),
    }
}

fn feed(messages: &[ChatLine], deleted: &[MessageId]) -> ChatFeed {
    ChatFeed {
        read_at: READ,
        messages: messages.to_vec(),
        deleted: deleted.to_vec(),
    }
}

fn sheet(height: usize) -> Sheet {
    let bitmap = Bitmap::from_premultiplied(&[], 40, 10, height);
    Sheet {
        picture: Arc::new(bitmap.to_picture(Matrix::Bt709)),
        x: 0,
    }
}

fn board(source: ChatSource) -> Board {
    Board::new(Timeline::new(30), source, (100, 100))
}

fn source() -> ChatSource {
    ChatSource {
        gap: 0,
        style: TextStyle {
            size: 20,
            ..TextStyle::default()
        },
        ..ChatSource::default()
    }
}

/// Draws all that is to be drawn, 20 pixels high each.
fn draw(board: &mut Board, now: Timestamp) -> usize {
    let blanks = board.to_draw(now);
    board.ordered(&blanks);
    assert_eq!(board.to_draw(now), [], "nothing is ordered twice");
    let drawn = blanks.iter().map(|blank| (blank.line.id, Some(sheet(20))));
    board.drawn(board.look(), drawn.collect());
    board.settle(now);
    blanks.len()
}

fn shown(board: &Board) -> Vec<&str> {
    let entries = board.entries.iter();
    entries
        .filter(|entry| entry.sheet.is_some() && entry.going.is_none())
        .map(|entry| entry.line.text.as_str())
        .collect()
}

#[test]
fn the_newest_messages_that_have_room_are_drawn_and_no_others() {
    let lines: Vec<_> = (0..50).map(line).collect();
    let mut board = board(source());
    assert!(!board.is_told());
    board.hear(&feed(&lines, &[]), true);
    assert!(board.is_told());
    assert_eq!(draw(&mut board, at(99)), 5, "100 pixels of 20 each");
    assert_eq!(shown(&board), ["45", "46", "47", "48", "49"]);
    let mut few = self::board(ChatSource {
        max_messages: 2,
        ..source()
    });
    few.hear(&feed(&lines, &[]), true);
    assert_eq!(draw(&mut few, at(99)), 2);
    assert_eq!(shown(&few), ["48", "49"]);
}

#[test]
fn a_deleted_message_is_gone_at_once_and_another_takes_its_room() {
    let lines: Vec<_> = (0..6).map(line).collect();
    let mut board = board(source());
    board.hear(&feed(&lines, &[]), true);
    draw(&mut board, at(99));
    let left: Vec<_> = lines
        .iter()
        .filter(|line| line.text != "4")
        .cloned()
        .collect();
    board.hear(&feed(&left, &[lines[4].id]), true);
    board.settle(at(99));
    assert_eq!(shown(&board), ["1", "2", "3", "5"]);
    assert_eq!(board.cards().len(), 4);
    draw(&mut board, at(99));
    assert_eq!(shown(&board), ["0", "1", "2", "3", "5"]);
}

#[test]
fn a_message_that_is_deleted_while_it_is_drawn_never_shows() {
    let lines = [line(1)];
    let mut board = board(source());
    board.hear(&feed(&lines, &[]), true);
    let blanks = board.to_draw(at(2));
    board.ordered(&blanks);
    board.hear(&feed(&[], &[lines[0].id]), true);
    board.drawn(0, vec![(lines[0].id, Some(sheet(20)))]);
    board.settle(at(2));
    assert!(board.cards().is_empty());
}

#[test]
fn a_burst_shows_what_could_be_drawn_until_newer_ones_are() {
    let mut board = board(source());
    board.hear(&feed(&[], &[]), true);
    let first: Vec<_> = (0..50).map(line).collect();
    board.hear(&feed(&first, &[]), true);
    let blanks = board.to_draw(at(99));
    board.ordered(&blanks);
    // All fifty have been pushed out before any was drawn.
    let second: Vec<_> = (100..150).map(line).collect();
    board.hear(&feed(&second, &[blanks[0].line.id]), true);
    let drawn = blanks.iter().map(|blank| (blank.line.id, Some(sheet(20))));
    board.drawn(0, drawn.collect());
    board.settle(at(199));
    assert_eq!(shown(&board), ["46", "47", "48", "49"]);
    draw(&mut board, at(199));
    assert_eq!(shown(&board), ["145", "146", "147", "148", "149"]);
    let going = |board: &Board| board.cards().len() - shown(board).len();
    assert_eq!(going(&board), 4, "the others fade");
    let gone_at = board.changes_at().unwrap();
    assert_eq!(gone_at, at(199 + 500 + 500));
    board.settle(gone_at);
    assert_eq!(going(&board), 0);
    board.hear(&feed(&second, &[]), true);
    assert_eq!(board.entries.len(), 50, "nothing is kept of what has gone");
}

#[test]
fn what_another_reading_does_not_know_is_gone() {
    let lines: Vec<_> = (0..3).map(line).collect();
    let mut board = board(source());
    board.hear(&feed(&lines, &[]), true);
    draw(&mut board, at(99));
    board.hear(&feed(&lines[2..], &[]), true);
    assert_eq!(shown(&board), ["0", "1", "2"], "pushed out");
    let anew = ChatFeed {
        read_at: at(2000),
        ..feed(&lines[1..], &[])
    };
    board.hear(&anew, true);
    assert_eq!(shown(&board), ["1", "2"]);
}

#[test]
fn only_what_is_new_enters_and_only_at_the_end() {
    let lines: Vec<_> = (0..7).map(line).collect();
    let mut board = board(source());
    board.hear(&feed(&lines[..5], &[]), true);
    draw(&mut board, at(99));
    let ramps = |board: &Board| -> Vec<bool> {
        let at_once = format!("{:?}", Ramp::new(0));
        let cards = board.cards();
        let is_slow = |card: &Card| format!("{:?}", card.coming) != at_once;
        cards.iter().map(is_slow).collect()
    };
    assert_eq!(ramps(&board), [false; 5], "they were there before");
    board.hear(&feed(&lines[..6], &[]), true);
    draw(&mut board, at(99));
    let mut entered = ramps(&board);
    assert_eq!(entered.pop(), Some(true));
    assert!(!entered.contains(&true));
    board.hear(&feed(&lines, &[]), false);
    draw(&mut board, at(99));
    assert_eq!(
        ramps(&board).pop(),
        Some(false),
        "nobody sees a hidden layer"
    );
}

#[test]
fn a_message_fades_when_its_time_is_over() {
    let lines = [line(0), line(5000)];
    let mut board = board(ChatSource {
        max_age_s: Some(10),
        fade_ms: 1000,
        ..source()
    });
    board.hear(&feed(&lines, &[]), true);
    draw(&mut board, at(6000));
    assert_eq!(board.changes_at(), Some(at(10_000)));
    board.settle(at(10_000));
    assert_eq!(shown(&board), ["5000"]);
    assert_eq!(board.cards().len(), 2, "it fades");
    assert_eq!(board.changes_at(), Some(at(11_500)));
    board.settle(at(11_500));
    assert_eq!(board.cards().len(), 1);
    assert_eq!(board.to_draw(at(11_500)), [], "it is not drawn again");
    board.settle(at(15_000));
    board.settle(at(16_500));
    assert!(board.cards().is_empty());
    assert_eq!(board.changes_at(), None);
}

#[test]
fn another_look_is_drawn_behind_the_old_one() {
    let mut board = board(source());
    board.hear(&feed(&[line(1)], &[]), true);
    assert!(
        !board.restyle(&source(), (200, 100)),
        "nothing is in the picture"
    );
    draw(&mut board, at(2));
    let slower = ChatSource {
        entrance_ms: 2000,
        max_age_s: Some(100),
        ..source()
    };
    assert!(!board.restyle(&slower, (200, 100)), "they look the same");
    assert_eq!(board.to_draw(at(2)), []);
    let nameless = ChatSource {
        names: false,
        ..slower
    };
    assert!(board.restyle(&nameless, (200, 100)));
    assert_eq!(board.cards().len(), 1, "the old look stays meanwhile");
    assert_eq!(draw(&mut board, at(2)), 1);
    assert_eq!(board.cards().len(), 1);
}

#[test]
fn a_message_that_cannot_be_drawn_is_passed_over_until_the_look_changes() {
    let lines = [line(1), line(2)];
    let mut board = board(ChatSource {
        max_messages: 1,
        ..source()
    });
    board.hear(&feed(&lines, &[]), true);
    let blanks = board.to_draw(at(3));
    board.ordered(&blanks);
    board.drawn(0, vec![(lines[1].id, None)]);
    assert_eq!(draw(&mut board, at(3)), 1);
    assert_eq!(shown(&board), ["1"]);
    board.restyle(&source(), (50, 50));
    assert_eq!(draw(&mut board, at(3)), 2);
}

#[test]
fn an_edited_message_is_drawn_again_in_its_place_also_while_it_is_being_drawn() {
    let [first, second] = [1, 2].map(line);
    let mut board = board(source());
    board.hear(&feed(&[first.clone(), second.clone()], &[]), true);
    draw(&mut board, at(3));
    let edit = |text: &str| ChatLine {
        text: text.to_owned(),
        ..first.clone()
    };
    board.hear(&feed(&[edit("A"), second.clone()], &[]), true);
    assert_eq!(shown(&board).len(), 2, "what it was is seen until then");
    let blanks = board.to_draw(at(4));
    let former = board.look();
    board.ordered(&blanks);
    board.hear(&feed(&[edit("B"), second.clone()], &[]), true);
    board.drawn(former, vec![(first.id, Some(sheet(20)))]);
    let again: Vec<_> = board
        .to_draw(at(5))
        .into_iter()
        .map(|blank| blank.line.text)
        .collect();
    assert!(again.contains(&"B".to_owned()), "{again:?}");
    draw(&mut board, at(5));
    assert_eq!(shown(&board), ["B", "2"]);
    assert_eq!(board.to_draw(at(6)), []);
}
