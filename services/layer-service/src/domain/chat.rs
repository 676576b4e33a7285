//! The chat in the picture, read from the members of its source.

use sm_common::layer::{ChatEntrance, ChatOrder, ChatSource};

use super::fault::Faults;
use super::field::{Members, boolean, integer, parsed};
use super::text_style;

/// Fewest and most messages in the picture.
const MESSAGES: (i64, i64) = (1, 40);
/// Shortest and longest time that a message stays, in seconds.
const AGE_S: (i64, i64) = (1, 86_400);
/// Longest fading, in milliseconds.
const FADE_MS_MAX: i64 = 5_000;
/// Longest way into the picture, in milliseconds.
const ENTRANCE_MS_MAX: i64 = 2_000;
/// Widest gap, in canvas pixels.
const GAP_MAX: i64 = 500;

/// Reads the members of a chat's source.
pub(crate) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<ChatSource> {
    let standard = ChatSource::default();
    let max_messages = fields.or(
        "max_messages",
        standard.max_messages,
        faults,
        integer(MESSAGES.0, MESSAGES.1),
    );
    let max_age_s = fields.or("max_age_s", standard.max_age_s, faults, |value| {
        integer(AGE_S.0, AGE_S.1)(value).map(Some)
    });
    let fade_ms = fields.or("fade_ms", standard.fade_ms, faults, integer(0, FADE_MS_MAX));
    let order = fields.or("order", ChatOrder::default(), faults, parsed);
    let entrance = fields.or("entrance", ChatEntrance::default(), faults, parsed);
    let entrance_ms = fields.or(
        "entrance_ms",
        standard.entrance_ms,
        faults,
        integer(0, ENTRANCE_MS_MAX),
    );
    let gap = fields.or("gap", standard.gap, faults, integer(0, GAP_MAX));
    let names = fields.or("names", standard.names, faults, boolean);
    let name_color = fields.or("name_color", None, faults, |value| parsed(value).map(Some));
    let style = text_style::read(fields, faults);
    Some(ChatSource {
        max_messages: max_messages?,
        max_age_s: max_age_s?,
        fade_ms: fade_ms?,
        order: order?,
        entrance: entrance?,
        entrance_ms: entrance_ms?,
        gap: gap?,
        names: names?,
        name_color: name_color?,
        style: style?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_wrong_member_is_named_with_its_bound() {
        let source = json!({"max_messages": 41, "max_age_s": 0, "fade_ms": 5001, "order": "up",
            "entrance": "explode", "entrance_ms": -1, "gap": 501, "names": "yes",
            "name_color": "red", "style": {"size": 3}, "emotes": true});
        let mut faults = Faults::default();
        let mut fields = Members::of(&source, "/source", &mut faults).unwrap();
        assert_eq!(read(&mut fields, &mut faults), None);
        fields.finish(&mut faults);
        let errors = faults.into_errors().into_iter();
        let named: Vec<_> = errors
            .map(|error| format!("{} {}", error.pointer, error.detail))
            .collect();
        let starts = [
            "/source/max_messages must be a whole number from 1 to 40",
            "/source/max_age_s must be a whole number from 1 to 86400",
            "/source/fade_ms must be a whole number from 0 to 5000",
            "/source/order ",
            "/source/entrance ",
            "/source/entrance_ms must be a whole number from 0 to 2000",
            "/source/gap must be a whole number from 0 to 500",
            "/source/names ",
            "/source/name_color ",
            "/source/style/size ",
            "/source/emotes ",
        ];
        assert_eq!(named.len(), starts.len(), "{named:?}");
        for (named, start) in named.iter().zip(starts) {
            assert!(named.starts_with(start), "{named}");
        }
    }
}
