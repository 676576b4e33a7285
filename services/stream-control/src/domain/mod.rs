//! The rules: pure, without a clock, a database or a wire.

mod action;
mod choice;
mod command;
mod format;
mod load;
mod operation;
mod output;

pub(crate) use action::{Action, Refusal, apply, standing};
pub(crate) use choice::{ChoiceRefusal, KnownScenes};
pub(crate) use command::{Command, SlateChoice};
pub(crate) use format::{ProgramChange, ProgramLimits};
pub(crate) use load::{Layers, Load};
pub(crate) use operation::{Operation, OperationStatus};
pub(crate) use output::{
    Change, OutputAction, OutputList, OutputView, Refused, Rules, apply_change,
};
