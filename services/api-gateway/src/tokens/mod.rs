//! What proves who calls: access tokens and the keys that sign them, and refresh tokens.

mod access;
mod refresh;
mod ring;
mod signing;

pub(crate) use access::{AccessToken, AccessTokens, Subject};
pub(crate) use refresh::{RefreshToken, Stored};
pub(crate) use signing::SigningKeys;
