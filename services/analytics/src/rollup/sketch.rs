use sketches_ddsketch::{Config, DDSketch, DecodeError};

/// Largest relative error of a quantile.
pub(crate) const ALPHA: f64 = 0.01;
/// Most bins: at this error enough for values that differ by a factor of 10^17.
const BINS_MAX: u32 = 2048;
/// Values nearer to 0 count as 0.
const NEAREST: f64 = 1e-9;

/// How the values of a metric are distributed, mergeable, with a relative error of [`ALPHA`].
#[derive(Clone)]
pub(crate) struct Sketch(DDSketch);

impl Sketch {
    /// Of these values; `None` when there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sketch = DDSketch::new(Config::new(ALPHA, BINS_MAX, NEAREST));
        for value in values {
            sketch.add(value);
        }
        (sketch.count() > 0).then_some(Self(sketch))
    }

    /// Adds the values of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Cannot fail: all of them are of one configuration.
        let _ = self.0.merge(&other.0);
    }

    /// The value that a part of all values, 0 to 1, is at most as large as.
    pub(crate) fn quantile(&self, part: f64) -> Option<f64> {
        self.0.quantile(part.clamp(0.0, 1.0)).ok().flatten()
    }

    /// How many values.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }

    /// Lowest and highest value.
    pub(crate) fn bounds(&self) -> Option<(f64, f64)> {
        self.0.min().zip(self.0.max())
    }

    /// The sketch as it is stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.to_java_bytes()
    }

    /// The sketch that `bytes` hold.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let stored = DDSketch::from_java_bytes(bytes)?;
        // Into one of our configuration: what is read says nothing of its limits.
        let mut sketch = DDSketch::new(Config::new(ALPHA, BINS_MAX, NEAREST));
        if sketch.merge(&stored).is_err() {
            return Ok(Self(stored));
        }
        Ok(Self(sketch))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The value at the rank that the sketch names.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a rank among few values"
    )]
    fn exact(values: &[f64], part: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[(part * (sorted.len() as f64 - 1.0)) as usize]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_quantile_of_merged_and_stored_parts_is_within_the_error(
            values in prop::collection::vec(0.001_f64..10_000.0, 2..500),
            cut in 1_usize..499,
            part in 0.0_f64..1.0,
        ) {
            let (early, late) = values.split_at(cut.min(values.len() - 1));
            let stored = |values: &[f64]| {
                let sketch = Sketch::of(values.iter().copied()).unwrap();
                Sketch::from_bytes(&sketch.to_bytes()).unwrap()
            };
            let mut sketch = stored(early);
            sketch.merge(&stored(late));
            // And with one that never was stored.
            sketch.merge(&Sketch::of([values[0]]).unwrap());
            let mut all = values.clone();
            all.push(values[0]);
            prop_assert_eq!(sketch.count(), all.len());
            let (told, exact) = (sketch.quantile(part).unwrap(), exact(&all, part));
            prop_assert!((told - exact).abs() <= exact * (ALPHA + 1e-9), "{told} for {exact}");
        }
    }

    #[test]
    fn nothing_has_no_sketch() {
        assert!(Sketch::of([]).is_none());
        assert!(Sketch::from_bytes(b"?").is_err());
    }
}
