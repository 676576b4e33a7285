//! Large messages, deflated once for all who asked for it.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// The first byte of a binary frame that holds a deflated message: a zlib stream (RFC 1950) of the
/// message as its subprotocol writes it. No value in `MessagePack` begins with it, and JSON travels
/// in text frames.
pub const DEFLATED: u8 = 0xc1;

/// A deflated message cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// It is larger than the limit.
    #[error("the message is too large")]
    TooLarge,
    /// The bytes are no zlib stream, or only the beginning of one.
    #[error("the bytes are no deflated message")]
    Invalid,
}

/// A message as the payload of a flagged frame; `None` when that is no shorter.
pub fn deflate(message: &[u8]) -> Option<Vec<u8>> {
    let mut writer = ZlibEncoder::new(vec![DEFLATED], Compression::fast());
    // Writing into memory does not fail.
    writer.write_all(message).ok()?;
    let payload = writer.finish().ok()?;
    (payload.len() < message.len()).then_some(payload)
}

/// The message in the payload of a flagged frame, of at most `bytes_max` bytes. No more than that
/// is inflated, whatever the payload holds.
pub fn inflate(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, InflateError> {
    let Some((&DEFLATED, stream)) = payload.split_first() else {
        return Err(InflateError::Invalid);
    };
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut reader = ZlibDecoder::new(stream).take(limit.saturating_add(1));
    let mut message = Vec::new();
    reader
        .read_to_end(&mut message)
        .map_err(|_broken| InflateError::Invalid)?;
    if message.len() > bytes_max {
        return Err(InflateError::TooLarge);
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shorter_and_reads_back() {
        let message = b"the same again, ".repeat(100);
        let payload = deflate(&message).unwrap();
        assert_eq!(payload[0], DEFLATED);
        assert!(payload.len() < message.len() / 10);
        assert_eq!(inflate(&payload, message.len()).unwrap(), message);
    }

    #[test]
    fn what_grows_is_left_as_it_is() {
        assert_eq!(deflate(b"x"), None);
        assert_eq!(deflate(b""), None);
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let bomb = deflate(&vec![0; 100 << 20]).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert_eq!(inflate(&bomb, 65_536), Err(InflateError::TooLarge));
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        let whole = deflate(&[b'x'; 1000]).unwrap();
        for broken in [&b""[..], b"{}", &[DEFLATED], &whole[..whole.len() - 1]] {
            assert_eq!(inflate(broken, 2000), Err(InflateError::Invalid));
        }
        let mut altered = whole;
        if let Some(last) = altered.last_mut() {
            *last ^= 1;
        }
        assert_eq!(inflate(&altered, 2000), Err(InflateError::Invalid));
    }
}
