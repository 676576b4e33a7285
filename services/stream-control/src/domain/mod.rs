//! The rules: pure, without a clock, a database or a wire.

mod action;
mod choice;
mod command;
mod operation;

pub(crate) use action::{Action, Refusal, apply, standing};
pub(crate) use choice::{ChoiceRefusal, KnownScenes};
pub(crate) use command::Command;
pub(crate) use operation::{Operation, OperationStatus};
