//! Letters as ink on a sheet: their outlines filled and stroked, and their shadow.

use cosmic_text::{Command, SwashContent, SwashImage};
use sm_common::layer::{Color, TextOutline, TextShadow, TextStyle};
use tiny_skia::{
    FillRule, FilterQuality, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke,
    Transform,
};

use crate::number::{to_f32, to_usize};

/// Passes of a box blur that look like a soft edge.
const BLUR_PASSES: u32 = 3;

/// What a letter is drawn from, relative to where it stands on its line.
pub(super) enum Ink {
    /// An outline, in the colour of the style.
    Outline(Path),
    /// A picture with colours of its own, and where its upper left corner is.
    Picture(Pixmap, i32, i32),
}

/// A letter at its place.
pub(super) struct Letter {
    pub(super) ink: Ink,
    /// That of the style when absent.
    pub(super) color: Option<Color>,
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Ink {
    /// The outline that a font gives; its y axis points up.
    pub(super) fn of_outline(commands: &[Command]) -> Option<Self> {
        let mut path = PathBuilder::new();
        for command in commands {
            match *command {
                Command::MoveTo(to) => path.move_to(to.x, -to.y),
                Command::LineTo(to) => path.line_to(to.x, -to.y),
                Command::QuadTo(by, to) => path.quad_to(by.x, -by.y, to.x, -to.y),
                Command::CurveTo(by, and, to) => {
                    path.cubic_to(by.x, -by.y, and.x, -and.y, to.x, -to.y);
                }
                Command::Close => path.close(),
            }
        }
        path.finish().map(Self::Outline)
    }

    /// The picture that a font gives, if it has colours.
    pub(super) fn of_image(image: &SwashImage) -> Option<Self> {
        if image.content != SwashContent::Color {
            return None;
        }
        let mut pixmap = Pixmap::new(image.placement.width, image.placement.height)?;
        let (pixels, _rest) = image.data.as_chunks::<4>();
        for (to, &[red, green, blue, alpha]) in pixmap.pixels_mut().iter_mut().zip(pixels) {
            *to = tiny_skia::ColorU8::from_rgba(red, green, blue, alpha).premultiply();
        }
        Some(Self::Picture(
            pixmap,
            image.placement.left,
            -image.placement.top,
        ))
    }
}

/// Draws the letters on the sheet, over their shadow.
pub(super) fn draw(sheet: &mut Pixmap, letters: &[Letter], style: &TextStyle) {
    let Some(shadow) = style.shadow else {
        ink(sheet, letters, style);
        return;
    };
    let Some(mut inked) = Pixmap::new(sheet.width(), sheet.height()) else {
        return;
    };
    ink(&mut inked, letters, style);
    cast(sheet, &inked, shadow);
    lay(sheet, &inked, 0, 0);
}

/// Covers the sheet with a colour, up to corners of this radius.
pub(super) fn cover(sheet: &mut Pixmap, color: Color, radius: u32) {
    let (width, height) = (length(sheet.width()), length(sheet.height()));
    let radius = length(radius).min(width / 2.0).min(height / 2.0);
    let path = if radius > 0.0 {
        rounded(width, height, radius)
    } else {
        Rect::from_xywh(0.0, 0.0, width, height).map(PathBuilder::from_rect)
    };
    if let Some(path) = path {
        let paint = paint(color);
        sheet.fill_path(
            &path,
            &paint,
            FillRule::Winding,
            Transform::identity(),
            None,
        );
    }
}

/// The pixels that ink reaches beyond the letters themselves.
pub(super) fn reach(style: &TextStyle) -> u32 {
    let outline = style.outline.map_or(0, |outline| outline.width);
    let shadow = style.shadow.map_or(0, |shadow| {
        shadow.x.unsigned_abs().max(shadow.y.unsigned_abs()) + shadow.blur
    });
    outline + shadow
}

fn ink(sheet: &mut Pixmap, letters: &[Letter], style: &TextStyle) {
    // All outlines first: none may cover the letter beside it.
    if let Some(TextOutline { color, width }) = style.outline {
        let paint = paint(color);
        let stroke = Stroke {
            width: 2.0 * length(width),
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        for Letter { ink, x, y, .. } in letters {
            if let Ink::Outline(path) = ink {
                let place = Transform::from_translate(*x, *y);
                sheet.stroke_path(path, &paint, &stroke, place, None);
            }
        }
    }
    for Letter { ink, color, x, y } in letters {
        match ink {
            Ink::Outline(path) => {
                let paint = paint(color.unwrap_or(style.color));
                let place = Transform::from_translate(*x, *y);
                sheet.fill_path(path, &paint, FillRule::Winding, place, None);
            }
            Ink::Picture(picture, left, top) => sheet.draw_pixmap(
                *left,
                *top,
                picture.as_ref(),
                &PixmapPaint {
                    quality: FilterQuality::Bilinear,
                    ..PixmapPaint::default()
                },
                Transform::from_translate(x.round(), y.round()),
                None,
            ),
        }
    }
}

/// Draws the shadow of what is inked.
fn cast(sheet: &mut Pixmap, inked: &Pixmap, shadow: TextShadow) {
    let (width, height) = (inked.width(), inked.height());
    let mut alpha: Vec<u8> = inked.pixels().iter().map(|pixel| pixel.alpha()).collect();
    let radius = to_usize(u64::from(shadow.blur.div_ceil(BLUR_PASSES)));
    if radius > 0 {
        let side = |pixels: u32| to_usize(u64::from(pixels));
        for _ in 0..BLUR_PASSES {
            alpha = blurred_and_turned(&alpha, side(width), radius);
            alpha = blurred_and_turned(&alpha, side(height), radius);
        }
    }
    let Some(mut cast) = Pixmap::new(width, height) else {
        return;
    };
    let Color {
        red, green, blue, ..
    } = shadow.color;
    for (to, alpha) in cast.pixels_mut().iter_mut().zip(alpha) {
        let alpha = u16::from(alpha) * u16::from(shadow.color.alpha) / 255;
        let alpha = u8::try_from(alpha).unwrap_or(u8::MAX);
        *to = tiny_skia::ColorU8::from_rgba(red, green, blue, alpha).premultiply();
    }
    lay(sheet, &cast, shadow.x, shadow.y);
}

/// The mean of `radius` samples to both sides of every sample of every row of `width`, with rows
/// and columns exchanged: done twice, both directions are blurred and the picture stands upright.
fn blurred_and_turned(samples: &[u8], width: usize, radius: usize) -> Vec<u8> {
    let width = width.max(1);
    let height = samples.len() / width;
    let window = crate::number::to_u64(2 * radius + 1);
    let mut turned = vec![0; samples.len()];
    for (y, row) in samples.chunks_exact(width).enumerate() {
        let at = |x: usize| row.get(x).map_or(0, |&sample| u64::from(sample));
        let mut sum: u64 = row
            .iter()
            .take(radius)
            .map(|&sample| u64::from(sample))
            .sum();
        for x in 0..width {
            sum += at(x + radius);
            if let Some(to) = turned.get_mut(x * height + y) {
                *to = u8::try_from((sum + window / 2) / window).unwrap_or(u8::MAX);
            }
            sum -= x.checked_sub(radius).map_or(0, at);
        }
    }
    turned
}

fn lay(sheet: &mut Pixmap, above: &Pixmap, x: i32, y: i32) {
    sheet.draw_pixmap(
        x,
        y,
        above.as_ref(),
        &PixmapPaint::default(),
        Transform::identity(),
        None,
    );
}

fn rounded(width: f32, height: f32, radius: f32) -> Option<Path> {
    /// How far a curve's control points are from its ends, for a quarter of a circle of radius 1.
    const CURVE: f32 = 0.552_285;
    let near = radius * (1.0 - CURVE);
    let (right, bottom) = (width - radius, height - radius);
    let mut path = PathBuilder::new();
    path.move_to(radius, 0.0);
    path.line_to(right, 0.0);
    path.cubic_to(width - near, 0.0, width, near, width, radius);
    path.line_to(width, bottom);
    path.cubic_to(width, height - near, width - near, height, right, height);
    path.line_to(radius, height);
    path.cubic_to(near, height, 0.0, height - near, 0.0, bottom);
    path.line_to(0.0, radius);
    path.cubic_to(0.0, near, near, 0.0, radius, 0.0);
    path.close();
    path.finish()
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(color.red, color.green, color.blue, color.alpha);
    paint
}

fn length(pixels: u32) -> f32 {
    to_f32(f64::from(pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_spreads_evenly_and_stays_upright() {
        let mut samples = vec![0; 7 * 5];
        samples[2 * 7 + 3] = 90;
        let blurred = blurred_and_turned(&samples, 7, 1);
        let blurred = blurred_and_turned(&blurred, 5, 1);
        for y in 0..5 {
            for x in 0..7 {
                let near = (2..=4).contains(&x) && (1..=3).contains(&y);
                assert_eq!(blurred[y * 7 + x], if near { 10 } else { 0 }, "{x},{y}");
            }
        }
    }
}
