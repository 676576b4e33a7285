//! Alert rules: what they say, when they are broken, and who is not to hear of it.
//!
//! Everything in here is pure but [`store`]: a rule, what was measured and what is known of the stream
//! go in, and what has become of the rule's alert comes out. So the same code judges what is measured
//! now and what was measured last week.

mod defaults;
mod draft;
mod dry_run;
mod judge;
mod machine;
mod prometheus;
mod rule;
mod series;
mod silence;
mod store;

#[cfg(test)]
pub(crate) use defaults::built_in;
pub(crate) use draft::{new_rule, patched_rule};
pub(crate) use dry_run::{DryRun, DryRunError, Past, dry_run};
pub(crate) use judge::{Look, Verdict, judge};
pub(crate) use machine::{Edge, Phase, Sign as RuleSign, Timing, step};
pub(crate) use prometheus::prometheus_rules;
pub(crate) use rule::{Condition, Rule, When};
#[cfg(test)]
pub(crate) use series::Reading;
pub(crate) use series::{Readings, Samples, StoredSamples};
pub(crate) use silence::{Silence, SilenceKind, mute, new_silence};
pub(crate) use store::{AlertStore, ChangeError};

#[cfg(test)]
pub(crate) use rule::tests::rule as any_rule;
