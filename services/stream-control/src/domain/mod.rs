//! The rules: pure, without a clock, a database or a wire.

mod action;
mod operation;

pub(crate) use action::{Action, Illegal, apply, standing};
pub(crate) use operation::{Operation, OperationStatus};
