//! The picture as players fetch it: playlist, segments, snapshot; and who may, and who watches.

pub(crate) mod archive;
pub(crate) mod file_name;
pub(crate) mod forward;
pub(crate) mod master;
pub(crate) mod part;
pub(crate) mod playback;
pub(crate) mod playlist;
pub(crate) mod range;
pub(crate) mod reload;
pub(crate) mod shelf;
pub(crate) mod snapshot;
pub(crate) mod viewers;
pub(crate) mod waiting;
