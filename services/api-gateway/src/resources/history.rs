use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::redis;
use sm_bus::{Bus, BusError, Commit, keys};
use sm_common::clock::Timestamp;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::{HostResources, RedisResources, ServiceTotals, SystemResources, Totals};
use crate::config::ResourcesConfig;

/// What the system used at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sample {
    /// When.
    pub(crate) at: Timestamp,
    /// The host of the gateway that took the sample.
    pub(crate) host: HostResources,
    /// Redis.
    pub(crate) redis: RedisResources,
    /// All instances together.
    pub(crate) totals: Totals,
    /// The instances of each service together.
    pub(crate) services: Vec<ServiceTotals>,
}

/// Samples of the last minutes, in Redis: one for each interval, whichever gateway takes it.
#[derive(Clone, Debug)]
pub(crate) struct History {
    bus: Bus,
    config: ResourcesConfig,
}

impl History {
    pub(crate) const fn new(bus: Bus, config: ResourcesConfig) -> Self {
        Self { bus, config }
    }

    /// The samples after `since`, oldest first.
    pub(crate) async fn after(&self, since: Timestamp) -> Result<Vec<Sample>, BusError> {
        let mut command = redis::cmd("XREVRANGE");
        command
            .arg(keys::RESOURCES_HISTORY)
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(self.config.samples_max);
        let entries: Vec<(String, Vec<(String, String)>)> = self.bus.query(&command).await?;
        let mut samples = Vec::with_capacity(entries.len());
        for text in entries
            .iter()
            .flat_map(|(_, fields)| fields)
            .filter(|(field, _)| field == "doc")
            .map(|(_, text)| text)
        {
            let sample: Sample =
                serde_json::from_str(text).map_err(|source| BusError::Document {
                    key: keys::RESOURCES_HISTORY.to_owned(),
                    source,
                })?;
            if sample.at <= since {
                break;
            }
            samples.push(sample);
        }
        samples.reverse();
        Ok(samples)
    }

    /// Takes a sample in each interval that no other gateway has taken one in, until `stop`.
    pub(crate) async fn keep(self, clock: sm_common::clock::SharedClock, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = clock.now();
            if let Err(error) = self.sample(now).await {
                tracing::debug!(%error, "no sample of resources: the history has a gap");
            }
            tokio::select! {
                () = tokio::time::sleep(until_next(clock.now(), self.interval())) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn sample(&self, now: Timestamp) -> Result<(), BusError> {
        let SystemResources {
            at,
            host,
            redis,
            instances,
            totals,
            history: _,
        } = super::read(&self.bus, now).await?;
        let sample = Sample {
            at,
            host,
            redis,
            totals,
            services: Totals::by_service(&instances),
        };
        let document = serde_json::to_string(&sample).map_err(BusError::Encode)?;
        let taken = keys::resources_sample(slot(now, self.interval()));
        let history = keys::RESOURCES_HISTORY.to_owned();
        let commit = Commit::new()
            .once(taken, "taken".to_owned(), self.interval().saturating_mul(2))
            .append(history, &document, self.config.samples_max);
        self.bus.commit(commit, Vec::new()).await.map(drop)
    }

    fn interval(&self) -> Duration {
        self.config.sample_interval()
    }
}

fn millis(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis())
        .unwrap_or(i64::MAX)
        .max(1)
}

/// The number of the interval that `now` lies in; the same for every replica.
fn slot(now: Timestamp, interval: Duration) -> i64 {
    now.as_unix_millis().div_euclid(millis(interval))
}

/// Time until the next interval begins.
fn until_next(now: Timestamp, interval: Duration) -> Duration {
    let passed = now.as_unix_millis().rem_euclid(millis(interval));
    interval.saturating_sub(Duration::from_millis(u64::try_from(passed).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_sample_is_due_when_the_next_slot_begins() {
        let interval = Duration::from_secs(5);
        let now = Timestamp::from_unix_millis(12_345);
        let due = now.plus(until_next(now, interval));
        assert_eq!(slot(now, interval), 2);
        assert_eq!(slot(due, interval), 3);
        assert_eq!(due.as_unix_millis(), 15_000);
        assert_eq!(until_next(due, interval), interval);
    }
}
