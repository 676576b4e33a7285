//! What one process knows of one caller's quota.

use std::time::{Duration, Instant};

use sm_common::rate::{Cell, Quota, Taken};

/// Most of a quota that is taken ahead at a time: a twentieth of it, and no more than this.
const AHEAD_MAX: u32 = 100;

/// How a caller stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// How many more requests they may send at once.
    pub(super) remaining: u32,
    /// When they have their whole quota again.
    pub(super) restored_in: Duration,
}

/// Whether a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted(Standing),
    /// Not before this time has passed.
    Refused(Standing, Duration),
}

/// What is to be done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is known here.
    Known(Verdict),
    /// Take so many where all replicas share; `leads`: [`Account::answered`] is owed.
    Ask { wanted: u32, leads: bool },
}

/// Who asks seldom is counted request by request. For who asks often, some requests are taken ahead,
/// the more the faster they are used, so that few requests wait for a round trip. What is not used
/// in time is lost to them: never to be had by somebody else.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Taken and not used.
    ahead: u32,
    ahead_until: Instant,
    /// How many were taken last.
    size: u32,
    /// How the caller stood then, apart from what is ahead.
    remaining: u32,
    restored_at: Instant,
    refused_until: Option<Instant>,
    /// Somebody takes ahead just now; others take for themselves alone.
    asks: bool,
    /// What this process counts by itself.
    alone: Cell,
}

impl Account {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            ahead: 0,
            ahead_until: now,
            size: 0,
            remaining: 0,
            restored_at: now,
            refused_until: None,
            asks: false,
            alone: Cell::default(),
        }
    }

    /// A request has come.
    pub(super) fn step(&mut self, now: Instant, quota: Quota) -> Step {
        if self.uses_ahead(now) {
            return Step::Known(Verdict::Admitted(self.standing(now)));
        }
        if let Some(until) = self.refused_until {
            let wait = until.saturating_duration_since(now);
            if !wait.is_zero() {
                // Another request's answer may have come late, and tell of a moment before.
                let standing = Standing {
                    remaining: 0,
                    ..self.standing(now)
                };
                return Step::Known(Verdict::Refused(standing, wait));
            }
            self.refused_until = None;
        }
        if self.asks {
            return Step::Ask {
                wanted: 1,
                leads: false,
            };
        }
        let most = quota.requests.get().div_ceil(20).min(AHEAD_MAX);
        self.size = if now < self.ahead_until {
            self.size.saturating_mul(2).clamp(1, most)
        } else {
            1
        };
        self.ahead = 0;
        self.asks = true;
        Step::Ask {
            wanted: self.size,
            leads: true,
        }
    }

    /// There is an answer, or none is to be had any more.
    pub(super) fn answered(&mut self) {
        self.asks = false;
    }

    /// So much was granted by what all replicas share.
    pub(super) fn take(&mut self, taken: Taken, now: Instant, ahead_for: Duration) -> Verdict {
        let later = |duration| now.checked_add(duration).unwrap_or(now);
        self.remaining = taken.remaining;
        self.restored_at = later(taken.restored_in);
        if taken.granted == 0 {
            if self.uses_ahead(now) {
                // Another request has taken it ahead meanwhile.
                return Verdict::Admitted(self.standing(now));
            }
            self.ahead = 0;
            self.refused_until = Some(later(taken.next_in));
            return Verdict::Refused(self.standing(now), taken.next_in);
        }
        let spare = taken.granted.saturating_sub(1);
        self.ahead = self.ahead.saturating_add(spare);
        self.ahead_until = later(ahead_for);
        Verdict::Admitted(self.standing(now))
    }

    /// Counts by itself. `now_us` is on this process's own clock.
    pub(super) fn alone(&mut self, now_us: u64, quota: Quota) -> Verdict {
        let taken = self.alone.take(now_us, quota, 1);
        let standing = Standing {
            remaining: taken.remaining,
            restored_in: taken.restored_in,
        };
        if taken.granted == 0 {
            Verdict::Refused(standing, taken.next_in)
        } else {
            Verdict::Admitted(standing)
        }
    }

    /// Uses a request that was taken ahead, where there is one.
    fn uses_ahead(&mut self, now: Instant) -> bool {
        let has_some = now < self.ahead_until && self.ahead > 0;
        if has_some {
            self.ahead = self.ahead.saturating_sub(1);
        }
        has_some
    }

    fn standing(&self, now: Instant) -> Standing {
        Standing {
            remaining: self.remaining.saturating_add(self.ahead),
            restored_in: self.restored_at.saturating_duration_since(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AHEAD: Duration = Duration::from_secs(1);

    fn quota() -> Quota {
        Quota {
            requests: 200.try_into().unwrap(),
            window_s: 10.try_into().unwrap(),
        }
    }

    fn taken(granted: u32, remaining: u32) -> Taken {
        Taken {
            granted,
            remaining,
            restored_in: Duration::from_secs(3),
            next_in: Duration::from_millis(if granted == 0 { 50 } else { 0 }),
        }
    }

    /// Sends requests until one has to ask, and says how many it asks for.
    fn until_asked(account: &mut Account, now: Instant) -> (u32, u32) {
        let mut known = 0;
        loop {
            match account.step(now, quota()) {
                Step::Known(verdict) => {
                    assert!(matches!(verdict, Verdict::Admitted(_)), "{verdict:?}");
                    known += 1;
                }
                Step::Ask { wanted, leads } => {
                    assert!(leads);
                    account.answered();
                    let verdict = account.take(taken(wanted, 100), now, AHEAD);
                    assert!(matches!(verdict, Verdict::Admitted(_)), "{verdict:?}");
                    return (known, wanted);
                }
            }
        }
    }

    #[test]
    fn the_faster_somebody_asks_the_more_is_taken_ahead() {
        let start = Instant::now();
        let mut account = Account::new(start);
        let asked: Vec<_> = (0..6).map(|_| until_asked(&mut account, start)).collect();
        assert_eq!(asked, [(0, 1), (0, 2), (1, 4), (3, 8), (7, 10), (9, 10)]);
        let late = start + AHEAD;
        assert_eq!(
            until_asked(&mut account, late),
            (0, 1),
            "what was not used in time is lost, and it begins anew"
        );
    }

    #[test]
    fn only_one_request_takes_ahead_at_a_time() {
        let start = Instant::now();
        let mut account = Account::new(start);
        let leader = Step::Ask {
            wanted: 1,
            leads: true,
        };
        let follower = Step::Ask {
            wanted: 1,
            leads: false,
        };
        assert_eq!(account.step(start, quota()), leader);
        assert_eq!(account.step(start, quota()), follower);
        account.answered();
        assert_eq!(account.step(start, quota()), leader);
    }

    #[test]
    fn a_refusal_is_remembered_until_it_is_over() {
        let start = Instant::now();
        let mut account = Account::new(start);
        account.step(start, quota());
        account.answered();
        let refused = account.take(taken(0, 0), start, AHEAD);
        let standing = Standing {
            remaining: 0,
            restored_in: Duration::from_secs(3),
        };
        assert_eq!(
            refused,
            Verdict::Refused(standing, Duration::from_millis(50))
        );
        let soon = start + Duration::from_millis(49);
        assert!(matches!(
            account.step(soon, quota()),
            Step::Known(Verdict::Refused(..))
        ));
        let later = start + Duration::from_millis(50);
        assert!(matches!(account.step(later, quota()), Step::Ask { .. }));
    }

    /// The last of a quota may be taken ahead by one request while another is refused.
    #[test]
    fn nobody_is_refused_while_some_is_left_that_was_taken_ahead() {
        let start = Instant::now();
        let mut account = Account::new(start);
        let granted = account.take(taken(3, 0), start, AHEAD);
        let left = |verdict| match verdict {
            Verdict::Admitted(standing) => Some(standing.remaining),
            Verdict::Refused(..) => None,
        };
        assert_eq!(left(granted), Some(2));
        assert_eq!(left(account.take(taken(0, 0), start, AHEAD)), Some(1));
        let Step::Known(last) = account.step(start, quota()) else {
            panic!("it is known")
        };
        assert_eq!(left(last), Some(0));
        assert_eq!(left(account.take(taken(0, 0), start, AHEAD)), None);
        let Step::Known(refused) = account.step(start, quota()) else {
            panic!("it is known")
        };
        assert_eq!(left(refused), None);
    }

    #[test]
    fn alone_it_counts_the_whole_quota() {
        let mut account = Account::new(Instant::now());
        for left in (0..200).rev() {
            let verdict = account.alone(1_000_000, quota());
            assert!(
                matches!(verdict, Verdict::Admitted(standing) if standing.remaining == left),
                "{verdict:?}"
            );
        }
        assert!(matches!(
            account.alone(1_000_000, quota()),
            Verdict::Refused(_, wait) if wait == Duration::from_millis(50)
        ));
    }
}
