//! People: who they are, and what may be changed about them.

mod directory;
mod links;
mod person;
mod store;

pub(crate) use directory::{Change, Directory, Refusal};
pub(crate) use links::{Invited, Link, LinkError, Links};
pub(crate) use person::{FactorChange, NewPerson, ParseUsernameError, Patch, Person, Username};
pub(crate) use store::{Users, UsersError};
