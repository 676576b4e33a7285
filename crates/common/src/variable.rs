//! Variables: named values of a stream that its texts show, and how texts name them.
//!
//! A text says `{{name}}` where a value stands, `{{clock:%H:%M}}` or
//! `{{clock:%H:%M|Europe/Berlin}}` for the time in another form or place, and `\{{` for two braces.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema};

use crate::id::VariableName;

/// Names that the system gives a value itself.
pub const BUILT_IN: [&str; 3] = ["viewers", "uptime", "clock"];
/// What is drawn in the place of a value that is not known.
pub const UNKNOWN: &str = "–";
/// Longest value of a variable, in characters.
pub const VARIABLE_CHARS_MAX: usize = 200;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const ESCAPED: &str = "\\{{";

/// The value of a variable, of one of three types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum VariableValue {
    /// Text, at most 200 characters.
    Text(String),
    /// A finite number.
    Number(serde_json::Number),
    /// True or false.
    Truth(bool),
}

impl VariableValue {
    /// The type's name in messages.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Truth(_) => "true or false",
        }
    }

    /// Whether another value is of the same type.
    pub const fn is_like(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Text(_), Self::Text(_))
                | (Self::Number(_), Self::Number(_))
                | (Self::Truth(_), Self::Truth(_))
        )
    }
}

impl fmt::Display for VariableValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Truth(truth) => truth.fmt(f),
        }
    }
}

/// By hand: the derived schema does not know numbers that are kept as they were written.
impl utoipa::PartialSchema for VariableValue {
    fn schema() -> RefOr<Schema> {
        let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
        OneOfBuilder::new()
            .item(of(Type::String).max_length(Some(VARIABLE_CHARS_MAX)))
            .item(of(Type::Number))
            .item(of(Type::Boolean))
            .description(Some("The value of a variable, of one of three types."))
            .into()
    }
}

impl ToSchema for VariableValue {}

/// The variables of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variables {
    /// Raised by every change; the `ETag`.
    pub revision: u64,
    /// The values by name.
    pub values: BTreeMap<VariableName, VariableValue>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPart {
    /// What is drawn as it is.
    Plain(String),
    /// Where a value stands.
    Named(Placeholder),
}

/// Where a value stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// As it is written, braces included.
    pub written: String,
    /// The name.
    pub name: String,
    /// What stands after a colon.
    pub argument: Option<String>,
}

/// The parts of a text. Braces that are not closed in their line, or hold nothing, are plain.
pub fn text_parts(text: &str) -> Vec<TextPart> {
    let (mut parts, mut plain) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        if let Some(before) = before.strip_suffix('\\') {
            plain.push_str(before);
            plain.push_str(OPEN);
            rest = after;
            continue;
        }
        plain.push_str(before);
        let Some((inner, behind)) = closed(after) else {
            plain.push_str(OPEN);
            rest = after;
            continue;
        };
        if !plain.is_empty() {
            parts.push(TextPart::Plain(std::mem::take(&mut plain)));
        }
        let (name, argument) = match inner.split_once(':') {
            Some((name, argument)) => (name, Some(argument.trim().to_owned())),
            None => (inner, None),
        };
        parts.push(TextPart::Named(Placeholder {
            written: format!("{OPEN}{inner}{CLOSE}"),
            name: name.trim().to_owned(),
            argument,
        }));
        rest = behind;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(TextPart::Plain(plain));
    }
    parts
}

/// Whether a text may show values, or has braces that are escaped.
pub fn has_parts(text: &str) -> bool {
    text.contains(OPEN)
}

/// `text` with every brace escaped that would name a value.
pub fn escaped(text: &str) -> String {
    text.replace(OPEN, ESCAPED)
}

/// What stands before the closing braces, and behind them.
fn closed(text: &str) -> Option<(&str, &str)> {
    let (inner, behind) = text.split_once(CLOSE)?;
    let is_name = !inner.trim().is_empty() && !inner.contains(['\n', '{', '}']);
    is_name.then_some((inner, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> TextPart {
        TextPart::Plain(text.to_owned())
    }

    fn named(written: &str, name: &str, argument: Option<&str>) -> TextPart {
        TextPart::Named(Placeholder {
            written: written.to_owned(),
            name: name.to_owned(),
            argument: argument.map(str::to_owned),
        })
    }

    #[test]
    fn a_text_is_read_as_its_parts() {
        for (text, parts) in [
            ("", vec![]),
            ("plain {braces}", vec![plain("plain {braces}")]),
            ("{{a}}", vec![named("{{a}}", "a", None)]),
            (
                "{{ home }} : {{away}}!",
                vec![
                    named("{{ home }}", "home", None),
                    plain(" : "),
                    named("{{away}}", "away", None),
                    plain("!"),
                ],
            ),
            (
                "at {{clock: %H:%M|Asia/Kolkata }}",
                vec![
                    plain("at "),
                    named(
                        "{{clock: %H:%M|Asia/Kolkata }}",
                        "clock",
                        Some("%H:%M|Asia/Kolkata"),
                    ),
                ],
            ),
            (
                r"\{{a}} {{b}}",
                vec![plain("{{a}} "), named("{{b}}", "b", None)],
            ),
            ("{{", vec![plain("{{")]),
            ("{{a\n}} {{ }} {{b", vec![plain("{{a\n}} {{ }} {{b")]),
            ("{{{a}}}", vec![plain("{{{a}}}")]),
        ] {
            assert_eq!(text_parts(text), parts, "{text}");
        }
        let text = "{{a}} and {{{b}}";
        assert_eq!(text_parts(&escaped(text)), vec![plain(text)]);
    }

    #[test]
    fn values_keep_their_type_and_are_written_plainly() {
        for (json, text) in [
            ("3", "3"),
            ("-2.5", "-2.5"),
            ("\"a b\"", "a b"),
            ("true", "true"),
        ] {
            let value: VariableValue = serde_json::from_str(json).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(value.is_like(&VariableValue::Truth(false)), json == "true");
        }
        for bad in ["", "Home", "1a", "a-b", "viewers", "clock", &"a".repeat(33)] {
            assert!(bad.parse::<VariableName>().is_err(), "{bad}");
        }
        assert!("home_1".parse::<VariableName>().is_ok());
    }
}
