use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sm_common::clock::{SharedClock, Timestamp};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::ListeningSocket;

/// Wait between two checks while the process is not ready: how late its readiness is seen is time
/// that it does not serve.
const UNREADY_INTERVAL: Duration = Duration::from_millis(100);

/// Whether the process can do its work without a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Not ready without it.
    Required,
    /// Not ready before it was there once. Afterwards the process stays in the load balancer's
    /// pool: what all replicas share is missed by all of them, and each can tell its callers what
    /// it cannot do and when to come back, where an empty pool tells them nothing.
    ToStart,
    /// Ready without it, and says so.
    Optional,
}

/// How a component or dependency does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ComponentStatus {
    /// Not known yet.
    Unknown,
    /// Does its work.
    Up,
    /// Does not.
    Down,
}

/// A component or dependency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Component {
    /// Its name.
    pub name: &'static str,
    /// Whether the process can do its work without it.
    pub need: Need,
    /// How it does.
    pub status: ComponentStatus,
    /// Since when.
    pub since: Timestamp,
    /// How long the last check took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// What was wrong last, even when it is right again.
    pub last_error: Option<String>,
}

/// The whole report.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthReport {
    /// `ready`, `degraded` (an optional part is down), `not-ready` or `draining`.
    pub status: &'static str,
    /// The service.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The process.
    pub instance: String,
    /// When it started.
    pub started_at: Timestamp,
    /// For how long it has been running, in seconds.
    pub uptime_s: u64,
    /// Components and dependencies.
    pub components: Vec<Component>,
    /// The sockets the process really listens on, as the kernel says. A configured port that is
    /// missing here is not bound.
    pub listening: Vec<ListeningSocket>,
    /// Performance indicators of the service, by name with their unit.
    pub indicators: BTreeMap<String, f64>,
}

/// Asks a dependency whether it is there.
pub type Check =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

type Indicator = Arc<dyn Fn() -> f64 + Send + Sync>;

/// What is known of the parts of a process. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    parts: Arc<Mutex<Vec<Part>>>,
    indicators: Arc<Mutex<BTreeMap<String, Indicator>>>,
    clock: SharedClock,
}

struct Part {
    component: Component,
    check: Option<Check>,
    /// Whether it has been up at any time.
    was_up: bool,
}

impl Part {
    /// Whether the process can work as far as this part is concerned.
    fn suffices(&self) -> bool {
        match self.component.need {
            Need::Required => self.component.status == ComponentStatus::Up,
            Need::ToStart => self.was_up,
            Need::Optional => true,
        }
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.components()).finish()
    }
}

impl Health {
    /// Nothing is known yet.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            parts: Arc::default(),
            indicators: Arc::default(),
            clock,
        }
    }

    /// Adds a dependency that is checked regularly.
    pub fn dependency<F, Fut, E>(&self, name: &'static str, need: Need, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let check: Check = Arc::new(move || {
            let asked = check();
            Box::pin(async move { asked.await.map_err(|error| error.to_string()) })
        });
        self.add(name, need, Some(check));
    }

    /// Adds a component that reports about itself through [`Self::report`].
    pub fn component(&self, name: &'static str, need: Need) {
        self.add(name, need, None);
    }

    /// Adds a performance indicator; put the unit into the name.
    pub fn indicator(&self, name: &str, read: impl Fn() -> f64 + Send + Sync + 'static) {
        lock(&self.indicators).insert(name.to_owned(), Arc::new(read));
    }

    /// How a component does.
    pub fn report(&self, name: &str, outcome: Result<(), String>) {
        self.record(name, outcome, None);
    }

    /// Whether every required part is up, and what is needed to start has been.
    pub fn is_ready(&self) -> bool {
        lock(&self.parts).iter().all(Part::suffices)
    }

    /// Every part.
    pub fn components(&self) -> Vec<Component> {
        lock(&self.parts)
            .iter()
            .map(|part| part.component.clone())
            .collect()
    }

    /// Every indicator's value.
    pub fn indicators(&self) -> BTreeMap<String, f64> {
        let indicators = lock(&self.indicators).clone();
        indicators
            .into_iter()
            .map(|(name, read)| (name, read()))
            .collect()
    }

    /// Checks the dependencies until `stop`: more often than `every` until the process is ready.
    pub async fn watch(self, every: Duration, limit: Duration, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let checks: Vec<(&'static str, Check)> = lock(&self.parts)
                .iter()
                .filter_map(|part| Some((part.component.name, part.check.clone()?)))
                .collect();
            let asked = checks.into_iter().map(|(name, check)| {
                let health = self.clone();
                async move {
                    let start = Instant::now();
                    let outcome = timeout(limit, check())
                        .await
                        .unwrap_or_else(|_elapsed| Err(format!("no answer within {limit:?}")));
                    health.record(name, outcome, Some(start.elapsed()));
                }
            });
            futures_util::future::join_all(asked).await;
            let wait = if self.is_ready() {
                every
            } else {
                every.min(UNREADY_INTERVAL)
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn add(&self, name: &'static str, need: Need, check: Option<Check>) {
        let component = Component {
            name,
            need,
            status: ComponentStatus::Unknown,
            since: self.clock.now(),
            latency_ms: None,
            last_error: None,
        };
        lock(&self.parts).push(Part {
            component,
            check,
            was_up: false,
        });
    }

    fn record(&self, name: &str, outcome: Result<(), String>, latency: Option<Duration>) {
        let now = self.clock.now();
        let mut parts = lock(&self.parts);
        let Some(part) = parts.iter_mut().find(|part| part.component.name == name) else {
            return;
        };
        part.was_up |= outcome.is_ok();
        let component = &mut part.component;
        let status = if outcome.is_ok() {
            ComponentStatus::Up
        } else {
            ComponentStatus::Down
        };
        if component.status != status {
            component.status = status;
            component.since = now;
            match &outcome {
                Ok(()) => tracing::info!(component = name, "up"),
                Err(error) => tracing::warn!(component = name, error, "down"),
            }
        }
        component.latency_ms = latency.map(|latency| latency.as_secs_f64() * 1000.0);
        if let Err(error) = outcome {
            component.last_error = Some(error);
        }
    }
}

/// The lists stay whole whatever a panicking thread did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use sm_common::clock::SystemClock;

    use super::*;

    #[test]
    fn only_required_parts_decide_readiness() {
        let health = Health::new(SystemClock::shared());
        health.component("token-keys", Need::Required);
        health.component("event-handler", Need::Optional);
        assert!(!health.is_ready());
        health.report("token-keys", Ok(()));
        health.report("event-handler", Err("refused".to_owned()));
        assert!(health.is_ready());
        health.report("token-keys", Err("timeout".to_owned()));
        assert!(!health.is_ready());
        assert_eq!(
            health.components()[0].last_error.as_deref(),
            Some("timeout")
        );
    }

    #[test]
    fn what_is_needed_to_start_may_go_away_later() {
        let health = Health::new(SystemClock::shared());
        health.component("redis", Need::ToStart);
        health.report("redis", Err("refused".to_owned()));
        assert!(!health.is_ready());
        health.report("redis", Ok(()));
        health.report("redis", Err("refused".to_owned()));
        assert!(health.is_ready());
        assert_eq!(health.components()[0].status, ComponentStatus::Down);
    }
}
