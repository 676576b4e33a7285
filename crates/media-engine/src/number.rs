//! Conversions between numbers that media arithmetic needs, each written once.

/// The nearest byte; everything outside 0 to 255 becomes the nearer end.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-integer cast saturates, which is what is wanted"
)]
pub(crate) fn to_byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// The nearest whole number; negative values and NaN become 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-integer cast saturates, which is what is wanted"
)]
pub(crate) fn to_whole(value: f64) -> u64 {
    value.round() as u64
}

/// The nearest float.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts and nanoseconds of a stream stay far below 2^53"
)]
pub(crate) fn to_f64(value: u64) -> f64 {
    value as f64
}

/// The nearest float of single precision, for samples and gains.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "gains and ratios are small"
)]
pub(crate) fn to_f32(value: f64) -> f32 {
    value as f32
}

/// A length as a signed number, for positions relative to each other.
pub(crate) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A dimension or index; every platform this runs on has 64 bits.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// A count or length in memory.
pub(crate) fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A count that a file format keeps in 32 bits.
pub(crate) fn to_u32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The nearest whole number; everything that does not fit becomes the nearer end.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a float-to-integer cast saturates, which is what is wanted"
)]
pub(crate) fn to_i32(value: f64) -> i32 {
    value.round() as i32
}

/// The index of the sample that a coordinate falls on; negative values become 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-integer cast saturates, which is what is wanted"
)]
pub(crate) fn to_index(value: f32) -> usize {
    value as usize
}
