//! What steps are called on a button: a verb, and what it was done to.

use serde_json::Value;

use super::{ChangedField, ChangedLayer, Difference, Orders, groups};

pub(super) const RENAME: &str = "rename";

pub(super) fn name(difference: &Difference) -> String {
    let Difference {
        created,
        deleted,
        changed,
        order,
        groups,
    } = difference;
    if let Some(name) = groups::name(groups, deleted.is_empty(), created.is_empty()) {
        return name;
    }
    let reordered = order.as_ref().is_some_and(Orders::are_different);
    let names = |layers: &[sm_common::layer::Layer]| -> Vec<String> {
        layers.iter().map(|layer| layer.name.clone()).collect()
    };
    match (created.len(), deleted.len(), changed.len(), reordered) {
        (_, 0, 0, false) => called("create", &names(created)),
        (0, _, 0, false) => called("delete", &names(deleted)),
        (0, 0, _, false) => change(changed),
        (0, 0, 0, true) => "reorder layers".to_owned(),
        (created, deleted, changed, _) => {
            let touched = created.saturating_add(deleted).saturating_add(changed);
            format!("change {}", layers(touched))
        }
    }
}

fn change(changed: &[ChangedLayer]) -> String {
    let names: Vec<String> = changed.iter().map(|layer| layer.name.clone()).collect();
    let mut verbs = changed.iter().map(|layer| verb(&layer.fields));
    let first = verbs.next().unwrap_or("change");
    let verb = if verbs.all(|verb| verb == first) {
        first
    } else {
        "change"
    };
    match changed {
        [ChangedLayer { name, fields, .. }] if verb == RENAME => {
            let renamed = fields.first().and_then(|field| field.after.as_str());
            format!("rename {name} to {}", renamed.unwrap_or_default())
        }
        _ => called(verb, &names),
    }
}

fn called(verb: &str, names: &[String]) -> String {
    match names {
        [name] => format!("{verb} {name}"),
        names => format!("{verb} {}", layers(names.len())),
    }
}

fn layers(count: usize) -> String {
    if count == 1 {
        "1 layer".to_owned()
    } else {
        format!("{count} layers")
    }
}

pub(super) fn verb(fields: &[ChangedField]) -> &'static str {
    if let [ChangedField { pointer, after, .. }] = fields {
        let on = after == &Value::Bool(true);
        match pointer.as_str() {
            "/name" => return RENAME,
            "/visible" if on => return "show",
            "/visible" => return "hide",
            "/locked" if on => return "lock",
            "/locked" => return "unlock",
            "/muted" if on => return "mute",
            "/muted" => return "unmute",
            _ => {}
        }
    }
    let all_of = |known: &[&str]| {
        let mut fields = fields.iter();
        fields.all(|field| known.contains(&field.pointer.as_str()))
    };
    let place = ["/transform/x", "/transform/y"];
    let [x, y] = place;
    if all_of(&place) {
        "move"
    } else if all_of(&[x, y, "/transform/width", "/transform/height"]) {
        "resize"
    } else {
        "change"
    }
}
