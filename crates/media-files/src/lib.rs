//! Uploaded drawings and animations, read within limits: by layer-service, to refuse what the
//! media worker would not show, and by the media worker, which trusts nobody's word for it.

#![warn(missing_docs)]

mod animation;
mod svg;

pub use animation::{Animation, AnimationError, AnimationKind, Cel, Plays, is_animated};
pub use svg::{Drawing, SvgError, SvgLimits, looks_like_svg};
