//! Decimal numbers as whole ones, so that sums are exact and stored numbers are short.

/// Decimal places that are kept of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimals(u8);

impl Decimals {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ONE: Self = Self(1);
    pub(crate) const TWO: Self = Self(2);
    pub(crate) const THREE: Self = Self(3);

    /// The smallest difference that is kept.
    pub(crate) fn resolution(self) -> f64 {
        1.0 / self.factor()
    }

    fn factor(self) -> f64 {
        10_f64.powi(i32::from(self.0))
    }
}

/// Largest whole number that a double holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// `value` in units of the last decimal place; `None` when it is no number, or too large to be
/// kept exactly.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "checked to be a whole number that i64 holds"
)]
pub(crate) fn scale(value: f64, decimals: Decimals) -> Option<i64> {
    let scaled = (value * decimals.factor()).round();
    (scaled.abs() <= EXACT_MAX).then_some(scaled as i64)
}

/// The value that `scaled` stands for.
pub(crate) fn unscale(scaled: i64, decimals: Decimals) -> f64 {
    float(scaled) / decimals.factor()
}

/// The mean of `count` values that sum up to `sum`; `count` is not 0.
pub(crate) fn mean(sum: i64, count: u32, decimals: Decimals) -> f64 {
    float(sum) / f64::from(count) / decimals.factor()
}

/// A whole number as a double: exact up to 2^53, the nearest double beyond.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the standard library has no other way; the loss is stated"
)]
pub(crate) fn float(whole: i64) -> f64 {
    whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_the_same_double() {
        for (value, decimals) in [
            (30.012, Decimals::THREE),
            (-23.07, Decimals::TWO),
            (2499.9, Decimals::ONE),
            (0.1, Decimals::THREE),
        ] {
            let scaled = scale(value, decimals).unwrap();
            assert_eq!(
                unscale(scaled, decimals).to_bits(),
                value.to_bits(),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_not_kept() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(scale(value, Decimals::ONE), None, "{value}");
        }
    }
}
