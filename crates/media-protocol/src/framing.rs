use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest line in bytes, the line break included: a scene and its cover fit, each of 200 layers of
/// 2,000 characters.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A message could not be written as, or read from, a line.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Writing failed.
    #[error("the message cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// Reading failed.
    #[error("the line is not a message")]
    Decode(#[source] serde_json::Error),
    /// Over [`LINE_BYTES_MAX`].
    #[error("the line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
}

/// The message as a line with its line break.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut line = serde_json::to_vec(message).map_err(FrameError::Encode)?;
    line.push(b'\n');
    if line.len() > LINE_BYTES_MAX {
        Err(FrameError::TooLong)
    } else {
        Ok(line)
    }
}

/// The message in a line, with or without its line break.
pub fn decode<M: DeserializeOwned>(line: &[u8]) -> Result<M, FrameError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(FrameError::TooLong);
    }
    serde_json::from_slice(line).map_err(FrameError::Decode)
}

#[cfg(test)]
mod tests {
    use sm_common::clock::Timestamp;

    use super::*;
    use crate::{Command, FinishReason, HlsSettings, Part, Report, Segment};

    #[test]
    fn messages_survive_the_line() {
        for report in [
            Report::Ready {
                pid: 7,
                gstreamer: "1.22.0".to_owned(),
                on_air: None,
            },
            Report::PartWritten(Part {
                file: "a-0.0.m4s".to_owned(),
                number: 0,
                part: 0,
                duration_s: 0.2,
                bytes: 9,
                independent: true,
                starts_at: Timestamp::from_unix_millis(0),
                last: false,
            }),
            Report::SegmentWritten(Segment {
                file: "a-0.m4s".to_owned(),
                number: 0,
                duration_s: 1.0,
                bytes: 9,
                starts_at: Timestamp::from_unix_millis(0),
                independent: true,
            }),
            Report::Finished {
                reason: FinishReason::Stopped,
            },
        ] {
            let line = encode(&report).unwrap();
            let end = line.iter().position(|byte| *byte == b'\n');
            assert_eq!(end, Some(line.len() - 1), "one line, and nothing after it");
            assert_eq!(decode::<Report>(&line).unwrap(), report);
        }
    }

    #[test]
    fn a_host_that_knows_no_parts_gets_none() {
        let settings = br#"{"directory":"/live","run":"a"}"#;
        assert_eq!(decode::<HlsSettings>(settings).unwrap().part_frames, 0);
    }

    #[test]
    fn an_unknown_command_is_refused() {
        assert!(decode::<Command>(br#"{"command":"dance"}"#).is_err());
    }
}
