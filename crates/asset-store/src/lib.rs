//! Uploaded files in an S3-compatible object store: `<prefix>/<first two digits>/<sha256>`, their
//! thumbnails under the same name in `thumbnails`, and what is on its way out in `withdrawn`.
//!
//! An object appears and goes in one step, whatever its size. Whoever writes one twice writes the same
//! content, because its name is its digest.

#![warn(missing_docs)]

mod bucket;
mod config;
mod error;

pub use bucket::{Bucket, Found, OBJECT_BYTES_MAX, Shelf, Withdrawn};
pub use config::ObjectStoreConfig;
pub use error::{OpenError, StoreError};
