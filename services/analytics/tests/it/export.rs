use std::collections::BTreeMap;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::Value;

use crate::harness::{Harness, fps, viewers};

/// Over seconds that are packed and seconds that are not, with a gap, in every form.
#[tokio::test]
async fn an_export_holds_every_kept_row_once_and_no_other() {
    let mut harness = Harness::new();
    harness.begin_hours_ago(2);
    let service = harness.replica(&[("packing.interval_ms", "50")]);
    harness.samples(0..100).await;
    harness.samples(160..200).await;
    harness.until_packed().await;
    service.stop();
    let service = harness.replica(&[("packing.interval_ms", "3600000")]);
    harness.samples(600..650).await;
    harness.until_read().await;
    let api = harness.operator(&service);
    let expected: BTreeMap<i64, f64> = (0..100)
        .chain(160..200)
        .chain(600..650)
        .map(|second| (harness.at(second).as_unix_millis(), fps(second)))
        .collect();
    let (from, to) = (harness.time(0), harness.time(3600));
    let path = |rest: &str| format!("/api/analytics/export?from={from}&to={to}&{rest}");

    let lines = api.get(&path("metric=fps&format=ndjson")).await.expect(200);
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert!(
        lines
            .header("content-disposition")
            .contains("samples.ndjson")
    );
    let told: Vec<(i64, f64)> = lines
        .text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let time: sm_common::clock::Timestamp =
                serde_json::from_value(line["time"].clone()).unwrap();
            (time.as_unix_millis(), line["last"].as_f64().unwrap())
        })
        .collect();
    assert_eq!(told, expected.clone().into_iter().collect::<Vec<_>>());

    let table = api.get(&path("metric=fps,viewers&resolution=1m")).await;
    let table = table.expect(200).text;
    let counts = table.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[2].to_owned(), fields[8].parse::<u32>().unwrap())
    });
    let counts: Vec<(String, u32)> = counts.collect();
    let each = [60, 40, 20, 20, 50];
    for (metric, counts) in ["fps", "viewers"].iter().zip(counts.chunks(each.len())) {
        let expected: Vec<_> = each.map(|count| ((*metric).to_owned(), count)).to_vec();
        assert_eq!(counts, expected);
    }

    let request = api.request(reqwest::Method::GET, &path("metric=viewers&format=parquet"));
    let answer = request.send().await.unwrap();
    let file = SerializedFileReader::new(answer.bytes().await.unwrap()).unwrap();
    let rows = file.get_row_iter(None).unwrap().map(Result::unwrap);
    let told: Vec<f64> = rows.map(|row| row.get_double(9).unwrap()).collect();
    let expected: Vec<f64> = (0..100)
        .chain(160..200)
        .chain(600..650)
        .map(|second| f64::from(u32::try_from(viewers(second)).unwrap()))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_export_of_nothing_has_a_head_and_no_row() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let table = api.get("/api/analytics/export").await.expect(200);
    assert_eq!(table.text.lines().count(), 1);
    let lines = api.get("/api/analytics/export?format=ndjson").await;
    assert_eq!(lines.expect(200).text, "");
}

#[tokio::test]
async fn an_export_too_many_is_refused_and_says_so() {
    let harness = Harness::new();
    let service = harness.replica(&[("query.exports_max", "0")]);
    let api = harness.operator(&service);
    let refused = api.get("/api/analytics/export").await;
    let _refused = refused.expect_problem(429, "analytics.export.limit-reached");
}
