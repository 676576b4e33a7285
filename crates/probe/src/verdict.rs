use serde::{Deserialize, Serialize};

/// What a file is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Findings {
    /// Width and height in pixels, of what can be seen.
    pub size: Option<(u32, u32)>,
    /// Length in milliseconds, of what moves or sounds.
    pub duration_ms: Option<u64>,
    /// Frames of an animation.
    pub frames: Option<u64>,
    /// The codec of the picture of a video.
    pub video_codec: Option<String>,
    /// The codec of the sound.
    pub audio_codec: Option<String>,
    /// The name of a font's family.
    pub family: Option<String>,
    /// The media type of the thumbnail; none when there is nothing to be seen.
    pub thumbnail: Option<String>,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// It cannot be decoded, or holds nothing that can be shown.
    Broken,
    /// It has too many pixels.
    Dimensions,
    /// It lasts too long, or has too many frames.
    Length,
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{detail}")]
pub struct Refusal {
    /// What is wrong with it.
    pub kind: RefusalKind,
    /// The same in words, with the limit.
    pub detail: String,
}

impl Refusal {
    /// It cannot be decoded.
    pub fn broken(detail: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Broken,
            detail: detail.into(),
        }
    }

    /// It has too many pixels.
    pub fn dimensions(detail: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Dimensions,
            detail: detail.into(),
        }
    }

    /// It lasts too long.
    pub fn length(detail: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Length,
            detail: detail.into(),
        }
    }
}

/// What the process says of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It can be shown, or heard, or written in.
    Taken(Findings),
    /// It is not taken.
    Refused(Refusal),
}

/// A file that is taken, with what can be seen of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What it is.
    pub findings: Findings,
    /// The bytes of its thumbnail; none where [`Findings::thumbnail`] is.
    pub thumbnail: Vec<u8>,
}

/// The process said something else.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// It ended before its line did.
    #[error("the probe said nothing")]
    Silent,
    /// Its line is no verdict.
    #[error("the probe's verdict cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

impl Verdict {
    /// Reads what a process has written. The bytes after the line are the thumbnail.
    pub fn read(output: &[u8]) -> Result<Result<Look, Refusal>, VerdictError> {
        let end = output.iter().position(|&byte| byte == b'\n');
        let (line, rest) = end
            .and_then(|end| output.split_at_checked(end))
            .ok_or(VerdictError::Silent)?;
        let verdict: Self = serde_json::from_slice(line).map_err(VerdictError::Unreadable)?;
        Ok(match verdict {
            Self::Taken(findings) => {
                let thumbnail = rest.get(1..).unwrap_or_default().to_vec();
                Ok(Look {
                    findings,
                    thumbnail,
                })
            }
            Self::Refused(refusal) => Err(refusal),
        })
    }

    /// What a process writes: the line, and the bytes of the thumbnail.
    pub fn write(outcome: Result<Look, Refusal>) -> Result<Vec<u8>, serde_json::Error> {
        let (verdict, thumbnail) = match outcome {
            Ok(look) => (Self::Taken(look.findings), look.thumbnail),
            Err(refusal) => (Self::Refused(refusal), Vec::new()),
        };
        let mut output = serde_json::to_vec(&verdict)?;
        output.push(b'\n');
        output.extend(thumbnail);
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_written() {
        let look = Look {
            findings: Findings {
                size: Some((640, 360)),
                video_codec: Some("H.264".to_owned()),
                thumbnail: Some("image/jpeg".to_owned()),
                ..Findings::default()
            },
            // Lines end in a thumbnail as well.
            thumbnail: b"\xff\xd8\n\n".to_vec(),
        };
        for outcome in [
            Ok(look),
            Ok(Look::default()),
            Err(Refusal::broken("no \"header\"\n")),
        ] {
            let written = Verdict::write(outcome.clone()).unwrap();
            assert_eq!(Verdict::read(&written).unwrap(), outcome);
        }
    }

    #[test]
    fn whatever_else_a_process_says_is_no_verdict() {
        for silent in ["", "{\"taken\":{}}"] {
            let error = Verdict::read(silent.as_bytes()).unwrap_err();
            assert!(matches!(error, VerdictError::Silent), "{silent}");
        }
        for strange in ["\n", "{}\n", "{\"taken\":{\"size\":1}}\n", "null\nrest"] {
            let error = Verdict::read(strange.as_bytes()).unwrap_err();
            assert!(matches!(error, VerdictError::Unreadable(_)), "{strange}");
        }
    }
}
