//! What is known of the parts that every stream stands on. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::health::{PartState, SystemHealthChanged};
use sm_common::resources::InstanceResources;
use sm_common::stream::Severity;

use super::news::News;
use super::state::Presence;
use crate::incidents::Sign;

/// The code of the sign that no process of a service reports any more.
const SILENT: &str = "service.silent";
/// The code of the sign that Redis did not answer.
const REDIS_AWAY: &str = "redis.unreachable";
/// The code of the sign that a host's processes are held up.
pub(super) const BUSY: &str = "host.busy";
/// The component of a host.
pub(super) const HOST: &str = "host";

/// A time in which Redis did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Away {
    pub(super) fn length(self) -> Duration {
        self.until.since(self.since)
    }

    fn text(self) -> String {
        let seconds = self.length().as_secs_f64();
        format!("Redis did not answer analytics for {seconds:.1} s")
    }

    /// What it says to incidents.
    pub(super) fn news(self) -> [News; 2] {
        [
            News::Raised(Sign {
                component: "redis".to_owned(),
                code: REDIS_AWAY.to_owned(),
                severity: Severity::Error,
                text: self.text(),
                at: self.since,
                cleared: None,
            }),
            News::Cleared {
                component: "redis".to_owned(),
                code: REDIS_AWAY.to_owned(),
                at: self.until,
            },
        ]
    }

    /// What is told of it, now that somebody can be told.
    pub(super) fn told(self) -> [SystemHealthChanged; 2] {
        let change = |state, since| SystemHealthChanged {
            component: "redis".to_owned(),
            state,
            since,
            reason: self.text(),
        };
        [
            change(PartState::Down, self.since),
            change(PartState::Up, self.until),
        ]
    }
}

/// Compares who reports with who did.
pub(super) fn compare(
    known: &mut BTreeMap<String, Presence>,
    instances: &[InstanceResources],
    silent: Duration,
    now: Timestamp,
) -> Vec<SystemHealthChanged> {
    let mut latest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for instance in instances {
        let seen = latest.entry(&instance.service).or_insert(instance.at);
        *seen = (*seen).max(instance.at);
    }
    let mut told = Vec::new();
    for (service, at) in &latest {
        if now.since(*at) > silent {
            continue;
        }
        let up = Presence {
            state: PartState::Up,
            since: now,
        };
        match known.get_mut(*service) {
            None => drop(known.insert((*service).to_owned(), up)),
            Some(presence) if presence.state == PartState::Down => {
                *presence = up;
                told.push(changed(service, up, "a process of it reports again"));
            }
            Some(_) => {}
        }
    }
    for (service, presence) in known {
        let seen = latest.get(service.as_str()).copied();
        let is_here = seen.is_some_and(|at| now.since(at) <= silent);
        if !is_here && presence.state == PartState::Up {
            *presence = Presence {
                state: PartState::Down,
                since: seen.unwrap_or(now),
            };
            told.push(changed(
                service,
                *presence,
                "no process of it reports any more",
            ));
        }
    }
    told
}

fn changed(service: &str, presence: Presence, reason: &str) -> SystemHealthChanged {
    SystemHealthChanged {
        component: format!("service:{service}"),
        state: presence.state,
        since: presence.since,
        reason: reason.to_owned(),
    }
}

/// What a change of a service says to incidents.
pub(super) fn news_of(change: &SystemHealthChanged) -> News {
    match change.state {
        PartState::Down => News::Raised(Sign {
            component: change.component.clone(),
            code: SILENT.to_owned(),
            severity: Severity::Error,
            text: change.reason.clone(),
            at: change.since,
            cleared: None,
        }),
        PartState::Up => News::Cleared {
            component: change.component.clone(),
            code: SILENT.to_owned(),
            at: change.since,
        },
    }
}

/// Whether at least half of the processes that report have timers as late as this.
pub(super) fn is_busy(instances: &[InstanceResources], lag_ms: f64) -> bool {
    let lags: Vec<f64> = instances
        .iter()
        .filter_map(|instance| instance.scheduler_lag_ms)
        .collect();
    let late = lags.iter().filter(|lag| **lag >= lag_ms).count();
    late > 0 && late * 2 >= lags.len()
}

/// The sign of it.
pub(super) fn busy_sign(at: Timestamp) -> News {
    News::Raised(Sign {
        component: HOST.to_owned(),
        code: BUSY.to_owned(),
        severity: Severity::Error,
        text: "the timers of at least half of the processes are late".to_owned(),
        at,
        cleared: None,
    })
}

#[cfg(test)]
mod tests {
    use sm_common::id::InstanceId;

    use super::*;

    const SILENCE: Duration = Duration::from_secs(8);

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn instance(service: &str, seen: i64, lag: Option<f64>) -> InstanceResources {
        InstanceResources {
            instance: InstanceId::generate(service),
            service: service.to_owned(),
            version: "0".to_owned(),
            host: "h".to_owned(),
            pid: 1,
            started_at: at(0),
            at: at(seen),
            cpu_cores: None,
            memory_bytes: None,
            memory_limit_bytes: None,
            descriptors: None,
            descriptors_limit: None,
            threads: None,
            scheduler_lag_ms: lag,
            capacity: None,
        }
    }

    #[test]
    fn a_service_is_down_when_none_of_its_processes_reports() {
        let mut known = BTreeMap::new();
        let both = [
            instance("ws-fanout", 100, None),
            instance("ws-fanout", 99, None),
        ];
        assert!(
            compare(&mut known, &both, SILENCE, at(100)).is_empty(),
            "it is new"
        );
        let one = [both[1].clone()];
        assert!(compare(&mut known, &one, SILENCE, at(107)).is_empty());
        let down = compare(&mut known, &one, SILENCE, at(108));
        assert_eq!(down.len(), 1);
        assert_eq!((down[0].state, down[0].since), (PartState::Down, at(99)));
        assert!(
            compare(&mut known, &[], SILENCE, at(120)).is_empty(),
            "told once"
        );
        let back = [instance("ws-fanout", 130, None)];
        let up = compare(&mut known, &back, SILENCE, at(130));
        assert_eq!(
            (up[0].state, up[0].component.as_str()),
            (PartState::Up, "service:ws-fanout")
        );
        let gone = compare(&mut known, &[], SILENCE, at(131));
        assert_eq!((gone[0].state, gone[0].since), (PartState::Down, at(131)));
    }

    #[test]
    fn a_host_is_busy_when_half_of_its_processes_are_late() {
        let lag = |lags: &[f64]| -> Vec<InstanceResources> {
            lags.iter()
                .map(|lag| instance("a", 0, Some(*lag)))
                .collect()
        };
        assert!(is_busy(&lag(&[50.0, 80.0, 1.0, 2.0]), 40.0));
        assert!(!is_busy(&lag(&[50.0, 1.0, 2.0]), 40.0));
        assert!(!is_busy(&[], 40.0));
        assert!(!is_busy(&[instance("a", 0, None)], 40.0));
    }
}
