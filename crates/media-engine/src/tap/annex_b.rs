//! H.264 as receivers of a live stream want it (ITU-T H.264, Annex B): start codes instead of
//! lengths, and how to decode in front of every keyframe. Pure.

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// How to decode a program's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// The parameter sets, each behind a start code.
    pub(super) sets: Vec<u8>,
    /// Bytes of the lengths in front of the units of each frame.
    length_bytes: usize,
}

impl Parameters {
    /// Reads a decoder configuration record (ISO/IEC 14496-15); `None` when it is none.
    pub(super) fn read(record: &[u8]) -> Option<Self> {
        let (head, rest) = record.split_at_checked(5)?;
        let [1, _profile, _constraints, _level, lengths] = *head else {
            return None;
        };
        let mut sets = Vec::with_capacity(record.len() + 8);
        let (&count, mut rest) = rest.split_first()?;
        for _sequence in 0..count & 0x1f {
            rest = take_set(rest, &mut sets)?;
        }
        let (&count, mut rest) = rest.split_first()?;
        for _picture in 0..count {
            rest = take_set(rest, &mut sets)?;
        }
        Some(Self {
            sets,
            length_bytes: usize::from(lengths & 3) + 1,
        })
    }

    /// The frame behind start codes, with the parameter sets in front of a keyframe; `None` when
    /// its lengths make no sense.
    pub(super) fn access_unit(&self, frame: &[u8], keyframe: bool) -> Option<Vec<u8>> {
        // Lengths are as long as start codes, or shorter.
        let mut unit = Vec::with_capacity(frame.len() * 2 + self.sets.len());
        if keyframe {
            unit.extend_from_slice(&self.sets);
        }
        let mut rest = frame;
        while !rest.is_empty() {
            let (length, behind) = rest.split_at_checked(self.length_bytes)?;
            let length = length
                .iter()
                .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            let (nal, behind) = behind.split_at_checked(length)?;
            unit.extend_from_slice(&START_CODE);
            unit.extend_from_slice(nal);
            rest = behind;
        }
        Some(unit)
    }
}

fn take_set<'a>(record: &'a [u8], sets: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&[high, low], rest) = record.split_first_chunk()?;
    let (set, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    sets.extend_from_slice(&START_CODE);
    sets.extend_from_slice(set);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 17] = [
        1, 100, 0, 31, 0xff, 0xe1, 0, 4, 0x67, 100, 0, 31, 1, 0, 2, 0x68, 0xee,
    ];

    #[test]
    fn a_keyframe_brings_what_is_needed_to_decode_it() {
        let parameters = Parameters::read(&RECORD).unwrap();
        let sets = [0, 0, 0, 1, 0x67, 100, 0, 31, 0, 0, 0, 1, 0x68, 0xee];
        assert_eq!(parameters.sets, sets);
        let frame = [0, 0, 0, 1, 0x06, 0, 0, 0, 3, 0x65, 7, 8];
        let nals = [0, 0, 0, 1, 0x06, 0, 0, 0, 1, 0x65, 7, 8];
        let plain = parameters.access_unit(&frame, false).unwrap();
        assert_eq!(plain, nals);
        let keyframe = parameters.access_unit(&frame, true).unwrap();
        assert_eq!(keyframe, [&sets[..], &nals].concat());
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        for end in 0..RECORD.len() {
            assert_eq!(Parameters::read(&RECORD[..end]), None, "{end}");
        }
        let parameters = Parameters::read(&RECORD).unwrap();
        assert_eq!(parameters.access_unit(&[0, 0, 0, 9, 1], true), None);
        assert_eq!(parameters.access_unit(&[0, 0], true), None);
    }
}
