//! One row over another. The loops are plain, so that the compiler makes vectors of them.

use super::Opacity;

/// `below + (above - below) * opacity`.
pub(super) fn mix(below: &mut [u8], above: &[u8], opacity: Opacity) {
    let over = opacity.steps();
    let under = Opacity::FULL.steps() - over;
    for (below, &above) in below.iter_mut().zip(above) {
        *below = high_byte(u16::from(above) * over + u16::from(*below) * under + 128);
    }
}

/// One value over a row.
pub(super) fn mix_value(below: &mut [u8], above: u8, opacity: Opacity) {
    if opacity == Opacity::FULL {
        below.fill(above);
        return;
    }
    let over = u16::from(above) * opacity.steps() + 128;
    let under = Opacity::FULL.steps() - opacity.steps();
    for below in below {
        *below = high_byte(over + u16::from(*below) * under);
    }
}

/// Premultiplied samples over a row.
pub(super) fn over(below: &mut [u8], above: &[u8], alpha: &[u8], opacity: Opacity) {
    if opacity == Opacity::FULL {
        for ((below, &above), &alpha) in below.iter_mut().zip(above).zip(alpha) {
            *below = above.saturating_add(hidden(*below, alpha));
        }
    } else {
        let steps = opacity.steps();
        for ((below, &above), &alpha) in below.iter_mut().zip(above).zip(alpha) {
            let above = high_byte(u16::from(above) * steps);
            let alpha = high_byte(u16::from(alpha) * steps);
            *below = above.saturating_add(hidden(*below, alpha));
        }
    }
}

/// What `alpha` leaves of `below`: `below * (255 - alpha) / 255`, rounded.
fn hidden(below: u8, alpha: u8) -> u8 {
    let product = u16::from(below) * u16::from(255 - alpha) + 128;
    high_byte(product + (product >> 8))
}

fn high_byte(value: u16) -> u8 {
    let [high, _low] = value.to_be_bytes();
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_opacity_are_exact() {
        for value in [0, 1, 16, 127, 235, 255] {
            let mut row = [99];
            mix(&mut row, &[value], Opacity::FULL);
            assert_eq!(row, [value]);
            mix(&mut row, &[0], Opacity::new(0.0));
            assert_eq!(row, [value]);
            mix_value(&mut row, 7, Opacity::new(0.0));
            assert_eq!(row, [value]);
        }
    }

    #[test]
    fn half_is_the_mean() {
        let mut row = [100];
        mix(&mut row, &[200], Opacity::new(0.5));
        assert_eq!(row, [150]);
        let mut row = [100];
        mix_value(&mut row, 200, Opacity::new(0.5));
        assert_eq!(row, [150]);
        let mut row = [100];
        over(&mut row, &[100], &[128], Opacity::FULL);
        assert_eq!(row, [150]);
    }

    #[test]
    fn clear_changes_nothing_and_opaque_everything() {
        for below in 0..=255 {
            let mut row = [below];
            over(&mut row, &[0], &[0], Opacity::FULL);
            assert_eq!(row, [below]);
            over(&mut row, &[77], &[255], Opacity::FULL);
            assert_eq!(row, [77]);
        }
    }
}
