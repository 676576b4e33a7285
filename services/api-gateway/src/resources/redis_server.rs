use std::str::FromStr;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sm_bus::redis;
use sm_bus::{Bus, BusError};
use utoipa::ToSchema;

/// Redis, as its `INFO` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RedisResources {
    /// Its version.
    pub(crate) version: Option<String>,
    /// For how long it has been running, in seconds.
    pub(crate) uptime_s: Option<u64>,
    /// Connected clients.
    pub(crate) clients: Option<u64>,
    /// Commands per second, lately.
    pub(crate) operations_per_second: Option<u64>,
    /// Memory used for data, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Resident memory in bytes.
    pub(crate) memory_resident_bytes: Option<u64>,
    /// Most memory it may use for data, in bytes; null without a limit.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// Keys of database 0.
    pub(crate) keys: Option<u64>,
    /// Whether changes are kept on disk, by an append-only file.
    pub(crate) append_only_file: Option<bool>,
    /// Time of the request that asked for this, in milliseconds.
    pub(crate) latency_ms: Option<f64>,
}

/// Asks Redis.
pub(crate) async fn read(bus: &Bus) -> Result<RedisResources, BusError> {
    let asked = Instant::now();
    let info: String = bus.query(&redis::cmd("INFO")).await?;
    let latency_ms = asked.elapsed().as_secs_f64() * 1000.0;
    Ok(RedisResources {
        latency_ms: Some(latency_ms),
        ..parse(&info)
    })
}

fn parse(info: &str) -> RedisResources {
    let limit: Option<u64> = field(info, "maxmemory");
    let append_only: Option<u8> = field(info, "aof_enabled");
    RedisResources {
        version: field(info, "redis_version"),
        uptime_s: field(info, "uptime_in_seconds"),
        clients: field(info, "connected_clients"),
        operations_per_second: field(info, "instantaneous_ops_per_sec"),
        memory_bytes: field(info, "used_memory"),
        memory_resident_bytes: field(info, "used_memory_rss"),
        memory_limit_bytes: limit.filter(|limit| *limit > 0),
        keys: keys(info),
        append_only_file: append_only.map(|enabled| enabled == 1),
        latency_ms: None,
    }
}

fn field<T: FromStr>(info: &str, name: &str) -> Option<T> {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(field, _)| *field == name)
        .and_then(|(_, value)| value.trim().parse().ok())
}

/// From `db0:keys=12,expires=3,avg_ttl=0`.
fn keys(info: &str) -> Option<u64> {
    let database: String = field(info, "db0")?;
    database
        .split(',')
        .find_map(|part| part.strip_prefix("keys="))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_says_is_read_and_the_rest_is_unknown() {
        let info = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:12\r\n\
                    used_memory:1048576\r\nused_memory_rss:2097152\r\nmaxmemory:0\r\n\
                    aof_enabled:1\r\ndb0:keys=12,expires=3,avg_ttl=0\r\n";
        let redis = parse(info);
        assert_eq!(redis.version.as_deref(), Some("7.0.15"));
        assert_eq!(redis.memory_bytes, Some(1_048_576));
        assert_eq!(redis.memory_limit_bytes, None);
        assert_eq!(redis.keys, Some(12));
        assert_eq!(redis.append_only_file, Some(true));
        assert_eq!(redis.clients, None);
    }
}
