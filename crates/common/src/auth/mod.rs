//! Who may do what: roles, permissions, token claims and their verification.

mod claims;
mod permission;
mod role;
mod verifier;

pub use claims::{Claims, Identity};
pub use permission::Permission;
pub use role::{ParseRoleError, Role};
pub use verifier::{KeySet, KeySetError, TokenError, Verifier};
