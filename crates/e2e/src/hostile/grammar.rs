use fastrand::Rng;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::values;

/// Methods that are tried where the document does not name them.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
];
/// Headers that services read, besides those that the document names.
const HEADERS: [&str; 14] = [
    "if-match",
    "if-none-match",
    "if-modified-since",
    "range",
    "prefer",
    "idempotency-key",
    "x-request-id",
    "traceparent",
    "accept",
    "accept-encoding",
    "origin",
    "cookie",
    "upload-offset",
    "x-forwarded-for",
];

/// What ends the sign-in that it is asked with, so that everything after it would be refused for that
/// alone.
const ENDS_THE_SIGN_IN: (&str, &str) = ("DELETE", "/api/auth/sessions");

/// An operation of the document.
#[derive(Clone, Debug)]
struct Operation {
    path: String,
    method: String,
    parameters: Vec<Value>,
    /// Media type and schema.
    bodies: Vec<(String, Value)>,
}

/// Makes requests from an OpenAPI document.
#[derive(Debug)]
pub(super) struct Grammar {
    document: Value,
    operations: Vec<Operation>,
}

/// A request.
#[derive(Clone)]
pub(super) struct Hostile {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl std::fmt::Debug for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut headers = self.headers.clone();
        headers.remove(AUTHORIZATION);
        let shown = self
            .body
            .get(..self.body.len().min(2000))
            .unwrap_or_default();
        write!(
            f,
            "{} {} {headers:?} {}",
            self.method,
            self.target,
            String::from_utf8_lossy(shown)
        )
    }
}

impl Grammar {
    pub(super) fn new(document: Value) -> Self {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let content = operation["requestBody"]["content"].as_object();
                let bodies = content.into_iter().flatten();
                operations.push(Operation {
                    path: path.clone(),
                    method: method.to_uppercase(),
                    parameters: operation["parameters"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default(),
                    bodies: bodies
                        .map(|(kind, body)| (kind.clone(), body["schema"].clone()))
                        .collect(),
                });
            }
        }
        Self {
            document,
            operations,
        }
    }

    /// A request to some operation. `token` is an admin's.
    pub(super) fn request(&self, rng: &mut Rng, token: &str) -> Hostile {
        let operation = rng.choice(&self.operations).expect("there are operations");
        // From nearly right to not at all.
        let mutation = [8, 30, 300][rng.usize(..3)];
        let method = if rng.u8(..15) == 0 {
            rng.choice(METHODS).unwrap_or("GET")
        } else {
            &operation.method
        };
        let mut headers = HeaderMap::new();
        let authorization = match rng.u8(..10) {
            0 => None,
            1 => Some(format!("Bearer {}", printable(&values::text(rng)))),
            2 => Some(printable(&values::text(rng))),
            _ if (method, operation.path.as_str()) == ENDS_THE_SIGN_IN => None,
            _ => Some(format!("Bearer {token}")),
        };
        put(
            &mut headers,
            "authorization",
            authorization.unwrap_or_default().as_bytes(),
        );
        for _ in 0..rng.usize(..3) {
            let name = rng.choice(HEADERS).unwrap_or("accept");
            put(&mut headers, name, values::text(rng).as_bytes());
        }
        let target = self.target(operation, mutation, &mut headers, rng);
        let body = self.body(operation, mutation, &mut headers, rng);
        Hostile {
            method: Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET),
            target,
            headers,
            body,
        }
    }

    fn target(
        &self,
        operation: &Operation,
        mutation: usize,
        headers: &mut HeaderMap,
        rng: &mut Rng,
    ) -> String {
        let mut path = operation.path.clone();
        let mut query = Vec::new();
        for parameter in &operation.parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let made = values::value(&self.document, &parameter["schema"], mutation, rng);
            let text = made
                .as_str()
                .map_or_else(|| made.to_string(), str::to_owned);
            match parameter["in"].as_str() {
                Some("path") => {
                    let part = if name == "stream" && rng.u8(..4) > 0 {
                        "main".to_owned()
                    } else {
                        text
                    };
                    path = path.replace(&format!("{{{name}}}"), &encoded(&part));
                }
                Some("header") if rng.u8(..4) > 0 => put(headers, name, text.as_bytes()),
                Some("query") if rng.bool() => {
                    let times = if rng.u8(..20) == 0 { 2 } else { 1 };
                    let pair = format!("{}={}", encoded(name), encoded(&text));
                    query.extend(vec![pair; times]);
                }
                _ => {}
            }
        }
        if rng.u8(..20) == 0 {
            let pair = format!(
                "{}={}",
                encoded(&values::text(rng)),
                encoded(&values::text(rng))
            );
            query.push(pair);
        }
        if rng.u8(..20) == 0 {
            path.push_str(["/", "//", "/..", ";x=1", "/%2e%2e/"][rng.usize(..5)]);
        }
        if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        }
    }

    fn body(
        &self,
        operation: &Operation,
        mutation: usize,
        headers: &mut HeaderMap,
        rng: &mut Rng,
    ) -> Vec<u8> {
        let Some((kind, schema)) = rng.choice(&operation.bodies) else {
            return Vec::new();
        };
        let kind = match rng.u8(..20) {
            0 => "text/plain",
            1 => "application/json; charset=utf-16",
            _ => kind,
        };
        let boundary = if kind.starts_with("multipart/") && rng.bool() {
            "; boundary=x"
        } else {
            ""
        };
        put(
            headers,
            CONTENT_TYPE.as_str(),
            format!("{kind}{boundary}").as_bytes(),
        );
        if !kind.contains("json") {
            return rubbish(rng);
        }
        let made = values::value(&self.document, schema, mutation, rng);
        let mut body = serde_json::to_vec(&made).unwrap_or_default();
        match rng.u8(..25) {
            0 => body.truncate(rng.usize(..=body.len())),
            1 => body = rubbish(rng),
            2 => body = b"{\"name\":1,\"name\":2}".to_vec(),
            3 => body = b"[".repeat(rng.usize(..20_000)),
            4 => body.extend_from_slice(b"{}"),
            5 => {
                let at = rng.usize(..=body.len());
                body.insert(at, rng.u8(..));
            }
            _ => {}
        }
        body
    }
}

fn rubbish(rng: &mut Rng) -> Vec<u8> {
    let beginning: &[u8] = [
        b"PK\x03\x04".as_slice(),
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n\x89PNG\r\n\x1a\n",
        b"",
    ][rng.usize(..4)];
    let mut body = beginning.to_vec();
    body.extend((0..rng.usize(..3000)).map(|_| rng.u8(..)));
    body
}

/// Everything but letters and digits in percents.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Puts a header in, where it can be one at all.
fn put(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_bytes(value),
    ) && !value.is_empty()
    {
        headers.insert(name, value);
    }
}
