//! How long a worker may send to the network: for as long as nobody else can hold the stream.

use std::time::{Duration, Instant};

use sm_bus::Lease;
use sm_media_protocol::LeaseTerms;

use crate::config::{LeaseConfig, WithoutRedis};

/// The part of a lease's time, at its end, in which a holder that may go on without Redis says so.
const LATE_PART: u32 = 3;

/// What the worker is told at `now` of a lease that was last proven at `proven_at`.
pub(crate) fn terms(
    lease: Lease,
    proven_at: Instant,
    config: &LeaseConfig,
    now: Instant,
) -> LeaseTerms {
    let left = good_for(config, now.saturating_duration_since(proven_at));
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    LeaseTerms {
        token: lease.token,
        valid_until_ms: boot_ms().saturating_add(left_ms),
    }
}

/// For how long after its last proof a lease's own time counts, and nothing else.
pub(crate) fn strict_for(config: &LeaseConfig) -> Duration {
    match config.without_redis {
        WithoutRedis::Stop => config.ttl(),
        WithoutRedis::Keep => config.ttl().saturating_sub(repeat_every(config)),
    }
}

/// Distance between two words to the worker once the lease's own time does not count any more.
pub(crate) fn repeat_every(config: &LeaseConfig) -> Duration {
    config.ttl() / LATE_PART
}

/// How long a lease that was proven so long ago is still good for.
fn good_for(config: &LeaseConfig, proven_for: Duration) -> Duration {
    if proven_for < strict_for(config) {
        return config.ttl().saturating_sub(proven_for);
    }
    match config.without_redis {
        WithoutRedis::Stop => Duration::ZERO,
        // Redis does not answer, and the holder is alive: the picture stays up, also elsewhere.
        WithoutRedis::Keep => config.ttl(),
    }
}

/// Milliseconds since the machine started, the time that it slept included: the clock that this
/// process shares with its workers.
fn boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let duration = Duration::try_from(now).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL_MS: u64 = 3000;

    fn left_ms(without_redis: &str, proven_for_ms: u64) -> u128 {
        let config = serde_json::json!({
            "ttl_ms": TTL_MS, "renew_ms": 1000, "without_redis": without_redis,
        });
        let config: LeaseConfig = serde_json::from_value(config).unwrap();
        good_for(&config, Duration::from_millis(proven_for_ms)).as_millis()
    }

    #[test]
    fn a_permit_ends_with_the_lease_unless_redis_is_away_and_the_picture_is_to_stay() {
        for (proven_for_ms, strict, keeping) in [
            (0, 3000, 3000),
            (1000, 2000, 2000),
            (1999, 1001, 1001),
            (2000, 1000, 3000),
            (3000, 0, 3000),
            (600_000, 0, 3000),
        ] {
            assert_eq!(left_ms("stop", proven_for_ms), strict);
            assert_eq!(left_ms("keep", proven_for_ms), keeping);
        }
    }

    #[test]
    fn terms_count_from_now_on_the_clock_since_boot() {
        let config = serde_json::json!({
            "ttl_ms": TTL_MS, "renew_ms": 1000, "without_redis": "keep",
        });
        let config: LeaseConfig = serde_json::from_value(config).unwrap();
        let now = Instant::now();
        let before = boot_ms();
        let terms = terms(Lease { token: 4 }, now, &config, now);
        assert_eq!(terms.token, 4);
        let range = before + TTL_MS..=boot_ms() + TTL_MS;
        assert!(range.contains(&terms.valid_until_ms));
    }
}
