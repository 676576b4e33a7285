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

#[test]
fn the_table_of_permissions_names_every_operation_and_no_other() {
    let document = sm_schemas::openapi().unwrap();
    let mut operations = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let access = sm_common::auth::Access::to(&method, path);
            let access = access.unwrap_or_else(|| {
                panic!("say in crates/common/src/auth/access.rs what {method} {path} takes")
            });
            // Whoever needs a token is told so by the document too.
            let takes_token = !matches!(access, sm_common::auth::Access::Anyone);
            assert!(
                !takes_token || operation["security"].is_array(),
                "{method} {path} says that it takes a token"
            );
            operations.insert((method, path.clone()));
        }
    }
    for (method, path, _) in sm_common::auth::OPERATIONS {
        let known = operations.contains(&((*method).to_owned(), (*path).to_owned()));
        assert!(known, "{method} {path} is no operation");
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
