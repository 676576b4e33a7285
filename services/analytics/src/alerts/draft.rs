//! Reads the body of a rule field by field, so that one answer names everything that is wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sm_common::id::RuleId;
use sm_common::stream::{Severity, StreamStatus};
use sm_service_kit::body::fault::{Fault, Faults};
use sm_service_kit::body::field::{Members, boolean, escape, integer, number, parsed, text};

use super::rule::{Aggregate, Condition, Rule, Side, When};
use crate::catalogue::Metric;

/// Longest name of a rule, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest remedy, in characters.
const REMEDY_CHARS_MAX: usize = 1000;
/// Most labels of a rule, and the longest name and value of one, in characters.
const LABELS_MAX: usize = 16;
const LABEL_CHARS_MAX: usize = 64;
/// Most rules that a rule is inhibited by.
const INHIBITORS_MAX: usize = 16;
/// Longest code of an error, in characters.
const CODE_CHARS_MAX: usize = 100;
/// Longest window, in seconds: every look reads it, a row a second.
const OVER_MAX_S: i64 = 900;
/// Longest time for which a rule may have to be broken, or to hold.
const FOR_MAX_S: i64 = 86_400;
/// The largest bound, either way.
const BOUND_MAX: f64 = 1e15;

/// Reads the body of a new rule.
pub(crate) fn new_rule(body: &Value) -> Result<Rule, Faults> {
    read(body, RuleId::generate())
}

/// The rule with a JSON merge patch applied. A condition of another kind replaces the whole
/// condition.
pub(crate) fn patched_rule(rule: &Rule, patch: &Value) -> Result<Rule, Faults> {
    let Some(changes) = patch.as_object() else {
        let mut faults = Faults::default();
        faults.shape("", "must be an object");
        return Err(faults);
    };
    let mut body = editable(rule);
    for (name, value) in changes {
        if let Some(known) = body.get_mut(name).and_then(Value::as_object_mut)
            && let Some(part) = value.as_object()
            && is_patch(name, known, part)
        {
            merge(known, part);
        } else {
            body.insert(name.clone(), value.clone());
        }
    }
    let read = read(&Value::Object(body), rule.id.clone())?;
    Ok(Rule {
        built_in: rule.built_in,
        ..read
    })
}

/// Whether a member is changed in part. A condition of another kind is another condition.
fn is_patch(name: &str, known: &Map<String, Value>, part: &Map<String, Value>) -> bool {
    let kind = part.get("kind");
    name != "condition" || kind.is_none_or(|kind| known.get("kind") == Some(kind))
}

fn merge(known: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, value) in changes {
        if value.is_null() {
            known.remove(name);
        } else {
            known.insert(name.clone(), value.clone());
        }
    }
}

/// The rule as a body that would make it.
fn editable(rule: &Rule) -> Map<String, Value> {
    let body = json!({
        "name": rule.name,
        "enabled": rule.enabled,
        "stream": rule.stream,
        "condition": rule.condition,
        "when": rule.when,
        "for_s": rule.for_s,
        "clear_for_s": rule.clear_for_s,
        "severity": rule.severity,
        "labels": rule.labels,
        "remedy": rule.remedy,
        "inhibited_by": rule.inhibited_by,
    });
    body.as_object().cloned().unwrap_or_default()
}

fn read(body: &Value, id: RuleId) -> Result<Rule, Faults> {
    let mut faults = Faults::default();
    match read_members(body, id, &mut faults) {
        Some(rule) if faults.is_empty() => Ok(rule),
        Some(_) | None => Err(faults),
    }
}

fn read_members(body: &Value, id: RuleId, faults: &mut Faults) -> Option<Rule> {
    let mut members = Members::of(body, "", faults)?;
    let name = members.required("name", faults, text(1, NAME_CHARS_MAX, false));
    let enabled = members.or("enabled", true, faults, boolean);
    let stream = members.or("stream", None, faults, |value| parsed(value).map(Some));
    let condition = if let Some(value) = members.raw("condition") {
        condition(value, faults)
    } else {
        faults.shape("/condition", "is required");
        None
    };
    let when = members.or("when", When::OnAir, faults, parsed);
    let for_s = members.or("for_s", 0_u32, faults, integer(0, FOR_MAX_S));
    let clear_for_s = members.or("clear_for_s", 0_u32, faults, integer(0, FOR_MAX_S));
    let severity = members.or("severity", Severity::Warning, faults, parsed);
    let labels = members.or("labels", BTreeMap::new(), faults, labels);
    let remedy = members.required("remedy", faults, text(1, REMEDY_CHARS_MAX, true));
    let inhibited_by = members.or("inhibited_by", Vec::new(), faults, inhibitors);
    members.finish(faults);
    Some(Rule {
        id,
        name: name?,
        built_in: false,
        enabled: enabled?,
        stream: stream?,
        condition: condition?,
        when: when?,
        for_s: for_s?,
        clear_for_s: clear_for_s?,
        severity: severity?,
        labels: labels?,
        remedy: remedy?,
        inhibited_by: inhibited_by?,
        revision: 1,
        changed_by: None,
        changed_at: None,
    })
}

fn condition(value: &Value, faults: &mut Faults) -> Option<Condition> {
    let mut members = Members::of(value, "/condition", faults)?;
    let kinds = ["threshold", "rate", "absence", "error", "status"];
    let kind = members.required("kind", faults, |value| {
        let kind: String = parsed(value)?;
        if kinds.contains(&kind.as_str()) {
            return Ok(kind);
        }
        Err(Fault::Value(format!("must be one of {}", kinds.join(", "))))
    })?;
    let condition = match kind.as_str() {
        "threshold" => {
            let metric = members.required("metric", faults, metric);
            let side = members.required("side", faults, parsed);
            let value = members.required("value", faults, number(-BOUND_MAX, BOUND_MAX));
            let clear = clear(&mut members, side.zip(value), faults);
            let over_s = members.or("over_s", 10_u32, faults, integer(1, OVER_MAX_S));
            let aggregate = members.or("aggregate", Aggregate::Mean, faults, parsed);
            members.finish(faults);
            Condition::Threshold {
                metric: metric?,
                side: side?,
                value: value?,
                clear: clear?,
                over_s: over_s?,
                aggregate: aggregate?,
            }
        }
        "rate" => {
            let metric = members.required("metric", faults, metric);
            let side = members.required("side", faults, parsed);
            let value = members.required("value", faults, number(-BOUND_MAX, BOUND_MAX));
            let clear = clear(&mut members, side.zip(value), faults);
            let over_s = members.or("over_s", 60_u32, faults, integer(2, OVER_MAX_S));
            members.finish(faults);
            Condition::Rate {
                metric: metric?,
                side: side?,
                value: value?,
                clear: clear?,
                over_s: over_s?,
            }
        }
        "absence" => {
            let metric = members.required("metric", faults, metric);
            let over_s = members.or("over_s", 10_u32, faults, integer(1, OVER_MAX_S));
            members.finish(faults);
            Condition::Absence {
                metric: metric?,
                over_s: over_s?,
            }
        }
        "error" => {
            let code = members.required("code", faults, text(1, CODE_CHARS_MAX, false));
            let least = members.or("least", Severity::Warning, faults, parsed);
            members.finish(faults);
            Condition::Error {
                code: code?,
                least: least?,
            }
        }
        _ => {
            let statuses = members.required("statuses", faults, statuses);
            members.finish(faults);
            Condition::Status {
                statuses: statuses?,
            }
        }
    };
    Some(condition)
}

/// Where it is right again: on the right side of the bound.
#[expect(
    clippy::option_option,
    reason = "whether it could be read, and whether there is one"
)]
fn clear(
    members: &mut Members<'_>,
    bound: Option<(Side, f64)>,
    faults: &mut Faults,
) -> Option<Option<f64>> {
    members.or("clear", None, faults, |value| {
        let clear = number(-BOUND_MAX, BOUND_MAX)(value)?;
        match bound {
            Some((side, bound)) if side.holds(clear, bound) => Err(Fault::Value(format!(
                "must not be {} `value`, where the rule is broken",
                side.as_str()
            ))),
            Some(_) | None => Ok(Some(clear)),
        }
    })
}

fn metric(value: &Value) -> Result<Metric, Fault> {
    let name: String = parsed(value)?;
    Metric::named(&name).ok_or_else(|| Fault::Value(format!("must be one of {}", Metric::names())))
}

fn statuses(value: &Value) -> Result<Vec<StreamStatus>, Fault> {
    let items = items(value, StreamStatus::ALL.len())?;
    if items.is_empty() {
        return Err(Fault::Value("must name at least one".to_owned()));
    }
    items.iter().map(parsed).collect()
}

fn inhibitors(value: &Value) -> Result<Vec<RuleId>, Fault> {
    items(value, INHIBITORS_MAX)?.iter().map(parsed).collect()
}

fn items(value: &Value, max: usize) -> Result<&[Value], Fault> {
    let items = value
        .as_array()
        .ok_or_else(|| Fault::Shape("must be an array".to_owned()))?;
    if items.len() > max {
        return Err(Fault::Value(format!("must have at most {max} items")));
    }
    Ok(items)
}

/// Names and values by which alerts are told apart, as Prometheus has them.
pub(super) fn labels(value: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let object = value
        .as_object()
        .ok_or_else(|| Fault::Shape("must be an object of strings".to_owned()))?;
    if object.len() > LABELS_MAX {
        return Err(Fault::Value(format!(
            "must have at most {LABELS_MAX} members"
        )));
    }
    let mut labels = BTreeMap::new();
    for (name, value) in object {
        if !is_label_name(name) {
            return Err(Fault::Value(format!(
                "the name {:?} must be 1 to {LABEL_CHARS_MAX} of a-z, A-Z, 0-9 and '_', not starting with a digit or '__', and none of alertname, severity and stream",
                escape(name)
            )));
        }
        labels.insert(name.clone(), text(1, LABEL_CHARS_MAX, false)(value)?);
    }
    Ok(labels)
}

fn is_label_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=LABEL_CHARS_MAX).contains(&name.len())
        && name.chars().all(known)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("__")
        && !matches!(name, "alertname" | "severity" | "stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({
            "name": "Low frame rate",
            "condition": {"kind": "threshold", "metric": "fps", "side": "below", "value": 24},
            "remedy": "Give the encoder more CPU.",
        })
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let rule = new_rule(&body()).unwrap();
        assert!(rule.enabled);
        assert_eq!((rule.for_s, rule.clear_for_s), (0, 0));
        assert_eq!(rule.severity, Severity::Warning);
        assert_eq!(rule.condition.over_s(), 10);
        assert_eq!(rule.when, When::OnAir);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let body = json!({
            "name": "",
            "condition": {
                "kind": "threshold", "metric": "speed", "side": "below", "value": 24,
                "clear": 20, "over_s": 0, "colour": "red",
            },
            "for_s": -1,
            "severity": "grave",
            "labels": {"alertname": "x"},
            "inhibited_by": ["No Slug"],
            "extra": true,
        });
        let faults = new_rule(&body).unwrap_err();
        let mut pointers: Vec<&str> = faults
            .errors()
            .iter()
            .map(|error| error.pointer.as_str())
            .collect();
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            [
                "/condition/clear",
                "/condition/colour",
                "/condition/metric",
                "/condition/over_s",
                "/extra",
                "/for_s",
                "/inhibited_by",
                "/labels",
                "/name",
                "/remedy",
                "/severity",
            ]
        );
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_takes_away() {
        let rule = new_rule(&body()).unwrap();
        let patch = json!({"condition": {"value": 20, "clear": 22}, "labels": {"team": "studio"}});
        let patched = patched_rule(&rule, &patch).unwrap();
        assert_eq!(patched.name, rule.name);
        let Condition::Threshold { value, clear, .. } = patched.condition else {
            panic!("still a threshold");
        };
        assert_eq!((value, clear), (20.0, Some(22.0)));
        let patch = json!({"condition": {"clear": null}, "labels": {"team": null}, "for_s": null});
        let again = patched_rule(&patched, &patch).unwrap();
        assert!(again.labels.is_empty());
        assert!(matches!(
            again.condition,
            Condition::Threshold { clear: None, .. }
        ));
        let other = json!({"condition": {"kind": "absence", "metric": "viewers"}});
        let other = patched_rule(&again, &other).unwrap();
        assert!(matches!(other.condition, Condition::Absence { .. }));
        let faults = patched_rule(&again, &json!({"id": "x"})).unwrap_err();
        assert_eq!(faults.errors()[0].pointer, "/id");
    }

    #[test]
    fn it_must_be_right_on_the_right_side_of_the_bound() {
        for (side, clear, fine) in [
            ("below", 23.0, false),
            ("below", 24.0, true),
            ("below", 25.0, true),
            ("above", 25.0, false),
            ("above", 23.0, true),
        ] {
            let mut body = body();
            body["condition"]["side"] = json!(side);
            body["condition"]["clear"] = json!(clear);
            assert_eq!(new_rule(&body).is_ok(), fine, "{side} {clear}");
        }
    }
}
