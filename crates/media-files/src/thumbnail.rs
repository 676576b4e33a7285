//! Small pictures of what people upload.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbaImage};

/// How good a thumbnail without transparent parts is, of 100.
const JPEG_QUALITY: u8 = 80;

/// A small picture of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// `image/jpeg`, or `image/png` where parts are transparent.
    pub media_type: &'static str,
    /// The picture.
    pub bytes: Vec<u8>,
}

impl Thumbnail {
    /// Of red, green, blue and alpha, not premultiplied, row by row; at most `side_max` pixels on
    /// a side. `None` when these are not as many pixels, or there are none.
    pub fn of_pixels(width: u32, height: u32, pixels: Vec<u8>, side_max: u32) -> Option<Self> {
        let picture = RgbaImage::from_raw(width, height, pixels)?;
        Self::of(&DynamicImage::ImageRgba8(picture), side_max)
    }

    pub(crate) fn of(picture: &DynamicImage, side_max: u32) -> Option<Self> {
        if picture.width() == 0 || picture.height() == 0 {
            return None;
        }
        let small = if picture.width().max(picture.height()) > side_max {
            picture.thumbnail(side_max, side_max).to_rgba8()
        } else {
            picture.to_rgba8()
        };
        let is_opaque = small.pixels().all(|pixel| pixel.0[3] == u8::MAX);
        let small = DynamicImage::ImageRgba8(small);
        let mut bytes = Vec::new();
        let media_type = if is_opaque {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
            small.to_rgb8().write_with_encoder(encoder).ok()?;
            "image/jpeg"
        } else {
            let file = &mut Cursor::new(&mut bytes);
            small.write_to(file, ImageFormat::Png).ok()?;
            "image/png"
        };
        Some(Self { media_type, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(thumbnail: &Thumbnail) -> RgbaImage {
        image::load_from_memory(&thumbnail.bytes)
            .unwrap()
            .to_rgba8()
    }

    #[test]
    fn a_thumbnail_fits_its_side_and_keeps_the_shape() {
        let wide = [255, 0, 0, 255].repeat(400 * 100);
        let thumbnail = Thumbnail::of_pixels(400, 100, wide, 80).unwrap();
        assert_eq!(thumbnail.media_type, "image/jpeg");
        let small = decoded(&thumbnail);
        assert_eq!(small.dimensions(), (80, 20));
        let [red, green, ..] = small.get_pixel(40, 10).0;
        assert!(red > 240 && green < 15, "{red} {green}");
    }

    #[test]
    fn what_is_small_and_transparent_stays_so() {
        let pixels = [0, 255, 0, 100].repeat(6);
        let thumbnail = Thumbnail::of_pixels(3, 2, pixels, 80).unwrap();
        assert_eq!(thumbnail.media_type, "image/png");
        let small = decoded(&thumbnail);
        assert_eq!(small.dimensions(), (3, 2));
        assert_eq!(small.get_pixel(1, 1).0, [0, 255, 0, 100]);
    }

    #[test]
    fn no_pixels_are_no_thumbnail() {
        assert_eq!(Thumbnail::of_pixels(0, 0, Vec::new(), 80), None);
        assert_eq!(Thumbnail::of_pixels(2, 2, vec![0; 15], 80), None);
    }
}
