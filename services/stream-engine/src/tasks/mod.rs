//! Background work beside the streams' own tasks.

mod resources;
mod streams;

pub(crate) use resources::report_worker;
pub(crate) use streams::{Changes, Launcher, Registry};
