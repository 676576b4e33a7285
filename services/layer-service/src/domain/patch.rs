//! JSON merge patches (RFC 7396) and what they change.

use serde_json::{Map, Value};

use super::field::escape;

/// Lays `patch` over the document of a layer. A null stays in place, where it stands for an
/// absent member; a member that is not known stays as well and is refused by the reader.
pub(crate) fn merge(document: &mut Value, patch: &Map<String, Value>) {
    // A source of another kind starts from nothing: the old one's members mean nothing to it.
    let another_kind = patch
        .get("kind")
        .is_some_and(|kind| document.get("kind") != Some(kind));
    if let (true, Some(members)) = (another_kind, document.as_object_mut()) {
        members.remove("source");
    }
    merge_members(document, patch);
}

fn merge_members(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        match value {
            Value::Object(inner) => {
                merge_members(members.entry(name.as_str()).or_insert(Value::Null), inner);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                members.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The members that differ between two documents of a layer, as JSON Pointers. Of a layer that
/// changed its kind, kind and source as a whole.
pub(crate) fn changed(before: &Value, after: &Value) -> Vec<String> {
    let another_kind = before.get("kind") != after.get("kind");
    let mut pointers = Vec::new();
    differing(before, after, String::new(), &mut pointers);
    if another_kind {
        pointers.retain(|pointer| !pointer.starts_with("/source"));
        pointers.push("/source".to_owned());
    }
    pointers
}

fn differing(before: &Value, after: &Value, pointer: String, pointers: &mut Vec<String>) {
    if before == after {
        return;
    }
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        pointers.push(pointer);
        return;
    };
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    for name in new.keys().chain(gone) {
        let inner = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
        let pointer = format!("{pointer}/{}", escape(name));
        differing(&inner(old), &inner(new), pointer, pointers);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut document: Value, patch: &Value) -> Value {
        merge(&mut document, patch.as_object().unwrap());
        document
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let document = json!({"kind": "text", "source": {"text": "a", "style": {"size": 1}},
            "transform": {"x": 1, "y": 2}});
        let patch = json!({"transform": {"x": 9}, "source": {"style": {"size": 7}}});
        let after = merged(document.clone(), &patch);
        assert_eq!(
            after,
            json!({"kind": "text", "source": {"text": "a", "style": {"size": 7}},
                "transform": {"x": 9, "y": 2}})
        );
        assert_eq!(
            changed(&document, &after),
            ["/source/style/size", "/transform/x"]
        );
    }

    #[test]
    fn another_kind_begins_with_an_empty_source() {
        let document = json!({"kind": "text", "source": {"text": "a"}, "name": "n"});
        let patch = json!({"kind": "color", "source": {"color": "#000000"}});
        let after = merged(document.clone(), &patch);
        assert_eq!(after["source"], json!({"color": "#000000"}));
        assert_eq!(changed(&document, &after), ["/kind", "/source"]);
        let same = json!({"kind": "text", "source": {}});
        assert_eq!(merged(document.clone(), &same), document);
    }

    #[test]
    fn a_null_stays_for_the_reader_to_judge() {
        let document = json!({"opacity": 0.5, "source": {"style": {"background": "#000000"}}});
        let patch = json!({"opacity": null, "bogus": null, "source": {"style": null}});
        let after = merged(document, &patch);
        assert_eq!(
            after,
            json!({"opacity": null, "bogus": null, "source": {"style": null}})
        );
    }
}
