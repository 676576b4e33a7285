//! Uploaded pictures, drawings, animations and fonts, read within limits: by the process that looks into
//! uploads, to refuse what cannot be shown, and by the media worker, which trusts nobody's word for it.

#![warn(missing_docs)]

mod animation;
mod font;
mod still;
mod svg;
mod thumbnail;

pub use animation::{Animation, AnimationError, AnimationKind, Cel, Plays, is_animated};
pub use font::{Font, FontError};
pub use still::{PictureLimits, Still, StillError};
pub use svg::{Drawing, SvgError, SvgLimits, looks_like_svg};
pub use thumbnail::Thumbnail;
