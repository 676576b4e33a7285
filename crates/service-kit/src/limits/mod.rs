//! How much one caller may ask for, and how much one process takes on at a time. Requests are
//! counted by what they are ([`Class`]) and who sends them: a person by their token, everybody else
//! by their address. All replicas share what is counted, where the service has given them a place
//! for it ([`Limiter::share`]); while that place is away each counts for itself.

mod account;
mod class;
mod config;
mod layer;
mod limiter;
mod metrics;

pub use class::{Class, Methods, Rule};
pub use config::{ClassLimits, LimitsConfig};
pub(crate) use layer::limit;
pub use limiter::{Limiter, Wish};
