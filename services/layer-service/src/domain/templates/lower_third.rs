//! A name and what it stands for, low in the picture.

use serde_json::json;

use super::parameters::{Arguments, Kind, Parameter};
use super::{Built, Canvas, Template, Timestamp, part, place};

pub(super) static TEMPLATE: Template = Template {
    name: "lower-third",
    title: "Lower third",
    description: "A name and a line below it, on a bar low in the picture.",
    parameters: &[
        Parameter {
            name: "title",
            title: "Name",
            kind: Kind::Text {
                max: 200,
                default: "Name",
            },
        },
        Parameter {
            name: "subtitle",
            title: "Line below",
            kind: Kind::Text {
                max: 200,
                default: "What to say of them",
            },
        },
        Parameter {
            name: "side",
            title: "Side",
            kind: Kind::Choice(&["left", "right"]),
        },
        Parameter {
            name: "color",
            title: "Bar",
            kind: Kind::Color("#14181fd9"),
        },
        Parameter {
            name: "accent",
            title: "Accent",
            kind: Kind::Color("#ff8a3d"),
        },
    ],
    build,
};

fn build(arguments: &Arguments, canvas: Canvas, _: Timestamp) -> Built {
    let Canvas { width, height } = canvas;
    let (bar_width, bar_height) = (part(width, 560), part(height, 180));
    let left = match arguments.text("side").as_str() {
        "right" => width - bar_width - part(width, 50),
        _ => part(width, 50),
    };
    let top = part(height, 740);
    let accent = part(width, 8).max(2);
    let (title, subtitle) = (part(bar_height, 560), part(bar_height, 340));
    let inner = bar_width - 3 * accent;
    let line = |name: &str, text: &str, y: u32, height: u32, bold: bool| {
        let size = part(height, 640).max(4);
        json!({"name": name, "kind": "text", "transform": place(left + 2 * accent, y, inner, height),
            "source": {"text": arguments.text(text),
                "style": {"size": size, "bold": bold, "shrink": true, "wrap": "none"}}})
    };
    let color = |name: &str, color: &str, width: u32| {
        json!({"name": name, "kind": "color", "source": {"color": arguments.value(color)},
            "transform": place(left, top, width, bar_height)})
    };
    Built {
        layers: vec![
            color("Bar", "color", bar_width),
            color("Accent", "accent", accent),
            line("Name", "title", top + part(bar_height, 50), title, true),
            line(
                "Line below",
                "subtitle",
                top + part(bar_height, 610),
                subtitle,
                false,
            ),
        ],
        ..Built::default()
    }
}
