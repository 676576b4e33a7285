//! Background work beside the streams' own tasks.

mod audience;
mod resources;
mod streams;

pub(crate) use resources::report_worker;
pub(crate) use streams::{Changes, Launcher, Registry};
