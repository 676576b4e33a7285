//! How text looks, read from a source's member `style`.

use serde_json::Value;
use sm_common::layer::{TextAlign, TextOutline, TextShadow, TextStyle, TextWrap, VerticalAlign};

use super::fault::{Fault, Faults};
use super::field::{Members, boolean, integer, parsed, text};

/// Longest name of a font family, in characters.
const FONT_CHARS_MAX: usize = 64;
/// Smallest and largest font, in canvas pixels.
const FONT_SIZE: (i64, i64) = (4, 1000);
/// Widest padding, and roundest corners, in canvas pixels.
const PADDING_MAX: i64 = 1000;
/// Distance of lines in percent.
const LINE_SPACING: (i64, i64) = (50, 400);
/// Pixels between letters.
const LETTER_SPACING: (i64, i64) = (-100, 500);
/// Thinnest and widest outline, in canvas pixels.
const OUTLINE_WIDTH: (i64, i64) = (1, 100);
/// Farthest shadow in every direction, in canvas pixels.
const SHADOW_OFFSET_MAX: i64 = 200;
/// Softest shadow, in canvas pixels.
const SHADOW_BLUR_MAX: i64 = 100;
/// Where a shadow lies unless said otherwise.
const SHADOW_OFFSET: i32 = 2;

/// Reads the member `style` of a source; the standard style when it is absent.
pub(crate) fn read(source: &mut Members<'_>, faults: &mut Faults) -> Option<TextStyle> {
    let standard = TextStyle::default();
    let Some(value) = source.raw("style") else {
        return Some(standard);
    };
    let mut fields = Members::of(value, &source.pointer_to("style"), faults)?;
    let font = fields.or("font", standard.font, faults, read_font);
    let font_asset = fields.or("font_asset", None, faults, |value| parsed(value).map(Some));
    let size = fields.or("size", standard.size, faults, within(FONT_SIZE));
    let bold = fields.or("bold", standard.bold, faults, boolean);
    let italic = fields.or("italic", standard.italic, faults, boolean);
    let color = fields.or("color", standard.color, faults, parsed);
    let background = fields.or("background", None, faults, |value| parsed(value).map(Some));
    let background_radius = fields.or("background_radius", 0, faults, integer(0, PADDING_MAX));
    let padding = fields.or("padding", None, faults, |value| {
        integer(0, PADDING_MAX)(value).map(Some)
    });
    let align = fields.or("align", TextAlign::default(), faults, parsed);
    let vertical_align = fields.or("vertical_align", VerticalAlign::default(), faults, parsed);
    let wrap = fields.or("wrap", TextWrap::default(), faults, parsed);
    let shrink = fields.or("shrink", standard.shrink, faults, boolean);
    let line_spacing = fields.or(
        "line_spacing",
        standard.line_spacing,
        faults,
        within(LINE_SPACING),
    );
    let letter_spacing = fields.or("letter_spacing", 0, faults, within(LETTER_SPACING));
    let outline = match fields.raw("outline") {
        Some(value) => read_outline(value, &fields.pointer_to("outline"), faults).map(Some),
        None => Some(None),
    };
    let shadow = match fields.raw("shadow") {
        Some(value) => read_shadow(value, &fields.pointer_to("shadow"), faults).map(Some),
        None => Some(None),
    };
    fields.finish(faults);
    Some(TextStyle {
        font: font?,
        font_asset: font_asset?,
        size: size?,
        bold: bold?,
        italic: italic?,
        color: color?,
        background: background?,
        background_radius: background_radius?,
        padding: padding?,
        align: align?,
        vertical_align: vertical_align?,
        wrap: wrap?,
        shrink: shrink?,
        line_spacing: line_spacing?,
        letter_spacing: letter_spacing?,
        outline: outline?,
        shadow: shadow?,
    })
}

fn read_outline(value: &Value, pointer: &str, faults: &mut Faults) -> Option<TextOutline> {
    let mut fields = Members::of(value, pointer, faults)?;
    let color = fields.required("color", faults, parsed);
    let width = fields.required("width", faults, within(OUTLINE_WIDTH));
    fields.finish(faults);
    color
        .zip(width)
        .map(|(color, width)| TextOutline { color, width })
}

fn read_shadow(value: &Value, pointer: &str, faults: &mut Faults) -> Option<TextShadow> {
    let mut fields = Members::of(value, pointer, faults)?;
    let offset = || integer(-SHADOW_OFFSET_MAX, SHADOW_OFFSET_MAX);
    let color = fields.required("color", faults, parsed);
    let x = fields.or("x", SHADOW_OFFSET, faults, offset());
    let y = fields.or("y", SHADOW_OFFSET, faults, offset());
    let blur = fields.or("blur", 0, faults, integer(0, SHADOW_BLUR_MAX));
    fields.finish(faults);
    Some(TextShadow {
        color: color?,
        x: x?,
        y: y?,
        blur: blur?,
    })
}

fn within<T: TryFrom<i64>>((min, max): (i64, i64)) -> impl FnOnce(&Value) -> Result<T, Fault> {
    integer(min, max)
}

fn read_font(value: &Value) -> Result<String, Fault> {
    let font = text(1, FONT_CHARS_MAX, false)(value)?;
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || c == '-';
    if font.chars().all(allowed) && !font.trim().is_empty() {
        Ok(font)
    } else {
        Err(Fault::Value(
            "must be a font family of letters, digits, spaces and hyphens".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_style_may_leave_out_is_as_on_the_wire() {
        let style = json!({"shadow": {"color": "#000000"}, "padding": null});
        let source = json!({"style": style});
        let mut faults = Faults::default();
        let mut fields = Members::of(&source, "/source", &mut faults).unwrap();
        let read = read(&mut fields, &mut faults).unwrap();
        assert!(faults.is_empty());
        assert_eq!(read, serde_json::from_value(style).unwrap());
    }

    #[test]
    fn a_faulty_shadow_is_named_with_its_bounds() {
        let source = json!({"style": {"shadow": {"x": 201, "y": -201, "blur": 101}}});
        let mut faults = Faults::default();
        let mut fields = Members::of(&source, "/source", &mut faults).unwrap();
        assert_eq!(read(&mut fields, &mut faults), None);
        let named: Vec<_> = faults
            .errors()
            .iter()
            .map(|error| format!("{}: {}", error.pointer, error.detail))
            .collect();
        assert_eq!(
            named,
            [
                "/source/style/shadow/color: is required",
                "/source/style/shadow/x: must be a whole number from -200 to 200",
                "/source/style/shadow/y: must be a whole number from -200 to 200",
                "/source/style/shadow/blur: must be a whole number from 0 to 100",
            ]
        );
    }
}
