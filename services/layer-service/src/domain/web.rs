//! A web page, read from the members of its source.

use serde_json::Value;
use sm_common::address::{SOURCE_URL_BYTES_MAX, SourceScheme, SourceUrl};
use sm_common::layer::{OnLoss, WebSource};

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed, text};

/// Narrowest and widest page.
const WIDTH: (i64, i64) = (16, 1920);
/// Lowest and highest page.
const HEIGHT: (i64, i64) = (16, 1080);
/// Fewest and most pictures a second.
const FRAMERATE: (i64, i64) = (1, 60);
/// Smallest and largest content, in percent.
const ZOOM: (i64, i64) = (25, 400);
/// Longest rules that are added, in characters.
const CSS_CHARS_MAX: usize = 4000;
/// Shortest and longest time between two loads, in seconds.
const RELOAD_S: (i64, i64) = (10, 86_400);

/// Reads the members of a web page's source.
pub(crate) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<WebSource> {
    let url = fields.required("url", faults, read_url);
    let width = fields.or("width", WebSource::WIDTH, faults, within(WIDTH));
    let height = fields.or("height", WebSource::HEIGHT, faults, within(HEIGHT));
    let framerate = fields.or("framerate", WebSource::FRAMERATE, faults, within(FRAMERATE));
    let zoom = fields.or("zoom", WebSource::ZOOM, faults, within(ZOOM));
    let css = fields.or("css", String::new(), faults, text(0, CSS_CHARS_MAX, true));
    let reload_s = fields.or("reload_s", None, faults, |value| {
        within(RELOAD_S)(value).map(Some)
    });
    let on_loss = fields.or("on_loss", OnLoss::default(), faults, parsed);
    Some(WebSource {
        url: url?,
        width: width?,
        height: height?,
        framerate: framerate?,
        zoom: zoom?,
        css: css?,
        reload_s: reload_s?,
        on_loss: on_loss?,
    })
}

fn within((min, max): (i64, i64)) -> impl FnOnce(&Value) -> Result<u32, Fault> {
    integer(min, max)
}

fn read_url(value: &Value) -> Result<String, Fault> {
    let url = text(1, SOURCE_URL_BYTES_MAX, false)(value)?;
    let scheme = SourceUrl::parse(&url)
        .map_err(|refused| Fault::Value(refused.to_string()))?
        .scheme();
    match scheme {
        SourceScheme::Http | SourceScheme::Https => Ok(url),
        SourceScheme::Rtmp
        | SourceScheme::Rtmps
        | SourceScheme::Rtsp
        | SourceScheme::Rtsps
        | SourceScheme::Srt => Err(Fault::Value(
            "must be the http:// or https:// address of a page".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_wrong_member_is_named_with_its_bound() {
        let source = json!({"url": "rtmp://example.com/a/b", "width": 15, "height": 1081,
            "framerate": 0, "zoom": 401, "css": "x".repeat(4001), "reload_s": 9,
            "on_loss": "cry", "script": "alert(1)"});
        let mut faults = Faults::default();
        let mut fields = Members::of(&source, "/source", &mut faults).unwrap();
        assert_eq!(read(&mut fields, &mut faults), None);
        fields.finish(&mut faults);
        let errors = faults.into_errors().into_iter();
        let named: Vec<_> = errors
            .map(|error| format!("{} {}", error.pointer, error.detail))
            .collect();
        let starts = [
            "/source/url must be the http:// or https://",
            "/source/width must be a whole number from 16 to 1920",
            "/source/height must be a whole number from 16 to 1080",
            "/source/framerate must be a whole number from 1 to 60",
            "/source/zoom must be a whole number from 25 to 400",
            "/source/css must have 0 to 4000",
            "/source/reload_s must be a whole number from 10 to 86400",
            "/source/on_loss ",
            "/source/script ",
        ];
        assert_eq!(named.len(), starts.len(), "{named:?}");
        for (named, start) in named.iter().zip(starts) {
            assert!(named.starts_with(start), "{named}");
        }
    }
}
