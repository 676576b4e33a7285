//! Incidents: signs that belong together, what most likely caused them, and how it went on.
//!
//! Pure but [`store`]. What is known of how the parts of the system depend on each other is the one
//! table in [`part`]; a cause is ranked by terms that are told one by one.

mod book;
mod part;
mod rank;
mod report;
mod store;

pub(crate) use book::{Book, Limits, Sign, Told};
pub(crate) use rank::Change;
pub(crate) use report::{MonthReport, month_report, month_span};
pub(crate) use store::{IncidentStore, newest_documents};
