use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sm_common::resources::InstanceResources;
use utoipa::ToSchema;

/// What several instances use together. A sum over what is known; null when nothing is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Totals {
    /// Running instances.
    pub(crate) instances: usize,
    /// CPU in cores: 1.0 is one core fully used.
    pub(crate) cpu_cores: Option<f64>,
    /// Resident memory in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Open file descriptors.
    pub(crate) descriptors: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
}

/// What the instances of one service use together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ServiceTotals {
    /// The service.
    pub(crate) service: String,
    /// Its instances together.
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

impl Totals {
    /// All of `instances` together.
    pub(crate) fn of<'a>(instances: impl IntoIterator<Item = &'a InstanceResources>) -> Self {
        let mut totals = Self::default();
        for instance in instances {
            totals.instances = totals.instances.saturating_add(1);
            totals.cpu_cores = sum(totals.cpu_cores, instance.cpu_cores, |a, b| a + b);
            totals.memory_bytes = count(totals.memory_bytes, instance.memory_bytes);
            totals.descriptors = count(totals.descriptors, instance.descriptors);
            totals.threads = count(totals.threads, instance.threads);
        }
        totals
    }

    /// Each service apart, by name.
    pub(crate) fn by_service(instances: &[InstanceResources]) -> Vec<ServiceTotals> {
        let mut services: BTreeMap<&str, Vec<&InstanceResources>> = BTreeMap::new();
        for instance in instances {
            services
                .entry(&instance.service)
                .or_default()
                .push(instance);
        }
        services
            .into_iter()
            .map(|(service, instances)| ServiceTotals {
                service: service.to_owned(),
                totals: Self::of(instances),
            })
            .collect()
    }
}

fn count(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    sum(one, other, u64::saturating_add)
}

fn sum<T>(one: Option<T>, other: Option<T>, add: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(add(one, other)),
        (known, None) | (None, known) => known,
    }
}

#[cfg(test)]
mod tests {
    use sm_common::clock::Timestamp;
    use sm_common::id::InstanceId;

    use super::*;

    fn instance(service: &str, cpu_cores: Option<f64>) -> InstanceResources {
        InstanceResources {
            instance: InstanceId::generate(service),
            service: service.to_owned(),
            version: "0".to_owned(),
            host: "host".to_owned(),
            pid: 1,
            started_at: Timestamp::from_unix_millis(0),
            at: Timestamp::from_unix_millis(0),
            cpu_cores,
            memory_bytes: None,
            memory_limit_bytes: None,
            descriptors: Some(3),
            descriptors_limit: None,
            threads: Some(2),
            scheduler_lag_ms: None,
            capacity: None,
        }
    }

    #[test]
    fn what_nobody_knows_stays_unknown() {
        let totals = Totals::of(&[instance("a", Some(0.5)), instance("a", None)]);
        assert_eq!(totals.instances, 2);
        assert_eq!(totals.cpu_cores, Some(0.5));
        assert_eq!(totals.memory_bytes, None);
        assert_eq!(totals.descriptors, Some(6));
    }

    #[test]
    fn services_are_summed_apart() {
        let all = [
            instance("b", None),
            instance("a", None),
            instance("b", None),
        ];
        let services = Totals::by_service(&all);
        let counts: Vec<(&str, usize)> = services
            .iter()
            .map(|each| (each.service.as_str(), each.totals.instances))
            .collect();
        assert_eq!(counts, [("a", 1), ("b", 2)]);
    }
}
