//! The time until something begins.

use serde_json::json;

use super::parameters::{Arguments, Kind, Parameter};
use super::{Built, Canvas, Template, Timestamp, part, place};

const SECONDS_PER_MINUTE: u32 = 60;

pub(super) static TEMPLATE: Template = Template {
    name: "countdown",
    title: "Countdown",
    description: "A line, and the time until a moment, in the middle of the picture.",
    parameters: &[
        Parameter {
            name: "title",
            title: "Line above",
            kind: Kind::Text {
                max: 200,
                default: "We begin in",
            },
        },
        Parameter {
            name: "to",
            title: "Moment",
            kind: Kind::Moment,
        },
        Parameter {
            name: "minutes",
            title: "Minutes from now, where there is no moment",
            kind: Kind::Whole {
                min: 1,
                max: 1440,
                default: 5,
            },
        },
        Parameter {
            name: "at_zero",
            title: "When the moment has come",
            kind: Kind::Choice(&["stop", "hide", "count-up"]),
        },
        Parameter {
            name: "text_color",
            title: "Text",
            kind: Kind::Color("#ffffff"),
        },
        Parameter {
            name: "color",
            title: "Background",
            kind: Kind::Color("#14181fd9"),
        },
        Parameter {
            name: "background",
            title: "With a background",
            kind: Kind::Switch(true),
        },
    ],
    build,
};

fn build(arguments: &Arguments, canvas: Canvas, now: Timestamp) -> Built {
    let Canvas { width, height } = canvas;
    let (box_width, box_height) = (part(width, 600), part(height, 360));
    let (left, top) = ((width - box_width) / 2, (height - box_height) / 2);
    let mut countdown = json!({"at_zero": arguments.value("at_zero"), "style": {
        "size": part(box_height, 400).max(4), "bold": true, "align": "center", "shrink": true,
        "wrap": "none", "color": arguments.value("text_color")}});
    let end = match arguments.value("to") {
        moment if moment.is_null() => json!({"started_at": now,
            "duration_s": arguments.whole("minutes") * SECONDS_PER_MINUTE}),
        moment => json!({"to": moment}),
    };
    if let (Some(members), Some(end)) = (countdown.as_object_mut(), end.as_object()) {
        members.extend(end.clone());
    }
    let title = json!({"name": "Line above", "kind": "text",
        "transform": place(left, top + part(box_height, 80), box_width, part(box_height, 240)),
        "source": {"text": arguments.text("title"), "style": {
            "size": part(box_height, 150).max(4), "align": "center", "shrink": true,
            "wrap": "none", "color": arguments.value("text_color")}}});
    let time = json!({"name": "Time", "kind": "countdown", "source": countdown,
        "transform": place(left, top + part(box_height, 340), box_width, part(box_height, 580))});
    let background = json!({"name": "Background", "kind": "color",
        "source": {"color": arguments.value("color")},
        "transform": place(left, top, box_width, box_height)});
    let mut layers = vec![title, time];
    if arguments.is_on("background") {
        layers.insert(0, background);
    }
    Built {
        layers,
        ..Built::default()
    }
}
