//! H.264: from a byte stream with start codes (Annex B) to units with their lengths (AVCC), and
//! what a decoder needs before the first of them.

use std::collections::BTreeMap;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::super::flv::Tag;
use super::bits::Bits;
use super::clock::Moment;

/// What a unit begins with; nought before it is part of it.
const START_CODE: [u8; 3] = [0, 0, 1];
/// Largest parameter set: one with all its scaling lists fits.
const SET_BYTES_MAX: usize = 1024;
/// Identifiers of parameter sets, and how many fit into a header.
const SEQUENCE_SETS_MAX: u16 = 31;
const PICTURE_SETS_MAX: u16 = 255;
/// Profiles whose header says more about colours.
const HIGH_PROFILES: [u8; 4] = [100, 110, 122, 144];
/// What says that decoding can begin here without a picture that needs no other.
const RECOVERY_POINT: usize = 6;

/// The picture of a feed.
#[derive(Debug, Default)]
pub(super) struct Avc {
    sets: ParameterSets,
    /// What a decoder was told last.
    header: Option<Bytes>,
    /// Until a keyframe comes, pictures are of no use.
    follows_keyframe: bool,
}

impl Avc {
    /// Whether the picture has begun.
    pub(super) const fn has_begun(&self) -> bool {
        self.header.is_some()
    }

    /// Something is missing.
    pub(super) fn lose(&mut self) {
        self.follows_keyframe = false;
    }

    /// Makes tags of one picture.
    pub(super) fn push(&mut self, times: Times, stream: &[u8], tags: &mut Vec<Tag>) {
        let mut picture = Picture::default();
        for unit in units(stream) {
            picture.note(unit, &mut self.sets);
        }
        if picture.slices == Slices::Missing {
            return;
        }
        let is_keyframe = picture.is_keyframe();
        let Some(header) = self
            .sets
            .record()
            .filter(|_| is_keyframe || self.follows_keyframe)
        else {
            return;
        };
        let timestamp = times.decoded.ms();
        if self.header.as_ref() != Some(&header) {
            tags.push(Tag::video_header(timestamp, &header));
            self.header = Some(header);
        }
        self.follows_keyframe = true;
        let delay = times.shown.ms_since(times.decoded);
        let delay = i32::try_from(delay).unwrap_or(0);
        tags.push(Tag::picture(timestamp, delay, is_keyframe, &picture.units));
    }
}

/// When a picture is decoded and shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) decoded: Moment,
    pub(super) shown: Moment,
}

/// What there is of a picture itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slices {
    #[default]
    Missing,
    /// It needs other pictures.
    Dependent,
    /// It needs none.
    Whole,
}

/// One picture.
#[derive(Default)]
struct Picture {
    /// Its units with their lengths, without parameter sets.
    units: BytesMut,
    slices: Slices,
    has_sequence_set: bool,
    can_be_begun_with: bool,
}

impl Picture {
    fn note(&mut self, unit: &[u8], sets: &mut ParameterSets) {
        let kind = unit.first().map_or(0, |first| first & 0x1f);
        match kind {
            7 => {
                self.has_sequence_set = true;
                sets.note_sequence(unit);
                return;
            }
            8 => return sets.note_picture(unit),
            // Marks between pictures, ends, and filling.
            9..=12 => return,
            1..=4 => self.slices = Slices::Dependent,
            5 => self.slices = Slices::Whole,
            6 => self.can_be_begun_with |= says_recovery_point(unit),
            _ => {}
        }
        let Ok(length) = u32::try_from(unit.len()) else {
            return;
        };
        self.units.put_u32(length);
        self.units.put_slice(unit);
    }

    /// Encoders that never start over (open groups of pictures, or refresh in strips) say where a
    /// decoder can begin.
    fn is_keyframe(&self) -> bool {
        self.slices == Slices::Whole || (self.can_be_begun_with && self.has_sequence_set)
    }
}

/// What decoders have to know, by number.
#[derive(Debug, Default)]
struct ParameterSets {
    sequence: BTreeMap<u16, Bytes>,
    picture: BTreeMap<u16, Bytes>,
}

impl ParameterSets {
    fn note_sequence(&mut self, unit: &[u8]) {
        // Behind the profile and the level.
        let number = unit.get(4..).and_then(|rest| Bits::new(rest).number());
        note(&mut self.sequence, unit, number, SEQUENCE_SETS_MAX);
    }

    fn note_picture(&mut self, unit: &[u8]) {
        let number = unit.get(1..).and_then(|rest| Bits::new(rest).number());
        note(&mut self.picture, unit, number, PICTURE_SETS_MAX);
    }

    /// All of them as an AVC decoder configuration record (ISO 14496-15); `None` until there is
    /// one of each kind.
    fn record(&self) -> Option<Bytes> {
        let first = self.sequence.values().next()?;
        let &[_, profile, compatibility, level] = first.first_chunk()?;
        if self.picture.is_empty() {
            return None;
        }
        let mut record = BytesMut::new();
        // Lengths of units are of four bytes.
        record.put_slice(&[1, profile, compatibility, level, 0xff]);
        put_sets(&mut record, 0xe0, &self.sequence);
        put_sets(&mut record, 0, &self.picture);
        if HIGH_PROFILES.contains(&profile) {
            let [chroma, luma_depth, chroma_depth] = colours(first)?;
            record.put_slice(&[0xfc | chroma, 0xf8 | luma_depth, 0xf8 | chroma_depth, 0]);
        }
        Some(record.freeze())
    }
}

/// Keeps a set unless it makes no sense.
fn note(sets: &mut BTreeMap<u16, Bytes>, unit: &[u8], number: Option<u16>, most: u16) {
    let Some(number) = number.filter(|number| *number < most && unit.len() <= SET_BYTES_MAX) else {
        return;
    };
    if sets.get(&number).is_none_or(|known| known != unit) {
        sets.insert(number, Bytes::copy_from_slice(unit));
    }
}

fn put_sets(record: &mut BytesMut, mark: u8, sets: &BTreeMap<u16, Bytes>) {
    record.put_u8(mark | u8::try_from(sets.len()).unwrap_or(0));
    for set in sets.values() {
        record.put_u16(u16::try_from(set.len()).unwrap_or(0));
        record.put_slice(set);
    }
}

/// Chroma format and, beyond eight, bits of luma and chroma.
fn colours(sequence_set: &[u8]) -> Option<[u8; 3]> {
    let mut bits = Bits::new(sequence_set.get(4..)?);
    let _number = bits.number()?;
    let chroma = bits.number()?;
    if chroma == 3 {
        let _separate = bits.bit()?;
    }
    let [luma_depth, chroma_depth] = [bits.number()?, bits.number()?];
    let small = |value: u16, most: u8| u8::try_from(value).ok().filter(|value| *value <= most);
    Some([
        small(chroma, 3)?,
        small(luma_depth, 6)?,
        small(chroma_depth, 6)?,
    ])
}

/// Whether one of the messages of a unit says that decoding can begin here.
fn says_recovery_point(unit: &[u8]) -> bool {
    let mut rest = unit.get(1..).unwrap_or_default();
    while let Some((kind, behind_kind)) = long_number(rest)
        && let Some((length, behind_length)) = long_number(behind_kind)
    {
        if kind == RECOVERY_POINT {
            return true;
        }
        rest = behind_length.get(length..).unwrap_or_default();
    }
    false
}

/// A number as the sum of bytes up to the first that is not 255.
fn long_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let (&last, rest) = bytes.get(full..)?.split_first()?;
    Some((full * 0xff + usize::from(last), rest))
}

/// The units of a byte stream, without what stands between them.
fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = at_start_code(stream).map(|(_before, behind)| behind);
    let cut = std::iter::from_fn(move || {
        let now = rest?;
        let (unit, behind) =
            at_start_code(now).map_or((now, None), |(unit, behind)| (unit, Some(behind)));
        rest = behind;
        Some(without_zeros(unit))
    });
    cut.filter(|unit| !unit.is_empty())
}

/// What is before the next start code, and what is behind it.
fn at_start_code(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = stream
        .windows(START_CODE.len())
        .position(|bytes| bytes == START_CODE)?;
    let (before, behind) = stream.split_at_checked(at)?;
    Some((before, behind.get(START_CODE.len()..)?))
}

/// A unit does not end with nought.
fn without_zeros(unit: &[u8]) -> &[u8] {
    let length = unit
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    unit.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::flv::Role;
    use super::super::clock::Clock;
    use super::*;

    /// Sets of x264 in its high and its baseline profile, and of an encoder with 4:4:4 colours.
    const HIGH: &[u8] = &[0x67, 0x64, 0, 0x0b, 0xac, 0xd9, 0x42, 0x8d, 0xf9];
    const BASELINE: &[u8] = &[0x67, 0x42, 0xc0, 0x0b, 0xda, 0x0a, 0x0d];
    const PICTURE_SET: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb];
    const WHOLE: &[u8] = &[0x65, 0x88, 0x84];
    const OTHER: &[u8] = &[0x41, 0x9a, 0x21];
    const MARK: &[u8] = &[9, 0xf0];
    /// Two messages: one of 3 bytes, and that decoding can begin.
    const RECOVERY: &[u8] = &[6, 5, 3, 1, 2, 3, 6, 1, 0xc4, 0x80];

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        let begin = [0, 0, 0, 1];
        units
            .iter()
            .flat_map(|unit| [&begin, *unit].concat())
            .collect()
    }

    fn push(avc: &mut Avc, units: &[&[u8]]) -> Vec<(Role, Vec<u8>)> {
        let mut clock = Clock::default();
        let decoded = clock.at(0);
        let shown = clock.near(3600, decoded);
        let mut tags = Vec::new();
        avc.push(Times { decoded, shown }, &stream(units), &mut tags);
        let parts = tags
            .into_iter()
            .map(|tag| (tag.role, tag.message.payload.to_vec()));
        parts.collect()
    }

    fn roles(avc: &mut Avc, units: &[&[u8]]) -> Vec<Role> {
        push(avc, units).into_iter().map(|(role, _)| role).collect()
    }

    #[test]
    fn start_codes_become_lengths_and_sets_a_header() {
        let mut avc = Avc::default();
        let tags = push(&mut avc, &[MARK, HIGH, PICTURE_SET, &RECOVERY[..6], WHOLE]);
        let header = [
            &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x0b, 0xff, 0xe1, 0, 9],
            HIGH,
            &[1, 0, 4],
            PICTURE_SET,
            &[0xfd, 0xf8, 0xf8, 0],
        ];
        let picture = [
            &[0x17, 1, 0, 0, 40, 0, 0, 0, 6],
            &RECOVERY[..6],
            &[0, 0, 0, 3],
            WHOLE,
        ];
        assert_eq!(
            tags,
            [
                (Role::VideoHeader, header.concat()),
                (Role::Keyframe, picture.concat())
            ]
        );
        let next = push(&mut avc, &[MARK, OTHER]);
        let picture = [&[0x27, 1, 0, 0, 40, 0, 0, 0, 3], OTHER].concat();
        assert_eq!(next, [(Role::Picture, picture)]);
    }

    #[test]
    fn pictures_come_from_the_first_keyframe_on_and_again_after_a_loss() {
        use Role as R;
        let mut avc = Avc::default();
        let steps: [(&[&[u8]], &[Role]); 8] = [
            (&[OTHER], &[]),
            (&[WHOLE], &[]),
            (&[HIGH, PICTURE_SET], &[]),
            (&[OTHER], &[]),
            (&[WHOLE], &[R::VideoHeader, R::Keyframe]),
            (&[OTHER], &[R::Picture]),
            // The same sets again are no news, and other ones are.
            (&[HIGH, PICTURE_SET, WHOLE], &[R::Keyframe]),
            (
                &[BASELINE, PICTURE_SET, WHOLE],
                &[R::VideoHeader, R::Keyframe],
            ),
        ];
        for (units, expected) in steps {
            assert_eq!(roles(&mut avc, units), expected, "{units:?}");
        }
        avc.lose();
        assert!(roles(&mut avc, &[OTHER]).is_empty());
        assert_eq!(roles(&mut avc, &[WHOLE]), [R::Keyframe]);
    }

    #[test]
    fn a_place_to_begin_at_is_a_keyframe_where_the_sets_are() {
        let mut avc = Avc::default();
        assert!(roles(&mut avc, &[PICTURE_SET, RECOVERY, OTHER]).is_empty());
        let begin: [&[u8]; 4] = [HIGH, PICTURE_SET, RECOVERY, OTHER];
        let expected = [Role::VideoHeader, Role::Keyframe];
        assert_eq!(roles(&mut avc, &begin), expected);
    }

    #[test]
    fn a_header_of_a_high_profile_says_more_about_colours() {
        let cases: [(&[u8], Option<[u8; 3]>); 4] = [
            // Numbers 0, 1, 0, 0: 4:2:0 in 8 bits.
            (&[0x67, 100, 0, 10, 0b1010_1100], Some([1, 0, 0])),
            // Numbers 0, 3, no separate planes, 2, 2: 4:4:4 in 10 bits.
            (
                &[0x67, 144, 0, 10, 0b1001_0000, 0b1101_1000],
                Some([3, 2, 2]),
            ),
            (&[0x67, 100, 0, 10, 0b1000_0000], None),
            (&[0x67, 100, 0], None),
        ];
        for (set, expected) in cases {
            assert_eq!(colours(set), expected, "{set:?}");
        }
    }

    #[test]
    fn sets_that_make_no_sense_are_not_kept() {
        let mut sets = ParameterSets::default();
        let large = [&[0x68, 0x80][..], &[7; SET_BYTES_MAX]].concat();
        for set in [&[0x68][..], &[0x68, 0, 0, 1, 0, 0], &large] {
            sets.note_picture(set);
        }
        assert!(sets.picture.is_empty());
        for number in 0..u8::MAX {
            sets.note_sequence(&[0x67, 66, 0, 10, number, 0xff, 0xff]);
            sets.note_picture(&[0x68, number, 0xff, 0xff]);
        }
        assert!((15..=31).contains(&sets.sequence.len()));
        assert!((15..=255).contains(&sets.picture.len()));
        assert!(sets.record().is_some());
    }

    proptest! {
        #[test]
        fn no_stream_is_too_strange(
            kinds in proptest::collection::vec(0_u8..32, 0..6),
            bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..60),
        ) {
            let units: Vec<Vec<u8>> = kinds.iter().map(|kind| [&[*kind][..], &bytes].concat()).collect();
            let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
            push(&mut Avc::default(), &units);
        }
    }
}
