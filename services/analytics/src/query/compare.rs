//! Two summaries side by side. Pure.

use serde::Serialize;
use sm_common::id::StreamId;
use utoipa::ToSchema;

use super::summary::Summary;

/// How two broadcasts or ranges of a stream differ.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Comparison {
    /// The stream.
    stream: StreamId,
    /// The first.
    a: Summary,
    /// The second.
    b: Summary,
    /// What both say, as numbers.
    differences: Vec<Difference>,
}

/// One number of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
struct Difference {
    /// Where it is in a summary, with dots.
    name: &'static str,
    /// The first; `null` when it was not measured.
    a: Option<f64>,
    /// The second.
    b: Option<f64>,
    /// The second less the first; `null` unless both are known.
    change: Option<f64>,
    /// The second as a part of the first; `null` unless both are known and the first is not 0.
    ratio: Option<f64>,
}

impl Comparison {
    pub(crate) fn new(stream: StreamId, a: Summary, b: Summary) -> Self {
        let differences = a
            .numbers()
            .into_iter()
            .zip(b.numbers())
            .map(|((name, a), (_, b))| Difference {
                name,
                a,
                b,
                change: a.zip(b).map(|(a, b)| b - a),
                ratio: a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| b / a),
            })
            .collect();
        Self {
            stream,
            a,
            b,
            differences,
        }
    }
}
