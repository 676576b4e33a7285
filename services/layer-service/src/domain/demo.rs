use serde_json::{Value, json};

/// The layers of the demo scene, from back to front, for a canvas of 1280 by 720. Flat colours
/// and short texts: cheap to compose, and everything on it can be seen to change.
pub(crate) fn demo_layers() -> Vec<Value> {
    vec![
        color("Background", &at(0, 0, 1280, 720), "#0d1326"),
        color("Dusk", &at(0, 240, 1280, 480), "#0f1730"),
        color("Horizon", &at(0, 420, 1280, 300), "#121c3b"),
        color("Ground", &at(0, 560, 1280, 160), "#152147"),
        color("Inset frame", &at(848, 64, 368, 208), "#3a5bd0"),
        json!({"name": "Test pattern", "kind": "test-pattern", "source": {"pattern": "ball"},
            "transform": at(852, 68, 360, 200)}),
        color("Lower third", &at(64, 520, 800, 136), "#1d2c66"),
        color("Lower third accent", &at(64, 520, 10, 136), "#ff8a3d"),
        text(
            "Title",
            &at(100, 532, 740, 70),
            "Stream Manager",
            &json!({"size": 52, "bold": true}),
        ),
        text(
            "Subtitle",
            &at(100, 602, 740, 42),
            "On air, and yours to change",
            &json!({"size": 26, "color": "#b9c6f2"}),
        ),
        json!({"name": "Clock", "kind": "clock", "transform": at(956, 572, 260, 84),
            "source": {"format": "%H:%M:%S",
                "style": {"size": 42, "bold": true, "background": "#1d2c66", "align": "center"}}}),
    ]
}

fn at(x: i32, y: i32, width: u32, height: u32) -> Value {
    json!({"x": x, "y": y, "width": width, "height": height})
}

fn color(name: &str, transform: &Value, color: &str) -> Value {
    let source = json!({"color": color});
    json!({"name": name, "kind": "color", "source": source, "transform": transform})
}

fn text(name: &str, transform: &Value, text: &str, style: &Value) -> Value {
    let source = json!({"text": text, "style": style});
    json!({"name": name, "kind": "text", "source": source, "transform": transform})
}

#[cfg(test)]
mod tests {
    use sm_common::id::LayerId;

    use super::super::samples::scene;
    use super::super::{Action, Canvas, Proposal, Surroundings, Vault, apply};
    use super::*;

    #[test]
    fn the_demo_is_a_scene_that_anybody_could_have_made() {
        let mut proposal = Proposal::default();
        for layer in demo_layers() {
            let id = LayerId::generate();
            let one = Proposal::of(Action::Create { id, layer });
            proposal.operations.extend(one.operations);
        }
        let canvas = Canvas {
            width: 1280,
            height: 720,
        };
        let surroundings = Surroundings {
            canvas,
            layers_max: 20,
            groups_max: 20,
            assets: std::collections::BTreeMap::new(),
            network: sm_common::address::NetworkPolicy::default(),
            playing: std::collections::BTreeMap::new(),
            vault: Vault::default(),
            now: super::super::samples::THEN,
        };
        let applied = apply(scene(&[]), &proposal, &surroundings).unwrap();
        for layer in &applied.scene.layers {
            let place = layer.transform;
            assert!(place.x >= 0 && place.y >= 0, "{}", layer.name);
            assert!(place.x.unsigned_abs() + place.width <= canvas.width);
            assert!(place.y.unsigned_abs() + place.height <= canvas.height);
        }
    }
}
