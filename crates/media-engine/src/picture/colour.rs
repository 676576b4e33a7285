use sm_common::layer::Color;

use crate::number::to_byte;

/// How red, green and blue become luma and chroma. Limited range, as video is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matrix {
    /// ITU-R BT.601, for standard definition.
    Bt601,
    /// ITU-R BT.709, for everything larger.
    Bt709,
}

/// A colour as it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Yuv {
    /// Luma.
    pub(crate) luma: u8,
    /// Blue difference.
    pub(crate) blue: u8,
    /// Red difference.
    pub(crate) red: u8,
}

impl Yuv {
    /// Black.
    pub(crate) const BLACK: Self = Self {
        luma: 16,
        blue: 128,
        red: 128,
    };
}

impl Matrix {
    /// The matrix of a program that is `height` lines high.
    pub(crate) fn for_height(height: u32) -> Self {
        if height > 576 {
            Self::Bt709
        } else {
            Self::Bt601
        }
    }

    /// The colour without its alpha.
    pub(crate) fn encode(self, color: Color) -> Yuv {
        let pixel = Premultiplied {
            blue: f32::from(color.blue),
            green: f32::from(color.green),
            red: f32::from(color.red),
            alpha: 255.0,
        };
        let (blue, red) = self.chroma(pixel);
        Yuv {
            luma: self.luma(pixel),
            blue,
            red,
        }
    }

    /// Luma of a pixel, premultiplied like the pixel.
    pub(super) fn luma(self, pixel: Premultiplied) -> u8 {
        to_byte(
            self.brightness(pixel)
                .mul_add(219.0 / 255.0, pixel.alpha * (16.0 / 255.0)),
        )
    }

    /// Blue and red difference of a pixel, premultiplied like the pixel.
    pub(super) fn chroma(self, pixel: Premultiplied) -> (u8, u8) {
        let (red_weight, blue_weight) = self.weights();
        let brightness = self.brightness(pixel);
        let neutral = pixel.alpha * (128.0 / 255.0);
        let difference = |component: f32, weight: f32| {
            to_byte((component - brightness).mul_add(112.0 / 255.0 / (1.0 - weight), neutral))
        };
        (
            difference(pixel.blue, blue_weight),
            difference(pixel.red, red_weight),
        )
    }

    /// Red, green and blue, 0 to 255 each, of a colour as it is encoded.
    pub(super) fn decode(self, [luma, blue, red]: [f32; 3]) -> [f32; 3] {
        let (red_weight, blue_weight) = self.weights();
        let bright = (luma - 16.0) * (255.0 / 219.0);
        let component = |difference: f32, weight: f32| {
            (difference - 128.0).mul_add(255.0 / 112.0 * (1.0 - weight), bright)
        };
        let (blue, red) = (component(blue, blue_weight), component(red, red_weight));
        let green =
            (bright - red_weight * red - blue_weight * blue) / (1.0 - red_weight - blue_weight);
        [red, green, blue].map(|component| component.clamp(0.0, 255.0))
    }

    /// What a difference of red, green and blue is in luma, blue and red difference.
    pub(super) fn encode_difference(self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        let (red_weight, blue_weight) = self.weights();
        let bright = self.brightness(Premultiplied {
            blue,
            green,
            red,
            alpha: 255.0,
        });
        let difference =
            |component: f32, weight: f32| (component - bright) * (112.0 / 255.0 / (1.0 - weight));
        [
            bright * (219.0 / 255.0),
            difference(blue, blue_weight),
            difference(red, red_weight),
        ]
    }

    fn brightness(self, pixel: Premultiplied) -> f32 {
        let (red, blue) = self.weights();
        let green = 1.0 - red - blue;
        red.mul_add(pixel.red, green.mul_add(pixel.green, blue * pixel.blue))
    }

    /// Weights of red and blue in luma.
    fn weights(self) -> (f32, f32) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
        }
    }
}

/// A pixel, or the mean of several, 0 to 255 each; the colours are multiplied by alpha.
#[derive(Clone, Copy, Debug)]
pub(super) struct Premultiplied {
    pub(super) blue: f32,
    pub(super) green: f32,
    pub(super) red: f32,
    pub(super) alpha: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yuv(matrix: Matrix, text: &str) -> (u8, u8, u8) {
        let Yuv { luma, blue, red } = matrix.encode(text.parse().unwrap());
        (luma, blue, red)
    }

    #[test]
    fn colours_are_decoded_to_what_was_encoded() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            for text in ["#000000", "#ffffff", "#c04020", "#2080e0"] {
                let color: Color = text.parse().unwrap();
                let Yuv { luma, blue, red } = matrix.encode(color);
                let decoded = matrix.decode([luma, blue, red].map(f32::from));
                for (is, was) in decoded.iter().zip([color.red, color.green, color.blue]) {
                    assert!((is - f32::from(was)).abs() < 2.0, "{text}: {decoded:?}");
                }
            }
        }
    }

    #[test]
    fn colours_become_the_values_of_the_standards() {
        assert_eq!(yuv(Matrix::Bt709, "#000000"), (16, 128, 128));
        assert_eq!(yuv(Matrix::Bt709, "#ffffff"), (235, 128, 128));
        assert_eq!(yuv(Matrix::Bt709, "#ff0000"), (63, 102, 240));
        assert_eq!(yuv(Matrix::Bt601, "#ff0000"), (81, 90, 240));
        assert_eq!(yuv(Matrix::Bt601, "#0000ff"), (41, 240, 110));
    }
}
