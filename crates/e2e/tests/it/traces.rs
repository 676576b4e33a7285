use reqwest::Method;
use serde_json::json;
use sm_e2e::{Collector, Stack, StackOptions};

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

/// One trace: the caller's, layer-service's, and that of the engine which hears of the change.
#[tokio::test]
async fn a_trace_goes_on_over_http_and_over_the_bus() {
    let collector = Collector::start();
    let mut options = StackOptions::at("127.79");
    options.set = vec![format!(
        "all.SM__TELEMETRY__OTLP_ENDPOINT={}",
        collector.url()
    )];
    let stack = Stack::start(options);
    let admin = stack.admin().await;
    let layer = json!({"name": "Traced", "kind": "color", "source": {"color": "#102030"}});
    let request = admin
        .request(Method::POST, "/api/layers")
        .header(
            "traceparent",
            format!("00-{TRACE:032x}-00f067aa0ba902b7-01"),
        )
        .json(&layer);
    admin.send(request).await.expect(201);
    for service in ["layer-service", "stream-engine"] {
        stack
            .until(&format!("{service} has sent its part"), || async {
                collector.has_span(service, TRACE)
            })
            .await;
    }
}
