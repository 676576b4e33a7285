//! Health: is the process alive, can it do its work, and what exactly is wrong.

mod listening;
mod registry;
mod server;

pub use listening::{ListeningSocket, listening_sockets};
pub use registry::{Check, Component, ComponentStatus, Health, HealthReport, Need};
pub(crate) use server::routes;
