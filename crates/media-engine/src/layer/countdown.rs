//! The time until a moment, and after it.

use sm_common::clock::{SharedClock, Timestamp};
use sm_common::layer::AtZero;
use sm_media_protocol::{Countdown, LayerContent, SceneLayer};

use super::text::Label;
use super::{Health, News, Source, Surroundings};
use crate::pipeline::Surface;

const MILLIS_PER_SECOND: i64 = 1000;
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

pub(super) fn open(
    countdown: &Countdown,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> CountdownSource {
    let mut source = CountdownSource {
        wall: SharedClock::clone(&surroundings.wall),
        label: Label::new(layer.id, surroundings),
        countdown: countdown.clone(),
        layer: layer.clone(),
        reading: Reading::default(),
    };
    source.show(source.wall.now());
    source
}

/// Text that changes with every second until its moment, and after it if it counts on.
pub(super) struct CountdownSource {
    wall: SharedClock,
    label: Label,
    countdown: Countdown,
    layer: SceneLayer,
    reading: Reading,
}

/// What a countdown says at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reading {
    /// `None` when it shows nothing.
    seconds: Option<Seconds>,
    /// When it says something else.
    changes_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seconds {
    Before(u64),
    After(u64),
}

impl CountdownSource {
    fn show(&mut self, now: Timestamp) {
        let Countdown { to, at_zero, .. } = self.countdown;
        self.reading = read(to, at_zero, now);
        if let Some(seconds) = self.reading.seconds {
            let text = write(&self.countdown, seconds);
            self.label.write(&text, &self.countdown.style, &self.layer);
        }
    }
}

impl Source for CountdownSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Countdown(countdown) = &layer.content {
            self.countdown = countdown.clone();
            self.layer = layer.clone();
            self.show(self.wall.now());
        }
    }

    fn hear(&mut self, news: News) {
        self.label.hear(news);
    }

    fn is_drawing(&self) -> bool {
        self.label.is_drawing()
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.reading.changes_at
    }

    fn change(&mut self, now: Timestamp) {
        self.show(now);
    }

    fn surface(&self) -> Surface {
        match self.reading.seconds {
            Some(_) => self.label.surface(),
            None => Surface::Empty,
        }
    }

    fn health(&self) -> Health {
        match self.reading.seconds {
            Some(_) => self.label.health(),
            // Nothing is to be seen, and nothing is.
            None => Health::Fine,
        }
    }
}

/// What a countdown to `to` says: whole seconds, 0 from the very moment on.
fn read(to: Timestamp, at_zero: AtZero, now: Timestamp) -> Reading {
    let left = to.as_unix_millis().saturating_sub(now.as_unix_millis());
    let second = |count: i64| u64::try_from(count).unwrap_or(0);
    let moment = |from_zero: i64| {
        let millis = from_zero.saturating_mul(MILLIS_PER_SECOND);
        Timestamp::from_unix_millis(to.as_unix_millis().saturating_add(millis))
    };
    if left > 0 {
        let seconds = (left - 1) / MILLIS_PER_SECOND + 1;
        return Reading {
            seconds: Some(Seconds::Before(second(seconds))),
            changes_at: Some(moment(1 - seconds)),
        };
    }
    let passed = left.saturating_neg() / MILLIS_PER_SECOND;
    match at_zero {
        AtZero::Stop => Reading {
            seconds: Some(Seconds::Before(0)),
            changes_at: None,
        },
        AtZero::Hide => Reading::default(),
        AtZero::CountUp => Reading {
            seconds: Some(Seconds::After(second(passed))),
            changes_at: Some(moment(passed + 1)),
        },
    }
}

fn write(countdown: &Countdown, seconds: Seconds) -> String {
    let (sign, seconds) = match seconds {
        Seconds::Before(seconds) | Seconds::After(seconds @ 0) => ("", seconds),
        Seconds::After(seconds) => ("+", seconds),
    };
    let format = countdown.format.as_deref().unwrap_or(match seconds {
        DAY_S.. => "%dd %H:%M:%S",
        HOUR_S..DAY_S => "%H:%M:%S",
        0..HOUR_S => "%M:%S",
    });
    let time = in_format(format, seconds);
    format!("{}{sign}{time}{}", countdown.before, countdown.after)
}

/// The seconds in days, hours, minutes and seconds. The largest unit that the format names holds
/// what would be in larger ones.
fn in_format(format: &str, seconds: u64) -> String {
    let units = [("%d", DAY_S), ("%H", HOUR_S), ("%M", MINUTE_S), ("%S", 1)];
    let mut parts: Vec<String> = format.split("%%").map(str::to_owned).collect();
    let mut rest = seconds;
    for (name, length) in units {
        if !parts.iter().any(|part| part.contains(name)) {
            continue;
        }
        let value = if length == DAY_S {
            format!("{}", rest / length)
        } else {
            format!("{:02}", rest / length)
        };
        rest %= length;
        for part in &mut parts {
            *part = part.replace(name, &value);
        }
    }
    parts.join("%")
}

#[cfg(test)]
mod tests {
    use sm_common::layer::TextStyle;

    use super::*;

    const ZERO: Timestamp = Timestamp::from_unix_millis(1_000_500);

    /// What is said so many milliseconds after zero, and for how long.
    fn at(after_zero: i64, at_zero: AtZero) -> (Option<Seconds>, Option<i64>) {
        let now = Timestamp::from_unix_millis(ZERO.as_unix_millis() + after_zero);
        let Reading {
            seconds,
            changes_at,
        } = read(ZERO, at_zero, now);
        let lasts = changes_at.map(|moment| moment.as_unix_millis() - now.as_unix_millis());
        (seconds, lasts)
    }

    #[test]
    fn a_countdown_changes_on_its_own_seconds_and_crosses_zero() {
        use AtZero as A;
        use Seconds as S;
        for at_zero in [A::Stop, A::Hide, A::CountUp] {
            assert_eq!(at(-2000, at_zero), (Some(S::Before(2)), Some(1000)));
            assert_eq!(at(-1999, at_zero), (Some(S::Before(2)), Some(999)));
            assert_eq!(at(-1, at_zero), (Some(S::Before(1)), Some(1)));
        }
        assert_eq!(at(0, A::Stop), (Some(S::Before(0)), None));
        assert_eq!(at(5000, A::Stop), (Some(S::Before(0)), None));
        assert_eq!(at(0, A::Hide), (None, None));
        assert_eq!(at(0, A::CountUp), (Some(S::After(0)), Some(1000)));
        assert_eq!(at(1999, A::CountUp), (Some(S::After(1)), Some(1)));
    }

    #[test]
    fn the_largest_unit_holds_the_rest() {
        for (format, seconds, written) in [
            ("%M:%S", 5400, "90:00"),
            ("%H:%M:%S", 90_061, "25:01:01"),
            ("%dd %H:%M:%S", 90_061, "1d 01:01:01"),
            ("%S s", 90, "90 s"),
            ("100%% %M", 59, "100% 00"),
            ("%%d %S", 90_000, "%d 90000"),
        ] {
            assert_eq!(in_format(format, seconds), written);
        }
    }

    #[test]
    fn without_a_format_the_units_fit_the_time() {
        let countdown = Countdown {
            to: ZERO,
            format: None,
            at_zero: AtZero::CountUp,
            before: "T ".to_owned(),
            after: "!".to_owned(),
            style: TextStyle::default(),
            font: None,
        };
        for (seconds, written) in [
            (Seconds::Before(59), "T 00:59!"),
            (Seconds::Before(3600), "T 01:00:00!"),
            (Seconds::Before(86_400), "T 1d 00:00:00!"),
            (Seconds::After(0), "T 00:00!"),
            (Seconds::After(61), "T +01:01!"),
        ] {
            assert_eq!(write(&countdown, seconds), written);
        }
    }
}
