//! Still pictures: PNG, JPEG, WebP and GIF, decoded within limits.

use std::io::{BufRead, Seek};

use image::error::LimitErrorKind;
use image::{DynamicImage, ImageError, ImageReader, Limits};

use crate::thumbnail::Thumbnail;

/// Memory that a decoder may take for every pixel of the picture.
const BYTES_PER_PIXEL: u64 = 16;

/// How large a picture may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Pixels on a side.
    pub side_max: u32,
    /// Pixels in all.
    pub pixels_max: u64,
}

/// Why a picture is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StillError {
    /// It cannot be decoded to its end.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
    /// It has too many pixels.
    #[error(
        "the picture has {width}x{height} pixels; at most {side_max} on a side and {pixels_max} in all are taken"
    )]
    TooLarge {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Pixels it may have on a side.
        side_max: u32,
        /// Pixels it may have in all.
        pixels_max: u64,
    },
    /// It takes more memory than its pixels justify.
    #[error("decoding the picture takes too much memory")]
    TooCostly,
}

/// A picture that was decoded to its end.
#[derive(Clone, PartialEq)]
pub struct Still {
    picture: DynamicImage,
}

impl std::fmt::Debug for Still {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Still")
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Still {
    /// Decodes a picture; of several frames, the first.
    pub fn read(file: impl BufRead + Seek, limits: PictureLimits) -> Result<Self, StillError> {
        let mut reader = ImageReader::new(file)
            .with_guessed_format()
            .map_err(|error| StillError::Broken(error.to_string()))?;
        let mut bounds = Limits::no_limits();
        bounds.max_alloc = Some(limits.pixels_max.saturating_mul(BYTES_PER_PIXEL));
        reader.limits(bounds);
        let decoder = reader.into_decoder().map_err(|error| refused(&error))?;
        let (width, height) = image::ImageDecoder::dimensions(&decoder);
        check(width, height, limits)?;
        DynamicImage::from_decoder(decoder)
            .map(|picture| Self { picture })
            .map_err(|error| refused(&error))
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.picture.width(), self.picture.height())
    }

    /// What can be seen of it, at most `side_max` pixels on a side.
    pub fn thumbnail(&self, side_max: u32) -> Option<Thumbnail> {
        Thumbnail::of(&self.picture, side_max)
    }
}

/// Whether a picture of this size is taken.
fn check(width: u32, height: u32, limits: PictureLimits) -> Result<(), StillError> {
    let PictureLimits {
        side_max,
        pixels_max,
    } = limits;
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(StillError::Broken("it has no pixels".to_owned()));
    }
    if width.max(height) > side_max || pixels > pixels_max {
        return Err(StillError::TooLarge {
            width,
            height,
            side_max,
            pixels_max,
        });
    }
    Ok(())
}

fn refused(error: &ImageError) -> StillError {
    match error {
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::InsufficientMemory => {
            StillError::TooCostly
        }
        ImageError::Limits(_)
        | ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => StillError::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbaImage};

    use super::*;

    const LIMITS: PictureLimits = PictureLimits {
        side_max: 100,
        pixels_max: 5_000,
    };

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let picture = RgbaImage::from_pixel(width, height, image::Rgba([9, 8, 7, 255]));
        let picture = DynamicImage::ImageRgba8(picture);
        let picture = if format == ImageFormat::Jpeg {
            DynamicImage::ImageRgb8(picture.to_rgb8())
        } else {
            picture
        };
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    fn read(data: &[u8]) -> Result<Still, StillError> {
        Still::read(Cursor::new(data), LIMITS)
    }

    #[test]
    fn every_form_is_decoded_to_its_end() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::WebP,
            ImageFormat::Gif,
        ] {
            let whole = encoded(60, 40, format);
            let still = read(&whole).unwrap();
            assert_eq!(still.size(), (60, 40), "{format:?}");
            assert!(still.thumbnail(16).is_some());
            let half = whole.get(..whole.len() / 2).unwrap();
            let error = read(half).unwrap_err();
            assert!(
                matches!(error, StillError::Broken(_)),
                "{format:?}: {error}"
            );
        }
    }

    #[test]
    fn a_picture_is_bounded_by_its_sides_and_its_pixels() {
        for (width, height) in [(101, 1), (1, 101), (100, 51)] {
            let error = read(&encoded(width, height, ImageFormat::Png)).unwrap_err();
            assert!(matches!(error, StillError::TooLarge { .. }), "{error}");
        }
        assert!(read(&encoded(100, 50, ImageFormat::Png)).is_ok());
    }

    #[test]
    fn what_is_no_picture_is_broken() {
        for data in [b"".as_slice(), b"\x89PNG\r\n\x1a\n", b"BM000000", &[0; 99]] {
            assert!(matches!(read(data), Err(StillError::Broken(_))), "{data:?}");
        }
    }
}
