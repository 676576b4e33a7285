//! From a client's frame to the message in it.

use sm_common::ws::{DEFLATED, InflateError, Subprotocol, inflate};

use super::dialect::Dialect;
use super::frames::Incoming;
use super::refusal;

/// What a frame holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unpacked {
    /// A message, as the subprotocol writes it.
    Message(Vec<u8>),
    /// None, for this reason.
    Unreadable(String),
    /// One that is larger than a frame may be.
    TooLarge,
}

/// Takes the message out of a frame. It has at most `bytes_max` bytes.
pub(crate) fn unpack(dialect: Dialect, incoming: Incoming, bytes_max: usize) -> Unpacked {
    match (dialect.subprotocol, incoming) {
        (Subprotocol::Json, Incoming::Text(text)) => Unpacked::Message(text.into_bytes()),
        (_, Incoming::Binary(bytes))
            if dialect.deflate_from.is_some() && bytes.first() == Some(&DEFLATED) =>
        {
            match inflate(&bytes, bytes_max) {
                Ok(message) => Unpacked::Message(message),
                Err(InflateError::TooLarge) => Unpacked::TooLarge,
                Err(error @ InflateError::Invalid) => Unpacked::Unreadable(error.to_string()),
            }
        }
        (Subprotocol::MessagePack, Incoming::Binary(bytes)) => Unpacked::Message(bytes.into()),
        (Subprotocol::Json, _) => Unpacked::Unreadable("send text frames".to_owned()),
        (Subprotocol::MessagePack, _) => Unpacked::Unreadable("send binary frames".to_owned()),
    }
}

/// The request of a message that is not carried out; `None` where it would have to be inflated.
pub(crate) fn request(dialect: Dialect, incoming: &Incoming) -> Option<u64> {
    let message = match incoming {
        Incoming::Text(text) => text.as_bytes(),
        Incoming::Binary(bytes) => bytes,
        Incoming::Ping(_) | Incoming::Pong | Incoming::Close(_) => return None,
    };
    refusal::request_of(dialect.subprotocol, message)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sm_common::ws::deflate;

    use super::*;

    const LIMIT: usize = 1_000;

    fn speaking(subprotocol: Subprotocol, deflates: bool) -> Dialect {
        Dialect {
            subprotocol,
            deflate_from: deflates.then_some(1),
        }
    }

    fn unreadable(why: &str) -> Unpacked {
        Unpacked::Unreadable(why.to_owned())
    }

    #[test]
    fn each_subprotocol_has_its_kind_of_frame() {
        let text = || Incoming::Text("{}".to_owned());
        let binary = || Incoming::Binary(Bytes::from_static(&[0x80]));
        let json = speaking(Subprotocol::Json, false);
        let message_pack = speaking(Subprotocol::MessagePack, false);
        let cases = [
            (json, text(), Unpacked::Message(b"{}".to_vec())),
            (json, binary(), unreadable("send text frames")),
            (message_pack, binary(), Unpacked::Message(vec![0x80])),
            (message_pack, text(), unreadable("send binary frames")),
        ];
        for (dialect, incoming, expected) in cases {
            assert_eq!(unpack(dialect, incoming, LIMIT), expected);
        }
    }

    #[test]
    fn what_is_deflated_is_inflated_for_a_client_that_said_so_and_no_further_than_the_limit() {
        let frame = |message: &[u8]| Incoming::Binary(deflate(message).unwrap().into());
        for subprotocol in Subprotocol::ALL {
            let said_so = speaking(subprotocol, true);
            let small = unpack(said_so, frame(&[b' '; LIMIT]), LIMIT);
            assert_eq!(small, Unpacked::Message(vec![b' '; LIMIT]));
            let bomb = unpack(said_so, frame(&vec![b' '; 1 << 20]), LIMIT);
            assert_eq!(bomb, Unpacked::TooLarge);
            let broken = Incoming::Binary(Bytes::from_static(&[DEFLATED, 1, 2, 3]));
            let broken = unpack(said_so, broken, LIMIT);
            assert_eq!(broken, unreadable("the bytes are no deflated message"));
        }
        let silent = speaking(Subprotocol::Json, false);
        let small = unpack(silent, frame(&[b' '; 100]), LIMIT);
        assert_eq!(small, unreadable("send text frames"));
    }
}
