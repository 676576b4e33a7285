//! What a stream id says. Pure.
//!
//! Either it is the stream key, or it is in the form of SRT's access control, such as
//! `#!::r=KEY,m=publish`, of which the resource is the key.

use secrecy::SecretString;

/// What the form of access control begins with.
const ACCESS_CONTROL: &str = "#!::";

/// A stream id that nobody can publish with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::ingest) enum StreamIdError {
    #[error("there is no stream key in the stream id: srt://host:port?streamid=KEY")]
    NoKey,
    #[error("nothing is played here; publish instead (m=publish)")]
    NotPublishing,
}

/// The stream key in a stream id.
pub(super) fn key(stream_id: &[u8]) -> Result<SecretString, StreamIdError> {
    let text = std::str::from_utf8(stream_id).map_err(|_not_text| StreamIdError::NoKey)?;
    let key = match text.strip_prefix(ACCESS_CONTROL) {
        Some(values) => resource(values)?,
        None => text,
    };
    if key.is_empty() {
        return Err(StreamIdError::NoKey);
    }
    Ok(key.into())
}

fn resource(values: &str) -> Result<&str, StreamIdError> {
    let value = |name| {
        let mut values = values.split(',').filter_map(|value| value.split_once('='));
        values.find_map(|(known, value)| (known == name).then_some(value))
    };
    if value("m") == Some("request") {
        return Err(StreamIdError::NotPublishing);
    }
    value("r").ok_or(StreamIdError::NoKey)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_stands_alone_or_is_the_resource() {
        let cases: [(&[u8], _); 9] = [
            (b"main.AbC", Ok("main.AbC")),
            (b"#!::r=main.AbC,m=publish", Ok("main.AbC")),
            (b"#!::m=publish,u=me,r=main.AbC", Ok("main.AbC")),
            (b"#!::r=main.AbC", Ok("main.AbC")),
            (
                b"#!::r=main.AbC,m=request",
                Err(StreamIdError::NotPublishing),
            ),
            (b"#!::u=me,m=publish", Err(StreamIdError::NoKey)),
            (b"#!::r=,m=publish", Err(StreamIdError::NoKey)),
            (b"", Err(StreamIdError::NoKey)),
            (b"\xff\xfe", Err(StreamIdError::NoKey)),
        ];
        for (stream_id, expected) in cases {
            let read = key(stream_id);
            let read = read
                .as_ref()
                .map(ExposeSecret::expose_secret)
                .map_err(|error| *error);
            assert_eq!(read, expected, "{}", stream_id.escape_ascii());
        }
    }
}
