//! The bytes of a chunk. Pure.
//!
//! ```text
//! chunk     layout (1 byte), presence, column...      one column of values, or five of statistics
//! presence  0, run...                                 rows that are there, rows that are not, ...
//!           1, bitmap                                 whichever is shorter
//! column    length, pco                               only of the rows that are there
//! ```
//!
//! Lengths and runs are LEB128. A chunk without a row has no bytes. Of a statistic the differences
//! from its lowest value are kept: they are small where the values are close to each other.

use pco::ChunkConfig;
use pco::errors::PcoError;
use pco::standalone::{simple_compress, simple_decompress};

use crate::rollup::Stat;

/// The layout that this version writes, and the only one so far.
const LAYOUT: u8 = 1;
const RUNS: u8 = 0;
const BITMAP: u8 = 1;

/// Why a chunk cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("a column cannot be packed")]
    Pack(#[source] PcoError),
    #[error("a column cannot be unpacked")]
    Unpack(#[source] PcoError),
    #[error("a chunk of layout {0} was written by another version")]
    Layout(u8),
    #[error("a chunk ends too early, or is not of this tier")]
    Malformed,
}

/// Packs the values of a chunk. `None` when there is none.
pub(crate) fn pack_values(values: &[Option<i64>]) -> Result<Option<Vec<u8>>, CodecError> {
    let present: Vec<i64> = values.iter().flatten().copied().collect();
    pack(values.iter().map(Option::is_some), &[present])
}

/// The values of a chunk of `rows` rows.
pub(crate) fn unpack_values(bytes: &[u8], rows: usize) -> Result<Vec<Option<i64>>, CodecError> {
    let (presence, [values]) = unpack::<1>(bytes, rows)?;
    let mut values = values.into_iter();
    Ok(presence
        .into_iter()
        .map(|is_present| is_present.then(|| values.next()).flatten())
        .collect())
}

/// Packs the statistics of a chunk. `None` when there is none.
pub(crate) fn pack_stats(stats: &[Option<Stat>]) -> Result<Option<Vec<u8>>, CodecError> {
    // Wrapping: what wraps here wraps back in `unpack_stats`.
    let column = |of: fn(&Stat) -> i64| stats.iter().flatten().map(of).collect::<Vec<i64>>();
    let columns = [
        column(|stat| stat.min),
        column(|stat| stat.max.wrapping_sub(stat.min)),
        column(|stat| stat.last.wrapping_sub(stat.min)),
        column(|stat| i64::from(stat.count)),
        column(|stat| stat.sum.wrapping_sub(all_lowest(stat.min, stat.count))),
    ];
    pack(stats.iter().map(Option::is_some), &columns)
}

/// The statistics of a chunk of `rows` rows.
pub(crate) fn unpack_stats(bytes: &[u8], rows: usize) -> Result<Vec<Option<Stat>>, CodecError> {
    let (presence, [min, above, last, count, sum]) = unpack::<5>(bytes, rows)?;
    let mut min = min.into_iter();
    let mut rest = above.into_iter().zip(last).zip(count.into_iter().zip(sum));
    presence
        .into_iter()
        .map(|is_present| {
            if !is_present {
                return Ok(None);
            }
            let (Some(min), Some(((above, last), (count, sum)))) = (min.next(), rest.next()) else {
                return Err(CodecError::Malformed);
            };
            let count = u32::try_from(count).map_err(|_negative| CodecError::Malformed)?;
            Ok(Some(Stat {
                min,
                max: min.wrapping_add(above),
                sum: sum.wrapping_add(all_lowest(min, count)),
                count,
                last: min.wrapping_add(last),
            }))
        })
        .collect()
}

/// The sum if every value were the lowest.
fn all_lowest(min: i64, count: u32) -> i64 {
    min.wrapping_mul(i64::from(count))
}

fn pack(
    presence: impl Iterator<Item = bool>,
    columns: &[Vec<i64>],
) -> Result<Option<Vec<u8>>, CodecError> {
    if columns.first().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let mut bytes = vec![LAYOUT];
    write_presence(&mut bytes, &presence.collect::<Vec<bool>>());
    let config = ChunkConfig::default();
    for column in columns {
        let packed = simple_compress(column, &config).map_err(CodecError::Pack)?;
        write_number(&mut bytes, packed.len());
        bytes.extend_from_slice(&packed);
    }
    Ok(Some(bytes))
}

fn unpack<const COLUMNS: usize>(
    bytes: &[u8],
    rows: usize,
) -> Result<(Vec<bool>, [Vec<i64>; COLUMNS]), CodecError> {
    let mut rest = bytes;
    match take(&mut rest, 1)? {
        [LAYOUT] => {}
        [layout] => return Err(CodecError::Layout(*layout)),
        _ => return Err(CodecError::Malformed),
    }
    let presence = read_presence(&mut rest, rows)?;
    let present = presence.iter().filter(|is_present| **is_present).count();
    let mut columns = [const { Vec::new() }; COLUMNS];
    for column in &mut columns {
        let length = read_number(&mut rest)?;
        let packed = take(&mut rest, length)?;
        *column = simple_decompress(packed).map_err(CodecError::Unpack)?;
        if column.len() != present {
            return Err(CodecError::Malformed);
        }
    }
    Ok((presence, columns))
}

fn write_presence(bytes: &mut Vec<u8>, presence: &[bool]) {
    let mut runs = vec![RUNS];
    let mut rest = presence;
    let mut wanted = true;
    while !rest.is_empty() {
        let length = rest
            .iter()
            .position(|is_present| *is_present != wanted)
            .unwrap_or(rest.len());
        write_number(&mut runs, length);
        rest = rest.get(length..).unwrap_or_default();
        wanted = !wanted;
    }
    if runs.len() <= 1 + presence.len().div_ceil(8) {
        bytes.extend_from_slice(&runs);
        return;
    }
    bytes.push(BITMAP);
    for eight in presence.chunks(8) {
        let bits = (0_u8..).zip(eight).filter(|(_, is_present)| **is_present);
        bytes.push(bits.map(|(bit, _)| 1 << bit).sum());
    }
}

fn read_presence(rest: &mut &[u8], rows: usize) -> Result<Vec<bool>, CodecError> {
    let mut presence = Vec::with_capacity(rows);
    match take(rest, 1)? {
        [RUNS] => {
            let mut is_present = true;
            while presence.len() < rows {
                let length = read_number(rest)?;
                if length > rows - presence.len() {
                    return Err(CodecError::Malformed);
                }
                presence.resize(presence.len() + length, is_present);
                is_present = !is_present;
            }
        }
        [BITMAP] => {
            for byte in take(rest, rows.div_ceil(8))? {
                presence.extend((0..8).map(|bit| byte >> bit & 1 == 1));
            }
            presence.truncate(rows);
        }
        _ => return Err(CodecError::Malformed),
    }
    Ok(presence)
}

fn write_number(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while let Ok(low) = u8::try_from(rest & 0x7f) {
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_number(rest: &mut &[u8]) -> Result<usize, CodecError> {
    let mut number = 0;
    // Three bytes are two million: more than any chunk has.
    for shift in [0, 7, 14] {
        let [byte] = take(rest, 1)? else {
            return Err(CodecError::Malformed);
        };
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(CodecError::Malformed)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CodecError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CodecError::Malformed)?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rollup::Tier;
    use crate::rollup::quantity::{Decimals, scale};

    fn stat() -> impl Strategy<Value = Stat> {
        let number = || any::<i64>();
        (number(), number(), number(), any::<u32>(), number()).prop_map(
            |(min, max, sum, count, last)| Stat {
                min,
                max,
                sum,
                count,
                last,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_read_back_as_they_were_written(
            values in prop::collection::vec(any::<Option<i64>>(), 0..300),
        ) {
            match pack_values(&values).unwrap() {
                Some(bytes) => prop_assert_eq!(unpack_values(&bytes, values.len()).unwrap(), values),
                None => prop_assert!(values.iter().all(Option::is_none)),
            }
        }

        #[test]
        fn statistics_read_back_as_they_were_written(
            stats in prop::collection::vec(prop::option::of(stat()), 0..100),
        ) {
            match pack_stats(&stats).unwrap() {
                Some(bytes) => prop_assert_eq!(unpack_stats(&bytes, stats.len()).unwrap(), stats),
                None => prop_assert!(stats.iter().all(Option::is_none)),
            }
        }

        #[test]
        fn presence_reads_back_as_it_was_written(
            runs in prop::collection::vec((any::<bool>(), 1_usize..2000), 0..20),
        ) {
            let presence: Vec<bool> = runs
                .into_iter()
                .flat_map(|(is_present, length)| std::iter::repeat_n(is_present, length))
                .collect();
            let mut bytes = Vec::new();
            write_presence(&mut bytes, &presence);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read_presence(&mut rest, presence.len()).unwrap(), presence);
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_whole_hour_that_never_changes_takes_a_few_bytes() {
        let bytes = pack_values(&vec![Some(30_000); 3600]).unwrap().unwrap();
        assert!(bytes.len() < 64, "{}", bytes.len());
    }

    /// Between 0 and 1, without a pattern.
    fn noise(seed: i64) -> f64 {
        let mut mixed = seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// What the README says of a month, for the noisiest metric there is: a bitrate, in tenths of
    /// kbit/s, anywhere between 2300 and 2700.
    #[test]
    fn a_month_of_a_noisy_metric_is_as_small_as_the_readme_says() {
        let value = |second: i64| scale(2300.0 + 400.0 * noise(second), Decimals::ONE);
        let chunk = |tier: Tier, number: i64| {
            let rows = i64::try_from(tier.rows_per_chunk()).unwrap();
            let unit = tier.unit_s();
            let first = number * rows;
            if tier == Tier::Seconds {
                let values: Vec<_> = (first..first + rows).map(value).collect();
                return pack_values(&values).unwrap().unwrap().len();
            }
            let stat = |row: i64| {
                let seconds = row * unit..(row + 1) * unit;
                let stats = seconds.filter_map(value).map(Stat::of);
                stats.reduce(Stat::then)
            };
            let stats: Vec<_> = (first..first + rows).map(stat).collect();
            pack_stats(&stats).unwrap().unwrap().len()
        };
        let mut month = 0;
        for (tier, kept_s) in [
            (Tier::Seconds, 21_600),
            (Tier::Tens, 259_200),
            (Tier::Minutes, 2_592_000),
            (Tier::Hours, 2_592_000),
        ] {
            let chunks = usize::try_from(kept_s / tier.chunk_s()).unwrap();
            let bytes = chunk(tier, 7) * chunks;
            println!("{}: {bytes} B in {chunks} chunks", tier.name());
            month += bytes;
        }
        println!("a month: {month} B");
        assert!(month < 440_000, "{month}");
    }

    #[test]
    fn bytes_that_are_no_chunk_of_this_version_are_refused() {
        let mut bytes = pack_values(&[Some(1), None, Some(3)]).unwrap().unwrap();
        assert!(unpack_values(&bytes, 2).is_err(), "of another length");
        assert!(unpack_stats(&bytes, 3).is_err(), "of another kind");
        for end in 0..bytes.len() {
            assert!(unpack_values(&bytes[..end], 3).is_err(), "cut at {end}");
        }
        bytes[0] = 2;
        assert!(matches!(
            unpack_values(&bytes, 3),
            Err(CodecError::Layout(2))
        ));
    }
}
