//! Tables: which program there is, and which packets are its picture and its sound.

use super::super::flv::Unsupported;

/// The packets of the table of programs.
pub(super) const PROGRAMS_PID: u16 = 0;

const PROGRAMS_TABLE: u8 = 0;
const PROGRAM_TABLE: u8 = 2;
/// Bytes of a section before its body, and of its checksum behind it.
const SECTION_HEAD_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;
/// Names the format of a private stream.
const REGISTRATION: u8 = 5;

/// Where picture and sound are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) video: Option<u16>,
    pub(super) audio: Option<u16>,
}

/// What is in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    H264,
    Aac,
    OtherVideo,
    OtherAudio,
    /// Anything else, such as captions or marks.
    Data,
}

/// The packets that describe the first program; `None` in a section that does not say.
pub(super) fn first_program(section: &[u8]) -> Option<u16> {
    let mut programs = body(section, PROGRAMS_TABLE)?;
    while let Some((&[high, low, pid_high, pid_low], rest)) = programs.split_first_chunk() {
        // Number nought is the network's own table.
        if [high, low] != [0, 0] {
            return Some(pid_of(pid_high, pid_low));
        }
        programs = rest;
    }
    None
}

/// The streams of a program; `None` in a section that does not say.
pub(super) fn program(section: &[u8]) -> Option<Result<Program, Unsupported>> {
    let (&[_, _, high, low], rest) = body(section, PROGRAM_TABLE)?.split_first_chunk()?;
    let (_descriptors, mut streams) = rest.split_at_checked(length_of(high, low))?;
    let mut found = Found::default();
    while let Some((&[kind, pid_high, pid_low, high, low], rest)) = streams.split_first_chunk() {
        let (descriptors, rest) = rest.split_at_checked(length_of(high, low))?;
        found.note(content(kind, descriptors), pid_of(pid_high, pid_low));
        streams = rest;
    }
    Some(found.program())
}

/// What was seen of a program so far.
#[derive(Default)]
struct Found {
    program: Program,
    other_video: bool,
    other_audio: bool,
}

impl Found {
    fn note(&mut self, content: Content, pid: u16) {
        match content {
            Content::H264 => self.program.video = self.program.video.or(Some(pid)),
            Content::Aac => self.program.audio = self.program.audio.or(Some(pid)),
            Content::OtherVideo => self.other_video = true,
            Content::OtherAudio => self.other_audio = true,
            Content::Data => {}
        }
    }

    /// A program is taken when there is one of each kind that can be.
    fn program(self) -> Result<Program, Unsupported> {
        match self.program {
            Program { video: None, .. } if self.other_video => Err(Unsupported::Video),
            Program { audio: None, .. } if self.other_audio => Err(Unsupported::Audio),
            program => Ok(program),
        }
    }
}

fn content(kind: u8, descriptors: &[u8]) -> Content {
    match kind {
        0x1b => Content::H264,
        0x0f => Content::Aac,
        // MPEG-1, MPEG-2, MPEG-4, the layers of H.264 that need another one, JPEG 2000, H.265,
        // H.266, and AVS.
        0x01 | 0x02 | 0x10 | 0x1f | 0x20 | 0x21 | 0x24 | 0x33 | 0x42 | 0xd2 => Content::OtherVideo,
        // MPEG-1 and MPEG-2, AAC in another form, AC-3, DTS, and E-AC-3.
        0x03 | 0x04 | 0x11 | 0x81 | 0x82 | 0x87 => Content::OtherAudio,
        0x06 => private(descriptors),
        _ => Content::Data,
    }
}

/// What a private stream says that it is.
fn private(mut descriptors: &[u8]) -> Content {
    while let Some((&[tag, length], rest)) = descriptors.split_first_chunk() {
        let Some((text, rest)) = rest.split_at_checked(length.into()) else {
            break;
        };
        match (tag, text.get(..4)) {
            (REGISTRATION, Some(b"HEVC" | b"AV01" | b"VVC ")) => return Content::OtherVideo,
            (REGISTRATION, Some(b"Opus" | b"AC-3" | b"EAC3" | b"BSSD")) => {
                return Content::OtherAudio;
            }
            // AC-3, E-AC-3, DTS and AAC as DVB has them.
            (0x6a | 0x7a | 0x7b | 0x7c, _) => return Content::OtherAudio,
            _ => {}
        }
        descriptors = rest;
    }
    Content::Data
}

/// What a section of the table holds, if it is in force.
fn body(section: &[u8], table: u8) -> Option<&[u8]> {
    let (&[kind, _, _, _, _, version, _, _], rest) =
        section.split_first_chunk::<SECTION_HEAD_BYTES>()?;
    let is_current = version & 1 != 0;
    let length = rest.len().checked_sub(CHECKSUM_BYTES)?;
    (kind == table && is_current).then(|| rest.get(..length))?
}

const fn pid_of(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high & 0x1f, low])
}

fn length_of(high: u8, low: u8) -> usize {
    u16::from_be_bytes([high & 0x0f, low]).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::section::sealed;
    use super::*;

    /// Number and version of the table, and its place among its sections.
    const HEAD: [u8; 5] = [0, 1, 0xc1, 0, 0];

    fn programs(entries: &[u8]) -> Vec<u8> {
        sealed(PROGRAMS_TABLE, &[&HEAD[..], entries].concat())
    }

    /// A stream's kind, the end of its number, and its descriptors.
    type Entry<'a> = (u8, u8, &'a [u8]);

    fn streams(entries: &[Entry<'_>]) -> Vec<u8> {
        // With two bytes about the program.
        let mut body = [&HEAD[..], &[0xe1, 0, 0xf0, 2, 9, 0]].concat();
        for (kind, pid, descriptors) in entries {
            let length = u8::try_from(descriptors.len()).unwrap();
            body.extend([*kind, 0xe1, *pid, 0xf0, length]);
            body.extend(*descriptors);
        }
        sealed(PROGRAM_TABLE, &body)
    }

    #[test]
    fn the_first_program_is_taken() {
        let cases: [(&[u8], _); 4] = [
            (&[0, 1, 0xff, 0xfe], Some(0x1ffe)),
            (
                &[0, 0, 0xe0, 0x10, 0, 7, 0xe1, 2, 0, 8, 0xe1, 3],
                Some(0x102),
            ),
            (&[0, 0, 0xe0, 0x10], None),
            (&[0, 1, 0xff], None),
        ];
        for (entries, expected) in cases {
            assert_eq!(first_program(&programs(entries)), expected, "{entries:?}");
        }
        let mut later = programs(&[0, 1, 0xe1, 0]);
        later[5] &= !1;
        assert_eq!(first_program(&later), None, "not in force yet");
        assert_eq!(first_program(&streams(&[])), None, "another table");
    }

    #[test]
    fn picture_and_sound_are_the_first_that_can_be_taken() {
        let both = |video, audio| Some(Ok(Program { video, audio }));
        let (video, audio) = (Some(Err(Unsupported::Video)), Some(Err(Unsupported::Audio)));
        let opus: &[u8] = b"\x0a\x04eng\0\x05\x04Opus";
        let cases: [(&[Entry<'_>], _); 10] = [
            (
                &[(0x1b, 0, &[]), (0x0f, 1, &[])],
                both(Some(0x100), Some(0x101)),
            ),
            (
                &[(0x0f, 1, b"\x0a\x04eng\0"), (0x0f, 2, &[])],
                both(None, Some(0x101)),
            ),
            (&[(0x1b, 0, &[]), (0x86, 5, &[])], both(Some(0x100), None)),
            (
                &[(0x1b, 0, &[]), (0x81, 1, &[]), (0x0f, 2, &[])],
                both(Some(0x100), Some(0x102)),
            ),
            (&[(0x06, 1, b"\x05\x04KLVA")], both(None, None)),
            (&[(0x24, 0, &[]), (0x0f, 1, &[])], video),
            (&[(0x1b, 0, &[]), (0x04, 1, &[])], audio),
            (&[(0x1b, 0, &[]), (0x06, 1, opus)], audio),
            (&[(0x06, 0, b"\x05\x04AV01")], video),
            (&[(0x06, 1, b"\x05\xff")], both(None, None)),
        ];
        for (entries, expected) in cases {
            assert_eq!(program(&streams(entries)), expected, "{entries:?}");
        }
    }

    proptest! {
        #[test]
        fn no_section_is_too_strange(section in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (first_program(&section), program(&section));
        }
    }
}
