use sm_bus::Bus;
use sm_common::capacity::HostCapacity;
use sm_common::id::InstanceId;
use sm_common::resources::InstanceResources;

/// Tells what a host can carry, as its engine does: cores that it has and may use, and that are in
/// use. Estimates are simple: 0.1 cores for a program, 0.01 for every million pixels a second of it,
/// and 0.3 for each layer that is decoded or drawn by a browser.
pub async fn tell_capacity(bus: &Bus, engine: &str, cores: f64, used_cores: f64) {
    let each = serde_json::json!({"ultrafast": 0.01, "superfast": 0.01, "veryfast": 0.01,
        "faster": 0.01, "fast": 0.01, "medium": 0.01});
    let costs = serde_json::json!({"base_cores": 0.1, "compose_cores_per_mpixel_s": 0.0,
        "x264": each, "openh264": each, "layers": {"video": 0.3, "playlist": 0.3,
        "network": 0.3, "ingest": 0.3, "web": 0.3}});
    let now = bus.clock().now();
    let row = InstanceResources {
        instance: engine.parse::<InstanceId>().unwrap(),
        service: "stream-engine".to_owned(),
        version: "1".to_owned(),
        host: "one".to_owned(),
        pid: 1,
        started_at: now,
        at: now,
        cpu_cores: None,
        memory_bytes: None,
        memory_limit_bytes: None,
        descriptors: None,
        descriptors_limit: None,
        threads: None,
        scheduler_lag_ms: None,
        capacity: Some(HostCapacity {
            enforced: true,
            cores,
            cpu_max: 1.0,
            used_cores: Some(used_cores),
            window_s: 10,
            promised_cores: 0.0,
            costs: serde_json::from_value(costs).unwrap(),
        }),
    };
    bus.report_instance(&row).await.unwrap();
}
