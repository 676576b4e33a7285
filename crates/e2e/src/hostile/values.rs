//! Values that are as a schema wants them, and such as it does not.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Objects and lists within each other that are made, where a schema refers to itself.
const DEPTH_MAX: usize = 6;

/// Texts that have broken something before: bounds, encodings, paths, templates, other languages.
pub(super) const TEXTS: [&str; 30] = [
    "",
    " ",
    "\0",
    "\r\nX-Injected: 1",
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "%",
    "%zz",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "NaN",
    "99999999999999999999999999",
    "'; DROP TABLE layers; --",
    "{{viewers}}{{",
    "${jndi:ldap://127.0.0.1/x}",
    "<script>alert(1)</script>",
    "\u{202e}\u{200b}\u{feff}",
    "🦀🏳️‍🌈",
    "a\u{300}\u{300}\u{300}\u{300}",
    "\u{10ffff}",
    "*",
    "\"",
    "\\",
    "W/\"1\"",
    "main",
    "00000000-0000-0000-0000-000000000000",
];

/// A hostile text, now and then a long one.
pub(super) fn text(rng: &mut Rng) -> String {
    match rng.u8(..20) {
        0 => "a".repeat(rng.usize(..6000)),
        1 => "€".repeat(rng.usize(..2000)),
        2 => (0..rng.usize(..40)).map(|_| rng.char(..)).collect(),
        _ => rng.choice(TEXTS).unwrap_or_default().to_owned(),
    }
}

/// Anything that is JSON, and nothing in particular.
pub(super) fn anything(rng: &mut Rng) -> Value {
    match rng.u8(..12) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(..)),
        3 => json!(rng.u64(..)),
        4 => json!(f64::from_bits(rng.u64(..))),
        5 => json!([]),
        6 => json!({}),
        7 => nested(rng.usize(..60)),
        8 => json!({"": {"~/": [null]}}),
        9 => Value::Array(vec![json!(1); rng.usize(..300)]),
        _ => Value::String(text(rng)),
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

/// A value of `schema`, where one part in `mutation` of it is another.
pub(super) fn value(document: &Value, schema: &Value, mutation: usize, rng: &mut Rng) -> Value {
    made(document, schema, (mutation, 0), rng)
}

fn made(
    document: &Value,
    schema: &Value,
    (mutation, depth): (usize, usize),
    rng: &mut Rng,
) -> Value {
    if depth > DEPTH_MAX || rng.usize(..mutation.max(1)) == 0 {
        return anything(rng);
    }
    let deeper = (mutation, depth + 1);
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let schema = document.pointer(pointer).unwrap_or(&Value::Null);
        return made(document, schema, deeper, rng);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(schema) = schema[choice].as_array().and_then(|all| rng.choice(all)) {
            return made(document, schema, deeper, rng);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = made(document, part, deeper, rng) {
                whole.extend(members);
            }
        }
        return Value::Object(whole);
    }
    if let Some(known) = schema["enum"].as_array().and_then(|all| rng.choice(all)) {
        return known.clone();
    }
    let kinds = schema["type"].as_array();
    let kind = kinds.map_or(Some(&schema["type"]), |kinds| rng.choice(kinds));
    let kind = kind.and_then(Value::as_str);
    match kind {
        Some("object") => object(document, schema, deeper, rng),
        Some("array") => {
            let count = rng.usize(..4);
            let items = (0..count).map(|_| made(document, &schema["items"], deeper, rng));
            Value::Array(items.collect())
        }
        Some("string") => Value::String(string(schema, rng)),
        Some("integer") => json!(number(schema, rng).round()),
        Some("number") => json!(number(schema, rng)),
        Some("boolean") => json!(rng.bool()),
        Some("null") => Value::Null,
        _ => anything(rng),
    }
}

fn object(document: &Value, schema: &Value, depth: (usize, usize), rng: &mut Rng) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut members = Map::new();
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            let is_required = required.iter().any(|known| known == name);
            if is_required && rng.u8(..20) > 0 || !is_required && rng.bool() {
                members.insert(name.clone(), made(document, property, depth, rng));
            }
        }
    }
    let further = &schema["additionalProperties"];
    if further.is_object() {
        for name in ["score", "home_team", "x"] {
            members.insert(name.to_owned(), made(document, further, depth, rng));
        }
    }
    if rng.u8(..10) == 0 {
        members.insert(text(rng), anything(rng));
    }
    Value::Object(members)
}

fn string(schema: &Value, rng: &mut Rng) -> String {
    match schema["format"].as_str() {
        _ if rng.u8(..8) == 0 => text(rng),
        Some("uuid") => format!("{:08x}-0000-7000-8000-{:012x}", rng.u32(..), rng.u32(..)),
        Some("date-time") => "2026-01-01T00:00:00Z".to_owned(),
        Some("uri") => "rtmp://127.0.0.1:9/live/x".to_owned(),
        _ => {
            let words = ["main", "intro", "#ff0000", "a name", "demo-1", "100"];
            rng.choice(words).unwrap_or_default().to_owned()
        }
    }
}

fn number(schema: &Value, rng: &mut Rng) -> f64 {
    let bound = |name: &str, otherwise: f64| schema[name].as_f64().unwrap_or(otherwise);
    let (least, most) = (bound("minimum", -10.0), bound("maximum", 5000.0));
    match rng.u8(..12) {
        0 => least - 1.0,
        1 => most + 1.0,
        2 => -0.0,
        3 => 1e308,
        4 => 0.1,
        _ => least + rng.f64() * (most - least),
    }
}
