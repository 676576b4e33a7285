//! A ticker, read from the members of its source.

use serde_json::Value;
use sm_common::layer::{TickerDirection, TickerSource};

use super::fault::Faults;
use super::field::{Members, integer, parsed, text};
use super::text_style;

/// Longest text, and longest items together, in characters.
const TEXT_CHARS_MAX: usize = 2000;
/// Most items.
const ITEMS_MAX: usize = 100;
/// Longest separator, in characters.
const SEPARATOR_CHARS_MAX: usize = 32;
/// What stands after each text unless said otherwise.
const SEPARATOR: &str = "   •   ";
/// Slowest and fastest, in canvas pixels a second.
const SPEED: (i64, i64) = (10, 2000);
/// Unless said otherwise.
const SPEED_STANDARD: u32 = 120;

/// Reads the members of a ticker's source.
pub(crate) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<TickerSource> {
    let (slowest, fastest) = SPEED;
    let line = fields.or("text", None, faults, |value| {
        text(1, TEXT_CHARS_MAX, true)(value).map(Some)
    });
    let items = match fields.raw("items") {
        Some(value) => read_items(value, &fields.pointer_to("items"), faults),
        None => Some(Vec::new()),
    };
    if let (Some(line), Some(items)) = (&line, &items) {
        if line.is_some() && !items.is_empty() {
            faults.value(fields.pointer_to("items"), "must not stand beside text");
        }
        if line.is_none() && items.is_empty() {
            faults.shape(fields.pointer_to("text"), "is required, or items are");
        }
    }
    let separator = fields.or(
        "separator",
        SEPARATOR.to_owned(),
        faults,
        text(0, SEPARATOR_CHARS_MAX, false),
    );
    let speed = fields.or("speed", SPEED_STANDARD, faults, integer(slowest, fastest));
    let direction = fields.or("direction", TickerDirection::default(), faults, parsed);
    let style = text_style::read(fields, faults);
    Some(TickerSource {
        text: line?,
        items: items?,
        separator: separator?,
        speed: speed?,
        direction: direction?,
        style: style?,
    })
}

fn read_items(value: &Value, pointer: &str, faults: &mut Faults) -> Option<Vec<String>> {
    let Some(values) = value.as_array() else {
        faults.shape(pointer, "must be a list of texts");
        return None;
    };
    if !(1..=ITEMS_MAX).contains(&values.len()) {
        faults.value(pointer, format!("must have 1 to {ITEMS_MAX} items"));
        return None;
    }
    let mut items = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        match text(1, TEXT_CHARS_MAX, true)(value) {
            Ok(item) => items.push(item),
            Err(fault) => faults.note(format!("{pointer}/{index}"), fault),
        }
    }
    let characters: usize = items.iter().map(|item| item.chars().count()).sum();
    if characters > TEXT_CHARS_MAX {
        faults.value(
            pointer,
            format!("must have at most {TEXT_CHARS_MAX} characters in all"),
        );
        return None;
    }
    (items.len() == values.len()).then_some(items)
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
        errors
            .map(|error| format!("{} {}", error.pointer, error.detail))
            .collect()
    }

    #[test]
    fn every_wrong_member_is_named_with_its_bound() {
        let source = json!({"items": ["a", "", 7], "separator": "x".repeat(33), "speed": 9,
            "direction": "up", "style": {"size": 3}, "loop": true});
        let named = faults(&source);
        let starts = [
            "/source/items/1 must have 1 to 2000",
            "/source/items/2 must be a string",
            "/source/separator must have 0 to 32",
            "/source/speed must be a whole number from 10 to 2000",
            "/source/direction ",
            "/source/style/size ",
            "/source/loop ",
        ];
        assert_eq!(named.len(), starts.len(), "{named:?}");
        for (named, start) in named.iter().zip(starts) {
            assert!(named.starts_with(start), "{named}");
        }
    }

    #[test]
    fn there_is_one_text_and_it_is_bounded() {
        let long = "x".repeat(1500);
        for (source, start) in [
            (json!({}), "/source/text is required"),
            (json!({"text": ""}), "/source/text must have 1"),
            (
                json!({"text": "x".repeat(2001)}),
                "/source/text must have 1 to 2000",
            ),
            (json!({"items": []}), "/source/items must have 1 to 100"),
            (
                json!({"items": vec!["x"; 101]}),
                "/source/items must have 1 to 100",
            ),
            (
                json!({"items": [long, long]}),
                "/source/items must have at most 2000",
            ),
            (
                json!({"text": "a", "items": ["b"]}),
                "/source/items must not stand",
            ),
        ] {
            let named = faults(&source);
            assert_eq!(named.len(), 1, "{named:?}");
            assert!(named[0].starts_with(start), "{named:?}");
        }
    }
}
