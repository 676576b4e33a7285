//! What happened that security is about: who did what to whom, and from where. It is only ever
//! appended to, in the same step as what it tells of where that changes something.

mod entry;
mod trail;

pub(crate) use entry::{Entry, Party, SecurityEvent};
pub(crate) use trail::{AuditList, Note, Page, Trail};
