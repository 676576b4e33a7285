//! What a layer shows, read kind by kind. A new kind is a new arm here.

use serde_json::{Map, Value};
use sm_common::address::{SOURCE_URL_BYTES_MAX, SourceScheme, SourceUrl};
use sm_common::layer::{
    ClockSource, ColorSource, ImageSource, LayerKind, LayerSource, NetworkSource, OnLoss, Pattern,
    TestPatternSource, TextAlign, TextSource, TextStyle, VideoSource,
};

use super::clock_format::{self, FORMAT_CHARS_MAX};
use super::fault::{Fault, Faults};
use super::field::{Members, boolean, integer, parsed, text};

/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 2000;
/// Longest name of a font family, in characters.
const FONT_CHARS_MAX: usize = 64;
/// Smallest and largest font, in canvas pixels.
const FONT_SIZE: (i64, i64) = (4, 1000);
/// Longest name of a stream that an SRT listener is asked for, in characters.
const STREAM_ID_CHARS_MAX: usize = 512;
/// Shortest and longest wait for late frames, in milliseconds.
const LATENCY_MS: (i64, i64) = (20, 8000);
/// The clock unless said otherwise.
const CLOCK_FORMAT: &str = "%H:%M:%S";

/// Reads the member `source` for a layer of this kind. A source without members may be left out.
pub(crate) fn read(
    kind: LayerKind,
    source: Option<&Value>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<LayerSource> {
    let nothing = Value::Object(Map::new());
    let mut fields = Members::of(source.unwrap_or(&nothing), pointer, faults)?;
    let source = match kind {
        LayerKind::Color => fields
            .required("color", faults, parsed)
            .map(|color| LayerSource::Color(ColorSource { color })),
        LayerKind::TestPattern => fields
            .or("pattern", Pattern::default(), faults, parsed)
            .map(|pattern| LayerSource::TestPattern(TestPatternSource { pattern })),
        LayerKind::Image => fields
            .required("asset", faults, parsed)
            .map(|asset| LayerSource::Image(ImageSource { asset })),
        LayerKind::Video => {
            let asset = fields.required("asset", faults, parsed);
            let looping = fields.or("loop", true, faults, boolean);
            asset
                .zip(looping)
                .map(|(asset, looping)| LayerSource::Video(VideoSource { asset, looping }))
        }
        LayerKind::Text => {
            let text = fields.required("text", faults, text(0, TEXT_CHARS_MAX, true));
            let style = read_style(&mut fields, faults);
            text.zip(style)
                .map(|(text, style)| LayerSource::Text(TextSource { text, style }))
        }
        LayerKind::Clock => {
            let format = fields.or("format", CLOCK_FORMAT.to_owned(), faults, read_format);
            let style = read_style(&mut fields, faults);
            format
                .zip(style)
                .map(|(format, style)| LayerSource::Clock(ClockSource { format, style }))
        }
        LayerKind::Network => read_network(&mut fields, faults).map(LayerSource::Network),
    };
    fields.finish(faults);
    source
}

fn read_network(fields: &mut Members<'_>, faults: &mut Faults) -> Option<NetworkSource> {
    let (least, most) = LATENCY_MS;
    let url = fields.required("url", faults, read_url);
    let stream_id = fields.or("stream_id", None, faults, |value| {
        text(1, STREAM_ID_CHARS_MAX, false)(value).map(Some)
    });
    let latency_ms = fields.or(
        "latency_ms",
        NetworkSource::LATENCY_MS,
        faults,
        integer(least, most),
    );
    let on_loss = fields.or("on_loss", OnLoss::default(), faults, parsed);
    let (url, scheme) = url?;
    let stream_id = stream_id?;
    if stream_id.is_some() && scheme != SourceScheme::Srt {
        faults.value(fields.pointer_to("stream_id"), "only SRT has one");
        return None;
    }
    Some(NetworkSource {
        url,
        stream_id,
        latency_ms: latency_ms?,
        on_loss: on_loss?,
    })
}

fn read_url(value: &Value) -> Result<(String, SourceScheme), Fault> {
    let url = text(1, SOURCE_URL_BYTES_MAX, false)(value)?;
    let scheme = SourceUrl::parse(&url)
        .map_err(|refused| Fault::Value(refused.to_string()))?
        .scheme();
    Ok((url, scheme))
}

fn read_format(value: &Value) -> Result<String, Fault> {
    let format = text(1, FORMAT_CHARS_MAX, false)(value)?;
    clock_format::check(&format)?;
    Ok(format)
}

fn read_style(source: &mut Members<'_>, faults: &mut Faults) -> Option<TextStyle> {
    let standard = TextStyle::default();
    let Some(value) = source.raw("style") else {
        return Some(standard);
    };
    let mut fields = Members::of(value, &source.pointer_to("style"), faults)?;
    let (smallest, largest) = FONT_SIZE;
    let font = fields.or("font", standard.font, faults, read_font);
    let size = fields.or("size", standard.size, faults, integer(smallest, largest));
    let bold = fields.or("bold", standard.bold, faults, boolean);
    let color = fields.or("color", standard.color, faults, parsed);
    let background = fields.or("background", None, faults, |value| parsed(value).map(Some));
    let align = fields.or("align", TextAlign::default(), faults, parsed);
    fields.finish(faults);
    Some(TextStyle {
        font: font?,
        size: size?,
        bold: bold?,
        color: color?,
        background: background?,
        align: align?,
    })
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

    fn faults(kind: LayerKind, source: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        read(kind, Some(source), "/source", &mut faults);
        let errors = faults.into_errors().into_iter();
        errors.map(|error| error.pointer).collect()
    }

    #[test]
    fn every_source_reads_back_as_it_is_written() {
        let asset = "ab".repeat(32);
        let style = json!({"font": "DejaVu Sans", "size": 40, "bold": true, "color": "#ffffff",
            "background": "#00000080", "align": "center"});
        let sources = [
            json!({"kind": "color", "source": {"color": "#10203040"}}),
            json!({"kind": "test-pattern", "source": {"pattern": "ball"}}),
            json!({"kind": "image", "source": {"asset": asset}}),
            json!({"kind": "video", "source": {"asset": asset, "loop": false}}),
            json!({"kind": "text", "source": {"text": "a\nb", "style": style}}),
            json!({"kind": "clock", "source": {"format": "%T", "style": style}}),
            json!({"kind": "network", "source": {"url": "srt://a.example:9000", "stream_id": "a",
                "latency_ms": 20, "on_loss": "hold"}}),
        ];
        assert_eq!(sources.len(), LayerKind::ALL.len());
        for written in sources {
            let kind = parsed(&written["kind"]).unwrap();
            let mut faults = Faults::default();
            let source = read(kind, Some(&written["source"]), "/source", &mut faults);
            assert_eq!(serde_json::to_value(source.unwrap()).unwrap(), written);
        }
    }

    #[test]
    fn what_may_be_left_out_has_the_same_default_as_on_the_wire() {
        for (kind, source) in [
            (LayerKind::TestPattern, json!({})),
            (LayerKind::Video, json!({"asset": "ab".repeat(32)})),
            (LayerKind::Text, json!({"text": "a"})),
            (LayerKind::Clock, json!({})),
            (
                LayerKind::Network,
                json!({"url": "http://a.example/a.m3u8"}),
            ),
        ] {
            let read = read(kind, Some(&source), "", &mut Faults::default()).unwrap();
            let derived: LayerSource =
                serde_json::from_value(json!({"kind": kind, "source": source})).unwrap();
            assert_eq!(read, derived);
        }
    }

    #[test]
    fn every_wrong_member_is_named() {
        let text = json!({"text": "x".repeat(2001), "speed": 3, "style": {
            "font": "DejaVu; rm", "size": 3, "bold": "yes", "color": "red",
            "background": 7, "align": "top", "shadow": true,
        }});
        assert_eq!(
            faults(LayerKind::Text, &text),
            [
                "/source/text",
                "/source/style/font",
                "/source/style/size",
                "/source/style/bold",
                "/source/style/color",
                "/source/style/background",
                "/source/style/align",
                "/source/style/shadow",
                "/source/speed",
            ]
        );
        assert_eq!(
            faults(LayerKind::Clock, &json!({"format": "%Q"})),
            ["/source/format"]
        );
        assert_eq!(
            faults(LayerKind::Image, &json!({"asset": "../../etc/passwd"})),
            ["/source/asset"]
        );
        assert_eq!(faults(LayerKind::Color, &json!({})), ["/source/color"]);
        assert_eq!(faults(LayerKind::Color, &json!("#102030")), ["/source"]);
    }
}
