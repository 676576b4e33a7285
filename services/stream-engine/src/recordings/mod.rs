//! Recordings as they lie on the disk of this engine: their names, and the folders they are in.

pub(crate) mod folder;
pub(crate) mod name;
