//! Names of the files that a worker records into: `20260708T091011.123Z-0.mp4`.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::{Deserialize as _, Serialize, Serializer};
use sm_common::clock::Timestamp;
use sm_common::output::FileFormat;

/// The text is not what a worker names a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a recording")]
pub(crate) struct NotARecording;

/// A file that a worker recorded into. Nothing else in the folder can be named by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordingName {
    /// When it began.
    pub(crate) began: Timestamp,
    /// Tells apart those that began at the same moment.
    pub(crate) number: u32,
    /// The container.
    pub(crate) format: FileFormat,
}

impl RecordingName {
    const fn extension(self) -> &'static str {
        match self.format {
            FileFormat::Mp4 => "mp4",
            FileFormat::Mkv => "mkv",
        }
    }

    /// The media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self.format {
            FileFormat::Mp4 => "video/mp4",
            FileFormat::Mkv => "video/x-matroska",
        }
    }
}

impl fmt::Display for RecordingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.began.to_string().split(['-', ':']) {
            f.write_str(part)?;
        }
        write!(f, "-{}.{}", self.number, self.extension())
    }
}

impl FromStr for RecordingName {
    type Err = NotARecording;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = read(text).ok_or(NotARecording)?;
        // One name for one file: nothing that only reads like it.
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(NotARecording)
        }
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
    Some(RecordingName {
        began: moment(began)?,
        number: number.parse().ok()?,
        format,
    })
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
            "20260708T091011.1Z-12.mkv",
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
    fn nothing_else_is_a_recording() {
        for text in [
            "",
            "notes.txt",
            ".19700101T000000Z.mp4.part",
            "19700101T000000Z-0.MP4",
            "19700101T000000Z-00.mp4",
            "19700101T000000Z-+1.mp4",
            "19700101T000000.0Z-0.mp4",
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
