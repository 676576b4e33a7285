//! Who may do what: roles, permissions, token claims and their verification.

mod access;
mod claims;
mod permission;
mod revocation;
mod role;
mod verifier;

pub use access::{Access, OPERATIONS, access_to_channel};
pub use claims::{Claims, Identity};
pub use permission::Permission;
pub use revocation::{PROOF_LIFETIME_MAX, Revocation, Revoked};
pub use role::{ParseRoleError, Role};
pub use verifier::{KeySet, KeySetError, TokenError, Verifier};
