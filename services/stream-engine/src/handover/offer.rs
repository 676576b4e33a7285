//! How long a holder that is about to end stays on air for an heir. Pure.
//!
//! ```text
//!              an heir says so
//! unclaimed ─────────────────────▶ claimed ─────▶ the heir asks for the stream
//!     │     ◀─────────────────────    │
//!     │         it is silent          │
//!     ▼ for too long                  ▼ for too long
//!   over: unclaimed                 over: late
//! ```

use std::time::{Duration, Instant};

use crate::config::HandoverConfig;

/// A stream that is to be had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// No heir is waited for any longer.
    until: Instant,
    /// How long nobody may want it.
    claim_within: Duration,
    /// Since when nobody has; `None` while somebody does.
    unclaimed_since: Option<Instant>,
}

/// Why an offer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// There is nothing on air that could be handed over.
    Nothing,
    /// Nobody wants it.
    Unclaimed,
    /// Whoever wants it is not ready in time.
    Late,
}

impl Over {
    /// Its name in metrics and logs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Unclaimed => "unclaimed",
            Self::Late => "late",
        }
    }
}

impl Offer {
    pub(crate) fn new(config: &HandoverConfig, now: Instant) -> Self {
        let longest = config.longest();
        Self {
            until: now.checked_add(longest).unwrap_or(now),
            claim_within: config.claim().min(longest),
            unclaimed_since: Some(now),
        }
    }

    /// Whether it is over now. `is_on_air`: there is something to hand over.
    pub(crate) fn look(&mut self, is_on_air: bool, has_heir: bool, now: Instant) -> Option<Over> {
        let since = self.unclaimed_since.unwrap_or(now);
        self.unclaimed_since = (!has_heir).then_some(since);
        let is_unclaimed = !has_heir && now.saturating_duration_since(since) >= self.claim_within;
        if !is_on_air {
            Some(Over::Nothing)
        } else if is_unclaimed {
            Some(Over::Unclaimed)
        } else {
            (now >= self.until).then_some(Over::Late)
        }
    }

    /// When to look even if nothing happens.
    pub(crate) fn looks_at(&self) -> Instant {
        let claim = self
            .unclaimed_since
            .and_then(|since| since.checked_add(self.claim_within));
        claim.map_or(self.until, |claim| claim.min(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When somebody looks, and whether there is an heir then.
    type Looks<'a> = &'a [(u64, bool)];

    fn offer(now: Instant) -> Offer {
        let config = serde_json::json!({
            "longest_ms": 8000, "claim_ms": 2000, "files_max": 1, "bytes_max": 1,
        });
        let config: HandoverConfig = serde_json::from_value(config).unwrap();
        Offer::new(&config, now)
    }

    #[test]
    fn an_offer_is_over_when_nobody_wants_it_or_too_late() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // How it ends at the last look.
        let cases: [(Looks, Option<Over>); 6] = [
            (&[(0, false), (1999, false)], None),
            (&[(0, false), (2000, false)], Some(Over::Unclaimed)),
            (&[(1000, true), (7999, true)], None),
            (&[(1000, true), (8000, true)], Some(Over::Late)),
            // An heir that falls silent leaves time for another.
            (&[(1000, true), (3000, false), (4999, false)], None),
            (
                &[(1000, true), (3000, false), (5000, false)],
                Some(Over::Unclaimed),
            ),
        ];
        for (looks, expected) in cases {
            let mut offer = offer(start);
            let mut last = None;
            for (ms, has_heir) in looks {
                last = offer.look(true, *has_heir, at(*ms));
            }
            assert_eq!(last, expected, "{looks:?}");
        }
        assert_eq!(offer(start).look(false, true, start), Some(Over::Nothing));
    }

    #[test]
    fn it_is_looked_at_when_it_can_be_over() {
        let start = Instant::now();
        let mut offer = offer(start);
        assert_eq!(offer.looks_at(), start + Duration::from_secs(2));
        offer.look(true, true, start);
        assert_eq!(offer.looks_at(), start + Duration::from_secs(8));
    }
}
