use sm_common::performance::Performance;

use crate::harness::Harness;

/// What an encoder took for the slowest frames of a second: mostly a few milliseconds, and a tail.
fn encode_ms(second: u64) -> f64 {
    let mut mixed = (second + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let noise = f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX);
    ((4.0 + noise + 0.5 / (1.001 - noise)) * 1000.0).round() / 1000.0
}

/// The value at the rank of a quantile.
fn exact(seconds: std::ops::Range<u64>, percent: usize) -> f64 {
    let mut values: Vec<f64> = seconds.map(encode_ms).collect();
    values.sort_by(f64::total_cmp);
    values[percent * (values.len() - 1) / 100]
}

/// Before and after they are packed, in steps of seconds, minutes and hours.
#[tokio::test]
async fn quantiles_are_within_one_per_cent() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    let reader = harness.replica(&[("packing.interval_ms", "3600000")]);
    let api = harness.operator(&reader);
    for second in 0..700 {
        let performance = Performance {
            encode_ms_p99: Some(encode_ms(second)),
            ..Performance::default()
        };
        harness.sample(second, performance, 1).await;
    }
    harness.until_read().await;
    for is_packed in [false, true] {
        if is_packed {
            let packer = harness.replica(&[("packing.interval_ms", "50")]);
            harness.until_packed().await;
            packer.stop();
        }
        for (step, length, error) in [("10s", 10, 0.0), ("1m", 60, 0.01), ("1h", 3600, 0.01)] {
            for percent in [50, 90, 99] {
                let step = format!("{step}&quantile=0.{percent}");
                let series = harness.series(&api, "encode_ms_p99", 0..700, &step).await;
                for (start, point) in (0..700).step_by(length).zip(series) {
                    let seconds = start..(start + u64::try_from(length).unwrap()).min(700);
                    let exact = exact(seconds, percent);
                    let told = point[0].unwrap();
                    let off = (told - exact).abs() / exact;
                    assert!(
                        off <= error + 1e-9,
                        "{step} from {start}: {told} for {exact}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn quantiles_that_cannot_be_had_are_refused() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    for (query, word) in [
        ("metric=fps&quantile=0.9", "encode_ms_p99"),
        ("metric=encode_ms_p99&quantile=99", "0 to 1"),
        ("metric=encode_ms_p99&quantile=0.9&view=rate", "either"),
        (
            "metric=encode_ms_p99&quantile=0.9&from=-1d&to=-20h&step=10s",
            "whole minutes",
        ),
    ] {
        let path = format!("/api/analytics/timeseries?{query}");
        let answer = api.get(&path).await;
        let answer = answer.expect_problem(400, "request.query.invalid");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{query}: {detail}");
    }
}
