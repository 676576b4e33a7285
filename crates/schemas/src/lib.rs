//! Writes the OpenAPI and AsyncAPI documents from the Rust types, and tests that the checked-in ones are current.
