//! What is asked of the kept rows, and the answers.

mod broadcast;
mod measured;
mod moment;
mod series;
mod summary;
mod window;

pub(crate) use moment::{Moment, Step};
pub(crate) use series::{MetricPoints, read_series};
pub(crate) use summary::{Period, Summary, summarise};
pub(crate) use window::{Limits, WindowError, plan};
