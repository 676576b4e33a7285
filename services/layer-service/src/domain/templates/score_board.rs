//! Two sides and their scores, which are variables.

use serde_json::{Map, Value, json};
use sm_common::variable::escaped;

use super::parameters::{Arguments, Kind, Parameter};
use super::{Built, Canvas, Template, Timestamp, part, place};

pub(super) static TEMPLATE: Template = Template {
    name: "score-board",
    title: "Score board",
    description: "Two sides and their scores, high in the picture. The scores are the variables \
                  <prefix>_home and <prefix>_away, the line between them is <prefix>_period.",
    parameters: &[
        Parameter {
            name: "home",
            title: "Home",
            kind: Kind::Text {
                max: 60,
                default: "Home",
            },
        },
        Parameter {
            name: "away",
            title: "Away",
            kind: Kind::Text {
                max: 60,
                default: "Away",
            },
        },
        Parameter {
            name: "prefix",
            title: "Beginning of the variables' names",
            kind: Kind::Prefix("score"),
        },
        Parameter {
            name: "home_color",
            title: "Home's colour",
            kind: Kind::Color("#1f4fd1"),
        },
        Parameter {
            name: "away_color",
            title: "Away's colour",
            kind: Kind::Color("#c4312b"),
        },
        Parameter {
            name: "color",
            title: "Background",
            kind: Kind::Color("#14181f"),
        },
    ],
    build,
};

fn build(arguments: &Arguments, canvas: Canvas, _: Timestamp) -> Built {
    let Canvas { width, height } = canvas;
    let (board, high) = (part(width, 560), part(height, 90));
    let (left, top) = ((width - board) / 2, part(height, 50));
    let prefix = arguments.text("prefix");
    let (name, score) = (part(board, 300), part(board, 120));
    let period = board - 2 * name - 2 * score;
    let mut x = left;
    let mut cell = |title: &str, text: String, width: u32, background: Value, bold: bool| {
        let layer = json!({"name": title, "kind": "text", "transform": place(x, top, width, high),
            "source": {"text": text, "style": {"size": part(high, 560).max(4), "bold": bold,
                "align": "center", "shrink": true, "wrap": "none", "background": background}}});
        x += width;
        layer
    };
    let dark = arguments.value("color");
    let shown = |what: &str| format!("{{{{{prefix}_{what}}}}}");
    let named = |side: &str| escaped(&arguments.text(side));
    let layers = vec![
        cell(
            "Home",
            named("home"),
            name,
            arguments.value("home_color"),
            false,
        ),
        cell("Home's score", shown("home"), score, dark.clone(), true),
        cell("Period", shown("period"), period, dark.clone(), false),
        cell("Away's score", shown("away"), score, dark, true),
        cell(
            "Away",
            named("away"),
            name,
            arguments.value("away_color"),
            false,
        ),
    ];
    let variables = [
        ("home", json!(0)),
        ("away", json!(0)),
        ("period", json!("1st")),
    ];
    let variables: Map<String, Value> = variables
        .into_iter()
        .map(|(what, value)| (format!("{prefix}_{what}"), value))
        .collect();
    Built { layers, variables }
}
