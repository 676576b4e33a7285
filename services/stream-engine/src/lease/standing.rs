//! What a process may conclude about a stream's lease from answers and from silence. Pure.

use std::time::{Duration, Instant};

use sm_bus::{Lease, LeaseHolder, LeaseOutcome};

use crate::config::WithoutRedis;

/// How long a lease is good for, and what silence means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) ttl: Duration,
    pub(crate) without_redis: WithoutRedis,
}

/// Who runs the stream, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has said yet.
    Unknown,
    /// This process.
    Here {
        lease: Lease,
        /// When the latest successful renewal was asked for.
        proven_at: Instant,
    },
    /// Somebody else.
    Elsewhere(LeaseHolder),
    /// This process did until its lease could not be renewed in time.
    Lost,
}

/// How to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Take or renew the lease; the lease held, where there is one.
    Hold(Option<Lease>),
    /// Only look who holds it.
    Look,
}

/// A process's knowledge of one lease.
#[derive(Clone, Debug)]
pub(crate) struct Tenancy {
    terms: Terms,
    standing: Standing,
    /// A lease that runs out while nobody can renew it is no sign of a dead holder. So after an
    /// outage of Redis the holder gets this long to come back, before anybody else takes it.
    courtesy_until: Option<Instant>,
    silent: bool,
}

impl Tenancy {
    pub(crate) const fn new(terms: Terms) -> Self {
        Self {
            terms,
            standing: Standing::Unknown,
            courtesy_until: None,
            silent: false,
        }
    }

    pub(crate) const fn standing(&self) -> &Standing {
        &self.standing
    }

    pub(crate) fn question(&self, now: Instant) -> Question {
        match &self.standing {
            Standing::Here { lease, .. } => Question::Hold(Some(*lease)),
            Standing::Elsewhere(_) if self.silent => Question::Look,
            Standing::Elsewhere(_) if self.courtesy_until.is_some_and(|until| now < until) => {
                Question::Look
            }
            Standing::Unknown | Standing::Lost | Standing::Elsewhere(_) => Question::Hold(None),
        }
    }

    /// Redis answered an attempt to hold that was made at `asked_at`.
    pub(crate) fn answered(&mut self, outcome: LeaseOutcome, asked_at: Instant) {
        self.heard(asked_at);
        self.standing = match outcome {
            LeaseOutcome::Held { lease, .. } => Standing::Here {
                lease,
                proven_at: asked_at,
            },
            LeaseOutcome::Taken(holder) => Standing::Elsewhere(holder),
        };
    }

    /// Redis answered a look.
    pub(crate) fn looked(&mut self, holder: Option<LeaseHolder>, asked_at: Instant) {
        self.heard(asked_at);
        if let Some(holder) = holder {
            self.standing = Standing::Elsewhere(holder);
        }
    }

    /// Redis did not answer.
    pub(crate) fn unanswered(&mut self, now: Instant) {
        self.silent = true;
        let Standing::Here { proven_at, .. } = self.standing else {
            return;
        };
        let expired = now.saturating_duration_since(proven_at) >= self.terms.ttl;
        if expired && self.terms.without_redis == WithoutRedis::Stop {
            self.standing = Standing::Lost;
        }
    }

    fn heard(&mut self, at: Instant) {
        if std::mem::take(&mut self.silent) {
            self.courtesy_until = at.checked_add(self.terms.ttl);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(3);

    fn tenancy(without_redis: WithoutRedis) -> Tenancy {
        Tenancy::new(Terms {
            ttl: TTL,
            without_redis,
        })
    }

    fn held(token: u64) -> LeaseOutcome {
        LeaseOutcome::Held {
            lease: Lease { token },
            heir: None,
        }
    }

    fn holder(token: u64) -> LeaseHolder {
        LeaseHolder {
            instance: "engine-2".parse().unwrap(),
            url: "http://b".to_owned(),
            token,
            leaving: false,
        }
    }

    #[test]
    fn a_free_lease_is_taken_and_then_renewed() {
        let mut tenancy = tenancy(WithoutRedis::Keep);
        let now = Instant::now();
        assert_eq!(tenancy.question(now), Question::Hold(None));
        tenancy.answered(held(4), now);
        assert_eq!(
            tenancy.question(now),
            Question::Hold(Some(Lease { token: 4 }))
        );
    }

    #[test]
    fn somebody_elses_lease_ends_ours_at_once() {
        let mut tenancy = tenancy(WithoutRedis::Keep);
        let now = Instant::now();
        tenancy.answered(held(4), now);
        tenancy.answered(LeaseOutcome::Taken(holder(5)), now);
        assert_eq!(tenancy.standing(), &Standing::Elsewhere(holder(5)));
        assert_eq!(tenancy.question(now), Question::Hold(None), "waits for it");
    }

    #[test]
    fn the_holder_goes_on_without_redis_for_as_long_as_it_takes() {
        let mut tenancy = tenancy(WithoutRedis::Keep);
        let now = Instant::now();
        tenancy.answered(held(4), now);
        let later = now + Duration::from_hours(1);
        tenancy.unanswered(later);
        assert_eq!(
            tenancy.question(later),
            Question::Hold(Some(Lease { token: 4 }))
        );
        tenancy.answered(held(5), later);
        assert!(matches!(
            tenancy.standing(),
            Standing::Here {
                lease: Lease { token: 5 },
                ..
            }
        ));
    }

    #[test]
    fn a_holder_that_must_not_go_on_stops_when_its_lease_is_over() {
        let mut tenancy = tenancy(WithoutRedis::Stop);
        let now = Instant::now();
        tenancy.answered(held(4), now);
        tenancy.unanswered(now + TTL / 2);
        assert!(matches!(tenancy.standing(), Standing::Here { .. }));
        tenancy.unanswered(now + TTL);
        assert_eq!(tenancy.standing(), &Standing::Lost);
        assert_eq!(tenancy.question(now + TTL), Question::Hold(None));
    }

    #[test]
    fn after_an_outage_a_standby_lets_the_holder_come_back_first() {
        let mut tenancy = tenancy(WithoutRedis::Keep);
        let now = Instant::now();
        tenancy.answered(LeaseOutcome::Taken(holder(5)), now);
        tenancy.unanswered(now);
        let back = now + Duration::from_mins(1);
        assert_eq!(tenancy.question(back), Question::Look);
        tenancy.looked(None, back);
        assert_eq!(tenancy.question(back + TTL / 2), Question::Look);
        assert_eq!(tenancy.standing(), &Standing::Elsewhere(holder(5)));
        tenancy.looked(Some(holder(6)), back + TTL / 2);
        assert_eq!(tenancy.standing(), &Standing::Elsewhere(holder(6)));
        assert_eq!(tenancy.question(back + TTL), Question::Hold(None));
    }
}
