//! How much an output is sent: less at once when its target falls behind, and more step by step
//! when it keeps up again. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use sm_media_protocol::AdaptiveTerms;

use crate::number::{to_f64, to_u32, to_whole};

/// What an output is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Level {
    /// The program's own encoding.
    #[default]
    Program,
    /// An encoding of its own.
    Reduced {
        /// The bitrate of its picture, in kbit/s.
        kbps: u32,
    },
}

/// Between what the bitrate of the picture is, in kbit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Never less.
    pub(super) floor: u32,
    /// That of the program.
    pub(super) ceiling: u32,
    /// What the target is sent besides.
    pub(super) sound: u32,
}

/// What was seen of a target since the look before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sight {
    /// How long ago that was.
    pub(super) elapsed: Duration,
    /// Stream time that waits now.
    pub(super) waiting: Duration,
    /// Bytes that wait now.
    pub(super) waiting_bytes: u64,
    /// Bytes that it was sent.
    pub(super) sent_bytes: u64,
    /// Packets that it was sent, where they can be lost.
    pub(super) packets: u64,
    /// Packets that it did not get.
    pub(super) packets_lost: u64,
    /// What it did not take in time was left out.
    pub(super) left_out: bool,
    /// How long a packet and its answer were on the way, where that is known.
    pub(super) rtt: Option<Duration>,
    /// What is offered now is of the level that was asked for.
    pub(super) settled: bool,
}

/// The state of the decision.
#[derive(Debug)]
pub(super) struct Adapting {
    terms: AdaptiveTerms,
    level: Level,
    seen: VecDeque<Sight>,
    /// Stream time on the way: what a round trip takes more than the shortest one did.
    rtt_least: Option<Duration>,
    /// Since the last change of the level.
    held: Duration,
    /// For how long the target has not been congested at all.
    calm: Duration,
    /// How long it has to be so for the next step up.
    patience: Duration,
    /// The last change was a step up.
    raised: bool,
}

/// How a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Congested,
    /// Something waits, and it is not known where that leads.
    Unclear,
    Calm,
}

impl Adapting {
    /// The program's encoding, until a look says otherwise.
    pub(super) fn new(terms: AdaptiveTerms) -> Self {
        Self {
            terms,
            level: Level::Program,
            seen: VecDeque::new(),
            rtt_least: None,
            held: Duration::ZERO,
            calm: Duration::ZERO,
            patience: Duration::from_millis(terms.calm_ms),
            raised: false,
        }
    }

    /// What to send after this look.
    pub(super) fn look(&mut self, sight: Sight, bounds: Bounds) -> Level {
        self.remember(sight);
        if sight.settled {
            self.held += sight.elapsed;
            match self.condition() {
                Condition::Congested => self.fall(bounds),
                Condition::Unclear => self.calm = Duration::ZERO,
                Condition::Calm => self.rest(sight.elapsed, bounds),
            }
        } else {
            // Nothing of the change can be seen yet.
            self.held = Duration::ZERO;
            self.calm = Duration::ZERO;
        }
        self.level = within(self.level, bounds);
        self.level
    }

    fn remember(&mut self, sight: Sight) {
        let window = self.window();
        self.rtt_least = match (self.rtt_least, sight.rtt) {
            (Some(least), Some(now)) => Some(least.min(now)),
            (known, None) | (None, known) => known,
        };
        self.seen.push_back(sight);
        let mut length: Duration = self.seen.iter().map(|seen| seen.elapsed).sum();
        while let Some(oldest) = self.seen.front()
            && length.saturating_sub(oldest.elapsed) >= window
        {
            length = length.saturating_sub(oldest.elapsed);
            self.seen.pop_front();
        }
    }

    fn condition(&self) -> Condition {
        let Some(now) = self.seen.back() else {
            return Condition::Unclear;
        };
        let behind = now.waiting + self.on_the_way(now);
        let lost = self.lost();
        let lost_max = self.terms.lost_percent.fraction();
        if now.left_out
            || (behind >= Duration::from_millis(self.terms.congested_ms) && self.grows())
            || lost >= lost_max
        {
            Condition::Congested
        } else if behind < Duration::from_millis(self.terms.clear_ms) && lost * 2.0 < lost_max {
            Condition::Calm
        } else {
            Condition::Unclear
        }
    }

    /// Whether more waits than a window ago: what is being made up for does not count.
    fn grows(&self) -> bool {
        let window: Duration = self.seen.iter().map(|seen| seen.elapsed).sum();
        let kbps = self.taken_kbps();
        let bytes = |seen: &Sight| {
            to_f64(seen.waiting_bytes) + self.on_the_way(seen).as_secs_f64() * kbps * 125.0
        };
        let (Some(then), Some(now)) = (self.seen.front(), self.seen.back()) else {
            return false;
        };
        window >= self.window() && bytes(now) > bytes(then)
    }

    fn fall(&mut self, bounds: Bounds) {
        self.calm = Duration::ZERO;
        // What was changed last is still on its way.
        if self.held < self.window() {
            return;
        }
        let before = match self.level {
            Level::Program => bounds.ceiling,
            Level::Reduced { kbps } => kbps,
        };
        let sound = f64::from(bounds.sound);
        let taken = self.taken_kbps() * self.terms.share_percent.fraction() - sound;
        let less = f64::from(before) * self.terms.decrease_percent.fraction();
        if self.raised {
            let longest = Duration::from_millis(self.terms.calm_longest_ms);
            self.patience = (self.patience * 2).min(longest).max(self.calm_first());
        }
        self.change(less.min(taken), bounds, false);
    }

    /// It has not been congested at all for this long more.
    fn rest(&mut self, elapsed: Duration, bounds: Bounds) {
        self.calm += elapsed;
        if self.calm < self.patience {
            return;
        }
        self.calm = Duration::ZERO;
        if self.raised {
            // It kept up with the step before.
            self.patience = (self.patience / 2).max(self.calm_first());
        }
        if let Level::Reduced { kbps } = self.level {
            let step = f64::from(bounds.ceiling) * self.terms.step_percent.fraction();
            self.change(f64::from(kbps) + step.max(1.0), bounds, true);
        }
    }

    fn change(&mut self, kbps: f64, bounds: Bounds, raised: bool) {
        self.held = Duration::ZERO;
        self.raised = raised;
        let kbps = kbps.clamp(
            f64::from(bounds.floor),
            f64::from(bounds.ceiling.max(bounds.floor)),
        );
        self.level = Level::Reduced {
            kbps: to_u32(to_whole(kbps)),
        };
    }

    /// What the target took, over the window, in kbit/s.
    fn taken_kbps(&self) -> f64 {
        let seconds: f64 = self
            .seen
            .iter()
            .map(|seen| seen.elapsed.as_secs_f64())
            .sum();
        let bytes: u64 = self.seen.iter().map(|seen| seen.sent_bytes).sum();
        let arrived = 1.0 - self.lost();
        if seconds > 0.0 {
            to_f64(bytes) / 125.0 / seconds * arrived
        } else {
            0.0
        }
    }

    /// The part of its packets that the target did not get.
    fn lost(&self) -> f64 {
        let packets: u64 = self.seen.iter().map(|seen| seen.packets).sum();
        let lost: u64 = self.seen.iter().map(|seen| seen.packets_lost).sum();
        if packets > 0 {
            (to_f64(lost) / to_f64(packets)).min(1.0)
        } else {
            0.0
        }
    }

    fn on_the_way(&self, seen: &Sight) -> Duration {
        match (seen.rtt, self.rtt_least) {
            (Some(rtt), Some(least)) => rtt.saturating_sub(least),
            (None, _) | (_, None) => Duration::ZERO,
        }
    }

    const fn window(&self) -> Duration {
        Duration::from_millis(self.terms.window_ms)
    }

    const fn calm_first(&self) -> Duration {
        Duration::from_millis(self.terms.calm_ms)
    }
}

/// The level that these bounds allow.
fn within(level: Level, bounds: Bounds) -> Level {
    match level {
        Level::Reduced { kbps } if kbps.max(bounds.floor) < bounds.ceiling => Level::Reduced {
            kbps: kbps.max(bounds.floor),
        },
        Level::Program | Level::Reduced { .. } => Level::Program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LOOK: Duration = Duration::from_millis(100);
    const BOUNDS: Bounds = Bounds {
        floor: 300,
        ceiling: 3000,
        sound: 128,
    };

    /// A target that takes so much, and a queue in front of it that is offered what the level says.
    struct Link {
        adapting: Adapting,
        level: Level,
        /// What waits: bits, and the bitrate that they were made at.
        waiting: VecDeque<(f64, f64)>,
        longest: Duration,
        least_kbps: u32,
    }

    impl Link {
        fn new() -> Self {
            Self {
                adapting: Adapting::new(AdaptiveTerms::default()),
                level: Level::Program,
                waiting: VecDeque::new(),
                longest: Duration::ZERO,
                least_kbps: BOUNDS.ceiling,
            }
        }

        /// Looks for so long while the target takes so much.
        fn pass(&mut self, seconds: u32, kbps: f64) {
            for _ in 0..seconds * 10 {
                self.step(kbps);
            }
        }

        fn step(&mut self, takes_kbps: f64) {
            let picture = match self.level {
                Level::Program => BOUNDS.ceiling,
                Level::Reduced { kbps } => kbps,
            };
            self.least_kbps = self.least_kbps.min(picture);
            let made = f64::from(picture + BOUNDS.sound);
            self.waiting.push_back((made * 100.0, made));
            let mut room = takes_kbps * 100.0;
            let mut sent = 0.0;
            while let Some((bits, _)) = self.waiting.front_mut()
                && room > 0.0
            {
                let now = bits.min(room);
                (*bits, room, sent) = (*bits - now, room - now, sent + now);
                if *bits <= 0.0 {
                    self.waiting.pop_front();
                }
            }
            let bits: f64 = self.waiting.iter().map(|(bits, _)| bits).sum();
            let waiting: f64 = self
                .waiting
                .iter()
                .map(|(bits, kbps)| bits / kbps / 1000.0)
                .sum();
            let waiting = Duration::from_secs_f64(waiting);
            self.longest = self.longest.max(waiting);
            let sight = Sight {
                elapsed: LOOK,
                waiting,
                waiting_bytes: to_whole(bits / 8.0),
                sent_bytes: to_whole(sent / 8.0),
                settled: true,
                ..Sight::default()
            };
            self.level = self.adapting.look(sight, BOUNDS);
        }
    }

    fn kbps(level: Level) -> u32 {
        match level {
            Level::Reduced { kbps } => kbps,
            Level::Program => panic!("it is not reduced"),
        }
    }

    #[test]
    fn a_target_that_takes_the_program_gets_the_program() {
        let mut link = Link::new();
        link.pass(60, 3200.0);
        assert_eq!(link.level, Level::Program);
        assert_eq!(link.least_kbps, BOUNDS.ceiling);
    }

    #[test]
    fn a_narrow_target_gets_less_at_once_and_the_program_again_when_it_is_wide() {
        let mut link = Link::new();
        link.pass(5, 4000.0);
        link.pass(3, 1000.0);
        assert!(kbps(link.level) < 750, "{:?}", link.level);
        link.pass(120, 1000.0);
        assert!(link.longest < Duration::from_secs(4), "{:?}", link.longest);
        assert!((400..1100).contains(&kbps(link.level)), "{:?}", link.level);
        link.pass(120, 4000.0);
        assert_eq!(link.level, Level::Program);
    }

    #[test]
    fn steps_up_that_were_too_much_are_tried_less_often() {
        let mut link = Link::new();
        link.pass(10, 1000.0);
        let mut falls = |seconds: u32| {
            let (mut falls, mut before) = (0, link.level);
            for _ in 0..seconds * 10 {
                link.step(1000.0);
                falls += u32::from(kbps(link.level) < kbps(before));
                before = link.level;
            }
            falls
        };
        let (first, later) = (falls(120), falls(120));
        assert!(
            later <= first && (1..=6).contains(&later),
            "{first} {later}"
        );
    }

    #[test]
    fn it_is_never_less_than_the_floor() {
        let mut link = Link::new();
        link.pass(20, 50.0);
        assert_eq!(link.level, Level::Reduced { kbps: 300 });
        assert_eq!(link.least_kbps, 300);
    }

    /// A tenth of a second in which nothing is wrong.
    fn fine() -> Sight {
        Sight {
            elapsed: LOOK,
            sent_bytes: 25_000,
            packets: 20,
            rtt: Some(Duration::from_millis(20)),
            settled: true,
            ..Sight::default()
        }
    }

    /// The level after a second in which nothing is wrong and one that is changed like this.
    fn after(bounds: Bounds, change: fn(&mut Sight, u64)) -> Level {
        let mut adapting = Adapting::new(AdaptiveTerms::default());
        for _ in 0..10 {
            assert_eq!(adapting.look(fine(), bounds), Level::Program);
        }
        let looks = (1..=10).map(|look| {
            let mut sight = fine();
            change(&mut sight, look);
            adapting.look(sight, bounds)
        });
        looks.last().unwrap()
    }

    #[test]
    fn each_sign_of_congestion_is_one_and_nothing_else_is() {
        type Change = fn(&mut Sight, u64);
        let cases: [(&str, Change, bool); 9] = [
            ("nothing waits", |_, _| {}, false),
            (
                "more and more waits",
                |sight, look| (sight.waiting, sight.waiting_bytes) = (SECOND, look * 1000),
                true,
            ),
            (
                "it waits and does not grow",
                |sight, _| sight.waiting = SECOND,
                false,
            ),
            (
                "little waits, and grows",
                |sight, look| (sight.waiting, sight.waiting_bytes) = (SECOND / 3, look * 1000),
                false,
            ),
            (
                "something was left out",
                |sight, _| sight.left_out = true,
                true,
            ),
            ("packets are lost", |sight, _| sight.packets_lost = 3, true),
            (
                "few packets are lost",
                |sight, _| (sight.packets, sight.packets_lost) = (1000, 3),
                false,
            ),
            (
                "the way becomes long",
                |sight, _| sight.rtt = Some(SECOND),
                true,
            ),
            (
                "nothing can be seen yet",
                |sight, _| (sight.left_out, sight.settled) = (true, false),
                false,
            ),
        ];
        for (what, change, reduced) in cases {
            let level = after(BOUNDS, change);
            assert_eq!(level != Level::Program, reduced, "{what}: {level:?}");
        }
        let no_room = Bounds {
            floor: 3000,
            ..BOUNDS
        };
        let level = after(no_room, |sight, _| sight.left_out = true);
        assert_eq!(level, Level::Program, "the program is at the floor");
    }

    #[test]
    fn a_program_that_became_smaller_is_sent_as_it_is() {
        let mut link = Link::new();
        link.pass(10, 1500.0);
        let reduced = kbps(link.level);
        let smaller = Bounds {
            ceiling: reduced,
            ..BOUNDS
        };
        assert_eq!(link.adapting.look(fine(), smaller), Level::Program);
    }
}
