//! Time: 33 bits of a clock of 90 kHz become milliseconds that go on.

/// Bits of a time stamp.
const STAMP_BITS: u32 = 33;
/// Ticks of the clock in a second and in a millisecond.
pub(super) const TICKS_PER_S: i64 = 90_000;
const TICKS_PER_MS: i64 = 90;
/// Where time begins. What comes first need not be what is shown first.
const BEGIN: Moment = Moment(10 * TICKS_PER_S);

/// A time on the feed's clock, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    /// In milliseconds; after 49 days it begins anew, as RTMP has it.
    pub(super) fn ms(self) -> u32 {
        let ms = self.whole_ms().rem_euclid(1 << u32::BITS);
        u32::try_from(ms).unwrap_or(0)
    }

    /// Milliseconds since `earlier`, as both have them.
    pub(super) fn ms_since(self, earlier: Self) -> i64 {
        self.whole_ms().saturating_sub(earlier.whole_ms())
    }

    pub(super) const fn plus(self, ticks: i64) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    /// The moment with this stamp that is nearest.
    pub(super) fn nearest(self, stamp: u64) -> Self {
        let period = 1_i64 << STAMP_BITS;
        let stamp = i64::try_from(stamp).unwrap_or(0);
        let ahead = stamp.wrapping_sub(self.0).rem_euclid(period);
        self.plus(if ahead >= period / 2 {
            ahead - period
        } else {
            ahead
        })
    }

    const fn whole_ms(self) -> i64 {
        self.0.div_euclid(TICKS_PER_MS)
    }
}

/// The clock of a feed. Picture and sound share it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// What is added to stamps.
    offset: i64,
    latest: Option<Moment>,
}

impl Clock {
    /// When this stamp is.
    pub(super) fn at(&mut self, stamp: u64) -> Moment {
        let latest = self.latest.unwrap_or_else(|| {
            self.offset = BEGIN.0.saturating_sub(i64::try_from(stamp).unwrap_or(0));
            BEGIN
        });
        let moment = self.near(stamp, latest);
        self.latest = Some(moment);
        moment
    }

    /// When this stamp is, near a moment that is known.
    pub(super) fn near(&self, stamp: u64, known: Moment) -> Moment {
        let unshifted = known.plus(-self.offset).nearest(stamp);
        unshifted.plus(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAST: u64 = (1 << STAMP_BITS) - 1;

    #[test]
    fn time_goes_on_when_the_stamps_begin_anew() {
        // Stamps, and the milliseconds since the first one.
        let cases: [&[(u64, i64)]; 4] = [
            &[(0, 0), (3000, 33), (6000, 66), (90_000, 1000)],
            &[(LAST - 44_999, 0), (LAST, 499), (45_000, 1000), (0, 500)],
            &[(126_000, 0), (123_000, -34), (90_000, -400)],
            &[
                (0, 0),
                (LAST / 2, 47_721_858),
                (LAST - 1, 95_443_717),
                (LAST / 2 - 2, 143_165_576),
            ],
        ];
        for stamps in cases {
            let mut clock = Clock::default();
            for (stamp, ms) in stamps {
                let moment = clock.at(*stamp);
                assert_eq!(moment.ms_since(BEGIN), *ms, "{stamp} of {stamps:?}");
            }
        }
    }

    #[test]
    fn what_is_shown_later_is_as_much_later() {
        let mut clock = Clock::default();
        let decoded = clock.at(LAST - 10);
        let shown = clock.near(17_989, decoded);
        assert_eq!((decoded.ms(), shown.ms_since(decoded)), (10_000, 200));
        let sooner = clock.near(LAST - 3610, decoded);
        assert_eq!(sooner.ms_since(decoded), -40);
        assert_eq!(clock.at(LAST - 10), decoded, "the clock did not move");
    }

    #[test]
    fn milliseconds_begin_anew_after_49_days() {
        let wrap = Moment((1 << u32::BITS) * TICKS_PER_MS);
        assert_eq!((wrap.plus(-1).ms(), wrap.ms()), (u32::MAX, 0));
        assert_eq!(Moment(-TICKS_PER_MS).ms(), u32::MAX);
    }

    proptest! {
        #[test]
        fn any_stamps_are_a_time(stamps in proptest::collection::vec(any::<u64>(), 0..50)) {
            let mut clock = Clock::default();
            for stamp in stamps {
                let moment = clock.at(stamp);
                let _ = (moment.ms(), clock.near(stamp, moment));
            }
        }
    }
}
