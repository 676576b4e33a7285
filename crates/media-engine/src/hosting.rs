//! Whether the worker has a host, how long it lives without one, and whether it may send to the
//! network. Pure.

use std::time::{Duration, Instant};

use sm_media_protocol::LeaseTerms;

/// How long a worker without a program waits for a host: for the first one, or, when that is gone
/// before it said what it wants, for another.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// The worker's relation to its host.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// The connection, or since when there is none.
    host: Host,
    /// How long to wait for a host.
    patience: Duration,
    lease: Option<LeaseTerms>,
    may_push: bool,
}

#[derive(Clone, Copy, Debug)]
enum Host {
    Here { connection: u64 },
    Gone { since: Instant },
}

/// Time as the worker has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    /// The machine's clock since boot, as [`LeaseTerms::valid_until_ms`] counts it.
    pub(crate) boot_ms: u64,
}

impl Hosts {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            host: Host::Gone { since: now },
            patience: IDLE_MAX,
            lease: None,
            may_push: false,
        }
    }

    /// A program is on air; it stays there for so long without a host.
    pub(crate) const fn configured(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// A host connected.
    pub(crate) const fn came(&mut self, connection: u64) {
        self.host = Host::Here { connection };
    }

    /// A connection ended; whether it was the host's.
    pub(crate) fn gone(&mut self, ended: u64, now: Instant) -> bool {
        let was_host = matches!(self.host, Host::Here { connection } if connection == ended);
        if was_host {
            self.host = Host::Gone { since: now };
        }
        was_host
    }

    /// The host has the stream until then.
    pub(crate) const fn leased(&mut self, terms: LeaseTerms) {
        self.lease = Some(terms);
    }

    /// Whether the wait for a host is over.
    pub(crate) fn is_abandoned(&self, now: Instant) -> bool {
        match self.host {
            Host::Here { .. } => false,
            Host::Gone { since } => now.saturating_duration_since(since) >= self.patience,
        }
    }

    /// Whether the worker may send to the network.
    pub(crate) const fn may_push(&self) -> bool {
        self.may_push
    }

    /// Opens or closes the way to the network as the lease says; whether that is a change.
    pub(crate) fn follow_lease(&mut self, now: Now) -> bool {
        let may_push = !self.left(now).is_zero();
        std::mem::replace(&mut self.may_push, may_push) != may_push
    }

    /// Until one of the above changes by itself, but no longer than `longest`.
    pub(crate) fn until_change(&self, now: Now, longest: Duration) -> Duration {
        let wait = match self.host {
            Host::Here { .. } => longest,
            Host::Gone { since } => self
                .patience
                .saturating_sub(now.instant.saturating_duration_since(since)),
        };
        let lease = if self.may_push {
            self.left(now)
        } else {
            longest
        };
        wait.min(lease).min(longest)
    }

    fn left(&self, now: Now) -> Duration {
        let left = self
            .lease
            .map_or(0, |lease| lease.valid_until_ms.saturating_sub(now.boot_ms));
        Duration::from_millis(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn at(start: Instant, seconds: u32) -> Now {
        Now {
            instant: start + SECOND * seconds,
            boot_ms: 5000 + u64::from(seconds) * 1000,
        }
    }

    fn lease(seconds: u64) -> LeaseTerms {
        LeaseTerms {
            token: 1,
            valid_until_ms: 5000 + seconds * 1000,
        }
    }

    #[test]
    fn a_worker_that_nobody_wants_ends() {
        let start = Instant::now();
        let hosts = Hosts::new(start);
        assert!(!hosts.is_abandoned(at(start, 4).instant));
        assert!(hosts.is_abandoned(at(start, 5).instant));
        assert_eq!(hosts.until_change(at(start, 4), MINUTE), SECOND);
    }

    #[test]
    fn a_program_waits_for_its_next_host_and_only_the_last_ones_end_counts() {
        let start = Instant::now();
        let mut hosts = Hosts::new(start);
        hosts.came(1);
        hosts.configured(SECOND * 30);
        assert!(!hosts.is_abandoned(at(start, 1000).instant));
        hosts.came(2);
        assert!(!hosts.gone(1, at(start, 1000).instant), "it was replaced");
        assert!(!hosts.is_abandoned(at(start, 2000).instant));
        assert!(hosts.gone(2, at(start, 2000).instant));
        assert_eq!(hosts.until_change(at(start, 2010), MINUTE), SECOND * 20);
        assert!(!hosts.is_abandoned(at(start, 2029).instant));
        assert!(hosts.is_abandoned(at(start, 2030).instant));
        hosts.came(3);
        assert!(!hosts.is_abandoned(at(start, 2031).instant));
    }

    #[test]
    fn the_network_is_closed_when_the_lease_can_be_over_host_or_not() {
        let start = Instant::now();
        let mut hosts = Hosts::new(start);
        assert!(!hosts.follow_lease(at(start, 0)), "not before a lease");
        hosts.came(1);
        hosts.leased(lease(3));
        assert!(hosts.follow_lease(at(start, 1)) && hosts.may_push());
        assert!(!hosts.follow_lease(at(start, 2)));
        assert_eq!(hosts.until_change(at(start, 2), MINUTE), SECOND);
        hosts.leased(lease(5));
        assert!(!hosts.follow_lease(at(start, 4)), "renewed");
        assert!(hosts.follow_lease(at(start, 5)) && !hosts.may_push());
        assert_eq!(hosts.until_change(at(start, 6), MINUTE), MINUTE);
        assert!(!hosts.is_abandoned(at(start, 6).instant), "it goes on");
        hosts.leased(lease(9));
        assert!(hosts.follow_lease(at(start, 7)) && hosts.may_push());
    }
}
