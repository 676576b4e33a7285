//! The variables of a stream: what a body makes of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sm_common::id::VariableName;
use sm_common::layer::{Layer, LayerSource, TextSource, TickerSource};
use sm_common::variable::{TextPart, VARIABLE_CHARS_MAX, VariableValue, text_parts};

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

/// The variables that the texts of layers show, as far as they are set.
pub(crate) fn shown(layers: &[Layer], known: &Values) -> Values {
    let texts = layers.iter().filter_map(|layer| text_of(&layer.source));
    let names = texts.flat_map(text_parts).filter_map(|part| match part {
        TextPart::Named(placeholder) => placeholder.name.parse::<VariableName>().ok(),
        TextPart::Plain(_) => None,
    });
    names
        .filter_map(|name| Some((name.clone(), known.get(&name)?.clone())))
        .collect()
}

fn text_of(source: &LayerSource) -> Option<&str> {
    match source {
        LayerSource::Text(TextSource { text, .. }) => Some(text.as_str()),
        LayerSource::Ticker(TickerSource { text, .. }) => text.as_deref(),
        LayerSource::Color(_)
        | LayerSource::TestPattern(_)
        | LayerSource::Image(_)
        | LayerSource::Video(_)
        | LayerSource::Audio(_)
        | LayerSource::Playlist(_)
        | LayerSource::Clock(_)
        | LayerSource::Countdown(_)
        | LayerSource::Gradient(_)
        | LayerSource::Chat(_)
        | LayerSource::Network(_)
        | LayerSource::Ingest(_)
        | LayerSource::Web(_) => None,
    }
}

/// Variables that come with a scene, and those of the stream that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) after: Values,
    /// Those that have the value that came.
    pub(crate) set: Vec<VariableName>,
    /// Those that have kept another.
    pub(crate) kept: Vec<VariableName>,
}

/// What becomes of the stream's variables, of which there may be `count_max`. Those that are set keep their
/// values, unless the caller wants them `replaced`.
pub(crate) fn bring(
    before: &Values,
    brought: &Values,
    replaced: bool,
    count_max: usize,
) -> Result<Brought, Faults> {
    let mut outcome = Brought {
        after: before.clone(),
        set: Vec::new(),
        kept: Vec::new(),
    };
    for (name, value) in brought {
        match before.get(name) {
            Some(known) if known == value => {}
            Some(_) if !replaced => outcome.kept.push(name.clone()),
            Some(_) | None => {
                outcome.after.insert(name.clone(), value.clone());
                outcome.set.push(name.clone());
            }
        }
    }
    if !outcome.set.is_empty() && outcome.after.len() > count_max {
        let mut faults = Faults::default();
        let detail = format!("a stream has at most {count_max} variables; remove some first");
        faults.value("/variables", detail);
        return Err(faults);
    }
    Ok(outcome)
}

/// Reads the values that a document has at `pointer`.
pub(crate) fn read_values(document: &Value, pointer: &str, faults: &mut Faults) -> Option<Values> {
    let body = json!({"values": document});
    match apply(&Values::new(), &body, Manner::Replace, usize::MAX) {
        Ok(values) => Some(values),
        Err(wrong) => {
            let misshapen = wrong.is_misshapen();
            for error in wrong.into_errors() {
                let within = error.pointer.trim_start_matches("/values");
                let pointer = format!("{pointer}{within}");
                if misshapen {
                    faults.shape(pointer, error.detail);
                } else {
                    faults.value(pointer, error.detail);
                }
            }
            None
        }
    }
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
    use super::super::samples;
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
    fn what_comes_with_a_scene_overwrites_nothing_unless_it_is_asked_to() {
        let before = values(&json!({"home": 1, "same": "a"}));
        let brought = values(&json!({"home": "one", "same": "a", "new": true}));
        let names = |names: &[VariableName]| -> Vec<String> {
            names.iter().map(ToString::to_string).collect()
        };
        let kept = bring(&before, &brought, false, 3).unwrap();
        assert_eq!(
            kept.after,
            values(&json!({"home": 1, "same": "a", "new": true}))
        );
        assert_eq!(
            (names(&kept.set), names(&kept.kept)),
            (vec!["new".to_owned()], vec!["home".to_owned()])
        );
        let replaced = bring(&before, &brought, true, 3).unwrap();
        assert_eq!(replaced.after, brought);
        assert_eq!((replaced.set.len(), replaced.kept.len()), (2, 0));
        let full = bring(&before, &brought, true, 2).unwrap_err();
        assert_eq!(full.errors()[0].pointer, "/variables");
    }

    #[test]
    fn texts_name_the_variables_that_they_show() {
        let mut scene = samples::scene(&["a", "b"]);
        for (layer, (kind, text)) in scene.layers.iter_mut().zip([
            (
                "text",
                r"{{home}} : {{away}} {{clock:%H}} \{{escaped}} {{home}}",
            ),
            ("ticker", "{{line}}"),
        ]) {
            let source = json!({"kind": kind, "source": {"text": text}});
            layer.source = serde_json::from_value(source).unwrap();
        }
        let known = values(&json!({"home": 1, "line": "a", "escaped": 1, "other": 2}));
        let shown = shown(&scene.layers, &known);
        assert_eq!(shown, values(&json!({"home": 1, "line": "a"})));
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
