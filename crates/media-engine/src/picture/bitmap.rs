use std::fmt;

use super::colour::{Matrix, Premultiplied};
use super::{Alpha, Picture};

const BYTES_PER_PIXEL: usize = 4;

/// A still picture as red, green and blue, premultiplied by alpha: what images and text are
/// until they are scaled and become a [`Picture`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    width: usize,
    height: usize,
    /// Blue, green, red, alpha.
    pixels: Vec<[u8; BYTES_PER_PIXEL]>,
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bitmap")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

impl Bitmap {
    /// Reads rows of blue, green, red and alpha that are already premultiplied and start
    /// `stride` bytes apart. Rows that are missing are clear.
    pub(crate) fn from_premultiplied(
        data: &[u8],
        stride: usize,
        width: usize,
        height: usize,
    ) -> Self {
        let mut pixels = Vec::with_capacity(width * height);
        for row in data.chunks(stride.max(1)).take(height) {
            let (row, _padding) = row.as_chunks::<BYTES_PER_PIXEL>();
            pixels.extend(row.iter().take(width));
        }
        pixels.resize(width * height, [0; BYTES_PER_PIXEL]);
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Reads rows as [`Self::from_premultiplied`] does and multiplies them by alpha.
    pub(crate) fn from_straight(data: &[u8], stride: usize, width: usize, height: usize) -> Self {
        let mut bitmap = Self::from_premultiplied(data, stride, width, height);
        for [blue, green, red, alpha] in &mut bitmap.pixels {
            for component in [blue, green, red] {
                *component = fraction(*component, *alpha);
            }
        }
        bitmap
    }

    /// Width in pixels.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// Rows of blue, green, red and alpha without padding.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// The picture moved to the right by one pixel, its last column at its left edge.
    #[must_use]
    pub(crate) fn turned(mut self) -> Self {
        for row in self.pixels.chunks_mut(self.width.max(1)) {
            row.rotate_right(1);
        }
        self
    }

    /// The picture as the program needs it.
    pub(crate) fn to_picture(&self, matrix: Matrix) -> Picture {
        let luma = self.pixels.iter().map(|&pixel| matrix.luma(one(pixel)));
        let (blue, red) = self.chroma(matrix);
        Picture {
            width: self.width,
            height: self.height,
            source_size: None,
            luma: luma.collect(),
            blue,
            red,
            alpha: self.alpha(),
        }
    }

    fn chroma(&self, matrix: Matrix) -> (Vec<u8>, Vec<u8>) {
        self.squares().map(|square| matrix.chroma(square)).unzip()
    }

    fn alpha(&self) -> Option<Alpha> {
        if self.pixels.iter().all(|&[_, _, _, alpha]| alpha == 255) {
            return None;
        }
        Some(Alpha {
            luma: self.pixels.iter().map(|&[_, _, _, alpha]| alpha).collect(),
            chroma: self
                .squares()
                .map(|square| crate::number::to_byte(square.alpha))
                .collect(),
        })
    }

    /// Means of two by two pixels, fewer at the right and lower edge, row by row.
    fn squares(&self) -> impl Iterator<Item = Premultiplied> {
        self.pixels
            .chunks(2 * self.width.max(1))
            .flat_map(|rows| {
                let (upper, lower) = rows.split_at(self.width.min(rows.len()));
                let lower = if lower.is_empty() { upper } else { lower };
                upper.chunks(2).zip(lower.chunks(2))
            })
            .map(|(upper, lower)| mean(upper.iter().chain(lower)))
    }
}

fn mean<'a>(pixels: impl Iterator<Item = &'a [u8; BYTES_PER_PIXEL]>) -> Premultiplied {
    let mut sum = [0.0_f32; BYTES_PER_PIXEL];
    let mut count = 0.0_f32;
    for pixel in pixels {
        for (sum, &component) in sum.iter_mut().zip(pixel) {
            *sum += f32::from(component);
        }
        count += 1.0;
    }
    let [blue, green, red, alpha] = sum.map(|sum| sum / count.max(1.0));
    Premultiplied {
        blue,
        green,
        red,
        alpha,
    }
}

fn one([blue, green, red, alpha]: [u8; BYTES_PER_PIXEL]) -> Premultiplied {
    Premultiplied {
        blue: f32::from(blue),
        green: f32::from(green),
        red: f32::from(red),
        alpha: f32::from(alpha),
    }
}

/// `value * alpha / 255`, rounded.
fn fraction(value: u8, alpha: u8) -> u8 {
    let product = u16::from(value) * u16::from(alpha) + 128;
    let [high, _low] = (product + (product >> 8)).to_be_bytes();
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitmap(pixels: &[[u8; 4]], width: usize) -> Bitmap {
        Bitmap::from_straight(
            pixels.as_flattened(),
            width * 4,
            width,
            pixels.len() / width,
        )
    }

    #[test]
    fn an_opaque_picture_has_no_alpha() {
        let picture = bitmap(&[[10, 20, 30, 255]; 6], 3).to_picture(Matrix::Bt709);
        assert!(picture.alpha.is_none());
        assert_eq!((picture.luma.len(), picture.blue.len()), (6, 2));
    }

    #[test]
    fn the_colour_of_clear_pixels_does_not_bleed() {
        let clear_green = [0, 255, 0, 0];
        let red = [0, 0, 255, 255];
        let edge = bitmap(&[red, clear_green, red, clear_green], 2).to_picture(Matrix::Bt601);
        let solid = Matrix::Bt601.encode("#ff0000".parse().unwrap());
        // Half covered: half of red's chroma and half of the alpha.
        assert!(edge.red[0].abs_diff(solid.red / 2) <= 1);
        assert_eq!(edge.alpha.unwrap().chroma, [128]);
    }

    #[test]
    fn short_data_leaves_clear_rows() {
        let picture = Bitmap::from_premultiplied(&[255; 8], 8, 2, 2);
        assert_eq!(picture.as_bytes().len(), 16);
        assert_eq!(picture.as_bytes()[8..], [0; 8]);
    }
}
