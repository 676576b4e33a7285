//! Names of the files that a worker records into: `20260708T091011.120Z-0.mp4`. They sort by time.
//! Those of former versions had no trailing zeros of the milliseconds, so that they did not sort
//! within a second; they are read as they were written.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::{Deserialize as _, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::output::FileFormat;

/// Digits of a second's fraction in a name.
const FRACTION_DIGITS: usize = 3;

/// The text is not what a worker names a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a recording")]
pub struct NotARecording;

/// A file that a worker recorded into. Nothing else in the folder can be named by it. Sorts by
/// when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordingName {
    /// When it began.
    pub began: Timestamp,
    /// Tells apart those that began at the same moment.
    pub number: u32,
    /// The container.
    pub format: FileFormat,
    /// How the moment is written.
    spelling: Spelling,
}

/// How the moment in a name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spelling {
    /// With all digits of the milliseconds.
    Whole,
    /// Without the zeros at their end, as former versions did.
    Short,
}

impl RecordingName {
    /// The name of a new file.
    pub const fn new(began: Timestamp, number: u32, format: FileFormat) -> Self {
        Self {
            began,
            number,
            format,
            spelling: Spelling::Whole,
        }
    }

    /// The name of another file that began at the same moment.
    #[must_use]
    pub const fn numbered(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// What follows the last dot.
    pub const fn extension(self) -> &'static str {
        match self.format {
            FileFormat::Mp4 => "mp4",
            FileFormat::Mkv => "mkv",
        }
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self.format {
            FileFormat::Mp4 => "video/mp4",
            FileFormat::Mkv => "video/x-matroska",
        }
    }
}

impl fmt::Display for RecordingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.began.to_string().replace(['-', ':'], "");
        let moment = moment.strip_suffix('Z').unwrap_or(&moment);
        let (second, fraction) = moment.split_once('.').unwrap_or((moment, ""));
        match (self.spelling, fraction) {
            (Spelling::Whole, fraction) => write!(f, "{second}.{fraction:0<FRACTION_DIGITS$}Z")?,
            (Spelling::Short, "") => write!(f, "{second}Z")?,
            (Spelling::Short, fraction) => write!(f, "{second}.{fraction}Z")?,
        }
        write!(f, "-{}.{}", self.number, self.extension())
    }
}

impl FromStr for RecordingName {
    type Err = NotARecording;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = read(text).ok_or(NotARecording)?;
        // One name for one file: nothing that only reads like it.
        [Spelling::Whole, Spelling::Short]
            .map(|spelling| Self { spelling, ..name })
            .into_iter()
            .find(|name| name.to_string() == text)
            .ok_or(NotARecording)
    }
}

impl Serialize for RecordingName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn read(text: &str) -> Option<RecordingName> {
    let (stem, extension) = text.rsplit_once('.')?;
    let format = match extension {
        "mp4" => FileFormat::Mp4,
        "mkv" => FileFormat::Mkv,
        _ => return None,
    };
    let (began, number) = stem.rsplit_once('-')?;
    Some(RecordingName::new(
        moment(began)?,
        number.parse().ok()?,
        format,
    ))
}

/// `20260708T091011.123Z`, with its punctuation back.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}");
    let text = IntoDeserializer::<serde::de::value::Error>::into_deserializer(text);
    Timestamp::deserialize(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for text in [
            "20260708T091011.123Z-0.mp4",
            "20260708T091011.100Z-12.mkv",
            "19700101T000000.000Z-0.mp4",
            // Of former versions.
            "20260708T091011.1Z-12.mkv",
            "20260708T091011.12Z-12.mkv",
            "19700101T000000Z-0.mp4",
        ] {
            let name: RecordingName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
        }
        let name: RecordingName = "19700101T000001.5Z-3.mkv".parse().unwrap();
        assert_eq!(
            (name.began, name.number, name.format),
            (Timestamp::from_unix_millis(1500), 3, FileFormat::Mkv)
        );
    }

    #[test]
    fn names_sort_by_time_within_a_second_too() {
        let moments = [0, 7, 90, 100, 120, 999, 1000].map(Timestamp::from_unix_millis);
        let names = moments.map(|moment| RecordingName::new(moment, 0, FileFormat::Mp4));
        assert!(names.is_sorted());
        assert!(names.map(|name| name.to_string()).is_sorted());
        let former = ["19700101T000000Z-0.mp4", "19700101T000000.09Z-0.mp4"];
        let mixed = [former[0], "19700101T000000.080Z-0.mp4", former[1]];
        let mixed = mixed.map(|text| text.parse::<RecordingName>().unwrap());
        assert!(mixed.is_sorted());
    }

    #[test]
    fn nothing_else_is_a_recording() {
        for text in [
            "",
            "notes.txt",
            ".19700101T000000Z.mp4.part",
            "19700101T000000Z-0.MP4",
            "19700101T000000Z-00.mp4",
            "19700101T000000Z-+1.mp4",
            "19700101T000000.0Z-0.mp4",
            "19700101T000000.10Z-0.mp4",
            "19700101T000000.1000Z-0.mp4",
            "19700101T000000+01:00-0.mp4",
            "19701301T000000Z-0.mp4",
            "19700101T000000Z.mp4",
            "../19700101T000000Z-0.mp4",
            "19700101T000000Z-0.mp4/..",
            "19700101T000000Z-0.mp4\0",
            "ä9700101T000000Z-0.mp4",
        ] {
            assert_eq!(
                text.parse::<RecordingName>(),
                Err(NotARecording),
                "{text:?}"
            );
        }
    }
}
