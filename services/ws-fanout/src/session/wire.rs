//! What goes to a client, as bytes of frames. A server's frames carry no mask, so the same bytes
//! serve every connection.

use actix_http::ws::{CloseReason, OpCode, Parser};
use bytes::{Bytes, BytesMut};
use sm_common::ws::CloseCode;

/// A ping without a payload.
pub(crate) const PING: Bytes = Bytes::from_static(&[0x89, 0]);
/// Most bytes before the payload of a frame that a server sends.
const HEADER_BYTES_MAX: usize = 10;

/// A text frame.
pub(crate) fn text(payload: &[u8]) -> Bytes {
    frame(payload, OpCode::Text)
}

/// A binary frame.
pub(crate) fn binary(payload: &[u8]) -> Bytes {
    frame(payload, OpCode::Binary)
}

/// The answer to a ping.
pub(crate) fn pong(payload: &[u8]) -> Bytes {
    frame(payload, OpCode::Pong)
}

/// A close frame of ours.
pub(crate) fn close(code: CloseCode) -> Bytes {
    close_frame(Some(CloseReason {
        code: code.code().into(),
        description: Some(code.reason().to_owned()),
    }))
}

/// The answer to a client's close frame: the same code.
pub(crate) fn close_answer(reason: Option<CloseReason>) -> Bytes {
    close_frame(reason.map(|CloseReason { code, .. }| CloseReason {
        code,
        description: None,
    }))
}

fn close_frame(reason: Option<CloseReason>) -> Bytes {
    let mut bytes = BytesMut::new();
    Parser::write_close(&mut bytes, reason, false);
    bytes.freeze()
}

fn frame(payload: &[u8], kind: OpCode) -> Bytes {
    let mut bytes = BytesMut::with_capacity(payload.len().saturating_add(HEADER_BYTES_MAX));
    Parser::write_message(&mut bytes, payload, kind, true, false);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_carries_its_code_and_reason() {
        let frame = close(CloseCode::TooSlow);
        assert_eq!(frame[0], 0x88);
        assert_eq!(u16::from_be_bytes([frame[2], frame[3]]), 4000);
        assert_eq!(&frame[4..], CloseCode::TooSlow.reason().as_bytes());
    }
}
