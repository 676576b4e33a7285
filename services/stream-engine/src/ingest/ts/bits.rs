//! Bits of a header, from the highest one on.

/// Bits that are read one after the other.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0 }
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.next / 8)?;
        let shift = 7 - self.next % 8;
        self.next += 1;
        Some((byte >> shift) & 1 == 1)
    }

    /// A number in Exp-Golomb code, below 65,535.
    pub(super) fn number(&mut self) -> Option<u16> {
        let mut zeros: u32 = 0;
        while !self.bit()? {
            zeros += 1;
        }
        if zeros >= u16::BITS {
            return None;
        }
        let mut value: u16 = 0;
        for _ in 0..zeros {
            value = (value << 1) | u16::from(self.bit()?);
        }
        value.checked_add((1 << zeros) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_zeros_as_bits_behind_them() {
        let cases: [(&[u8], Option<u16>); 7] = [
            (&[0b1000_0000], Some(0)),
            (&[0b0100_0000], Some(1)),
            (&[0b0110_0000], Some(2)),
            (&[0b0001_1110], Some(14)),
            (&[0, 0b1000_0000, 0], Some(255)),
            (&[0, 0], None),
            (&[0, 0, 0, 0x80, 0, 0, 0], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Bits::new(bytes).number(), expected, "{bytes:?}");
        }
    }
}
