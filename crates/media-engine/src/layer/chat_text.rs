//! What strangers wrote, made safe to draw, and the colours of their names. Pure.

use sm_common::chat::ChatColor;
use sm_common::layer::Color;
use unicode_normalization::char::is_combining_mark;

/// Most marks over and under one letter that are drawn: Vietnamese, Hebrew and Thai need up to
/// three. More of them are a prank that paints over other lines.
const MARKS_MAX: usize = 4;

/// Marks of the direction of a paragraph, and around text that has one of its own.
const LEFT_TO_RIGHT: char = '\u{200e}';
const RIGHT_TO_LEFT: char = '\u{200f}';
const ISOLATE: char = '\u{2068}';
const END_ISOLATE: char = '\u{2069}';

const fn opaque(red: u8, green: u8, blue: u8) -> Color {
    Color {
        red,
        green,
        blue,
        alpha: 255,
    }
}

/// A colour of names, in a shade that can be read over most pictures.
pub(super) const fn shade_of(color: ChatColor) -> Color {
    match color {
        ChatColor::Red => opaque(0xff, 0x8a, 0x80),
        ChatColor::Orange => opaque(0xff, 0xb7, 0x4d),
        ChatColor::Amber => opaque(0xff, 0xd5, 0x4f),
        ChatColor::Lime => opaque(0xd4, 0xe1, 0x57),
        ChatColor::Green => opaque(0x9c, 0xcc, 0x65),
        ChatColor::Emerald => opaque(0x4d, 0xd0, 0x7a),
        ChatColor::Teal => opaque(0x4d, 0xd0, 0xc8),
        ChatColor::Sky => opaque(0x4f, 0xc3, 0xf7),
        ChatColor::Blue => opaque(0x82, 0xb1, 0xff),
        ChatColor::Violet => opaque(0xb3, 0x9d, 0xff),
        ChatColor::Purple => opaque(0xe0, 0x8c, 0xff),
        ChatColor::Pink => opaque(0xff, 0x8a, 0xc4),
    }
}

/// A message in parts: what stands before the name, the name, and the rest. Put together, they are
/// one paragraph that runs as its text does, whatever the name and the text try to do.
pub(super) struct Parts {
    pub(super) direction: String,
    pub(super) name: String,
    pub(super) text: String,
}

/// A message as it can be drawn.
pub(super) fn parts(name: Option<&str>, text: &str) -> Parts {
    let text = harmless(text);
    let direction = if runs_to_the_left(&text) {
        RIGHT_TO_LEFT
    } else {
        LEFT_TO_RIGHT
    };
    let name = name.map(harmless).filter(|name| !name.is_empty());
    Parts {
        direction: direction.to_string(),
        text: match name {
            Some(_) => format!("  {ISOLATE}{text}{END_ISOLATE}"),
            None => text,
        },
        name: name.map_or_else(String::new, |name| format!("{ISOLATE}{name}{END_ISOLATE}")),
    }
}

/// The text in one line, without what moves, hides or piles up letters.
fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        if is_invisible(c) {
            continue;
        }
        if is_combining_mark(c) {
            marks += 1;
            if marks > MARKS_MAX {
                continue;
            }
        } else {
            marks = 0;
        }
        if c.is_whitespace() {
            if !clean.ends_with(' ') {
                clean.push(' ');
            }
        } else {
            clean.push(c);
        }
    }
    clean.trim().to_owned()
}

/// Whether a character only has effects: controls other than white space, marks and overrides of
/// direction, and what takes no room. Joiners stay, which Persian and emoji are written with.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether the first letter with a direction runs from right to left.
fn runs_to_the_left(text: &str) -> bool {
    let first = text.chars().find(|c| c.is_alphabetic());
    first.is_some_and(|c| {
        matches!(c,
            '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_strangers_stays_in_one_line_and_order() {
        for (written, drawn) in [
            ("plain", "plain"),
            ("  two\n lines\t\u{3000}here ", "two lines here"),
            ("a\u{202e}b\u{2066}c\u{200f}d", "abcd"),
            ("a\u{7}b\u{1b}[31mc\u{0}", "ab[31mc"),
            ("z\u{200b}e\u{feff}r\u{2060}o", "zero"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("\u{202e}\u{200b}", ""),
        ] {
            assert_eq!(harmless(written), drawn, "{written:?}");
        }
        let family = "👩\u{200d}👩\u{200d}👧";
        assert_eq!(harmless(family), family);
    }

    #[test]
    fn piles_of_marks_are_cut_down() {
        let zalgo: String = "Z"
            .chars()
            .chain(std::iter::repeat_n('\u{30d}', 40))
            .collect();
        assert_eq!(harmless(&zalgo).chars().count(), 1 + MARKS_MAX);
        for fine in ["Việt", "שָׁלוֹם", "หนึ่ง", "हिन्दी"] {
            assert_eq!(harmless(fine), fine);
        }
    }

    #[test]
    fn a_message_runs_as_its_text_does() {
        let paragraph = |name, text| {
            let parts = parts(name, text);
            parts.direction + &parts.name + &parts.text
        };
        assert_eq!(
            paragraph(Some("Ada"), "hi"),
            "\u{200e}\u{2068}Ada\u{2069}  \u{2068}hi\u{2069}"
        );
        assert!(paragraph(Some("Ada"), "שלום").starts_with('\u{200f}'));
        assert!(paragraph(Some("שרה"), "hello").starts_with('\u{200e}'));
        assert_eq!(paragraph(None, "\u{202e}hi"), "\u{200e}hi");
    }

    #[test]
    fn every_colour_has_a_shade_of_its_own() {
        let shades: std::collections::BTreeSet<_> = ChatColor::ALL
            .into_iter()
            .map(|color| shade_of(color).to_string())
            .collect();
        assert_eq!(shades.len(), ChatColor::ALL.len());
    }
}
