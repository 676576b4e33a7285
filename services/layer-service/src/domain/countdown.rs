//! A countdown, read from the members of its source.

use serde_json::Value;
use sm_common::layer::{AtZero, CountdownSource};

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed, text};
use super::text_style;

/// Longest countdown: a hundred days.
const DURATION_S: (i64, i64) = (1, 8_640_000);
/// Longest format, in characters.
const FORMAT_CHARS_MAX: usize = 64;
/// Longest text before and after, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// What a format may hold after a `%`.
const DIRECTIVES: &str = "dHMS%";

/// Reads the members of a countdown's source.
pub(crate) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<CountdownSource> {
    let (shortest, longest) = DURATION_S;
    let to = fields.or("to", None, faults, |value| parsed(value).map(Some));
    let duration_s = fields.or("duration_s", None, faults, |value| {
        integer(shortest, longest)(value).map(Some)
    });
    let started_at = fields.or("started_at", None, faults, |value| parsed(value).map(Some));
    if let (Some(to), Some(duration), Some(start)) = (to, duration_s, started_at) {
        check_end(
            (to.is_some(), duration.is_some(), start.is_some()),
            fields,
            faults,
        );
    }
    let format = fields.or("format", None, faults, |value| read_format(value).map(Some));
    let at_zero = fields.or("at_zero", AtZero::default(), faults, parsed);
    let words = || text(0, TEXT_CHARS_MAX, true);
    let text_before = fields.or("text_before", String::new(), faults, words());
    let text_after = fields.or("text_after", String::new(), faults, words());
    let style = text_style::read(fields, faults);
    Some(CountdownSource {
        to: to?,
        duration_s: duration_s?,
        started_at: started_at?,
        format: format?,
        at_zero: at_zero?,
        text_before: text_before?,
        text_after: text_after?,
        style: style?,
    })
}

/// There is one end: a moment, or a duration and its beginning.
fn check_end(given: (bool, bool, bool), fields: &Members<'_>, faults: &mut Faults) {
    match given {
        (true, false, false) | (false, true, true) => {}
        (false, false, false) => {
            faults.shape(
                fields.pointer_to("to"),
                "is required, or duration_s and started_at are",
            );
        }
        (false, true, false) => {
            faults.shape(
                fields.pointer_to("started_at"),
                "is required with duration_s",
            );
        }
        (false, false, true) => {
            faults.shape(
                fields.pointer_to("duration_s"),
                "is required with started_at",
            );
        }
        (true, _, _) => faults.value(
            fields.pointer_to("to"),
            "must not stand beside duration_s or started_at",
        ),
    }
}

fn read_format(value: &Value) -> Result<String, Fault> {
    let format = text(1, FORMAT_CHARS_MAX, false)(value)?;
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c == '%' && !rest.next().is_some_and(|c| DIRECTIVES.contains(c)) {
            return Err(Fault::Value(format!(
                "after each % one of {DIRECTIVES} must stand"
            )));
        }
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(source: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        let mut fields = Members::of(source, "/source", &mut faults).unwrap();
        read(&mut fields, &mut faults);
        fields.finish(&mut faults);
        let errors = faults.into_errors().into_iter();
        errors.map(|error| error.pointer).collect()
    }

    #[test]
    fn there_is_exactly_one_end() {
        let then = "2026-01-01T00:00:00Z";
        for (source, wrong) in [
            (json!({"to": then}), None),
            (json!({"duration_s": 60, "started_at": then}), None),
            (json!({}), Some("/source/to")),
            (json!({"duration_s": 60}), Some("/source/started_at")),
            (json!({"started_at": then}), Some("/source/duration_s")),
            (json!({"to": then, "duration_s": 60}), Some("/source/to")),
            (
                json!({"to": then, "duration_s": 6, "started_at": then}),
                Some("/source/to"),
            ),
        ] {
            assert_eq!(faults(&source), Vec::from_iter(wrong), "{source}");
        }
    }

    #[test]
    fn every_wrong_member_is_named() {
        let source = json!({"to": "tomorrow", "duration_s": 8_640_001, "started_at": 7,
            "format": "%X", "at_zero": "explode", "text_before": "x".repeat(201),
            "text_after": true, "style": {"bold": 1}, "from": 10});
        assert_eq!(
            faults(&source),
            [
                "/source/to",
                "/source/duration_s",
                "/source/started_at",
                "/source/format",
                "/source/at_zero",
                "/source/text_before",
                "/source/text_after",
                "/source/style/bold",
                "/source/from",
            ]
        );
        for bad in ["%", "100%", "%-H", ""] {
            let source = json!({"to": "2026-01-01T00:00:00Z", "format": bad});
            assert_eq!(faults(&source), ["/source/format"], "{bad}");
        }
    }
}
