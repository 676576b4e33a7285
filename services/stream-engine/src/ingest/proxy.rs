//! The PROXY protocol, version 2: Traefik says before a connection's first byte who has made it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What every such header begins with. No RTMP connection does.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes up to the addresses.
const HEAD_BYTES: usize = 16;
/// Largest part behind that: two IPv6 addresses, and what nobody here reads.
const ADDRESSES_BYTES_MAX: usize = 512;

/// What follows the signature makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PROXY header of version 2")]
pub(super) struct NotAHeader;

/// Who has made the connection, where it begins with a header. What was read and is no header is
/// left in `read`.
pub(super) async fn client(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> std::io::Result<Option<IpAddr>> {
    let refused = || std::io::Error::new(std::io::ErrorKind::InvalidData, NotAHeader);
    loop {
        let seen = read.len().min(SIGNATURE.len());
        if read.get(..seen) != SIGNATURE.get(..seen) {
            return Ok(None);
        }
        if let Some(head) = read.first_chunk::<HEAD_BYTES>() {
            let (length, known) = head_of(*head).ok_or_else(refused)?;
            let whole = HEAD_BYTES.saturating_add(length);
            if read.len() >= whole {
                let addresses = read.get(HEAD_BYTES..whole).unwrap_or_default();
                let client = known.then(|| source(*head, addresses)).flatten();
                read.drain(..whole);
                return Ok(client);
            }
        }
        let mut bytes = [0; 256];
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Ok(None);
        }
        read.extend(bytes.iter().take(count));
    }
}

/// Length of the rest, and whether it names a client: the proxy's own checks do not.
fn head_of(head: [u8; HEAD_BYTES]) -> Option<(usize, bool)> {
    let [.., command, _family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let known = match command {
        0x20 => false,
        0x21 => true,
        _ => return None,
    };
    (length <= ADDRESSES_BYTES_MAX).then_some((length, known))
}

fn source(head: [u8; HEAD_BYTES], addresses: &[u8]) -> Option<IpAddr> {
    let [.., family, _, _] = head;
    match family {
        0x11 => addresses
            .first_chunk::<4>()
            .map(|bytes| Ipv4Addr::from(*bytes).into()),
        0x21 => addresses
            .first_chunk::<16>()
            .map(|bytes| Ipv6Addr::from(*bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (std::io::Result<Option<IpAddr>>, Vec<u8>) {
        let (mut rest, mut left) = (bytes, Vec::new());
        let client = client(&mut rest, &mut left).await;
        left.extend(rest);
        (client, left)
    }

    fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [
            &SIGNATURE[..],
            &[command, family],
            &length,
            addresses,
            b"\x03rest",
        ]
        .concat()
    }

    #[tokio::test]
    async fn a_header_names_the_client_and_the_rest_is_left() {
        let four = header(0x21, 0x11, &[192, 0, 2, 7, 1, 1, 1, 1, 0, 1, 0, 2]);
        let (client, left) = read(&four).await;
        assert_eq!(client.unwrap(), Some([192, 0, 2, 7].into()));
        assert_eq!(left, b"\x03rest");
        let six = header(0x21, 0x21, &[7; 36]);
        assert_eq!(read(&six).await.0.unwrap(), Some([7; 16].into()));
        let own = header(0x20, 0, &[]);
        let (client, left) = read(&own).await;
        assert_eq!((client.unwrap(), left.as_slice()), (None, &b"\x03rest"[..]));
    }

    #[tokio::test]
    async fn what_is_no_header_is_left_as_it_is() {
        for bytes in [&b"\x03abc"[..], b"", b"\r\n\r\nX"] {
            let (client, left) = read(bytes).await;
            assert_eq!((client.unwrap(), left.as_slice()), (None, bytes));
        }
        assert!(read(&header(0x33, 0x11, &[0; 12])).await.0.is_err());
        let endless = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat();
        assert!(read(&endless).await.0.is_err());
    }
}
