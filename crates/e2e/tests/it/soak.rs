use serde_json::json;
use sm_e2e::{SoakPlan, Stack, StackOptions, soak};

/// The short form of `make soak`: sources and outputs die and come back under a program that
/// changes every second, and no packet of it comes early or late.
#[tokio::test]
async fn sources_and_outputs_die_and_the_program_goes_on_without_an_irregular_packet() {
    let stack = Stack::start(StackOptions::at("127.80").with_local_sources());
    let plan = SoakPlan {
        length_s: 48,
        source_every_s: 10,
        output_every_s: 15,
    };
    let report = soak(&stack, plan).await;
    let irregular = report.seen.irregular_packets();
    assert_eq!(irregular.keys().collect::<Vec<_>>(), ["audio", "video"]);
    assert!(irregular.values().all(Vec::is_empty), "{irregular:?}");
    assert_eq!((report.source_deaths, report.output_deaths), (4, 3));
    let state = &report.state;
    assert_eq!(state["worker_restarts"], 0, "{state}");
    assert_eq!(state["interruptions"], json!([]), "{state}");
    let reconnects = |name: &str| {
        let outputs = state["outputs"].as_array().unwrap();
        let output = outputs.iter().find(|output| output["name"] == name);
        output.unwrap()["reconnects"].as_u64().unwrap()
    };
    assert!(reconnects("RTMP") >= 2, "{state}");
    assert!(reconnects("SRT") >= 1, "{state}");
    assert_eq!(reconnects("File"), 0, "{state}");
}
