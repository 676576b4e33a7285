//! Text as a bitmap: fonts are chosen, lines broken and letters placed here.

use std::path::Path;

use cosmic_text::{
    Attrs, Buffer, CacheKeyFlags, Family, FontSystem, LayoutGlyph, Metrics, Shaping, Style,
    SwashCache, Weight, Wrap,
};
use sm_common::layer::{Color, TextAlign, TextStyle, TextWrap, VerticalAlign};
use tiny_skia::Pixmap;

use super::failure::Failure;
use super::text_fonts::UploadedFonts;
use super::text_ink::{Ink, Letter, cover, draw, reach};
use crate::number::{to_f32, to_u32, to_usize, to_whole};
use crate::picture::Bitmap;

/// Distance of lines as a multiple of the font's size.
const LINE_HEIGHT: f32 = 1.17;

/// The smallest font that text shrinks to.
const SIZE_MIN: u32 = 4;

/// Pixels of a strip of text: 2000 characters of 48 pixels take half of them. A strip is kept
/// twice, in 3 bytes a pixel.
const STRIP_PIXELS_MAX: u64 = 8_000_000;

/// Text over a background keeps this part of its font's size away from the left and right edge,
/// unless the style says otherwise.
const PADDING_PARTS: u32 = 3;

/// Knows the fonts of this machine and draws text with them.
pub(super) struct TextPainter {
    fonts: FontSystem,
    glyphs: SwashCache,
    uploaded: UploadedFonts,
}

/// A part of a text, in a colour of its own or in that of the style.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) text: &'a str,
    pub(super) color: Option<Color>,
}

impl<'a> Span<'a> {
    /// Text in the colour of the style.
    pub(super) const fn plain(text: &'a str) -> Self {
        Self { text, color: None }
    }
}

/// Text whose lines are broken.
pub(super) struct Lines {
    buffer: Buffer,
    width: f32,
    height: f32,
}

/// The part of a layer that text may fill.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl TextPainter {
    /// Looks for the fonts of this machine, which takes a while.
    pub(super) fn new() -> Self {
        Self {
            fonts: FontSystem::new(),
            glyphs: SwashCache::new(),
            uploaded: UploadedFonts::default(),
        }
    }

    /// The family of an uploaded font, read when it is first needed.
    pub(super) fn family_of(&mut self, path: &Path) -> Result<String, Failure> {
        self.uploaded.family_of(path, self.fonts.db_mut())
    }

    /// The text in a picture of this size; what does not fit is cut off.
    pub(super) fn paint(
        &mut self,
        text: &str,
        style: &TextStyle,
        width: u32,
        height: u32,
    ) -> Result<Bitmap, Failure> {
        let mut sheet = sheet(width, height)?;
        if let Some(background) = style.background {
            cover(&mut sheet, background, style.background_radius);
        }
        let room = room(style, width, height);
        let lines = self.fitting(&printable(text), style, room);
        let letters = self.placed(&lines, style, room, usize::MAX);
        draw(&mut sheet, &letters, style);
        Ok(bitmap(sheet))
    }

    /// The text as a strip of this height whose end joins its beginning, of an even width.
    pub(super) fn paint_strip(
        &mut self,
        text: &str,
        style: &TextStyle,
        height: u32,
    ) -> Result<Bitmap, Failure> {
        let style = TextStyle {
            wrap: TextWrap::None,
            align: TextAlign::Left,
            ..style.clone()
        };
        let text = printable(text).replace(['\n', '\t'], " ");
        let lines = self.lines(&[Span::plain(&text)], &style, style.size, 0.0);
        // Ink reaches over neither end.
        let margin = reach(&style);
        let letters = to_u32(to_whole(f64::from(lines.advance().ceil())));
        let width = (letters.max(1) + 2 * margin).next_multiple_of(2);
        if u64::from(width) * u64::from(height) > STRIP_PIXELS_MAX {
            return Err(Failure::strip());
        }
        let mut sheet = sheet(width, height)?;
        if let Some(background) = style.background {
            cover(&mut sheet, background, 0);
        }
        let room = Room {
            left: length(margin),
            width: lines.width,
            ..room(&style, width, height)
        };
        let letters = self.placed(&lines, &style, room, usize::MAX);
        draw(&mut sheet, &letters, &style);
        Ok(bitmap(sheet))
    }

    /// The text in lines: in its own size, or in the largest that fits if it is to shrink.
    fn fitting(&mut self, text: &str, style: &TextStyle, room: Room) -> Lines {
        let text = &[Span::plain(text)];
        let lines = self.lines(text, style, style.size, room.width);
        if !style.shrink || lines.fit(room) {
            return lines;
        }
        let (mut fits, mut too_large) = (SIZE_MIN, style.size);
        while fits + 1 < too_large {
            let size = u32::midpoint(fits, too_large);
            if self.lines(text, style, size, room.width).fit(room) {
                fits = size;
            } else {
                too_large = size;
            }
        }
        self.lines(text, style, fits, room.width)
    }

    /// The text in lines, in letters of this size.
    pub(super) fn lines(
        &mut self,
        spans: &[Span<'_>],
        style: &TextStyle,
        size: u32,
        width: f32,
    ) -> Lines {
        let pixels = length(size);
        let line_height = pixels * LINE_HEIGHT * length(style.line_spacing) / 100.0;
        let mut buffer = Buffer::new_empty(Metrics::new(pixels, line_height.max(1.0)));
        match style.wrap {
            TextWrap::Word => {
                buffer.set_wrap(Wrap::WordOrGlyph);
                buffer.set_size(Some(width), None);
            }
            TextWrap::None => {
                buffer.set_wrap(Wrap::None);
                buffer.set_size(None, None);
            }
        }
        let spacing = to_f32(f64::from(style.letter_spacing) / f64::from(style.size.max(1)));
        let attributes = Attrs::new()
            .family(Family::Name(&style.font))
            .weight(if style.bold {
                Weight::BOLD
            } else {
                Weight::NORMAL
            })
            .style(if style.italic {
                Style::Italic
            } else {
                Style::Normal
            })
            .letter_spacing(spacing)
            // Text is drawn from outlines, where hints would only move letters.
            .cache_key_flags(CacheKeyFlags::DISABLE_HINTING);
        let spans = spans.iter().map(|span| {
            let attributes = attributes.clone();
            let attributes = match span.color {
                Some(Color {
                    red,
                    green,
                    blue,
                    alpha,
                }) => attributes.color(cosmic_text::Color::rgba(red, green, blue, alpha)),
                None => attributes,
            };
            (span.text, attributes)
        });
        buffer.set_rich_text(spans, &attributes, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let (width, height) =
            buffer
                .layout_runs()
                .fold((0.0_f32, 0.0_f32), |(width, height), run| {
                    (
                        width.max(run.line_w),
                        height.max(run.line_top + run.line_height),
                    )
                });
        Lines {
            buffer,
            width,
            height,
        }
    }

    /// The letters of the first `count` lines where they stand in the room.
    pub(super) fn placed(
        &mut self,
        lines: &Lines,
        style: &TextStyle,
        room: Room,
        count: usize,
    ) -> Vec<Letter> {
        let spare = room.height - lines.height;
        let top = match style.vertical_align {
            VerticalAlign::Top => 0.0,
            // Of what is too high, the beginning shows.
            VerticalAlign::Middle => (spare / 2.0).max(0.0),
            VerticalAlign::Bottom => spare,
        };
        let mut letters = Vec::new();
        for run in lines.buffer.layout_runs().take(count) {
            let start = run.glyphs.iter().map(|glyph| glyph.x).reduce(f32::min);
            let spare = room.width - run.line_w;
            let left = match style.align {
                TextAlign::Left => 0.0,
                TextAlign::Center => spare / 2.0,
                TextAlign::Right => spare,
            };
            let x = room.left + left - start.unwrap_or(0.0);
            let y = (room.top + top + run.line_y).round();
            for glyph in run.glyphs {
                letters.extend(self.letter(glyph, x, y));
            }
        }
        letters
    }

    /// A letter on the line that starts at `x`, `y`; `None` if it leaves no ink.
    fn letter(&mut self, glyph: &LayoutGlyph, x: f32, y: f32) -> Option<Letter> {
        let key = glyph.physical((0.0, 0.0), 1.0).cache_key;
        let font = self.fonts.get_font(key.font_id, key.font_weight)?;
        let font = font.as_swash();
        let coloured =
            font.color_strikes().next().is_some() || font.color_palettes().next().is_some();
        let picture = if coloured {
            let image = self.glyphs.get_image_uncached(&mut self.fonts, key);
            image.as_ref().and_then(Ink::of_image)
        } else {
            None
        };
        let ink = picture.or_else(|| {
            let outline = self
                .glyphs
                .get_outline_commands_uncached(&mut self.fonts, key)?;
            Ink::of_outline(&outline)
        })?;
        Some(Letter {
            ink,
            color: glyph.color_opt.map(color),
            x: glyph.font_size.mul_add(glyph.x_offset, x + glyph.x),
            y: y + glyph.y - glyph.font_size * glyph.y_offset,
        })
    }
}

impl Lines {
    /// From the beginning of a single line to where another would go on, spaces at its end
    /// included.
    fn advance(&self) -> f32 {
        let glyphs = self.buffer.layout_runs().flat_map(|run| run.glyphs.iter());
        glyphs.map(|glyph| glyph.w).sum()
    }

    /// Width of the widest line.
    pub(super) const fn width(&self) -> f32 {
        self.width
    }

    /// How many lines fit into this height as a whole, and how high these are; one does, however
    /// low it is.
    pub(super) fn whole(&self, height: f32) -> (usize, f32) {
        let ends = self
            .buffer
            .layout_runs()
            .map(|run| run.line_top + run.line_height);
        let mut whole = (0, 0.0);
        for (before, end) in ends.enumerate() {
            if before > 0 && end > height {
                break;
            }
            whole = (before + 1, end);
        }
        whole
    }

    /// Whether the text is read from right to left.
    pub(super) fn run_to_the_left(&self) -> bool {
        self.buffer.layout_runs().next().is_some_and(|run| run.rtl)
    }

    fn fit(&self, room: Room) -> bool {
        self.width <= room.width && self.height <= room.height
    }
}

/// The layer without its padding.
fn room(style: &TextStyle, width: u32, height: u32) -> Room {
    let (beside, above) = padding(style);
    let left = beside.min(width.saturating_sub(1) / 2);
    let top = above.min(height.saturating_sub(1) / 2);
    Room {
        left: length(left),
        top: length(top),
        width: length(width - 2 * left),
        height: length(height - 2 * top),
    }
}

/// What letters keep away from the left and right edge, and from the upper and lower one.
pub(super) fn padding(style: &TextStyle) -> (u32, u32) {
    match (style.padding, style.background) {
        (Some(padding), _) => (padding, padding),
        (None, Some(_)) => (style.size / PADDING_PARTS, 0),
        (None, None) => (0, 0),
    }
}

/// The text without what no font has a glyph for.
fn printable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

pub(super) fn sheet(width: u32, height: u32) -> Result<Pixmap, Failure> {
    Pixmap::new(width, height).ok_or_else(|| Failure::text("the text is too large to be drawn"))
}

/// The sheet as the rest of the worker knows pictures.
pub(super) fn bitmap(sheet: Pixmap) -> Bitmap {
    let side = |pixels: u32| to_usize(u64::from(pixels));
    let (width, height) = (side(sheet.width()), side(sheet.height()));
    let mut bytes = sheet.take();
    let (pixels, _rest) = bytes.as_chunks_mut::<4>();
    for [red, _, blue, _] in pixels {
        std::mem::swap(red, blue);
    }
    Bitmap::from_premultiplied(&bytes, width * 4, width, height)
}

pub(super) fn length(pixels: u32) -> f32 {
    to_f32(f64::from(pixels))
}

fn color(color: cosmic_text::Color) -> Color {
    let [red, green, blue, alpha] = color.as_rgba();
    Color {
        red,
        green,
        blue,
        alpha,
    }
}
