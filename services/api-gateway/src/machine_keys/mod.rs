//! Keys of machines: each is good for what its scopes say, until it ends or is taken back. A key is
//! exchanged for an access token, which every service verifies like any other.

mod key;
mod store;

pub(crate) use key::{KeyName, MachineKey};
pub(crate) use store::{KeyError, MachineKeys, NewKey};
