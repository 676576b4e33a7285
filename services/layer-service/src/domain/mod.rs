//! The rules of layers, scenes and uploaded files. Pure: no I/O, no clock, no randomness.

mod change;
mod chat;
mod clock_format;
pub(crate) mod copying;
mod countdown;
mod demo;
mod draft;
mod gradient;
mod group;
pub(crate) mod history;
mod ingest;
mod network;
mod ordering;
pub(crate) mod own_template;
mod patch;
mod playback;
mod playlist;
mod proposal;
pub(crate) mod resumable;
#[cfg(test)]
mod samples;
pub(crate) mod scene_draft;
pub(crate) mod scene_file;
pub(crate) mod scene_list;
pub(crate) mod schedule;
mod source;
mod stale;
pub(crate) mod templates;
mod text_style;
mod ticker;
pub(crate) mod upload;
pub(crate) mod variables;
mod web;

use sm_service_kit::body::{fault, field};

pub(crate) use change::{Applied, Refusal, Rejected, Step, Surroundings, apply};
pub(crate) use demo::demo_layers;
pub(crate) use draft::Canvas;
pub(crate) use fault::Faults;
pub(crate) use network::Vault;
pub(crate) use proposal::{Action, Expected, Operation, Place, Proposal, Remains};
pub(crate) use scene_list::{List, ListRefusal};
