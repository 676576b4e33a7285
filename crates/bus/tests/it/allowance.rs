use std::time::Duration;

use sm_bus::{keys, redis};
use sm_common::rate::{Quota, Taken};
use sm_test_kit::Redis;

fn quota(requests: u32, window_s: u32) -> Quota {
    Quota {
        requests: requests.try_into().unwrap(),
        window_s: window_s.try_into().unwrap(),
    }
}

/// All processes take of one quota, however many they want at once; what is too much is refused with
/// the time to wait, and leaves nothing behind that lasts longer than the window.
#[tokio::test]
async fn processes_share_a_quota() {
    let redis = Redis::start();
    let (one, other) = (redis.bus("one"), redis.bus("other"));
    let (quota, key) = (quota(10, 3600), keys::allowance("write", "ab"));
    let taken = one.take_allowance(&key, quota, 4).await.unwrap();
    assert_eq!((taken.granted, taken.remaining), (4, 6));
    let taken = other.take_allowance(&key, quota, 20).await.unwrap();
    assert_eq!((taken.granted, taken.remaining), (6, 0));
    let refused = one.take_allowance(&key, quota, 1).await.unwrap();
    assert_eq!((refused.granted, refused.remaining), (0, 0));
    let wait = refused.next_in;
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_mins(6),
        "{wait:?}"
    );
    assert!(
        refused.restored_in <= Duration::from_hours(1),
        "{refused:?}"
    );
    let kept_ms: u64 = one.query(redis::cmd("PTTL").arg(&key)).await.unwrap();
    assert!(kept_ms <= 3_600_001, "{kept_ms}");
    let another = keys::allowance("write", "cd");
    let taken = one.take_allowance(&another, quota, 1).await.unwrap();
    assert_eq!(taken.granted, 1, "another caller has another quota");
}

/// The server's clock was set back by an hour: what was taken before is over after one window.
#[tokio::test]
async fn a_clock_that_was_set_back_makes_nobody_wait_longer_than_a_window() {
    let redis = Redis::start();
    let bus = redis.bus("one");
    let (quota, key) = (quota(2, 10), keys::allowance("read", "ab"));
    let (seconds, _): (u64, u64) = bus.query(&redis::cmd("TIME")).await.unwrap();
    let in_an_hour = (seconds + 3600) * 1_000_000;
    let _set: String = bus
        .query(redis::cmd("SET").arg(&key).arg(in_an_hour))
        .await
        .unwrap();
    let refused: Taken = bus.take_allowance(&key, quota, 1).await.unwrap();
    assert_eq!(refused.granted, 0);
    assert!(refused.next_in <= Duration::from_secs(5), "{refused:?}");
}
