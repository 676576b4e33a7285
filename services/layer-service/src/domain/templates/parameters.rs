//! Parameters of templates: one table says how they are described and how they are read.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sm_common::clock::Timestamp;
use sm_common::layer::{Color, LayerKind};

use super::super::fault::{Fault, Faults};
use super::super::field::{Members, boolean, integer, parsed, text};
use super::super::source;

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// As people call it.
    pub(super) title: &'static str,
    pub(super) kind: Kind,
}

/// What a parameter may be, and what it is unless said otherwise.
#[derive(Debug)]
pub(super) enum Kind {
    Text {
        max: usize,
        default: &'static str,
    },
    Whole {
        min: i64,
        max: i64,
        default: i64,
    },
    Color(&'static str),
    Switch(bool),
    /// One of these; the first unless said otherwise.
    Choice(&'static [&'static str]),
    /// A moment; none unless said otherwise.
    Moment,
    /// The beginning of the names of variables.
    Prefix(&'static str),
    /// What a layer shows: its `kind` and `source`; colour bars unless said otherwise.
    Content,
}

/// Longest beginning of the names of variables.
const PREFIX_CHARS_MAX: usize = 20;

impl Kind {
    fn describe(&self) -> Value {
        match self {
            Self::Text { max, default } => {
                json!({"type": "string", "maxLength": max, "default": default})
            }
            Self::Whole { min, max, default } => {
                json!({"type": "integer", "minimum": min, "maximum": max, "default": default})
            }
            Self::Color(default) => json!({"type": "string", "format": "color",
                "pattern": "^#[0-9a-f]{6}([0-9a-f]{2})?$", "default": default}),
            Self::Switch(default) => json!({"type": "boolean", "default": default}),
            Self::Choice(choices) => {
                json!({"type": "string", "enum": choices, "default": choices.first()})
            }
            Self::Moment => json!({"type": "string", "format": "date-time"}),
            Self::Prefix(default) => json!({"type": "string", "maxLength": PREFIX_CHARS_MAX,
                "pattern": "^[a-z][a-z0-9_]*$", "default": default}),
            Self::Content => json!({"type": "object", "required": ["kind"],
                "properties": {"kind": {"enum": kinds()}, "source": {"type": "object"}},
                "default": {"kind": LayerKind::TestPattern, "source": {}}}),
        }
    }

    /// The value unless said otherwise; null for none.
    fn default(&self) -> Value {
        self.describe()
            .get_mut("default")
            .map_or(Value::Null, Value::take)
    }

    fn read(&self, value: &Value, pointer: &str, faults: &mut Faults) {
        let checked = match self {
            Self::Text { max, .. } => text(0, *max, false)(value).map(drop),
            Self::Whole { min, max, .. } => integer::<i64>(*min, *max)(value).map(drop),
            Self::Color(_) => parsed::<Color>(value).map(drop),
            Self::Switch(_) => boolean(value).map(drop),
            Self::Choice(choices) => match value.as_str() {
                Some(choice) if choices.contains(&choice) => Ok(()),
                Some(_) | None => {
                    let detail = format!("must be one of {}", choices.join(", "));
                    Err(Fault::Value(detail))
                }
            },
            Self::Moment => parsed::<Timestamp>(value).map(drop),
            Self::Prefix(_) => {
                text(1, PREFIX_CHARS_MAX, false)(value).and_then(|prefix| check_prefix(&prefix))
            }
            Self::Content => {
                return read_content(value, pointer, faults);
            }
        };
        if let Err(fault) = checked {
            faults.note(pointer.to_owned(), fault);
        }
    }
}

fn kinds() -> Vec<&'static str> {
    LayerKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn check_prefix(prefix: &str) -> Result<(), Fault> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if prefix.starts_with(|c: char| c.is_ascii_lowercase()) && prefix.chars().all(known) {
        return Ok(());
    }
    let detail = "must be of a-z, 0-9 and '_', and start with a letter";
    Err(Fault::Value(detail.to_owned()))
}

fn read_content(value: &Value, pointer: &str, faults: &mut Faults) {
    let Some(mut fields) = Members::of(value, pointer, faults) else {
        return;
    };
    let kind: Option<LayerKind> = fields.required("kind", faults, parsed);
    let source = fields.raw("source");
    if let Some(kind) = kind {
        source::read(kind, source, &fields.pointer_to("source"), faults);
    }
    fields.finish(faults);
}

/// The shape of parameters as a JSON Schema. `x-order` is their order in a form.
pub(super) fn schema(parameters: &[Parameter]) -> Value {
    let mut properties = Map::new();
    for (order, parameter) in parameters.iter().enumerate() {
        let mut property = parameter.kind.describe();
        if let Some(members) = property.as_object_mut() {
            members.insert("title".to_owned(), json!(parameter.title));
            members.insert("x-order".to_owned(), json!(order));
        }
        properties.insert(parameter.name.to_owned(), property);
    }
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

/// The values of a template's parameters: each of its kind.
#[derive(Clone, Debug)]
pub(super) struct Arguments(BTreeMap<&'static str, Value>);

/// Reads the values of `parameters`; what is left out is as the table says.
pub(super) fn read(
    parameters: &[Parameter],
    value: &Value,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Arguments> {
    let faults_before = faults.errors().len();
    let mut fields = Members::of(value, pointer, faults)?;
    let mut arguments = BTreeMap::new();
    for Parameter { name, kind, .. } in parameters {
        let value = match fields.raw(name) {
            Some(value) => {
                kind.read(value, &fields.pointer_to(name), faults);
                value.clone()
            }
            None => kind.default(),
        };
        arguments.insert(*name, value);
    }
    fields.finish(faults);
    // Layers are laid out by values within their bounds alone.
    (faults.errors().len() == faults_before).then_some(Arguments(arguments))
}

impl Arguments {
    /// A parameter as it is in JSON; null where there is none.
    pub(super) fn value(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// A text, choice or prefix.
    pub(super) fn text(&self, name: &str) -> String {
        let text = self.0.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }

    /// A whole number that is not negative.
    pub(super) fn whole(&self, name: &str) -> u32 {
        let number = self.0.get(name).and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}
