//! What an uploaded file may be, decided by its bytes.

use sm_common::asset::AssetKind;
use sm_media_files::looks_like_svg;

/// Bytes from the beginning of a file that are enough to tell its type.
pub(crate) const HEAD_BYTES: usize = 4096;
/// The media type of drawings.
pub(crate) const SVG: &str = "image/svg+xml";
/// Longest file name, in characters.
const NAME_CHARS_MAX: usize = 255;

/// A type of file that the engine can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentType {
    pub(crate) kind: AssetKind,
    /// The media type.
    pub(crate) media_type: &'static str,
}

impl ContentType {
    /// The same once the file was decoded: a container of videos without a picture is a sound.
    pub(crate) fn decoded(self, has_picture: bool) -> Self {
        if self.kind != AssetKind::Video || has_picture {
            return self;
        }
        let media_type = match self.media_type {
            "video/webm" => "audio/webm",
            "video/x-matroska" => "audio/x-matroska",
            _ => "audio/mp4",
        };
        Self {
            kind: AssetKind::Audio,
            media_type,
        }
    }
}

/// Why a file cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unacceptable {
    #[error(
        "the file is {found}; send a PNG, JPEG, WebP, GIF or SVG picture, an MP4, QuickTime, WebM or Matroska video, an MP3, AAC, Ogg, FLAC or WAV sound, or a TrueType or OpenType font"
    )]
    Type { found: String },
    #[error("the upload says {declared}, the file is {found}")]
    Lie {
        declared: String,
        found: &'static str,
    },
    #[error("the header of the picture cannot be read")]
    Header,
    #[error(
        "the picture has {width}x{height} pixels; at most {side_max} on a side and {pixels_max} in all are taken"
    )]
    Dimensions {
        width: u64,
        height: u64,
        side_max: u32,
        pixels_max: u64,
    },
    #[error("a file name has 1 to 255 characters, no slash, no backslash and no control character")]
    Name,
}

/// The type of a file that begins with `head` and was sent as `declared`.
///
/// A sender that knows nothing says nothing, or `application/octet-stream`. Containers of videos
/// are so alike that senders mix them up; a picture sent as another type is a lie.
pub(crate) fn content_type(
    head: &[u8],
    declared: Option<&str>,
) -> Result<ContentType, Unacceptable> {
    let sniffed = infer::get(head).map(|found| found.mime_type());
    let (kind, media_type) = match sniffed {
        Some("image/png") => (AssetKind::Image, "image/png"),
        Some("image/jpeg") => (AssetKind::Image, "image/jpeg"),
        Some("image/webp") => (AssetKind::Image, "image/webp"),
        Some("image/gif") => (AssetKind::Image, "image/gif"),
        _ if looks_like_svg(head) => (AssetKind::Image, SVG),
        Some("video/mp4" | "video/x-m4v") => (AssetKind::Video, "video/mp4"),
        Some("video/quicktime") => (AssetKind::Video, "video/quicktime"),
        Some("video/webm") => (AssetKind::Video, "video/webm"),
        Some("video/x-matroska") => (AssetKind::Video, "video/x-matroska"),
        Some("audio/mpeg") => (AssetKind::Audio, "audio/mpeg"),
        Some("audio/aac") => (AssetKind::Audio, "audio/aac"),
        Some("audio/m4a") => (AssetKind::Audio, "audio/mp4"),
        Some("audio/ogg" | "audio/opus") => (AssetKind::Audio, "audio/ogg"),
        Some("audio/x-flac") => (AssetKind::Audio, "audio/flac"),
        Some("audio/x-wav") => (AssetKind::Audio, "audio/wav"),
        Some("application/font-sfnt") => (AssetKind::Font, font_type(head)),
        other => {
            let found = other.unwrap_or("of no known type").to_owned();
            return Err(Unacceptable::Type { found });
        }
    };
    let honest = declared.is_none_or(|declared| match (declared, kind) {
        ("application/octet-stream", _) => true,
        ("image/jpg", AssetKind::Image) => media_type == "image/jpeg",
        (declared, AssetKind::Image) => declared == media_type,
        (declared, AssetKind::Video) => declared.starts_with("video/"),
        // Some call sounds in the containers of videos so.
        (declared, AssetKind::Audio) => {
            declared.starts_with("audio/") || declared == "video/mp4" || declared == "video/ogg"
        }
        (declared, AssetKind::Font) => {
            declared.starts_with("font/") || declared.starts_with("application/")
        }
    });
    if honest {
        Ok(ContentType { kind, media_type })
    } else {
        Err(Unacceptable::Lie {
            declared: declared.unwrap_or_default().to_owned(),
            found: media_type,
        })
    }
}

fn font_type(head: &[u8]) -> &'static str {
    if head.starts_with(b"OTTO") {
        "font/otf"
    } else {
        "font/ttf"
    }
}

/// The most pixels a picture may have: decoding costs memory by pixels, not by bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PixelLimits {
    /// On a side.
    pub(crate) side_max: u32,
    /// In all.
    pub(crate) pixels_max: u64,
}

/// The size of a picture whose header says `width` and `height`.
pub(crate) fn dimensions(
    width: usize,
    height: usize,
    limits: PixelLimits,
) -> Result<(u32, u32), Unacceptable> {
    let wide = |side: usize| u64::try_from(side).unwrap_or(u64::MAX);
    let PixelLimits {
        side_max,
        pixels_max,
    } = limits;
    let side = |side: usize| u32::try_from(side).ok().filter(|side| *side <= side_max);
    let pixels = wide(width).saturating_mul(wide(height));
    match (side(width), side(height)) {
        (Some(0), _) | (_, Some(0)) => Err(Unacceptable::Header),
        (Some(width), Some(height)) if pixels <= pixels_max => Ok((width, height)),
        _ => Err(Unacceptable::Dimensions {
            width: wide(width),
            height: wide(height),
            side_max,
            pixels_max,
        }),
    }
}

/// The name that a file is listed under; never part of a path.
pub(crate) fn file_name(name: Option<&str>) -> Result<String, Unacceptable> {
    let name = name.unwrap_or("upload").trim();
    let allowed = |c: char| !c.is_control() && c != '/' && c != '\\';
    let count = name.chars().count();
    let climbs = name.chars().all(|c| c == '.');
    if (1..=NAME_CHARS_MAX).contains(&count) && !climbs && name.chars().all(allowed) {
        Ok(name.to_owned())
    } else {
        Err(Unacceptable::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PixelLimits = PixelLimits {
        side_max: 8192,
        pixels_max: 40_000_000,
    };

    fn matroska(doc_type: &[u8]) -> Vec<u8> {
        let mut head = vec![0x1a, 0x45, 0xdf, 0xa3, 0xa3, 0x42, 0x82];
        head.push(0x80 | u8::try_from(doc_type.len()).unwrap());
        head.extend_from_slice(doc_type);
        head.resize(400, 0);
        head
    }

    #[test]
    fn the_bytes_decide_what_a_file_is() {
        let png = b"\x89PNG\r\n\x1a\n0000".to_vec();
        let webp = b"RIFF\x10\0\0\0WEBPVP8 ".to_vec();
        let cases: [(Vec<u8>, Option<&str>); 17] = [
            (png.clone(), Some("image/png")),
            (b"\xff\xd8\xff\xe0".to_vec(), Some("image/jpeg")),
            (webp, Some("image/webp")),
            (b"\0\0\0\x18ftypisom".to_vec(), Some("video/mp4")),
            (
                b"\0\0\0\x14ftypqt  \0\0\0\0".to_vec(),
                Some("video/quicktime"),
            ),
            (matroska(b"webm"), Some("video/webm")),
            (matroska(b"matroska"), Some("video/x-matroska")),
            (b"GIF89a\x01\0\x01\0".to_vec(), Some("image/gif")),
            (b"<?xml version='1.0'?><svg>".to_vec(), Some(SVG)),
            (b"ID3\x04\0\0\0\0\0\0".to_vec(), Some("audio/mpeg")),
            (b"fLaC\0\0\0\x22".to_vec(), Some("audio/flac")),
            (b"OggS\0\x02\0\0".to_vec(), Some("audio/ogg")),
            (b"RIFF\x10\0\0\0WAVEfmt ".to_vec(), Some("audio/wav")),
            (b"\0\0\0\x18ftypM4A \0\0".to_vec(), Some("audio/mp4")),
            (b"\0\x01\0\0\0\x0a\0\x80".to_vec(), Some("font/ttf")),
            (b"<!doctype html><script>".to_vec(), None),
            (Vec::new(), None),
        ];
        for (head, expected) in cases {
            let found = content_type(&head, None).ok().map(|found| found.media_type);
            assert_eq!(found, expected, "{head:?}");
        }
        let zip = content_type(b"PK\x03\x04\x14\0\0\0", None).unwrap_err();
        assert!(zip.to_string().contains("application/zip"), "{zip}");
    }

    #[test]
    fn a_sender_that_lies_about_the_type_is_refused() {
        let png = b"\x89PNG\r\n\x1a\n0000";
        let mp4 = b"\0\0\0\x18ftypisom";
        for honest in [None, Some("image/png"), Some("application/octet-stream")] {
            assert!(content_type(png, honest).is_ok(), "{honest:?}");
        }
        for lie in ["image/jpeg", "video/mp4", "text/html", "image/svg+xml"] {
            assert!(content_type(png, Some(lie)).is_err(), "{lie}");
        }
        assert!(content_type(mp4, Some("video/quicktime")).is_ok());
        assert!(content_type(mp4, Some("image/png")).is_err());
    }

    #[test]
    fn a_container_of_videos_without_a_picture_is_a_sound() {
        let [mp4, webm, wav] = [
            b"\0\0\0\x18ftypisom".to_vec(),
            matroska(b"webm"),
            b"RIFF\x10\0\0\0WAVEfmt ".to_vec(),
        ]
        .map(|head| content_type(&head, None).unwrap());
        for (content, has_picture, media_type) in [
            (mp4, true, "video/mp4"),
            (mp4, false, "audio/mp4"),
            (webm, false, "audio/webm"),
            (wav, false, "audio/wav"),
        ] {
            let decoded = content.decoded(has_picture);
            assert_eq!(decoded.media_type, media_type);
            assert_eq!(decoded.kind == AssetKind::Video, has_picture);
        }
    }

    #[test]
    fn a_picture_is_bounded_by_its_sides_and_its_pixels() {
        assert_eq!(dimensions(8192, 4000, LIMITS), Ok((8192, 4000)));
        assert_eq!(dimensions(0, 10, LIMITS), Err(Unacceptable::Header));
        for (width, height) in [
            (8193, 1),
            (1, 8193),
            (8192, 8192),
            (30_000, 30_000),
            (usize::MAX, usize::MAX),
        ] {
            let refused = dimensions(width, height, LIMITS);
            assert!(matches!(refused, Err(Unacceptable::Dimensions { .. })));
        }
    }

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(file_name(Some(" Été 1.png ")).unwrap(), "Été 1.png");
        assert_eq!(file_name(None).unwrap(), "upload");
        let long = "x".repeat(256);
        for bad in [
            "",
            "..",
            ".",
            "../../etc/passwd",
            "a/b.png",
            "C:\\a.png",
            "a\0.png",
            "a\nb",
            &long,
        ] {
            assert!(file_name(Some(bad)).is_err(), "{bad:?}");
        }
    }
}
