use crate::number::{to_u32, to_u64};

/// Bytes under construction: boxes within boxes, each with its size in front.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A box with what `content` writes into it.
    pub(super) fn boxed(&mut self, kind: [u8; 4], content: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        content(&mut inner);
        self.u32(to_u32(to_u64(inner.0.len()) + 8))
            .bytes(&kind)
            .bytes(&inner.0)
    }

    /// A box with version and flags.
    pub(super) fn full_box(
        &mut self,
        kind: [u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.boxed(kind, |inner| {
            inner.u32(u32::from(version) << 24 | flags & 0x00ff_ffff);
            content(inner);
        })
    }

    /// An MPEG-4 descriptor (ISO/IEC 14496-1) of at most 127 bytes.
    pub(super) fn descriptor(&mut self, tag: u8, content: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        content(&mut inner);
        debug_assert!(inner.0.len() < 128, "longer sizes take more bytes");
        self.u8(tag)
            .u8(u8::try_from(inner.0.len()).unwrap_or(127))
            .bytes(&inner.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_counts_itself_and_what_is_inside() {
        let mut writer = Writer::default();
        writer.boxed(*b"moof", |moof| {
            moof.full_box(*b"mfhd", 0, 0, |mfhd| {
                mfhd.u32(7);
            });
        });
        let expected = b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x07";
        assert_eq!(writer.into_bytes(), expected);
    }
}
