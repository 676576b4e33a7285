//! A small picture with a frame, in a corner.

use serde_json::{Value, json};

use super::parameters::{Arguments, Kind, Parameter};
use super::{Built, Canvas, Template, Timestamp, part, place};

pub(super) static TEMPLATE: Template = Template {
    name: "picture-in-picture",
    title: "Picture in picture",
    description: "A small picture with a frame, in a corner of the large one.",
    parameters: &[
        Parameter {
            name: "content",
            title: "What it shows",
            kind: Kind::Content,
        },
        Parameter {
            name: "corner",
            title: "Corner",
            kind: Kind::Choice(&["bottom-right", "bottom-left", "top-right", "top-left"]),
        },
        Parameter {
            name: "size",
            title: "Size, in percent of the picture",
            kind: Kind::Whole {
                min: 10,
                max: 60,
                default: 30,
            },
        },
        Parameter {
            name: "border",
            title: "Border, in pixels",
            kind: Kind::Whole {
                min: 0,
                max: 50,
                default: 4,
            },
        },
        Parameter {
            name: "border_color",
            title: "Border's colour",
            kind: Kind::Color("#ffffff"),
        },
    ],
    build,
};

fn build(arguments: &Arguments, canvas: Canvas, _: Timestamp) -> Built {
    let Canvas { width, height } = canvas;
    let percent = arguments.whole("size");
    let (inner_width, inner_height) = (part(width, percent * 10), part(height, percent * 10));
    let margin = part(width.min(height), 40);
    let border = arguments.whole("border").min(margin);
    let corner = arguments.text("corner");
    let left = if corner.ends_with("left") {
        margin
    } else {
        width - inner_width - margin
    };
    let top = if corner.starts_with("top") {
        margin
    } else {
        height - inner_height - margin
    };
    let content = arguments.value("content");
    let member = |name: &str| content.get(name).cloned();
    let mut transform = place(left, top, inner_width, inner_height);
    if let Some(members) = transform.as_object_mut() {
        members.insert("fit".to_owned(), json!("cover"));
    }
    let picture = json!({"name": "Picture", "kind": member("kind"),
        "source": member("source").unwrap_or_else(|| json!({})), "transform": transform});
    let frame = json!({"name": "Frame", "kind": "color",
        "source": {"color": arguments.value("border_color")},
        "transform": place(left - border, top - border, inner_width + 2 * border,
            inner_height + 2 * border)});
    let layers: Vec<Value> = if border > 0 {
        vec![frame, picture]
    } else {
        vec![picture]
    };
    Built {
        layers,
        ..Built::default()
    }
}
