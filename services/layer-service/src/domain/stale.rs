//! What a patch that was made against an earlier revision meets: both versions of each field, so that
//! whoever made it can merge them.

use serde_json::Value;
use sm_common::layer::Layer;

use super::draft::Draft;
use super::history::Clash;
use super::patch;

/// Members of a source that are taken and never told again.
const SECRETS: [&str; 2] = ["password", "passphrase"];

/// The fields that `patch` would change in what the layer is now. It is not judged: what is wrong with
/// it is told when it is sent again.
pub(crate) fn clashes(layer: &Layer, patch: &Value) -> Vec<Clash> {
    let Some(members) = patch.as_object() else {
        return Vec::new();
    };
    let current = Draft::of(layer).to_document();
    let mut wanted = current.clone();
    patch::merge(&mut wanted, members);
    if let Some(source) = wanted.get_mut("source").and_then(Value::as_object_mut) {
        for secret in SECRETS {
            source.remove(secret);
        }
    }
    let at = |document: &Value, pointer: &str| document.pointer(pointer).cloned();
    patch::changed(&current, &wanted)
        .into_iter()
        .map(|pointer| Clash {
            layer: Some(layer.id),
            wanted: at(&wanted, &pointer).unwrap_or_default(),
            current: at(&current, &pointer).unwrap_or_default(),
            pointer,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::samples::layer;

    #[test]
    fn both_versions_of_what_a_patch_would_change_are_told_and_nothing_else() {
        let mut layer = layer("a");
        layer.opacity = 0.5;
        let table = [
            (json!({"opacity": 0.5}), json!([])),
            (json!({"opacity": 0.2}), json!([["/opacity", 0.2, 0.5]])),
            (
                json!({"name": "mine", "opacity": 0.5, "transform": {"x": 9}}),
                json!([["/name", "mine", "a"], ["/transform/x", 9, 0]]),
            ),
            (
                json!({"opacity": "broken"}),
                json!([["/opacity", "broken", 0.5]]),
            ),
            (json!({"bogus": 1}), json!([["/bogus", 1, null]])),
            (json!("no patch"), json!([])),
        ];
        for (patch, expected) in table {
            let told: Vec<Value> = clashes(&layer, &patch)
                .into_iter()
                .map(|clash| json!([clash.pointer, clash.wanted, clash.current]))
                .collect();
            assert_eq!(json!(told), expected, "{patch}");
        }
    }

    #[test]
    fn a_secret_is_not_told_to_whoever_sent_it() {
        for kind in ["color", "network"] {
            let source = json!({"url": "rtsp://camera.example/", "password": "hidden", "passphrase": "hidden"});
            let told = clashes(&layer("a"), &json!({"kind": kind, "source": source}));
            assert!(!told.is_empty());
            assert!(!format!("{told:?}").contains("hidden"), "{told:?}");
        }
    }
}
