//! How the whole system does, judged by what its instances report and whether Redis answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use sm_common::clock::Timestamp;
use sm_common::id::InstanceId;
use sm_common::resources::InstanceResources;
use utoipa::ToSchema;

/// How the whole system does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SystemStatus {
    /// Every expected service reports.
    Up,
    /// Some do not.
    Degraded,
    /// Redis does not answer: nothing can be changed, and nothing is known of the services. What
    /// is on air stays on air.
    Down,
}

/// How a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceStatus {
    /// An instance at least reports.
    Up,
    /// Its instances have not reported lately.
    Stale,
    /// No instance runs.
    Missing,
    /// Redis, where instances report, does not answer.
    Unknown,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServiceHealth {
    /// Its name.
    pub(crate) service: String,
    /// How it does.
    pub(crate) status: ServiceStatus,
}

/// An instance, for operators.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct InstanceHealth {
    /// The process.
    pub(crate) instance: InstanceId,
    /// Its service.
    pub(crate) service: String,
    /// Its version.
    pub(crate) version: String,
    /// The host it runs on.
    pub(crate) host: String,
    /// `up` or `stale`.
    pub(crate) status: ServiceStatus,
    /// When it started.
    pub(crate) started_at: Timestamp,
    /// When it reported last.
    pub(crate) reported_at: Timestamp,
    /// How late its timers fire, in milliseconds.
    pub(crate) scheduler_lag_ms: Option<f64>,
}

/// Redis, for operators.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct RedisHealth {
    /// `up` or `down`.
    pub(crate) status: SystemStatus,
    /// Time of a request, in milliseconds.
    pub(crate) latency_ms: Option<f64>,
    /// What is wrong.
    pub(crate) error: Option<String>,
}

/// What only operators see.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct HealthDetails {
    /// Redis.
    pub(crate) redis: RedisHealth,
    /// Every known instance.
    pub(crate) instances: Vec<InstanceHealth>,
}

/// The whole system.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct SystemHealth {
    /// All in all.
    pub(crate) status: SystemStatus,
    /// When this was judged.
    pub(crate) at: Timestamp,
    /// Expected services, and others that report, by name.
    pub(crate) services: Vec<ServiceHealth>,
    /// Present for callers who may read resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<HealthDetails>,
}

/// What is known of Redis and, through it, of the instances.
pub(crate) type Reports = Result<(Vec<InstanceResources>, Duration), String>;

impl SystemHealth {
    /// Judges what is known.
    pub(crate) fn judge(
        expected: &[String],
        reports: Reports,
        now: Timestamp,
        stale_after: Duration,
    ) -> Self {
        match reports {
            Ok((instances, latency)) => {
                let instances: Vec<InstanceHealth> = instances
                    .into_iter()
                    .map(|instance| InstanceHealth::of(instance, now, stale_after))
                    .collect();
                let services = services(expected, &instances);
                let all_up = services
                    .iter()
                    .all(|service| service.status == ServiceStatus::Up);
                Self {
                    status: if all_up {
                        SystemStatus::Up
                    } else {
                        SystemStatus::Degraded
                    },
                    at: now,
                    services,
                    details: Some(HealthDetails {
                        redis: RedisHealth {
                            status: SystemStatus::Up,
                            latency_ms: Some(latency.as_secs_f64() * 1000.0),
                            error: None,
                        },
                        instances,
                    }),
                }
            }
            Err(error) => Self {
                status: SystemStatus::Down,
                at: now,
                services: expected
                    .iter()
                    .map(|service| ServiceHealth {
                        service: service.clone(),
                        status: ServiceStatus::Unknown,
                    })
                    .collect(),
                details: Some(HealthDetails {
                    redis: RedisHealth {
                        status: SystemStatus::Down,
                        latency_ms: None,
                        error: Some(error),
                    },
                    instances: Vec::new(),
                }),
            },
        }
    }

    /// What everybody may see of it.
    #[must_use]
    pub(crate) fn without_details(self) -> Self {
        Self {
            details: None,
            ..self
        }
    }
}

impl InstanceHealth {
    fn of(resources: InstanceResources, now: Timestamp, stale_after: Duration) -> Self {
        let stale = now.since(resources.at) > stale_after;
        Self {
            instance: resources.instance,
            service: resources.service,
            version: resources.version,
            host: resources.host,
            status: if stale {
                ServiceStatus::Stale
            } else {
                ServiceStatus::Up
            },
            started_at: resources.started_at,
            reported_at: resources.at,
            scheduler_lag_ms: resources.scheduler_lag_ms,
        }
    }
}

/// One good instance makes a good service.
fn services(expected: &[String], instances: &[InstanceHealth]) -> Vec<ServiceHealth> {
    let mut services: BTreeMap<&str, ServiceStatus> = expected
        .iter()
        .map(|service| (service.as_str(), ServiceStatus::Missing))
        .collect();
    for instance in instances {
        let status = services
            .entry(&instance.service)
            .or_insert(ServiceStatus::Missing);
        if *status != ServiceStatus::Up {
            *status = instance.status;
        }
    }
    services
        .into_iter()
        .map(|(service, status)| ServiceHealth {
            service: service.to_owned(),
            status,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE_AFTER: Duration = Duration::from_secs(7);

    fn report(service: &str, at_ms: i64) -> InstanceResources {
        InstanceResources {
            instance: InstanceId::generate(service),
            service: service.to_owned(),
            version: "1".to_owned(),
            host: "host".to_owned(),
            pid: 1,
            started_at: Timestamp::from_unix_millis(0),
            at: Timestamp::from_unix_millis(at_ms),
            cpu_cores: None,
            memory_bytes: None,
            memory_limit_bytes: None,
            descriptors: None,
            descriptors_limit: None,
            threads: None,
            scheduler_lag_ms: None,
            capacity: None,
        }
    }

    fn judge(expected: &[&str], reports: Vec<InstanceResources>) -> SystemHealth {
        let expected: Vec<String> = expected.iter().map(|&name| name.to_owned()).collect();
        let now = Timestamp::from_unix_millis(10_000);
        let reports = Ok((reports, Duration::from_millis(1)));
        SystemHealth::judge(&expected, reports, now, STALE_AFTER)
    }

    fn statuses(health: &SystemHealth) -> Vec<(&str, ServiceStatus)> {
        health
            .services
            .iter()
            .map(|each| (each.service.as_str(), each.status))
            .collect()
    }

    #[test]
    fn a_service_without_an_instance_degrades_the_system() {
        let health = judge(&["a", "b"], vec![report("a", 9_000)]);
        assert_eq!(health.status, SystemStatus::Degraded);
        assert_eq!(
            statuses(&health),
            [("a", ServiceStatus::Up), ("b", ServiceStatus::Missing)]
        );
    }

    #[test]
    fn one_good_instance_makes_a_good_service() {
        for reports in [
            vec![report("a", 1_000), report("a", 9_000)],
            vec![report("a", 9_000), report("a", 1_000)],
        ] {
            assert_eq!(judge(&["a"], reports).status, SystemStatus::Up);
        }
    }

    #[test]
    fn a_silent_instance_is_stale() {
        let health = judge(&["a"], vec![report("a", 1_000)]);
        assert_eq!(statuses(&health), [("a", ServiceStatus::Stale)]);
        assert_eq!(health.status, SystemStatus::Degraded);
    }

    #[test]
    fn without_redis_nothing_is_known() {
        let expected = ["a".to_owned()];
        let now = Timestamp::from_unix_millis(0);
        let health = SystemHealth::judge(&expected, Err("refused".to_owned()), now, STALE_AFTER);
        assert_eq!(health.status, SystemStatus::Down);
        assert_eq!(statuses(&health), [("a", ServiceStatus::Unknown)]);
        assert_eq!(health.without_details().details, None);
    }
}
