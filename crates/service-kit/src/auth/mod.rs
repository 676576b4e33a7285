//! Recognising callers: the key cache, and extractors that prove a permission.

mod authenticator;
mod exchange;
mod extract;
mod permission;
mod revocations;

pub use authenticator::{AuthError, Authenticator, KeySource};
pub use exchange::{Exchange, KEY_PREFIX, KeyToken};
pub use extract::{Authorized, Bearer, Viewer, authorize};
pub use permission::{
    Chat, ControlStream, EditLayers, ManageUsers, ModerateChat, ReadAnalytics, ReadAudit,
    ReadMetrics, ReadResources, ReadStream, ReadSummary, Requires,
};
pub use revocations::{REVOCATIONS, Revocations, follow_revocations};
