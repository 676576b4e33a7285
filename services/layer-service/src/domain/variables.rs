//! The variables of a stream: what a body makes of them.

use std::collections::BTreeMap;

use serde_json::Value;
use sm_common::id::VariableName;
use sm_common::variable::{VARIABLE_CHARS_MAX, VariableValue};

use super::fault::{Fault, Faults};
use super::field::{Members, escape, text};

/// Variables by name.
pub(crate) type Values = BTreeMap<VariableName, VariableValue>;

/// How a body is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It holds all variables.
    Replace,
    /// What it leaves out stays, and null removes. What there is keeps its type.
    Patch,
}

/// What `{"values": {…}}` makes of the variables of a stream that may have `count_max`.
pub(crate) fn apply(
    before: &Values,
    body: &Value,
    manner: Manner,
    count_max: usize,
) -> Result<Values, Faults> {
    let mut faults = Faults::default();
    let after = read(before, body, manner, &mut faults);
    if let Some(after) = &after
        && after.len() > count_max
    {
        let detail = format!("a stream has at most {count_max} variables; remove some with null");
        faults.value("/values", detail);
    }
    after.filter(|_| faults.is_empty()).ok_or(faults)
}

/// The names of what is different, new or gone.
pub(crate) fn changed(before: &Values, after: &Values) -> Vec<VariableName> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let new = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value));
    gone.chain(new.map(|(name, _)| name)).cloned().collect()
}

fn read(before: &Values, body: &Value, manner: Manner, faults: &mut Faults) -> Option<Values> {
    let mut fields = Members::of(body, "", faults)?;
    let members = fields.required("values", faults, |value| {
        let members = value.as_object().cloned();
        members.ok_or_else(|| Fault::Shape("must be an object".to_owned()))
    });
    fields.finish(faults);
    let mut after = match manner {
        Manner::Replace => Values::new(),
        Manner::Patch => before.clone(),
    };
    for (name, value) in members? {
        let pointer = format!("/values/{}", escape(&name));
        let name: VariableName = match name.parse() {
            Ok(name) => name,
            Err(error) => {
                faults.value(pointer, format!("the name {}", named(&error)));
                continue;
            }
        };
        if value.is_null() && manner == Manner::Patch {
            after.remove(&name);
            continue;
        }
        let known = after.get(&name).filter(|_| manner == Manner::Patch);
        match read_value(&value).and_then(|value| keeps_type(known, value)) {
            Ok(value) => {
                after.insert(name, value);
            }
            Err(fault) => faults.note(pointer, fault),
        }
    }
    Some(after)
}

fn named(error: &sm_common::id::ParseIdError) -> String {
    format!("must be {}", error.expected)
}

fn read_value(value: &Value) -> Result<VariableValue, Fault> {
    match value {
        Value::String(_) => text(0, VARIABLE_CHARS_MAX, false)(value).map(VariableValue::Text),
        Value::Number(number) => Ok(VariableValue::Number(number.clone())),
        Value::Bool(truth) => Ok(VariableValue::Truth(*truth)),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Fault::Shape(
            "must be a text, a number, true or false".to_owned(),
        )),
    }
}

/// A patch does not make a text of a number: whoever draws or counts with it relies on that.
fn keeps_type(known: Option<&VariableValue>, value: VariableValue) -> Result<VariableValue, Fault> {
    match known.filter(|known| !known.is_like(&value)) {
        None => Ok(value),
        Some(known) => Err(Fault::Value(format!(
            "is {}, as it was set; replace it with PUT to give it another type",
            known.type_name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(value: &Value) -> Values {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn a_patch_sets_and_removes_and_a_replacement_forgets() {
        let before = values(&json!({"home": 1, "name": "a", "on": true}));
        let body = json!({"values": {"home": 2, "name": null, "new": "b"}});
        let after = apply(&before, &body, Manner::Patch, 9).unwrap();
        assert_eq!(after, values(&json!({"home": 2, "on": true, "new": "b"})));
        let names: Vec<String> = changed(&before, &after)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["name", "home", "new"]);
        let body = json!({"values": {"home": "two"}});
        let after = apply(&before, &body, Manner::Replace, 9).unwrap();
        assert_eq!(after, values(&json!({"home": "two"})));
    }

    #[test]
    fn every_wrong_value_is_named() {
        let before = values(&json!({"home": 1}));
        let body = json!({"by": 1, "values": {"home": "2", "Away": 1, "viewers": 2, "list": [],
            "long": "x".repeat(201), "line": "a\nb", "ok": 1}});
        let faults = apply(&before, &body, Manner::Patch, 9).unwrap_err();
        let mut found: Vec<&str> = faults.errors().iter().map(|e| e.pointer.as_str()).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "/by",
                "/values/Away",
                "/values/home",
                "/values/line",
                "/values/list",
                "/values/long",
                "/values/viewers"
            ]
        );
        for body in [json!({}), json!({"values": []}), json!([])] {
            assert!(apply(&before, &body, Manner::Patch, 9).is_err(), "{body}");
        }
        let body = json!({"values": {"a": 1, "b": 2}});
        let faults = apply(&before, &body, Manner::Patch, 2).unwrap_err();
        assert_eq!(faults.errors()[0].pointer, "/values");
        let body = json!({"values": {"a": null}});
        assert!(apply(&before, &body, Manner::Replace, 2).is_err());
    }
}
