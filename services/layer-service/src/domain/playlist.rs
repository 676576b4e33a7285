//! Lists of files.

use serde_json::Value;
use sm_common::layer::{AtEnd, PART_MS_MIN, POSITION_MS_MAX, PlaylistItem, PlaylistSource};

use super::fault::{Fault, Faults};
use super::field::{Members, boolean, integer, parsed};
use super::playback::position;

/// Reads the members of a playlist's source.
pub(super) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<PlaylistSource> {
    let items = fields.required("items", faults, list);
    let at = fields.pointer_to("items");
    let items = items.and_then(|items| read_items(&items, &at, faults));
    let looping = fields.or("loop", true, faults, boolean);
    let shuffle = fields.or("shuffle", false, faults, boolean);
    let at_end = fields.or("at_end", AtEnd::default(), faults, parsed);
    let next = fields.or("next", None, faults, |value| parsed(value).map(Some));
    let source = PlaylistSource {
        items: items?,
        looping: looping?,
        shuffle: shuffle?,
        at_end: at_end?,
        next: next?,
    };
    if source.at_end == AtEnd::Next && source.next.is_none() {
        faults.shape(fields.pointer_to("next"), "is required for at_end `next`");
        return None;
    }
    Some(source)
}

fn list(value: &Value) -> Result<Vec<Value>, Fault> {
    let items = value
        .as_array()
        .ok_or_else(|| Fault::Shape("must be a list".to_owned()))?;
    let max = PlaylistSource::ITEMS_MAX;
    if items.is_empty() || items.len() > max {
        return Err(Fault::Value(format!("must have 1 to {max} items")));
    }
    Ok(items.clone())
}

/// Every item; `None` when one has faults, which have been noted.
fn read_items(items: &[Value], at: &str, faults: &mut Faults) -> Option<Vec<PlaylistItem>> {
    let read: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(number, item)| read_item(item, &format!("{at}/{number}"), faults))
        .collect();
    read.into_iter().collect()
}

fn read_item(item: &Value, at: &str, faults: &mut Faults) -> Option<PlaylistItem> {
    let mut fields = Members::of(item, at, faults)?;
    let asset = fields.required("asset", faults, parsed);
    let in_ms = fields.or("in_ms", 0, faults, position());
    let out_ms = fields.or("out_ms", None, faults, |value| position()(value).map(Some));
    let bounds =
        [PART_MS_MIN, POSITION_MS_MAX].map(|bound| i64::try_from(bound).unwrap_or(i64::MAX));
    let duration_ms = fields.or(
        "duration_ms",
        PlaylistItem::DURATION_MS,
        faults,
        integer(bounds[0], bounds[1]),
    );
    let pointer = fields.pointer_to("out_ms");
    fields.finish(faults);
    let item = PlaylistItem {
        asset: asset?,
        in_ms: in_ms?,
        out_ms: out_ms?,
        duration_ms: duration_ms?,
    };
    let earliest = item.in_ms.saturating_add(PART_MS_MIN);
    if item.out_ms.is_some_and(|out| out < earliest) {
        faults.value(
            pointer,
            format!("must be at least {PART_MS_MIN} after in_ms"),
        );
        return None;
    }
    Some(item)
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
    fn every_wrong_member_of_every_item_is_named() {
        let asset = "ab".repeat(32);
        let whole = json!({"asset": asset});
        let many = vec![whole.clone(); PlaylistSource::ITEMS_MAX + 1];
        for (source, wrong) in [
            (
                json!({"items": [whole, {"asset": asset, "duration_ms": 5000}]}),
                vec![],
            ),
            (
                json!({"items": [whole], "shuffle": true, "loop": false}),
                vec![],
            ),
            (json!({}), vec!["/source/items"]),
            (json!({"items": []}), vec!["/source/items"]),
            (json!({"items": many}), vec!["/source/items"]),
            (json!({"items": {}}), vec!["/source/items"]),
            (
                json!({"items": [{"asset": "x"}, {"asset": asset, "speed": 2}, 7]}),
                vec![
                    "/source/items/0/asset",
                    "/source/items/1/speed",
                    "/source/items/2",
                ],
            ),
            (
                json!({"items": [{"asset": asset, "in_ms": 500, "out_ms": 599}]}),
                vec!["/source/items/0/out_ms"],
            ),
            (
                json!({"items": [{"asset": asset, "duration_ms": 99}]}),
                vec!["/source/items/0/duration_ms"],
            ),
            (
                json!({"items": [whole], "at_end": "next"}),
                vec!["/source/next"],
            ),
        ] {
            assert_eq!(faults(&source), wrong, "{source}");
        }
    }
}
