//! Drawings in SVG: nothing is fetched, nothing runs, and everything has a limit.

mod weight;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{ImageHrefResolver, ImageKind, Options, Tree, roxmltree};

use crate::thumbnail::Thumbnail;

/// What a drawing may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SvgLimits {
    /// Bytes of its text.
    pub bytes_max: usize,
    /// Elements within elements.
    pub depth_max: usize,
    /// Elements and attributes to draw, each as often as others refer to it.
    pub weight_max: u64,
    /// Pixels of a picture that is embedded in it.
    pub embedded_pixels_max: usize,
}

impl Default for SvgLimits {
    fn default() -> Self {
        Self {
            bytes_max: 4 * 1024 * 1024,
            depth_max: 128,
            weight_max: 200_000,
            embedded_pixels_max: 16_000_000,
        }
    }
}

/// Why a drawing is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SvgError {
    /// Too much text.
    #[error("the drawing has {bytes} bytes; at most {bytes_max} are taken")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        bytes_max: usize,
    },
    /// No UTF-8.
    #[error("the drawing is not UTF-8 text")]
    NotText,
    /// Entities can make a page of text a library.
    #[error("the drawing declares entities; save it without them")]
    Entities,
    /// No XML, or none of SVG.
    #[error("the drawing is no well-formed SVG: {0}")]
    Malformed(String),
    /// Deep nesting.
    #[error("the drawing nests elements deeper than {0} levels")]
    TooDeep(usize),
    /// Too much to draw.
    #[error(
        "the drawing has more than {0} parts to draw, counting each as often as it is referred to"
    )]
    TooComplex(u64),
}

/// A drawing that is sharp in every size.
#[derive(Clone, Debug)]
pub struct Drawing {
    tree: Arc<Tree>,
}

/// Whether a file that begins so is meant to be SVG.
pub fn looks_like_svg(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    // What may stand before the first element.
    while let Some(inner) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!")) {
        // It says so itself; where it ends is not to be found without reading what it declares.
        if inner.starts_with("DOCTYPE svg") {
            return true;
        }
        let end = if inner.starts_with("--") { "-->" } else { ">" };
        match inner.split_once(end) {
            Some((_, after)) => rest = after.trim_start(),
            None => return false,
        }
    }
    rest.strip_prefix("<svg:svg")
        .or_else(|| rest.strip_prefix("<svg"))
        .is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n', '>', '/']))
}

impl Drawing {
    /// Reads a drawing. Whatever is wrong with one is an error, never a panic.
    pub fn read(data: &[u8], limits: SvgLimits) -> Result<Self, SvgError> {
        catch_unwind(AssertUnwindSafe(|| Self::parse(data, limits)))
            .unwrap_or_else(|_panic| Err(SvgError::Malformed("it cannot be read".to_owned())))
    }

    fn parse(data: &[u8], limits: SvgLimits) -> Result<Self, SvgError> {
        if data.len() > limits.bytes_max {
            return Err(SvgError::TooLarge {
                bytes: data.len(),
                bytes_max: limits.bytes_max,
            });
        }
        let text = std::str::from_utf8(data).map_err(|_invalid| SvgError::NotText)?;
        if text.contains("<!ENTITY") {
            return Err(SvgError::Entities);
        }
        let options = roxmltree::ParsingOptions {
            allow_dtd: true,
            nodes_limit: u32::try_from(limits.weight_max).unwrap_or(u32::MAX),
            ..roxmltree::ParsingOptions::default()
        };
        let malformed = |error: &dyn std::fmt::Display| SvgError::Malformed(error.to_string());
        let document = roxmltree::Document::parse_with_options(text, options)
            .map_err(|error| malformed(&error))?;
        weight::check(&document, limits)?;
        let tree = Tree::from_xmltree(&document, &reading(limits.embedded_pixels_max));
        tree.map(|tree| Self {
            tree: Arc::new(tree),
        })
        .map_err(|error| malformed(&error))
    }

    /// The size it says it has, in whole pixels, at least one and at most `side_max` on a side.
    pub fn size(&self, side_max: u32) -> (u32, u32) {
        let size = self.tree.size().to_int_size();
        let within = |side: u32| side.clamp(1, side_max.max(1));
        (within(size.width()), within(size.height()))
    }

    /// The drawing stretched over this many pixels: red, green, blue and alpha, premultiplied, row
    /// by row; `None` when there is no memory for it.
    pub fn draw(&self, width: u32, height: u32) -> Option<Vec<u8>> {
        self.sheet(width, height).map(Pixmap::take)
    }

    /// What can be seen of it, at most `side_max` pixels on a side.
    pub fn thumbnail(&self, side_max: u32) -> Option<Thumbnail> {
        let (width, height) = self.size(u32::MAX);
        let longer = u64::from(width.max(height));
        let side = |side: u32| {
            let scaled = u64::from(side) * u64::from(side_max) / longer.max(1);
            u32::try_from(scaled).unwrap_or(side_max).max(1)
        };
        let (width, height) = (side(width), side(height));
        let pixels = self.sheet(width, height)?.take_demultiplied();
        Thumbnail::of_pixels(width, height, pixels, side_max)
    }

    fn sheet(&self, width: u32, height: u32) -> Option<Pixmap> {
        let mut sheet = Pixmap::new(width, height)?;
        let size = self.tree.size();
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "a pixmap's sides are small"
        )]
        let scale =
            Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
        resvg::render(&self.tree, scale, &mut sheet.as_mut());
        Some(sheet)
    }
}

/// How drawings are read: without files, without addresses, with the fonts of the system.
fn reading(embedded_pixels_max: usize) -> Options<'static> {
    Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: fonts(),
        image_href_resolver: ImageHrefResolver {
            resolve_string: Box::new(|_address, _options| None),
            // Drawings within drawings are left out: their weight is not known.
            resolve_data: Box::new(move |_type, data, _options| {
                let kind = imagesize::image_type(&data).ok()?;
                let size = imagesize::blob_size(&data).ok()?;
                let fits = size.width.checked_mul(size.height)? <= embedded_pixels_max;
                #[expect(
                    clippy::wildcard_enum_match_arm,
                    reason = "only these are ever drawn, whatever else is recognised"
                )]
                let kind = match kind {
                    imagesize::ImageType::Png => ImageKind::PNG(data),
                    imagesize::ImageType::Jpeg => ImageKind::JPEG(data),
                    imagesize::ImageType::Webp => ImageKind::WEBP(data),
                    _ => return None,
                };
                fits.then_some(kind)
            }),
        },
        ..Options::default()
    }
}

/// The fonts of the system, found once.
fn fonts() -> Arc<Database> {
    static FONTS: OnceLock<Arc<Database>> = OnceLock::new();
    Arc::clone(FONTS.get_or_init(|| {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        Arc::new(fonts)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Drawing, SvgError> {
        Drawing::read(text.as_bytes(), SvgLimits::default())
    }

    fn svg(body: &str) -> String {
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="20">{body}</svg>"#
        )
    }

    fn pixel(drawn: &[u8], width: usize, x: usize, y: usize) -> [u8; 4] {
        let at = (y * width + x) * 4;
        drawn[at..at + 4].try_into().unwrap()
    }

    #[test]
    fn a_drawing_is_sharp_in_every_size() {
        let drawing = read(&svg(r##"<rect width="20" height="20" fill="#f00"/>"##)).unwrap();
        assert_eq!(drawing.size(8192), (40, 20));
        assert_eq!(drawing.size(10), (10, 10));
        for (width, height) in [(40, 20), (400, 100), (7, 3)] {
            let drawn = drawing.draw(width, height).unwrap();
            let [width, height] = [width, height].map(|side| usize::try_from(side).unwrap());
            assert_eq!(drawn.len(), width * height * 4);
            assert_eq!(pixel(&drawn, width, width / 2 - 1, 1), [255, 0, 0, 255]);
            assert_eq!(pixel(&drawn, width, width / 2 + 1, 1), [0; 4]);
        }
        assert!(drawing.draw(0, 10).is_none());
        assert!(drawing.draw(u32::MAX, u32::MAX).is_none());
    }

    #[test]
    fn a_thumbnail_shows_the_whole_drawing() {
        for (side_max, size) in [(10, (10, 5)), (80, (80, 40))] {
            let drawing = read(&svg(r##"<rect width="20" height="20" fill="#f00"/>"##)).unwrap();
            let thumbnail = drawing.thumbnail(side_max).unwrap();
            assert_eq!(thumbnail.media_type, "image/png");
            let picture = image::load_from_memory(&thumbnail.bytes)
                .unwrap()
                .to_rgba8();
            assert_eq!(picture.dimensions(), size);
            assert_eq!(picture.get_pixel(1, 1).0, [255, 0, 0, 255]);
            assert_eq!(picture.get_pixel(size.0 - 1, 1).0[3], 0);
        }
    }

    #[test]
    fn a_file_is_svg_by_its_first_element() {
        for (head, expected) in [
            ("<svg xmlns='x'>", true),
            (
                "\u{feff}<?xml version='1.0'?>\n<!-- <html> -->\n<svg>",
                true,
            ),
            ("<!DOCTYPE svg PUBLIC \"a\" \"b\">\n<svg\n", true),
            ("<svg:svg xmlns:svg='x'>", true),
            ("<svgx>", false),
            ("<html><svg>", false),
            ("<!DOCTYPE html><svg>", true),
            ("", false),
            ("<!-- never closed", false),
            ("plain <svg>", false),
        ] {
            assert_eq!(looks_like_svg(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_not_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret.svg");
        std::fs::write(
            &secret,
            svg(r##"<rect width="40" height="20" fill="#f00"/>"##),
        )
        .unwrap();
        let embedded = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI0MCIgaGVpZ2h0PSIyMCI+PHJlY3Qgd2lkdGg9IjQwIiBoZWlnaHQ9IjIwIiBmaWxsPSIjZjAwIi8+PC9zdmc+";
        for address in [
            secret.to_str().unwrap(),
            &format!("file://{}", secret.display()),
            "http://127.0.0.1:1/a.png",
            embedded,
        ] {
            let image = format!(
                r#"<image width="40" height="20" xlink:href="{address}"/><script>1</script>"#
            );
            let drawn = read(&svg(&image)).unwrap().draw(40, 20).unwrap();
            assert!(drawn.iter().all(|&byte| byte == 0), "{address}");
        }
    }

    #[test]
    fn hostile_drawings_are_refused() {
        let laughs = format!(
            "<!DOCTYPE svg [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>{}",
            svg("<text>&b;</text>")
        );
        assert_eq!(read(&laughs).unwrap_err(), SvgError::Entities);
        let uses: Vec<String> = (1..40)
            .map(|n| {
                let before = n - 1;
                format!(r##"<g id="g{n}"><use xlink:href="#g{before}"/><use xlink:href="#g{before}"/></g>"##)
            })
            .collect();
        let uses = uses.concat();
        let uses = svg(&format!(
            r#"<g id="g0"><rect width="1" height="1"/></g>{uses}"#
        ));
        assert!(matches!(read(&uses), Err(SvgError::TooComplex(_))));
        let patterns: Vec<String> = (1..12)
            .map(|n| {
                let shapes = format!(
                    r#"<rect width="1" height="1" fill="url({}p{})"/>"#,
                    '#',
                    n - 1
                );
                format!(
                    r#"<pattern id="p{n}" width="1" height="1">{}</pattern>"#,
                    shapes.repeat(9)
                )
            })
            .collect();
        let patterns = patterns.concat();
        let patterns = svg(&format!(
            r#"<pattern id="p0" width="1" height="1"><rect width="1" height="1"/></pattern>{patterns}<rect width="9" height="9" style="fill:url('#p11')"/>"#
        ));
        assert!(matches!(read(&patterns), Err(SvgError::TooComplex(_))));
        let styled: Vec<String> = (0..10)
            .map(|n| {
                let shapes = format!(r#"<rect width="1" height="1" class="c{n}"/>"#);
                format!(
                    r#"<pattern id="p{n}" width="1" height="1">{}</pattern>"#,
                    shapes.repeat(9)
                )
            })
            .collect();
        let rules: Vec<String> = (1..10)
            .map(|n| format!(".c{n}{{fill:url(#p{})}}", n - 1))
            .collect();
        let (styled, rules) = (styled.concat(), rules.concat());
        let styled = svg(&format!(
            r#"<style>{rules} rect{{stroke:url(#p9)}}</style>{styled}<rect width="9" height="9"/>"#
        ));
        assert!(matches!(read(&styled), Err(SvgError::TooComplex(_))));
        let deep = svg(&format!("{}{}", "<g>".repeat(500), "</g>".repeat(500)));
        assert_eq!(read(&deep).unwrap_err(), SvgError::TooDeep(128));
        let many = svg(&"<g/>".repeat(200_001));
        assert!(read(&many).is_err());
        let large = svg(&" ".repeat(4 * 1024 * 1024));
        assert!(matches!(read(&large), Err(SvgError::TooLarge { .. })));
        assert_eq!(
            Drawing::read(b"<svg>\xff</svg>", SvgLimits::default()).unwrap_err(),
            SvgError::NotText
        );
        for bad in ["<svg", "<html/>", "", "<svg width='1e39' height='0'/>"] {
            assert!(matches!(read(bad), Err(SvgError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn ordinary_references_are_fine() {
        let body = r##"<style>.a{fill:url(#l)} .b{clip-path:url(#c)}</style>
            <defs><linearGradient id="l"><stop offset="0" stop-color="#00f"/></linearGradient>
            <clipPath id="c"><rect width="10" height="20"/></clipPath></defs>
            <g class="b"><rect class="a" width="40" height="20"/></g>
            <use xlink:href="#self" id="self"/>"##;
        let drawn = read(&svg(body)).unwrap().draw(40, 20).unwrap();
        assert_eq!(pixel(&drawn, 40, 5, 10), [0, 0, 255, 255]);
        assert_eq!(pixel(&drawn, 40, 30, 10), [0; 4]);
    }

    #[test]
    fn a_huge_size_costs_nothing_until_it_is_drawn() {
        let huge = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1e9" height="1e9"/>"#;
        let drawing = read(huge).unwrap();
        assert_eq!(drawing.size(8192), (8192, 8192));
        assert!(drawing.draw(10, 10).is_some());
    }
}
