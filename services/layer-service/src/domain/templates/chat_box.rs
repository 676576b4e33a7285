//! The stream's chat in a box at a side.

use serde_json::json;

use super::parameters::{Arguments, Kind, Parameter};
use super::{Built, Canvas, Template, Timestamp, part, place};

pub(super) static TEMPLATE: Template = Template {
    name: "chat-box",
    title: "Chat box",
    description: "The newest messages of the stream's chat under a heading, at a side of the picture.",
    parameters: &[
        Parameter {
            name: "title",
            title: "Heading",
            kind: Kind::Text {
                max: 100,
                default: "Chat",
            },
        },
        Parameter {
            name: "side",
            title: "Side",
            kind: Kind::Choice(&["right", "left"]),
        },
        Parameter {
            name: "messages",
            title: "Messages at most",
            kind: Kind::Whole {
                min: 1,
                max: 40,
                default: 8,
            },
        },
        Parameter {
            name: "size",
            title: "Letters, in thousandths of the picture's height",
            kind: Kind::Whole {
                min: 10,
                max: 100,
                default: 28,
            },
        },
        Parameter {
            name: "color",
            title: "Background",
            kind: Kind::Color("#14181fb3"),
        },
    ],
    build,
};

fn build(arguments: &Arguments, canvas: Canvas, _: Timestamp) -> Built {
    let Canvas { width, height } = canvas;
    let (box_width, box_height) = (part(width, 300), part(height, 700));
    let left = match arguments.text("side").as_str() {
        "left" => part(width, 30),
        _ => width - box_width - part(width, 30),
    };
    let top = part(height, 150);
    let (heading, inset) = (part(box_height, 100), part(box_width, 40));
    let inner = box_width - 2 * inset;
    let letters = part(height, arguments.whole("size")).max(4);
    Built {
        layers: vec![
            json!({"name": "Background", "kind": "color",
                "source": {"color": arguments.value("color")},
                "transform": place(left, top, box_width, box_height)}),
            json!({"name": "Heading", "kind": "text",
                "transform": place(left + inset, top, inner, heading),
                "source": {"text": arguments.text("title"), "style": {
                    "size": part(heading, 500).max(4), "bold": true, "shrink": true,
                    "wrap": "none"}}}),
            json!({"name": "Chat", "kind": "chat",
                "transform": place(left + inset, top + heading, inner, box_height - heading - inset),
                "source": {"max_messages": arguments.value("messages"),
                    "style": {"size": letters}}}),
        ],
        ..Built::default()
    }
}
