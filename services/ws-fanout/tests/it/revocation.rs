use sm_bus::Commit;
use sm_common::auth::{Identity, Revocation, Revoked, Role};
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::Channel;
use sm_common::id::SessionId;
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::{Socket, until};

use crate::harness::{SOON, World, connect, hear_close};
use crate::raw::handshake;

const QUICK: (&str, &str) = ("auth.revocations_every_ms", "50");

/// Somebody who is signed in, with the token that proves it.
struct SignedIn {
    identity: Identity,
    token: String,
}

fn signed_in(world: &World, role: Role, standing: u64) -> SignedIn {
    let now = SystemClock.now().as_unix_seconds();
    let mut claims = world.issuer.claims(role, now, now + 600);
    claims.standing = standing;
    SignedIn {
        token: world.issuer.sign(&claims),
        identity: claims.into(),
    }
}

async fn revoke(world: &World, identity: &Identity, what: Revoked) {
    let user = identity.user;
    let commit = Commit::new().revoke(&Revocation { user, what }).unwrap();
    world.bus.commit(commit, Vec::new()).await.unwrap();
}

fn session(identity: &Identity) -> Revoked {
    Revoked::Session {
        session: identity.session,
    }
}

async fn still_hears(world: &World, socket: &mut Socket) {
    socket.subscribe(Channel::Chat, None).await;
    world.publish("still here").await;
    assert_eq!(socket.events(1).await[0].channel, Channel::Chat);
}

#[tokio::test]
async fn a_sign_in_that_is_ended_ends_its_connections_on_every_replica_and_no_others() {
    let world = World::with(&[QUICK]).await;
    let replica = world.replica_over(&world.redis.url(), &[QUICK]).await;
    let url = crate::harness::websocket_url(&replica);
    let (here, elsewhere) = (
        signed_in(&world, Role::Viewer, 0),
        signed_in(&world, Role::Viewer, 0),
    );
    let mut one = connect(&world.url(), &here.token).await;
    let mut other = connect(&url, &here.token).await;
    let mut stays = connect(&world.url(), &elsewhere.token).await;

    revoke(&world, &here.identity, session(&here.identity)).await;
    assert_eq!(hear_close(&mut one).await, 4504);
    assert_eq!(hear_close(&mut other).await, 4504);
    still_hears(&world, &mut stays).await;
}

#[tokio::test]
async fn what_is_revoked_opens_no_connection_and_answers_no_request() {
    let world = World::with(&[QUICK]).await;
    let gone = signed_in(&world, Role::Admin, 0);
    let chat = "/api/chat/messages";
    let api = world.api(Role::Admin).with_token(&gone.token);
    let _before = api.get(chat).await.expect(200);
    revoke(&world, &gone.identity, session(&gone.identity)).await;
    until("the token is refused", SOON, || async {
        api.get(chat).await.status == 401
    })
    .await;
    api.get(chat)
        .await
        .expect_problem(401, "auth.token.revoked");
    let bearer = format!("Bearer {}", gone.token);
    let answer = handshake(&world.service, "/ws", &[("authorization", &bearer)]).await;
    let _refused = answer.expect_problem(401, "auth.token.revoked");

    let digest = "e7a4eae34c12ab2c05187399d2955aefc791814675e763426370bceb05dbab4f";
    world.keep_identity(digest, &gone.identity).await;
    let answer = handshake(&world.service, "/ws?ticket=one-time", &[]).await;
    let _refused = answer.expect_problem(401, "auth.token.revoked");
}

#[tokio::test]
async fn a_new_role_asks_for_a_new_token_and_goes_on_with_it() {
    let world = World::with(&[QUICK]).await;
    let before = signed_in(&world, Role::Operator, 1);
    let after = signed_in(&world, Role::Operator, 2);
    let mut refreshed = connect(&world.url(), &before.token).await;
    let mut left_alone = connect(&world.url(), &before.token).await;
    refreshed
        .say(&ClientMessage::Auth {
            id: 1,
            token: after.token,
        })
        .await;
    assert_eq!(refreshed.hear().await, ServerMessage::ack(1));
    let what = Revoked::Standing {
        below: 2,
        signed_out: false,
    };
    revoke(&world, &before.identity, what).await;
    assert_eq!(hear_close(&mut left_alone).await, 4002);
    still_hears(&world, &mut refreshed).await;
}

#[tokio::test]
async fn a_process_hears_of_what_was_revoked_before_it_started() {
    let world = World::with(&[QUICK]).await;
    let gone = signed_in(&world, Role::Viewer, 0);
    for _other in 0..3 {
        let other = Revoked::Session {
            session: SessionId::generate(),
        };
        revoke(&world, &gone.identity, other).await;
    }
    revoke(&world, &gone.identity, session(&gone.identity)).await;
    let replica = world.replica_over(&world.redis.url(), &[]).await;
    let bearer = format!("Bearer {}", gone.token);
    let answer = handshake(&replica, "/ws", &[("authorization", &bearer)]).await;
    let _refused = answer.expect_problem(401, "auth.token.revoked");
}

#[tokio::test]
async fn what_was_heard_holds_while_redis_is_away_and_what_was_not_is_heard_afterwards() {
    let mut world = World::with(&[QUICK, ("redis.timeout_ms", "700")]).await;
    let (known, unknown) = (
        signed_in(&world, Role::Viewer, 0),
        signed_in(&world, Role::Viewer, 0),
    );
    revoke(&world, &known.identity, session(&known.identity)).await;
    let url = world.url();
    let connects = async |token: &str| Socket::connect(&url, Some(token)).await.is_ok();
    until("the token is refused", SOON, || async {
        !connects(&known.token).await
    })
    .await;
    let mut held = connect(&world.url(), &unknown.token).await;
    world.redis.kill();
    assert!(!connects(&known.token).await);
    world.redis.restart();
    revoke(&world, &unknown.identity, session(&unknown.identity)).await;
    assert_eq!(hear_close(&mut held).await, 4504);
}
