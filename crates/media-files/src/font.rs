//! Fonts: TrueType and `OpenType`, read within limits.

use resvg::tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder, name_id};

use crate::thumbnail::Thumbnail;

/// What is written on a thumbnail.
const SAMPLE: &str = "Aa";
/// How much of a thumbnail's height a line of text takes.
const LINE_SHARE: f32 = 0.8;
/// Longest name of a family, in characters.
const FAMILY_CHARS_MAX: usize = 100;

/// Why a font is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FontError {
    /// Its tables cannot be read.
    #[error("the font cannot be read")]
    Broken,
    /// Nothing can be written in it.
    #[error("the font has no letters")]
    Empty,
}

/// A font in which something can be written.
#[derive(Debug)]
pub struct Font<'a> {
    face: Face<'a>,
}

impl<'a> Font<'a> {
    /// Reads a font. A collection's first one is meant.
    pub fn read(data: &'a [u8]) -> Result<Self, FontError> {
        let face = Face::parse(data, 0).map_err(|_broken| FontError::Broken)?;
        // The first glyph stands for those that are missing.
        if face.number_of_glyphs() > 1 {
            Ok(Self { face })
        } else {
            Err(FontError::Empty)
        }
    }

    /// The name of its family.
    pub fn family(&self) -> Option<String> {
        let named = |id: u16| {
            let names = self.face.names().into_iter();
            names
                .filter(|name| name.name_id == id)
                .find_map(|name| name.to_string())
        };
        let name = named(name_id::TYPOGRAPHIC_FAMILY).or_else(|| named(name_id::FAMILY))?;
        let plain = name.chars().filter(|c| !c.is_control());
        Some(plain.take(FAMILY_CHARS_MAX).collect())
    }

    /// Two of its letters, black on transparent, on a sheet of this size; none where it has no
    /// outlines of them.
    pub fn thumbnail(&self, width: u32, height: u32) -> Option<Thumbnail> {
        let mut sheet = Pixmap::new(width, height)?;
        let (path, advance) = self.outline()?;
        let (ascender, descender) = (self.face.ascender(), self.face.descender());
        let line = f32::from(ascender) - f32::from(descender);
        let [wide, high] = [width, height].map(small);
        let scale = (high * LINE_SHARE / line.max(1.0)).min(wide * LINE_SHARE / advance.max(1.0));
        let left = (wide - advance * scale) / 2.0;
        let baseline = (high - line * scale) / 2.0 + f32::from(ascender) * scale;
        // Letters are drawn upwards, pictures downwards.
        let place = Transform::from_row(scale, 0.0, 0.0, -scale, left, baseline);
        sheet.fill_path(&path, &Paint::default(), FillRule::Winding, place, None);
        let pixels = sheet.take_demultiplied();
        Thumbnail::of_pixels(width, height, pixels, width.max(height))
    }

    /// The sample's outline in units of the font, and its width.
    fn outline(&self) -> Option<(Path, f32)> {
        let mut pen = Pen::default();
        for letter in SAMPLE.chars() {
            let glyph: GlyphId = self.face.glyph_index(letter)?;
            self.face.outline_glyph(glyph, &mut pen)?;
            pen.at += f32::from(self.face.glyph_hor_advance(glyph)?);
        }
        Some((pen.path.finish()?, pen.at))
    }
}

fn small(side: u32) -> f32 {
    f32::from(u16::try_from(side).unwrap_or(u16::MAX))
}

/// Draws letters one beside the other.
#[derive(Default)]
struct Pen {
    path: PathBuilder,
    at: f32,
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.at + x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.at + x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.path.quad_to(self.at + x1, y1, self.at + x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let at = self.at;
        self.path.cubic_to(at + x1, y1, at + x2, y2, at + x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_shows_two_of_its_letters() {
        let data = std::fs::read("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").unwrap();
        let font = Font::read(&data).unwrap();
        assert_eq!(font.family().unwrap(), "DejaVu Sans");
        let thumbnail = font.thumbnail(160, 90).unwrap();
        assert_eq!(thumbnail.media_type, "image/png");
        let picture = image::load_from_memory(&thumbnail.bytes).unwrap();
        let inked = picture.to_rgba8();
        let inked = inked.pixels().filter(|pixel| pixel.0[3] > 128).count();
        assert!((300..8_000).contains(&inked), "{inked} pixels of letters");
    }

    #[test]
    fn what_is_no_font_is_refused() {
        let broken = [b"\0\x01\0\0\0\x0a\0\x80".as_slice(), &[7; 500]].concat();
        for data in [b"".as_slice(), b"OTTO", &broken] {
            assert_eq!(Font::read(data).unwrap_err(), FontError::Broken);
        }
    }
}
