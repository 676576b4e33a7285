use std::process::Command;

use crate::harness::Harness;

/// What Prometheus would make of a low frame rate, and of a stream that is off air.
const TESTS: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - series: 'sm_engine_frames_per_second{stream="main"}'
        values: '30x20 5x40'
      - series: 'sm_engine_frames_per_second{stream="other"}'
        values: '0x60'
      - series: 'sm_engine_worker_restarts_total{stream="main",cause="worker.killed"}'
        values: '0x20 1x40'
    alert_rule_test:
      - eval_time: 4m
        alertname: StreamManagerLowFrameRate
        exp_alerts: []
      - eval_time: 8m
        alertname: StreamManagerLowFrameRate
        exp_alerts:
          - exp_labels: {severity: error, stream: main}
            exp_annotations:
              summary: The frame rate is low
              remedy: The host has too little CPU for the program. Lower its size, frame rate or preset, take renditions or web layers away, or move other work off the host.
      - eval_time: 5m30s
        alertname: StreamManagerWorkerFailing
        exp_alerts:
          - exp_labels: {severity: error, stream: main}
            exp_annotations:
              summary: The media worker failed
              remedy: It is replaced by itself. If it happens again, look into its log for the last layer or output that it names, and at the memory of the host.
"#;

/// The rules for Prometheus are made from ours, and are read by its own tool.
#[tokio::test]
async fn promtool_reads_the_rules_and_they_fire_as_ours_do() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let rules = api
        .get("/api/analytics/alerts/rules/prometheus")
        .await
        .expect(200);
    assert_eq!(rules.header("content-type"), "application/yaml");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rules.yml"), &rules.text).unwrap();
    std::fs::write(directory.path().join("tests.yml"), TESTS).unwrap();
    for words in [
        ["check", "rules", "rules.yml"],
        ["test", "rules", "tests.yml"],
    ] {
        let output = Command::new("promtool")
            .args(words)
            .current_dir(directory.path())
            .output()
            .expect("promtool is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}\n{}", rules.text);
    }
}
