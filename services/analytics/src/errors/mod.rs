//! Errors in groups: one for each cause, however often and in however many words it is told.

mod fingerprint;
mod group;
mod store;

pub(crate) use group::{ErrorGroup, GroupAction, Occurrence};
pub(crate) use store::ErrorStore;
