use sm_common::auth::Role;
use sm_common::event::{Channel, Epoch, Position};
use sm_test_kit::Socket;

use crate::follower::Follower;
use crate::harness::{World, connect, metric, texts, websocket_url};

#[tokio::test]
async fn a_client_that_was_cut_gets_exactly_what_it_missed_on_any_replica() {
    let world = World::start().await;
    let other = world.replica().await;
    let mut follower = Follower::default();
    let mut socket = world.socket(Role::Viewer).await;
    follower.follow(&mut socket).await;
    let mut written = Vec::new();
    for round in 0..6 {
        let text = format!("{round} heard");
        world.publish(text.clone()).await;
        written.push(text);
        follower
            .listen(&mut socket, |f| f.log.len() == written.len())
            .await;
        socket.cut();
        for number in 0..round * 7 {
            let text = format!("{round} missed {number}");
            world.publish(text.clone()).await;
            written.push(text);
        }
        let service = if round % 2 == 0 {
            &other
        } else {
            &world.service
        };
        let token = world.issuer.token(Role::Viewer);
        socket = connect(&websocket_url(service), &token).await;
        assert!(follower.follow(&mut socket).await, "round {round}");
        follower
            .listen(&mut socket, |f| f.log.len() >= written.len())
            .await;
        assert_eq!(follower.log, written);
    }
    assert_eq!(follower.snapshots, 1);
    let recovered = "sm_ws_recoveries_total{outcome=\"recovered\"}";
    assert!(metric(&other, recovered).await >= 3.0);
}

#[tokio::test]
async fn whoever_missed_too_much_or_knows_another_history_takes_a_snapshot() {
    let world = World::with(&[("fanout.recovery_events_max", "5")]).await;
    let mut epoch = Epoch::generate();
    for number in 1..=20 {
        epoch = world.publish(number.to_string()).await.epoch;
    }
    let at = |epoch: &Epoch, offset| Position {
        epoch: epoch.clone(),
        offset,
    };
    let mut socket = world.socket(Role::Viewer).await;
    for (since, recovered) in [
        (at(&epoch, 20), true),
        (at(&epoch, 15), true),
        (at(&epoch, 14), false),
        (at(&epoch, 0), false),
        (at(&epoch, 21), false),
        (at(&epoch, u64::MAX), false),
        (at(&Epoch::generate(), 20), false),
        (at(&Epoch::from("}".to_owned()), 20), false),
    ] {
        let subscription = socket.subscribe(Channel::Chat, Some(since.clone())).await;
        assert_eq!(subscription.recovered, recovered, "{since:?}");
        if recovered {
            let missed = usize::try_from(20 - since.offset).unwrap();
            assert_eq!(subscription.position, since);
            let offsets: Vec<_> = socket
                .events(missed)
                .await
                .iter()
                .map(|e| e.offset)
                .collect();
            assert_eq!(offsets, (since.offset + 1..=20).collect::<Vec<_>>());
        } else {
            assert_eq!(subscription.position, at(&epoch, 20));
            assert_eq!(
                texts(subscription.snapshot.unwrap().as_array().unwrap()).len(),
                20
            );
        }
    }
}

/// A client that is cut again and again, on two replicas by turns, until it knows `total`.
async fn restless(urls: [String; 2], token: String, total: usize, seed: usize) -> Follower {
    let mut follower = Follower::default();
    let mut round = seed;
    while follower.log.len() < total {
        let mut socket: Socket = connect(&urls[round % 2], &token).await;
        follower.follow(&mut socket).await;
        let stay = follower.log.len() + 1 + (round * 31 + seed * 17) % 40;
        follower
            .listen(&mut socket, |f| f.log.len() >= stay.min(total))
            .await;
        socket.cut();
        round += 1;
    }
    follower
}

#[tokio::test]
async fn clients_that_come_and_go_under_load_hear_everything_once_and_in_order() {
    const TOTAL: usize = 300;
    let world = World::with(&[("chat.snapshot_messages", "1000")]).await;
    let other = world.replica().await;
    let clients: Vec<_> = (0..12)
        .map(|seed| {
            let urls = [world.url(), websocket_url(&other)];
            let token = world.issuer.token(Role::Viewer);
            tokio::spawn(restless(urls, token, TOTAL, seed))
        })
        .collect();
    for number in 0..TOTAL {
        world.publish(number.to_string()).await;
    }
    let expected: Vec<_> = (0..TOTAL).map(|number| number.to_string()).collect();
    for client in clients {
        let follower = client.await.unwrap();
        assert_eq!(follower.log, expected);
        assert_eq!(follower.snapshots, 1, "everything later is recovered");
    }
}
