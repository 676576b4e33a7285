//! What is sent: Prometheus remote-write 1.0. Pure.

use std::collections::BTreeMap;

use prost::Message;
use sm_common::id::StreamId;

use crate::catalogue::Metric;
use crate::rollup::quantity::unscale;
use crate::store::Rows;

/// `prometheus.WriteRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    /// In the order of their names.
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    /// In the order of time.
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

/// `prometheus.Label`
#[derive(Clone, PartialEq, Eq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `prometheus.Sample`
#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The name of a metric there.
pub(super) fn name_of(metric: Metric) -> String {
    format!("sm_stream_{}", metric.spec().name)
}

/// The request with seconds of some metrics; how many samples it has.
pub(super) fn request(
    stream: &StreamId,
    labels: &BTreeMap<String, String>,
    metrics: &[Metric],
    seconds: &[Rows],
) -> (WriteRequest, usize) {
    let mut timeseries = Vec::with_capacity(metrics.len());
    let mut count = 0;
    for (metric, rows) in metrics.iter().zip(seconds) {
        if rows.is_empty() {
            continue;
        }
        let samples: Vec<Sample> = rows
            .iter()
            .map(|(second, stat)| Sample {
                value: unscale(stat.last, metric.decimals()),
                timestamp: second * 1000,
            })
            .collect();
        count += samples.len();
        timeseries.push(TimeSeries {
            labels: labels_of(*metric, stream, labels),
            samples,
        });
    }
    (WriteRequest { timeseries }, count)
}

fn labels_of(metric: Metric, stream: &StreamId, labels: &BTreeMap<String, String>) -> Vec<Label> {
    let mut all = labels.clone();
    all.insert("__name__".to_owned(), name_of(metric));
    all.insert("stream".to_owned(), stream.to_string());
    all.into_iter()
        .map(|(name, value)| Label { name, value })
        .collect()
}

/// The body of a request.
pub(super) fn encode(request: &WriteRequest) -> Result<Vec<u8>, snap::Error> {
    snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::Stat;

    #[test]
    fn a_request_has_sorted_labels_and_only_metrics_that_were_measured() {
        let labels = BTreeMap::from([("site".to_owned(), "hall".to_owned())]);
        let fps = Rows::from([(10, Stat::of(29_970)), (11, Stat::of(30_000))]);
        let metrics = [Metric::Fps, Metric::Viewers];
        let stream = StreamId::default();
        let (request, count) = request(&stream, &labels, &metrics, &[fps, Rows::new()]);
        assert_eq!(count, 2);
        let [series] = request.timeseries.as_slice() else {
            panic!("one series");
        };
        let labels: Vec<_> = series
            .labels
            .iter()
            .map(|label| (label.name.as_str(), label.value.as_str()))
            .collect();
        assert_eq!(
            labels,
            [
                ("__name__", "sm_stream_fps"),
                ("site", "hall"),
                ("stream", "main")
            ]
        );
        let samples: Vec<_> = series
            .samples
            .iter()
            .map(|sample| (sample.timestamp, sample.value.to_string()))
            .collect();
        assert_eq!(
            samples,
            [(10_000, "29.97".to_owned()), (11_000, "30".to_owned())]
        );
        let body = encode(&request).unwrap();
        let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
        assert_eq!(WriteRequest::decode(plain.as_slice()).unwrap(), request);
    }
}
