//! Background loops.

mod first_scene;
mod sweep;

pub(crate) use first_scene::{COMPONENT, make_first_scenes};
pub(crate) use sweep::sweep;
