//! What is read over HTTP: its first bytes say so, and where they do not, its server. Pure.

/// A transport stream's packet, and the byte it begins with.
const TS_PACKET_BYTES: usize = 188;
const TS_SYNC: u8 = 0x47;

/// What a response holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An HLS playlist.
    Playlist,
    /// What this demuxer reads.
    Demuxed(&'static str),
    /// Sound without a picture.
    Sound(Sound),
}

/// Sound without a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// MPEG audio, begun anywhere.
    Mp3,
    /// AAC with a header before each frame, begun anywhere.
    Aac,
    /// A file, or a stream with a head, whose decoder is found by what it holds.
    Found,
}

/// What begins like this.
pub(super) fn content(head: &[u8]) -> Option<Content> {
    let at = |start: usize, magic: &[u8]| head.get(start..start + magic.len()) == Some(magic);
    let synchronised = |packet: usize| {
        head.get(packet * TS_PACKET_BYTES)
            .is_none_or(|byte| *byte == TS_SYNC)
    };
    if at(0, b"#EXTM3U") || at(0, b"\xef\xbb\xbf#EXTM3U") {
        Some(Content::Playlist)
    } else if head.first() == Some(&TS_SYNC) && synchronised(1) && synchronised(2) {
        Some(Content::Demuxed("tsdemux"))
    } else if at(4, b"ftyp") || at(4, b"styp") || at(4, b"moof") || at(4, b"moov") || at(4, b"sidx")
    {
        Some(Content::Demuxed("qtdemux"))
    } else if at(0, b"\x1a\x45\xdf\xa3") {
        Some(Content::Demuxed("matroskademux"))
    } else if at(0, b"FLV\x01") {
        Some(Content::Demuxed("flvdemux"))
    } else if at(0, b"ID3")
        || at(0, b"OggS")
        || at(0, b"fLaC")
        || (at(0, b"RIFF") && at(8, b"WAVE"))
    {
        Some(Content::Sound(Sound::Found))
    } else {
        sound_frame(head).map(Content::Sound)
    }
}

/// The sound whose frame begins here.
fn sound_frame(head: &[u8]) -> Option<Sound> {
    let &[first, second, third, ..] = head else {
        return None;
    };
    if first != 0xff {
        return None;
    }
    // Eleven or twelve bits are set; then version and layer, which are 0 for AAC. Bit rate and
    // sample rate of MPEG audio have values that do not occur.
    match second {
        0xf0 | 0xf1 | 0xf8 | 0xf9 => Some(Sound::Aac),
        _ => {
            let (version, layer) = (second >> 3 & 0b11, second >> 1 & 0b11);
            let (bit_rate, sample_rate) = (third >> 4, third >> 2 & 0b11);
            let frame = second & 0xe0 == 0xe0
                && version != 1
                && layer != 0
                && bit_rate != 15
                && sample_rate != 3;
            frame.then_some(Sound::Mp3)
        }
    }
}

/// What a server says it is, where it begins anywhere, as an internet radio does.
pub(super) fn said_to_be(media_type: &str) -> Option<Content> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "audio/mpeg" | "audio/mp3" => Some(Content::Sound(Sound::Mp3)),
        "audio/aac" | "audio/aacp" | "audio/x-aac" => Some(Content::Sound(Sound::Aac)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_what_its_first_bytes_say() {
        let mut packets = vec![0_u8; 400];
        packets[0] = TS_SYNC;
        assert_eq!(content(&packets), None, "one G makes no stream");
        packets[188] = TS_SYNC;
        packets[376] = TS_SYNC;
        assert_eq!(content(&packets), Some(Content::Demuxed("tsdemux")));
        let sound = |sound| Some(Content::Sound(sound));
        for (head, expected) in [
            (&b"#EXTM3U\n"[..], Some(Content::Playlist)),
            (b"\0\0\0\x20ftypisom", Some(Content::Demuxed("qtdemux"))),
            (b"\x1a\x45\xdf\xa3", Some(Content::Demuxed("matroskademux"))),
            (b"ID3\x04\0", sound(Sound::Found)),
            (b"OggS\0", sound(Sound::Found)),
            (b"RIFF\x10\0\0\0WAVEfmt ", sound(Sound::Found)),
            (b"\xff\xfb\x90\x44", sound(Sound::Mp3)),
            (b"\xff\xf3\x40\xc4", sound(Sound::Mp3)),
            (b"\xff\xf1\x4c\x80", sound(Sound::Aac)),
            (b"\xff\xff\xff\xff", None),
            (b"\xff\xd8\xff\xe0", None),
            (b"RIFF\x10\0\0\0AVI LIST", None),
            (b"<!doctype html>", None),
            (b"\x89PNG\r\n\x1a\n", None),
            (b"", None),
        ] {
            assert_eq!(content(head), expected, "{head:?}");
        }
    }

    #[test]
    fn only_of_streams_that_begin_anywhere_a_server_is_believed() {
        let sound = |sound| Some(Content::Sound(sound));
        assert_eq!(said_to_be("audio/mpeg"), sound(Sound::Mp3));
        assert_eq!(said_to_be("Audio/AACP; charset=x"), sound(Sound::Aac));
        for other in ["audio/ogg", "video/mp4", "text/html", ""] {
            assert_eq!(said_to_be(other), None, "{other}");
        }
    }
}
