//! Chat messages as bitmaps.

use sm_common::layer::{TextAlign, TextStyle, VerticalAlign};

use super::failure::Failure;
use super::text_ink::{cover, draw, reach};
use super::text_painter::{Room, Span, TextPainter, bitmap, length, padding, sheet};
use crate::number::{to_u32, to_whole};
use crate::picture::Bitmap;

/// A message that is painted, and where it lies in its layer.
pub(super) struct Painted {
    pub(super) bitmap: Bitmap,
    /// Distance from the layer's left edge.
    pub(super) x: u32,
}

impl TextPainter {
    /// The text of a message as wide as it needs, at most `width`, and as high: as many whole lines
    /// as `height` has room for, one at least.
    pub(super) fn paint_message(
        &mut self,
        spans: &[Span<'_>],
        style: &TextStyle,
        (width, height): (u32, u32),
    ) -> Result<Painted, Failure> {
        let bleed = reach(style).min(style.size);
        let (beside, above) = padding(style);
        let left = (beside + bleed).min(width.saturating_sub(1) / 2);
        let top = (above + bleed).min(height.saturating_sub(1) / 2);
        let lines = self.lines(spans, style, style.size, length(width - 2 * left));
        let (count, lines_height) = lines.whole(length(height - 2 * top));
        let text_width = pixels(lines.width()).clamp(1, width - 2 * left);
        let wide = (text_width + 2 * left).next_multiple_of(2).min(width);
        let high = (pixels(lines_height).max(1) + 2 * top).min(height);
        let style = TextStyle {
            align: match style.align {
                TextAlign::Left if lines.run_to_the_left() => TextAlign::Right,
                align @ (TextAlign::Left | TextAlign::Center | TextAlign::Right) => align,
            },
            vertical_align: VerticalAlign::Top,
            ..style.clone()
        };
        let mut sheet = sheet(wide, high)?;
        if let Some(background) = style.background {
            cover(&mut sheet, background, style.background_radius);
        }
        let room = Room {
            left: length(left),
            top: length(top),
            width: length(text_width),
            height: length(high),
        };
        let letters = self.placed(&lines, &style, room, count);
        draw(&mut sheet, &letters, &style);
        let spare = width.saturating_sub(wide);
        let x = match style.align {
            TextAlign::Left => 0,
            TextAlign::Center => spare / 2,
            TextAlign::Right => spare,
        };
        Ok(Painted {
            bitmap: bitmap(sheet),
            // Chroma has one sample for two columns.
            x: x - x % 2,
        })
    }
}

fn pixels(length: f32) -> u32 {
    to_u32(to_whole(f64::from(length.ceil())))
}
