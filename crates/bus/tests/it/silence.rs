use std::time::Duration;

use sm_bus::{BusError, redis};
use sm_test_kit::{LossyProxy, Redis, until};

/// A Redis that hangs is asked by nobody after some calls have waited in vain, so that the others are
/// told at once; and by everybody again as soon as it answers.
#[tokio::test]
async fn nobody_waits_for_a_redis_that_hangs() {
    let redis = Redis::start();
    let bus = redis.bus_that_waits("one", Duration::from_millis(200));
    let ask = async || bus.query::<i64>(redis::cmd("INCR").arg("asked")).await;
    assert_eq!(ask().await.unwrap(), 1);
    redis.freeze();
    until("calls are refused", Duration::from_secs(10), || async {
        matches!(ask().await, Err(BusError::Silent))
    })
    .await;
    assert!(ask().await.unwrap_err().is_unavailable());
    redis.thaw();
    until("calls go through", Duration::from_secs(10), || async {
        ask().await.is_ok()
    })
    .await;
}

/// A Redis that is slow but in time is asked by everybody.
#[tokio::test]
async fn a_slow_redis_is_waited_for() {
    let redis = Redis::start();
    let proxy = LossyProxy::start(redis.port());
    let config = sm_bus::BusConfig {
        timeout_ms: 5000,
        ..sm_bus::BusConfig::at(format!("redis://127.0.0.1:{}/", proxy.port()))
    };
    let bus = sm_bus::Bus::new(
        config,
        "one",
        sm_common::id::InstanceId::generate("one"),
        sm_common::clock::SystemClock::shared(),
    )
    .unwrap();
    proxy.delay(Some(Duration::from_millis(20)));
    for expected in 1..=10 {
        let asked: i64 = bus.query(redis::cmd("INCR").arg("asked")).await.unwrap();
        assert_eq!(asked, expected);
    }
}
