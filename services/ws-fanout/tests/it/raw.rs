//! Clients that do what no library does: odd handshakes, hostile frames, and no reading at all.

use std::net::SocketAddr;
use std::time::Duration;

use sm_test_kit::{Answer, Api, Running};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

const READ_TIMEOUT: Duration = Duration::from_secs(10);
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
pub(crate) const CLOSE: u8 = 0x88;

/// The answer to a WebSocket handshake with these headers on top.
pub(crate) async fn handshake(service: &Running, path: &str, headers: &[(&str, &str)]) -> Answer {
    let api = Api::new(service.url());
    let mut request = api
        .request(reqwest::Method::GET, path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY);
    for (name, value) in headers {
        let value = reqwest::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.header(*name, value);
    }
    api.send(request).await
}

/// A frame as a client sends it, masked. `first` holds the flags and the opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    beginning(first, payload.len(), payload)
}

/// The beginning of a frame that says it has `length` bytes.
pub(crate) fn beginning(first: u8, length: usize, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [7, 77, 177, 250];
    let mut bytes = head(first, u64::try_from(length).unwrap());
    bytes.extend_from_slice(&MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

/// The head of a masked frame, without the mask.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        bytes.push(0x80 | short);
    } else if let Ok(middle) = u16::try_from(length) {
        bytes.push(0x80 | 0x7e);
        bytes.extend_from_slice(&middle.to_be_bytes());
    } else {
        bytes.push(0x80 | 0x7f);
        bytes.extend_from_slice(&length.to_be_bytes());
    }
    bytes
}

/// A connection on which every byte is the test's own.
pub(crate) struct RawSocket {
    stream: TcpStream,
}

impl RawSocket {
    /// Connects and performs the handshake, with a receive buffer of `receive_bytes` where given.
    pub(crate) async fn open(
        service: &Running,
        path: &str,
        token: &str,
        receive_bytes: Option<u32>,
    ) -> Self {
        Self::open_at(service.kit().http_address(), path, token, receive_bytes).await
    }

    /// The same, to a service at this address, and as nobody where the token is empty.
    pub(crate) async fn open_at(
        address: SocketAddr,
        path: &str,
        token: &str,
        receive_bytes: Option<u32>,
    ) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(address).await.unwrap();
        let mut socket = Self { stream };
        let proof = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n{proof}\r\n"
        );
        socket.send(request.as_bytes()).await;
        let mut answer = Vec::new();
        let head = async {
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(socket.stream.read_u8().await.unwrap());
            }
        };
        timeout(READ_TIMEOUT, head)
            .await
            .expect("the handshake is answered");
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(answer.starts_with("http/1.1 101"), "{answer}");
        // The accept key of RFC 6455, section 1.3.
        assert!(answer.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
        socket
    }

    /// Sends bytes; the server may have closed already.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends bytes if they fit; `false` when the server's socket is gone.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.try_write(bytes) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }

    /// The next frame: its first byte and its payload; `None` at the end.
    pub(crate) async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        receive(&mut self.stream).await
    }

    /// Sends bytes, `step` at a time, and hears meanwhile: every frame up to the close frame, or to
    /// the end.
    pub(crate) async fn exchange(&mut self, bytes: &[u8], step: usize) -> Vec<(u8, Vec<u8>)> {
        let (mut reading, mut writing) = self.stream.split();
        let mut heard = Vec::new();
        let hear = async {
            while let Some(frame) = receive(&mut reading).await {
                heard.push(frame);
                if matches!(heard.last(), Some((CLOSE, _))) {
                    return;
                }
            }
        };
        let say = async {
            for part in bytes.chunks(step) {
                // The server may have closed already.
                if writing.write_all(part).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = hear => {}
            () = say => {}
        }
        heard
    }

    /// The next frame of this kind; passes over everything else.
    pub(crate) async fn receive_kind(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (first, payload) = self.receive().await.expect("the server says something");
            if first == kind {
                return payload;
            }
        }
    }

    /// The code that the server closes with.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let payload = self.receive_kind(CLOSE).await;
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let start = read(stream, 2).await?;
    assert_eq!(start[1] & 0x80, 0, "a server masks nothing");
    let length = match start[1] {
        126 => u64::from(u16::from_be_bytes(
            read(stream, 2).await?.try_into().unwrap(),
        )),
        127 => u64::from_be_bytes(read(stream, 8).await?.try_into().unwrap()),
        short => u64::from(short),
    };
    let payload = read(stream, usize::try_from(length).unwrap()).await?;
    Some((start[0], payload))
}

async fn read(stream: &mut (impl AsyncRead + Unpin), bytes: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    timeout(READ_TIMEOUT, stream.read_exact(&mut buffer))
        .await
        .expect("the server sends something or closes")
        .ok()?;
    Some(buffer)
}
