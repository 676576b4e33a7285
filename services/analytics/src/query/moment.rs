use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use sm_common::clock::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as a query gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// This very time.
    At(Timestamp),
    /// So many seconds ago.
    Ago(u32),
}

impl Moment {
    /// This very moment.
    pub(crate) const NOW: Self = Self::Ago(0);

    /// The time meant at `now`.
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(seconds) => {
                Timestamp::from_unix_millis(now.as_unix_millis() - i64::from(seconds) * 1000)
            }
        }
    }
}

/// A text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a time is RFC 3339, such as 2026-01-31T20:15:00Z (write `+` as %2B), or relative, such as -15m, -6h or -30d, or `now`"
)]
pub(crate) struct ParseMomentError;

impl FromStr for Moment {
    type Err = ParseMomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "now" {
            return Ok(Self::NOW);
        }
        if let Some(ago) = text.strip_prefix('-') {
            return seconds(ago).map(Self::Ago).ok_or(ParseMomentError);
        }
        OffsetDateTime::parse(text, &Rfc3339)
            .map(|at| Self::At(at.into()))
            .map_err(|_no_time| ParseMomentError)
    }
}

/// The distance of points as a query gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// The finest that gives a handy number of points.
    #[default]
    Auto,
    /// So many seconds.
    Every(NonZeroU32),
}

/// A text is no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step is `auto`, or a whole number of s, m, h or d, such as 1s, 10s, 1m or 1h")]
pub(crate) struct ParseStepError;

impl FromStr for Step {
    type Err = ParseStepError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        seconds(text)
            .and_then(NonZeroU32::new)
            .map(Self::Every)
            .ok_or(ParseStepError)
    }
}

/// A whole number of seconds, minutes, hours or days, in seconds.
fn seconds(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.get(..text.len().checked_sub(1)?)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u32>().ok()?.checked_mul(unit)
}

/// A duration in its largest whole unit, such as `90s`, `15m` or `1d`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = *self;
        let (count, unit) = match seconds {
            _ if seconds % 86_400 == 0 => (seconds / 86_400, 'd'),
            _ if seconds % 3600 == 0 => (seconds / 3600, 'h'),
            _ if seconds % 60 == 0 => (seconds / 60, 'm'),
            _ => (seconds, 's'),
        };
        write!(f, "{count}{unit}")
    }
}

macro_rules! deserialize_from_text {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

deserialize_from_text!(Moment, Step);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_absolute_or_relative() {
        let now = Timestamp::from_unix_millis(1_795_000_000_000);
        let ago = |text: &str| now.since(text.parse::<Moment>().unwrap().resolve(now));
        assert_eq!(ago("-15m").as_secs(), 900);
        assert_eq!(ago("-30d").as_secs(), 2_592_000);
        assert_eq!(ago("now").as_secs(), 0);
        let same: Moment = now.to_string().parse().unwrap();
        assert_eq!(same, Moment::At(now));
        for bad in [
            "",
            "-",
            "15m",
            "-m",
            "-1w",
            "--5m",
            "-+5m",
            "-5000000000s",
            "yesterday",
            "-é",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_step_is_auto_or_a_duration() {
        assert_eq!("auto".parse(), Ok(Step::Auto));
        assert_eq!("10s".parse(), Ok(Step::Every(NonZeroU32::new(10).unwrap())));
        for bad in ["", "0s", "-1s", "1", "1.5s", "s", "99999999999d"] {
            assert!(bad.parse::<Step>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_span_is_shown_in_its_largest_unit() {
        let shown = [90, 900, 7200, 86_400].map(|seconds| Span(seconds).to_string());
        assert_eq!(shown, ["90s", "15m", "2h", "1d"]);
    }
}
