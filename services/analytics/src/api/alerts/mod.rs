//! Alerts, their rules, silences, and whom they are sent to.

pub(super) mod deliveries;
pub(super) mod list;
pub(super) mod rules;
pub(super) mod silences;
pub(super) mod webhooks;

use serde::Deserialize;
use sm_common::id::StreamId;
use utoipa::IntoParams;

/// Which stream is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfStream {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    pub(super) stream: StreamId,
}
