//! Reading a JSON body field by field, so that one answer names everything that is wrong with it.

pub mod fault;
pub mod field;
