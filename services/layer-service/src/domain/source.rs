//! What a layer shows, read kind by kind. A new kind is a new arm here.

use serde_json::{Map, Value};
use sm_common::layer::{
    ClockSource, ColorSource, ImageSource, LayerKind, LayerSource, Pattern, TestPatternSource,
    TextSource,
};

use super::clock_format::{self, FORMAT_CHARS_MAX};
use super::fault::{Fault, Faults};
use super::field::{Members, parsed, text};
use super::{
    chat, countdown, gradient, ingest, network, playback, playlist, text_style, ticker, web,
};

/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 2000;
/// Longest name of a time zone, in characters.
const TIMEZONE_CHARS_MAX: usize = 64;
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
        LayerKind::Video => playback::read_video(&mut fields, faults).map(LayerSource::Video),
        LayerKind::Audio => playback::read_audio(&mut fields, faults).map(LayerSource::Audio),
        LayerKind::Playlist => playlist::read(&mut fields, faults).map(LayerSource::Playlist),
        LayerKind::Text => {
            let text = fields.required("text", faults, text(0, TEXT_CHARS_MAX, true));
            let style = text_style::read(&mut fields, faults);
            text.zip(style)
                .map(|(text, style)| LayerSource::Text(TextSource { text, style }))
        }
        LayerKind::Clock => {
            let format = fields.or("format", CLOCK_FORMAT.to_owned(), faults, read_format);
            let timezone = fields.or("timezone", None, faults, |value| {
                read_timezone(value).map(Some)
            });
            let style = text_style::read(&mut fields, faults);
            format
                .zip(timezone)
                .zip(style)
                .map(|((format, timezone), style)| ClockSource {
                    format,
                    timezone,
                    style,
                })
                .map(LayerSource::Clock)
        }
        LayerKind::Gradient => gradient::read(&mut fields, faults).map(LayerSource::Gradient),
        LayerKind::Countdown => countdown::read(&mut fields, faults).map(LayerSource::Countdown),
        LayerKind::Ticker => ticker::read(&mut fields, faults).map(LayerSource::Ticker),
        LayerKind::Network => network::read(&mut fields, faults).map(LayerSource::Network),
        LayerKind::Web => web::read(&mut fields, faults).map(LayerSource::Web),
        LayerKind::Ingest => ingest::read(&mut fields, faults).map(LayerSource::Ingest),
        LayerKind::Chat => chat::read(&mut fields, faults).map(LayerSource::Chat),
    };
    fields.finish(faults);
    source
}

fn read_timezone(value: &Value) -> Result<String, Fault> {
    let name = text(1, TIMEZONE_CHARS_MAX, false)(value)?;
    match jiff::tz::TimeZone::get(&name) {
        Ok(_) => Ok(name),
        Err(_unknown) => Err(Fault::Value(
            "must be a name of the IANA time zone database, such as Europe/Berlin".to_owned(),
        )),
    }
}

fn read_format(value: &Value) -> Result<String, Fault> {
    let format = text(1, FORMAT_CHARS_MAX, false)(value)?;
    clock_format::check(&format)?;
    Ok(format)
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
        let style = json!({"font": "DejaVu Sans", "font_asset": asset, "size": 40, "bold": true, "italic": true,
            "color": "#ffffff", "background": "#00000080", "background_radius": 8, "padding": 12,
            "align": "center", "vertical_align": "bottom", "wrap": "none", "shrink": true,
            "line_spacing": 120, "letter_spacing": -2,
            "outline": {"color": "#000000", "width": 3},
            "shadow": {"color": "#00000080", "x": -3, "y": 4, "blur": 6}});
        let sources = [
            json!({"kind": "color", "source": {"color": "#10203040"}}),
            json!({"kind": "test-pattern", "source": {"pattern": "ball"}}),
            json!({"kind": "image", "source": {"asset": asset}}),
            json!({"kind": "video", "source": {"asset": asset, "loop": false, "in_ms": 500,
                "out_ms": 2500, "at_end": "next", "next": sm_common::id::LayerId::generate()}}),
            json!({"kind": "audio", "source": {"asset": asset, "loop": false, "in_ms": 500,
                "at_end": "hide"}}),
            json!({"kind": "text", "source": {"text": "a\nb", "style": style}}),
            json!({"kind": "clock", "source": {"format": "%T", "timezone": "Asia/Kolkata",
                "style": style}}),
            json!({"kind": "gradient", "source": {"angle": 90,
                "shape": "radial", "stops": [
                {"offset": 0, "color": "#000000"}, {"offset": 100, "color": "#ffffff80"}]}}),
            json!({"kind": "playlist", "source": {"items": [
                {"asset": asset, "in_ms": 100, "out_ms": 900, "duration_ms": 10_000},
                {"asset": asset, "duration_ms": 500}], "loop": false, "shuffle": true,
                "at_end": "hide"}}),
            json!({"kind": "countdown", "source": {"duration_s": 60,
                "started_at": "2026-01-01T00:00:00Z", "format": "%M:%S", "at_zero": "count-up",
                "text_before": "in ", "text_after": "!", "style": style}}),
            json!({"kind": "ticker", "source": {"items": ["a", "b"], "separator": " + ",
                "speed": 60, "direction": "right", "style": style}}),
            json!({"kind": "network", "source": {"url": "srt://a.example:9000", "stream_id": "a",
                "latency_ms": 20, "on_loss": "hold"}}),
            json!({"kind": "web", "source": {"url": "https://a.example/b?c", "width": 640,
                "height": 360, "framerate": 25, "zoom": 150, "css": "body { color: red }",
                "reload_s": 60, "on_loss": "hold"}}),
            json!({"kind": "ingest", "source": {"protocol": "rtmp", "generation": 3,
                "latency_ms": 20, "on_loss": "hold"}}),
            json!({"kind": "chat", "source": {"max_messages": 5, "max_age_s": 60, "fade_ms": 100,
                "order": "newest-above", "entrance": "fade", "entrance_ms": 300, "gap": 4,
                "names": false, "name_color": "#ff8000", "style": style}}),
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
            (LayerKind::Countdown, json!({"to": "2026-01-01T00:00:00Z"})),
            (LayerKind::Ticker, json!({"text": "a"})),
            (LayerKind::Chat, json!({})),
            (LayerKind::Web, json!({"url": "http://a.example/"})),
            (
                LayerKind::Network,
                json!({"url": "http://a.example/a.m3u8"}),
            ),
            (LayerKind::Ingest, json!({})),
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
            "font": "DejaVu; rm", "font_asset": "../x", "size": 3, "bold": "yes", "color": "red",
            "background": 7, "align": "top", "shadow": true,
            "vertical_align": "left", "wrap": "letters", "shrink": 1, "line_spacing": 401,
            "letter_spacing": -101, "padding": -1, "background_radius": 1001, "italic": 0,
            "outline": {"color": "black", "width": 0, "style": "dotted"},
        }});
        assert_eq!(
            faults(LayerKind::Text, &text),
            [
                "/source/text",
                "/source/style/font",
                "/source/style/font_asset",
                "/source/style/size",
                "/source/style/bold",
                "/source/style/italic",
                "/source/style/color",
                "/source/style/background",
                "/source/style/background_radius",
                "/source/style/padding",
                "/source/style/align",
                "/source/style/vertical_align",
                "/source/style/wrap",
                "/source/style/shrink",
                "/source/style/line_spacing",
                "/source/style/letter_spacing",
                "/source/style/outline/color",
                "/source/style/outline/width",
                "/source/style/outline/style",
                "/source/style/shadow",
                "/source/speed",
            ]
        );
        for timezone in ["Mars/Olympus", "", "../etc/passwd", "UTC+25"] {
            assert_eq!(
                faults(
                    LayerKind::Clock,
                    &json!({"format": "%Q", "timezone": timezone})
                ),
                ["/source/format", "/source/timezone"]
            );
        }
        assert_eq!(
            faults(LayerKind::Image, &json!({"asset": "../../etc/passwd"})),
            ["/source/asset"]
        );
        assert_eq!(faults(LayerKind::Color, &json!({})), ["/source/color"]);
        assert_eq!(faults(LayerKind::Color, &json!("#102030")), ["/source"]);
    }
}
