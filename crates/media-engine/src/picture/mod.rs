//! Pictures and how they are drawn over each other. Pixels only: no time, no GStreamer.
//!
//! The program is 8-bit limited-range luma and chroma, 4:2:0, as the encoder takes it, and
//! layers are drawn in that form, so that nothing has to be converted on the way. Still pictures
//! with transparency are kept premultiplied: their chroma then averages correctly over
//! transparent edges, and drawing them takes one multiplication a sample.

mod bitmap;
mod blend;
mod canvas;
mod colour;
mod inspection;
mod placement;
mod warp;

pub(crate) use bitmap::Bitmap;
pub(crate) use canvas::{Canvas, Plane, PlaneMut, Rectangle, View};
pub(crate) use colour::{Matrix, Yuv};
pub(crate) use inspection::Glance;
pub(crate) use placement::{Placement, Window};
pub(crate) use warp::{Outline, Paint};

use std::fmt;

/// How much of a layer shows: 0 (nothing) to [`Opacity::FULL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Opacity(u16);

impl Opacity {
    /// Nothing of it.
    pub(crate) const NONE: Self = Self(0);

    /// All of it.
    pub(crate) const FULL: Self = Self(256);

    /// From 0 to 1; values outside become the nearer end, NaN becomes 0.
    pub(crate) fn new(opacity: f64) -> Self {
        let steps = crate::number::to_whole(opacity * f64::from(Self::FULL.0));
        Self(u16::try_from(steps).map_or(Self::FULL.0, |steps| steps.min(Self::FULL.0)))
    }

    /// Both at once.
    #[must_use]
    pub(crate) fn times(self, other: Self) -> Self {
        let product = u32::from(self.0) * u32::from(other.0) + 128;
        Self(u16::try_from(product >> 8).unwrap_or(Self::FULL.0))
    }

    /// In 256ths.
    pub(crate) fn steps(self) -> u16 {
        self.0
    }
}

/// A still picture, ready to be drawn.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    width: usize,
    height: usize,
    /// The size of the source it was scaled from; its own when absent.
    source_size: Option<(u32, u32)>,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
    alpha: Option<Alpha>,
}

/// How opaque the samples of a picture are, in the resolution of luma and of chroma.
#[derive(Clone, PartialEq, Eq)]
struct Alpha {
    luma: Vec<u8>,
    chroma: Vec<u8>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("transparent", &self.alpha.is_some())
            .finish_non_exhaustive()
    }
}

impl Picture {
    /// The picture, scaled from a source of this size.
    #[must_use]
    pub(crate) fn scaled_from(self, width: u32, height: u32) -> Self {
        Self {
            source_size: Some((width, height)),
            ..self
        }
    }

    /// How many bytes [`Self::samples`] are for a picture of this size.
    pub(crate) fn sample_bytes(width: usize, height: usize) -> usize {
        let half = width.div_ceil(2) * height.div_ceil(2);
        2 * width * height + 3 * half
    }

    /// All samples, plane after plane: luma, blue, red, and the alpha of luma and chroma, which an
    /// opaque picture has not.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &[u8]> {
        let alpha = self
            .alpha
            .iter()
            .flat_map(|alpha| [alpha.luma.as_slice(), &alpha.chroma]);
        [self.luma.as_slice(), &self.blue, &self.red]
            .into_iter()
            .chain(alpha)
    }

    /// The picture of these samples, in the order of [`Self::samples`]; `None` if they are too few.
    pub(crate) fn from_samples(
        width: usize,
        height: usize,
        samples: &[u8],
        opaque: bool,
    ) -> Option<Self> {
        let (full, half) = (width * height, width.div_ceil(2) * height.div_ceil(2));
        let mut rest = samples;
        let mut plane = |length: usize| {
            let (plane, others) = rest.split_at_checked(length)?;
            rest = others;
            Some(plane.to_vec())
        };
        let size = |side: usize| crate::number::to_u32(crate::number::to_u64(side));
        Some(Self {
            width,
            height,
            source_size: Some((size(width), size(height))),
            luma: plane(full)?,
            blue: plane(half)?,
            red: plane(half)?,
            alpha: if opaque {
                None
            } else {
                Some(Alpha {
                    luma: plane(full)?,
                    chroma: plane(half)?,
                })
            },
        })
    }

    /// The size of the source it was scaled from, if it has one of its own.
    pub(crate) fn source_size(&self) -> Option<(u32, u32)> {
        self.source_size
    }

    /// Whether nothing shows through.
    pub(crate) fn is_opaque(&self) -> bool {
        self.alpha.is_none()
    }

    /// Width in pixels.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// The samples as [`Canvas::draw`] takes them.
    pub(crate) fn view(&self) -> View<'_> {
        self.columns(0, self.width)
    }

    /// The samples of `length` columns from `start`, which must lie in the picture. An odd start
    /// belongs at an odd place: there, its chroma is where it was in the picture.
    pub(crate) fn columns(&self, start: usize, length: usize) -> View<'_> {
        let (first, last) = (start / 2, (start + length).div_ceil(2));
        let full = |data| part(data, self.width, (start, length), self.height);
        let half = |data| {
            let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
            part(data, width, (first, last - first), height)
        };
        View {
            planes: [full(&self.luma), half(&self.blue), half(&self.red)],
            alpha: self
                .alpha
                .as_ref()
                .map(|alpha| [full(&alpha.luma), half(&alpha.chroma)]),
        }
    }
}

/// A plane of `length` columns from `start` of rows that are `stride` long.
fn part(data: &[u8], stride: usize, (start, length): (usize, usize), height: usize) -> Plane<'_> {
    let data = data.get(start..).unwrap_or_default();
    Plane::new(data, stride, length, height)
}
