use std::fs::{File, metadata};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use sm_media_files::{AnimationKind, is_animated, looks_like_svg};

use super::failure::Failure;

/// Bytes that tell every kind apart: of a PNG, whatever may stand before its first picture.
const HEAD_BYTES: u64 = 64 * 1024;

/// What a file holds, by its first bytes. Only what is named here is ever given to a decoder:
/// playlists and descriptions that would make one fetch other addresses are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Png,
    Jpeg,
    Webp,
    /// GIF, and whatever moves of the others.
    Animation(AnimationKind),
    Svg,
    /// MP4 and `QuickTime`.
    Mp4,
    /// `WebM` as well.
    Matroska,
    /// A sound: MP3, AAC, Ogg, FLAC or WAV.
    Audio,
}

/// Looks into the file.
pub(super) fn kind_of(path: &Path) -> Result<Option<FileKind>, Failure> {
    let mut head = Vec::new();
    metadata(path)
        // Opening anything else, such as a named pipe, might wait for ever.
        .and_then(|metadata| {
            if metadata.is_file() {
                File::open(path)
            } else {
                Err(ErrorKind::InvalidInput.into())
            }
        })
        .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
        .map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                Failure::missing()
            } else {
                Failure::unreadable(&error)
            }
        })?;
    Ok(kind_of_head(&head))
}

fn kind_of_head(head: &[u8]) -> Option<FileKind> {
    let at = |start: usize, magic: &[u8]| head.get(start..start + magic.len()) == Some(magic);
    if let Some(kind) = is_animated(head) {
        Some(FileKind::Animation(kind))
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        Some(FileKind::Png)
    } else if at(0, b"\xff\xd8\xff") {
        Some(FileKind::Jpeg)
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some(FileKind::Webp)
    } else if at(4, b"ftyp") || at(4, b"moov") || at(4, b"wide") || at(4, b"mdat") {
        Some(FileKind::Mp4)
    } else if at(0, b"\x1a\x45\xdf\xa3") {
        Some(FileKind::Matroska)
    } else if is_audio(head) {
        Some(FileKind::Audio)
    } else if looks_like_svg(head) {
        Some(FileKind::Svg)
    } else {
        None
    }
}

fn is_audio(head: &[u8]) -> bool {
    let at = |start: usize, magic: &[u8]| head.get(start..start + magic.len()) == Some(magic);
    // Frames of MPEG audio and of AAC begin with twelve set bits.
    let framed = matches!(head, [0xff, second, ..] if *second >= 0xf0 && *second != 0xff);
    at(0, b"ID3")
        || framed
        || at(0, b"OggS")
        || at(0, b"fLaC")
        || (at(0, b"RIFF") && at(8, b"WAVE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        let cases: [(&[u8], Option<FileKind>); 14] = [
            (b"\x89PNG\r\n\x1a\n....", Some(FileKind::Png)),
            (b"\xff\xd8\xff\xe0", Some(FileKind::Jpeg)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(FileKind::Webp)),
            (b"\0\0\0\x20ftypisom", Some(FileKind::Mp4)),
            (b"\x1a\x45\xdf\xa3\x01", Some(FileKind::Matroska)),
            (b"ID3\x04", Some(FileKind::Audio)),
            (b"\xff\xfb\x90", Some(FileKind::Audio)),
            (b"\xff\xff\x90", None),
            (b"fLaC", Some(FileKind::Audio)),
            (b"RIFF\0\0\0\0WAVE", Some(FileKind::Audio)),
            (b"GIF89a", Some(FileKind::Animation(AnimationKind::Gif))),
            (b"<?xml version='1.0'?><svg>", Some(FileKind::Svg)),
            (b"#EXTM3U\nhttp://", None),
            (b"", None),
        ];
        for (head, kind) in cases {
            assert_eq!(kind_of_head(head), kind, "{head:?}");
        }
    }

    #[test]
    fn a_missing_file_is_missing_and_a_folder_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let missing = kind_of(&folder.path().join("nothing")).unwrap_err();
        assert_eq!(missing.code, "layer.source.missing");
        let unreadable = kind_of(folder.path()).unwrap_err();
        assert_eq!(unreadable.code, "layer.source.unreadable");
    }
}
