//! The language of the product: identifiers, values, events, messages and authority.
//!
//! Architecture invariant: nothing in here performs I/O, knows a clock of its own, or depends
//! on a web server, a runtime or a database. A type enters when two services speak it on the
//! wire, or when it is a word of the domain that two services must agree on.
#![warn(missing_docs)]

pub mod address;
pub mod alert;
pub mod asset;
pub mod audience;
pub mod auth;
pub mod capacity;
pub mod chat;
pub mod clock;
pub mod event;
pub mod group;
pub mod health;
pub mod id;
pub mod incident;
pub mod ingest;
pub mod ladder;
pub mod layer;
pub mod output;
pub mod performance;
pub mod problem;
pub mod program;
pub mod rate;
pub mod recording;
pub mod resources;
pub mod scene;
pub mod schedule;
pub mod secret;
pub mod sprite;
pub mod stream;
pub mod target;
pub mod template;
pub mod transition;
pub mod variable;
pub mod ws;
