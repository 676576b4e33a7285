//! Recordings as they lie on the disk of this engine.

pub(crate) mod folder;
