//! One client: comes to any replica, stays for a while, is cut, and comes back with its position.

use std::sync::Arc;

use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::{Socket, until_some};

use super::diary::Diary;
use super::dice::Dice;
use super::stage::{PATIENCE, Shared};

/// Most events for which a client stays.
const STAY: usize = 120;
/// Most events for which one stays away: more than are recovered, at times.
const AWAY: usize = 260;

/// Follows chat to the end. The first of all clients never stays away, so that somebody always hears.
pub(super) async fn follow(shared: Arc<Shared>, number: usize, mut dice: Dice) -> Diary {
    let mut diary = Diary::default();
    loop {
        let mut socket = enter(&shared, &mut dice, &mut diary).await;
        let stay = dice.roll(STAY) + 1;
        if listen(&shared, &mut socket, &mut diary, number, stay).await {
            return diary;
        }
        socket.cut();
        if number > 0 && dice.roll(3) == 0 {
            shared.pass(dice.roll(AWAY)).await;
        }
    }
}

/// A connection with a subscription, to whichever replica gives one.
async fn enter(shared: &Shared, dice: &mut Dice, diary: &mut Diary) -> Socket {
    let (socket, subscribed) = until_some("a replica gives the channel", PATIENCE, || {
        let url = shared.replica(dice.roll(usize::MAX));
        let since = diary.position.clone();
        async move {
            let mut socket = Socket::connect(&url?, Some(shared.token())).await.ok()?;
            let subscribe = ClientMessage::Subscribe {
                id: 1,
                channel: Channel::Chat,
                stream: StreamId::default(),
                since,
                sample: false,
            };
            socket.try_say(&subscribe).await.ok()?;
            loop {
                let message = socket.hear_or_close_within(PATIENCE).await.ok()?;
                match message {
                    ServerMessage::Subscribed { .. } => return Some((socket, message)),
                    ServerMessage::Error { .. } => return None,
                    _ => {}
                }
            }
        }
    })
    .await;
    diary.connections += 1;
    diary.write(subscribed);
    socket
}

/// Hears so many events, or until the connection ends; true at the end of everything.
async fn listen(
    shared: &Shared,
    socket: &mut Socket,
    diary: &mut Diary,
    number: usize,
    stay: usize,
) -> bool {
    let until = diary.entries.len() + stay;
    let mut ending = shared.ending();
    loop {
        if number == 0 {
            shared.first_is_at(diary.position.as_ref());
        }
        if ending.borrow_and_update().is_some() && *ending.borrow() == diary.position {
            return true;
        }
        if diary.entries.len() >= until {
            return false;
        }
        tokio::select! {
            heard = socket.hear_or_close_within(PATIENCE) => match heard {
                Ok(message) => diary.write(message),
                Err(_closed) => return false,
            },
            _ = ending.changed() => {}
        }
    }
}
