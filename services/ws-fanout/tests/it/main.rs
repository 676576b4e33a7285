//! ws-fanout as its clients see it: a real service, a real Redis, real sockets, minted
//! identities. What other services write, the test writes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the message it waits for, and fails on any other"
)]

mod attacks;
mod chat;
mod chat_flood;
mod chat_guests;
mod chat_messages;
mod chat_moderation;
mod chat_notices;
mod cluster;
mod conformance;
mod deflate;
mod documents;
mod drain;
mod floods;
mod follower;
mod frames;
mod handshake;
mod harness;
mod heartbeat;
mod identity;
mod message_pack;
mod outage;
mod people;
mod presence;
mod process;
mod proof;
mod raw;
mod recovery;
mod revocation;
mod rolling;
mod slow_readers;
mod subscriptions;
