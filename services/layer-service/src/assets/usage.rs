//! Where a file is used, in words.

use sm_common::asset::AssetUse;

/// Layers that are named; of the others their number is said.
const NAMED_MAX: usize = 3;

/// Who uses a file.
pub(crate) fn describe(uses: &[AssetUse]) -> String {
    let named: Vec<String> = uses.iter().take(NAMED_MAX).map(name).collect();
    let more = uses.len().saturating_sub(NAMED_MAX);
    let and = match more {
        0 => String::new(),
        1 => " and one more layer".to_owned(),
        _ => format!(" and {more} more layers"),
    };
    let verb = if uses.len() == 1 { "uses" } else { "use" };
    format!("{}{and} {verb} it", named.join(", "))
}

fn name(used: &AssetUse) -> String {
    let AssetUse {
        stream,
        scene_name,
        layer,
        layer_name,
        on_air,
        ..
    } = used;
    let on_air = if *on_air { ", on air" } else { "" };
    format!("layer \"{layer_name}\" ({layer}) of scene \"{scene_name}\" of stream {stream}{on_air}")
}

#[cfg(test)]
mod tests {
    use sm_common::id::{LayerId, SceneId, StreamId};

    use super::*;

    fn used(layer: &str, on_air: bool) -> AssetUse {
        AssetUse {
            stream: StreamId::default(),
            scene: SceneId::generate(),
            scene_name: "Intro".to_owned(),
            layer: LayerId::generate(),
            layer_name: layer.to_owned(),
            on_air,
        }
    }

    #[test]
    fn the_first_are_named_and_the_others_counted() {
        let one = describe(&[used("Logo", true)]);
        assert!(one.starts_with("layer \"Logo\" ("), "{one}");
        let end = "of scene \"Intro\" of stream main, on air uses it";
        assert!(one.ends_with(end), "{one}");
        let five: Vec<AssetUse> = (0..5).map(|_| used("Logo", false)).collect();
        let five = describe(&five);
        assert!(
            five.ends_with("stream main and 2 more layers use it"),
            "{five}"
        );
    }
}
