//! The documents that describe Stream Manager to the outside, made from the Rust types that the
//! services really use.
#![warn(missing_docs)]

mod asyncapi;
mod openapi;
mod permissions;
mod problems;

use std::path::PathBuf;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use permissions::permissions;
pub use problems::problems;

/// A generated document and where it is checked in.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Every generated document.
pub fn documents() -> anyhow::Result<Vec<Document>> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let text = |value: &serde_json::Value| -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(value)? + "\n")
    };
    Ok(vec![
        Document {
            path: directory.join("api/openapi.json"),
            text: text(&openapi()?)?,
        },
        Document {
            path: directory.join("api/asyncapi.json"),
            text: text(&asyncapi()?)?,
        },
        Document {
            path: directory.join("reference/problems.md"),
            text: problems(),
        },
        Document {
            path: directory.join("reference/permissions.md"),
            text: permissions(),
        },
    ])
}
