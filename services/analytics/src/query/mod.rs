//! What is asked of the kept rows, and the answers.

mod broadcast;
mod compare;
mod export;
mod group;
mod measured;
mod moment;
mod quality;
mod quantile;
mod rate;
mod series;
mod summary;
mod window;

pub(crate) use compare::Comparison;
#[cfg(test)]
pub(crate) use export::Record;
pub(crate) use export::{Page, Pages, Selection};
pub(crate) use group::Group;
pub(crate) use moment::{Moment, Step};
pub(crate) use quantile::{Part, QuantileError, read_quantiles};
pub(crate) use rate::View;
pub(crate) use series::{MetricPoints, read_series};
pub(crate) use summary::{BroadcastList, Period, Summary, list_broadcasts, summarise};
pub(crate) use window::{Limits, WindowError, plan};
