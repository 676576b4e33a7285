//! Whatever a file holds, reading it ends with what is in it or an error. `make fuzz` tries far more.
#![expect(clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::Cursor;

use proptest::prelude::*;
use sm_media_files::{Animation, AnimationKind, Drawing, Font, PictureLimits, Still, SvgLimits};

const LIMITS: PictureLimits = PictureLimits {
    side_max: 512,
    pixels_max: 65_536,
};
/// The beginnings of files that are read, with sizes in them.
const HEADS: [&[u8]; 6] = [
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x04\x08\x06\0\0\0",
    b"GIF89a\x04\0\x04\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x04\0\x04\0\0\x02",
    b"RIFF\x40\0\0\0WEBPVP8L\x10\0\0\0\x2f\x03\xc0\0\0",
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x0b\x08\0\x04\0\x04\x01",
    b"\0\x01\0\0\0\x0c\0\x80\0\x03\0@name\0\0\0\0\0\0\0\x10\0\0\0\x20",
    b"OTTO\0\x01\0\x10\0\0\0\0CFF \0\0\0\0\0\0\0\x1c\0\0\0\x10",
];
const DRAWINGS: [&str; 3] = [
    "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'><rect width='1e9' height='-1'/>",
    "<svg xmlns='http://www.w3.org/2000/svg'><use href='#a' id='a'/><g transform='scale(0)'>",
    "<svg viewBox='0 0 1 1'><path d='M0 0L1e30 1z' fill='url(#x)'/><text>a</text></svg>",
];

fn file() -> impl Strategy<Value = Vec<u8>> {
    let head = proptest::sample::select(&HEADS[..]);
    let change = (any::<proptest::sample::Index>(), any::<u8>());
    let changes = proptest::collection::vec(change, 0..4);
    let rest = proptest::collection::vec(any::<u8>(), 0..400);
    (head, changes, rest).prop_map(|(head, changes, rest)| {
        let mut bytes = [head, rest.as_slice()].concat();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn pictures_and_fonts_are_read_within_their_limits_or_are_refused(bytes in file()) {
        if let Ok(still) = Still::read(Cursor::new(bytes.clone()), LIMITS) {
            let (width, height) = still.size();
            prop_assert!(width <= LIMITS.side_max && height <= LIMITS.side_max);
        }
        for kind in [AnimationKind::Gif, AnimationKind::Webp, AnimationKind::Png] {
            if let Ok(frames) = Animation::read(Cursor::new(bytes.clone()), kind, LIMITS.pixels_max) {
                let _read = frames.take(4).count();
            }
        }
        if let Ok(font) = Font::read(&bytes) {
            let _family = font.family();
        }
    }

    #[test]
    fn drawings_are_read_or_are_refused(
        sample in proptest::sample::select(&DRAWINGS[..]),
        at in any::<proptest::sample::Index>(),
        more in "[a-z0-9<>'=/#&;. -]{0,40}",
    ) {
        let mut text = sample.to_owned();
        text.insert_str(at.index(text.len()), &more);
        let _read = Drawing::read(text.as_bytes(), SvgLimits::default());
    }
}
