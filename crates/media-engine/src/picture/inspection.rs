use std::hash::{DefaultHasher, Hasher as _};

use super::Plane;

/// Of every so many rows, and of every so many samples in them, one is looked at.
const STEP: usize = 8;

/// Luma up to here is black to the eye: limited range starts at 16.
const BLACK_MAX: u8 = 24;

/// A picture is black when at most one in so many samples is not: noise, or a few pixels.
const NOT_BLACK_ONE_IN: usize = 500;

/// What a picture looks like at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Whether there is nothing to be seen.
    pub(crate) black: bool,
    /// Equal for pictures that look the same.
    pub(crate) digest: u64,
}

impl Glance {
    /// Looks at the luma of a picture.
    pub(crate) fn at(luma: Plane<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        let (mut looked_at, mut not_black) = (0_usize, 0_usize);
        for row in luma.rows().step_by(STEP) {
            for sample in row.iter().step_by(STEP) {
                hasher.write_u8(*sample);
                looked_at += 1;
                not_black += usize::from(*sample > BLACK_MAX);
            }
        }
        Self {
            black: not_black * NOT_BLACK_ONE_IN <= looked_at,
            digest: hasher.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance(samples: &[u8]) -> Glance {
        Glance::at(Plane::new(samples, 320, 320, samples.len() / 320))
    }

    #[test]
    fn black_is_what_nobody_sees_anything_in() {
        let mut samples = vec![16; 320 * 180];
        assert!(glance(&samples).black);
        for (index, sample) in samples.iter_mut().enumerate() {
            *sample = 16 + u8::try_from(index % 7).unwrap();
        }
        assert!(glance(&samples).black, "dark noise");
        for row in 80..100 {
            samples[row * 320 + 100..row * 320 + 180].fill(120);
        }
        assert!(!glance(&samples).black, "a line of text");
    }

    #[test]
    fn pictures_that_differ_have_different_digests() {
        let mut samples = vec![60; 320 * 180];
        let before = glance(&samples);
        assert_eq!(glance(&samples), before);
        samples[8 * 320 + 16] = 61;
        assert_ne!(glance(&samples).digest, before.digest);
    }
}
