//! Outputs: what a request may ask for, and what an answer shows of it.

mod address;
mod change;
mod draft;
mod view;

pub(crate) use change::{Change, OutputAction, Refused, Rules, apply_change};
pub(crate) use view::{OutputList, OutputView};
