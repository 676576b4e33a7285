//! The rules: pure, without a clock, a database or a wire.

mod action;
mod operation;
mod output;

pub(crate) use action::{Action, Illegal, apply, standing};
pub(crate) use operation::{Operation, OperationStatus};
pub(crate) use output::{
    Change, OutputAction, OutputList, OutputView, Refused, Rules, apply_change,
};
