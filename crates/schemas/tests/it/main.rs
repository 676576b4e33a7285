//! The checked-in documents are the generated ones, and hold together.

use serde_json::Value;

#[test]
fn the_checked_in_documents_are_current() {
    for document in sm_schemas::documents().unwrap() {
        let path = document.path.display();
        let checked_in = std::fs::read_to_string(&document.path).unwrap_or_default();
        assert!(
            checked_in == document.text,
            "{path} is not current: run `make schemas`"
        );
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for value in [
        sm_schemas::openapi().unwrap(),
        sm_schemas::asyncapi().unwrap(),
    ] {
        let mut references = Vec::new();
        collect_references(&value, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(value.pointer(pointer).is_some(), "{reference}");
        }
    }
}

/// What answers everybody, whatever is asked.
const NEVER_REFUSED: [&str; 3] = ["/.well-known/jwks.json", "/api/health", "/version.json"];

#[test]
fn every_operation_is_named_and_answers_problems() {
    let document = sm_schemas::openapi().unwrap();
    let mut names = std::collections::HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} names two operations");
            assert!(
                operation["summary"].is_string(),
                "{method} {path} says what it does"
            );
            let answers = operation["responses"].as_object().unwrap();
            let problems = answers
                .values()
                .any(|answer| answer["content"]["application/problem+json"].is_object());
            // An answer to HEAD has no body.
            assert!(
                problems || method == "head" || NEVER_REFUSED.contains(&path.as_str()),
                "{method} {path} says how it refuses"
            );
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("$ref", Value::String(reference)) => found.push(reference.clone()),
                    _ => collect_references(field, found),
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
