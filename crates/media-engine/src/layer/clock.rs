//! The time of day.

use gstreamer::glib;
use jiff::tz::TimeZone;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::layer::TextStyle;
use sm_media_protocol::{LayerContent, SceneLayer};

use super::failure::Failure;
use super::text::Label;
use super::{Health, News, Source, Surroundings};
use crate::pipeline::Surface;

/// The time unless said otherwise.
pub(super) const CLOCK_FORMAT: &str = "%H:%M:%S";
const MILLIS_PER_SECOND: i64 = 1000;

pub(super) fn open(
    (format, timezone): (&str, Option<&str>),
    style: &TextStyle,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> ClockSource {
    let mut source = ClockSource {
        wall: SharedClock::clone(&surroundings.wall),
        label: Label::new(layer.id, surroundings),
        format: format.to_owned(),
        timezone: timezone.map(str::to_owned),
        style: style.clone(),
        layer: layer.clone(),
        changes_at: None,
        failure: None,
    };
    source.show(source.wall.now());
    source
}

/// Text that changes with every second.
pub(super) struct ClockSource {
    wall: SharedClock,
    label: Label,
    format: String,
    /// That of the host when absent.
    timezone: Option<String>,
    style: TextStyle,
    layer: SceneLayer,
    changes_at: Option<Timestamp>,
    failure: Option<Failure>,
}

impl ClockSource {
    fn show(&mut self, now: Timestamp) {
        let next = (now.as_unix_seconds() + 1).saturating_mul(MILLIS_PER_SECOND);
        self.changes_at = Some(Timestamp::from_unix_millis(next));
        match time_of_day(now, &self.format, self.timezone.as_deref()) {
            Ok(text) => {
                self.failure = None;
                self.label.write(&text, &self.style, &self.layer);
            }
            Err(failure) => self.failure = Some(failure),
        }
    }
}

impl Source for ClockSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Clock {
            format,
            timezone,
            style,
            ..
        } = &layer.content
        {
            self.format.clone_from(format);
            self.timezone.clone_from(timezone);
            self.style.clone_from(style);
            self.layer = layer.clone();
            self.show(self.wall.now());
        }
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at
    }

    fn change(&mut self, now: Timestamp) {
        self.show(now);
    }

    fn hear(&mut self, news: News) {
        self.label.hear(news);
    }

    fn is_drawing(&self) -> bool {
        self.label.is_drawing()
    }

    fn surface(&self) -> Surface {
        self.label.surface()
    }

    fn health(&self) -> Health {
        match &self.failure {
            Some(failure) => Health::Failing(failure.clone()),
            None => self.label.health(),
        }
    }
}

/// The time in this zone and `strftime` form.
pub(super) fn time_of_day(
    now: Timestamp,
    format: &str,
    timezone: Option<&str>,
) -> Result<String, Failure> {
    let Some(name) = timezone else {
        let local = glib::DateTime::from_unix_local(now.as_unix_seconds());
        return written(local, format);
    };
    let zone = TimeZone::get(name).map_err(|_unknown| Failure::clock_timezone())?;
    let moment = jiff::Timestamp::from_second(now.as_unix_seconds())
        .map_err(|_out_of_range| Failure::clock_format())?;
    let info = zone.to_offset_info(moment);
    let offset = glib::TimeZone::new(Some(&offset(info.offset().seconds())));
    let there = glib::DateTime::from_unix_utc(now.as_unix_seconds())
        .and_then(|moment| moment.to_timezone(&offset));
    // For a mere offset there is no such name.
    let named = format
        .split("%%")
        .map(|part| part.replace("%Z", info.abbreviation()))
        .collect::<Vec<_>>()
        .join("%%");
    written(there, &named)
}

fn written(
    moment: Result<glib::DateTime, glib::BoolError>,
    format: &str,
) -> Result<String, Failure> {
    moment
        .and_then(|moment| moment.format(format))
        .map(String::from)
        .map_err(|_not_strftime| Failure::clock_format())
}

/// Seconds to the east of Greenwich as `+hh:mm:ss`.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_format_says() {
        let now = Timestamp::from_unix_millis(1_795_000_000_999);
        let written = |format| time_of_day(now, format, None);
        assert_eq!(written("%S %%").as_deref(), Ok("40 %"));
        assert_eq!(written("%Q"), Err(Failure::clock_format()));
    }

    #[test]
    fn a_time_is_that_of_its_zone_in_summer_and_winter() {
        // 2026-01-15 and 2026-07-15, 12:00 UTC.
        let (winter, summer) = (1_768_478_400_000, 1_784_116_800_000);
        let format = "%H:%M %Z %%Z %z";
        for (moment, zone, expected) in [
            (winter, "Europe/Berlin", "13:00 CET %Z +0100"),
            (summer, "Europe/Berlin", "14:00 CEST %Z +0200"),
            (winter, "America/New_York", "07:00 EST %Z -0500"),
            (winter, "Asia/Kolkata", "17:30 IST %Z +0530"),
            (winter, "UTC", "12:00 UTC %Z +0000"),
        ] {
            let now = Timestamp::from_unix_millis(moment);
            assert_eq!(
                time_of_day(now, format, Some(zone)).as_deref(),
                Ok(expected)
            );
        }
        let unknown = time_of_day(Timestamp::from_unix_millis(0), "%H", Some("Mars/Olympus"));
        assert_eq!(unknown, Err(Failure::clock_timezone()));
    }
}
