//! The multivariant playlist: which encodings of the program there are to choose from. Pure.

use std::fmt::Write as _;

use super::playlist::Variant;

/// The version of HLS that the media playlists have.
const HLS_VERSION: u8 = 7;
/// AAC, low complexity: the only kind that the worker makes.
const AUDIO_CODEC: &str = "mp4a.40.2";

/// The playlist as text. `codecs` are those of the picture, by the place of the variant;
/// `query` is appended to every address, `?` included.
pub(crate) fn render(variants: &[(Variant, Option<String>)], query: &str) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{HLS_VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (variant, codec) in variants {
        let Variant {
            uri,
            size: (width, height),
            framerate,
            peak_bps,
            average_bps,
            ..
        } = variant;
        let codecs = codec
            .as_ref()
            .map(|codec| format!(",CODECS=\"{codec},{AUDIO_CODEC}\""))
            .unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak_bps},AVERAGE-BANDWIDTH={average_bps}{codecs},\
             RESOLUTION={width}x{height},FRAME-RATE={framerate}.000\n{uri}{query}"
        );
    }
    text
}

/// The codec of the picture, as RFC 6381 writes it: what the initialisation section says of it.
pub(crate) fn picture_codec(initialisation: &[u8]) -> Option<String> {
    // The box's name is followed by version, profile, compatibility and level (ISO 14496-15).
    let after = initialisation.windows(4).position(|name| name == b"avcC")?;
    let record = initialisation.get(after.checked_add(4)?..)?;
    let [_version, profile, compatibility, level, ..] = record else {
        return None;
    };
    Some(format!("avc1.{profile:02X}{compatibility:02X}{level:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_told_with_what_it_needs() {
        let variant = |uri: &str, height: u32| Variant {
            uri: uri.to_owned(),
            init: "init-a.mp4".parse().unwrap(),
            size: (height * 16 / 9, height),
            framerate: 30,
            peak_bps: 3_000_000,
            average_bps: 2_500_000,
        };
        let variants = [
            (variant("index.m3u8", 720), Some("avc1.4D401F".to_owned())),
            (variant("360p.m3u8", 360), None),
        ];
        assert_eq!(
            render(&variants, "?signature=x"),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,\
             CODECS=\"avc1.4D401F,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000\n\
             index.m3u8?signature=x\n\
             #EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,\
             RESOLUTION=640x360,FRAME-RATE=30.000\n360p.m3u8?signature=x\n"
        );
    }

    #[test]
    fn the_codec_is_read_from_the_initialisation_section() {
        let section = b"....avcC\x01\x4d\x40\x1f\xff...";
        assert_eq!(picture_codec(section).as_deref(), Some("avc1.4D401F"));
        for nothing in [&b""[..], b"init", b"avcC", b"avcC\x01\x4d\x40"] {
            assert_eq!(picture_codec(nothing), None);
        }
    }
}
