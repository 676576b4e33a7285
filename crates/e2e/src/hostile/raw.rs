//! What no well-behaved client sends, byte by byte: to Traefik, and to each service behind it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Stack;

const PATIENCE: Duration = Duration::from_secs(30);

/// Requests, each the whole of what a connection says.
const LIST: [(&str, &[u8]); 23] = [
    ("no request", b"\r\n\r\n\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("zeros", &[0; 4096]),
    ("no version", b"GET /api/layers\r\n\r\n"),
    (
        "a version to come",
        b"GET /api/layers HTTP/9.9\r\nhost: x\r\n\r\n",
    ),
    (
        "two lengths",
        b"POST /api/layers HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    ),
    (
        "a negative length",
        b"POST /api/layers HTTP/1.1\r\nhost: x\r\ncontent-length: -2\r\n\r\n{}",
    ),
    (
        "length and chunks",
        b"POST /api/layers HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\
          transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a wrong chunk",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "an endless chunk",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    ),
    (
        "a folded header",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: 1\r\n  2\r\n\r\n",
    ),
    (
        "a header without a name",
        b"GET / HTTP/1.1\r\nhost: x\r\n: 1\r\n\r\n",
    ),
    (
        "a control character",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: \x01\r\n\r\n",
    ),
    (
        "bytes for a path",
        b"GET /\xff\xfe/api HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    (
        "percents",
        b"GET /api/layers/%ff%fe%00%2e%2e HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    (
        "a proxy's request",
        b"GET http://169.254.169.254/latest HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    (
        "CONNECT",
        b"CONNECT 127.0.0.1:6390 HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    ("TRACE", b"TRACE / HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("an asterisk", b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"),
    (
        "an upgrade to anything",
        b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    ),
    (
        "a WebSocket without a key",
        b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ),
    ("a fragment of Redis", b"*1\r\n$8\r\nFLUSHALL\r\n"),
];

/// The list, and what is too long to be written down.
fn list() -> Vec<(&'static str, Vec<u8>)> {
    let long = "a".repeat(200_000);
    let many = "x: 1\r\n".repeat(2000);
    let longer = [
        (
            "a long path",
            format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        ),
        (
            "a long header",
            format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"),
        ),
        (
            "many headers",
            format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
        ),
    ];
    let written = LIST.iter().map(|(what, bytes)| (*what, bytes.to_vec()));
    written
        .chain(longer.map(|(what, text)| (what, text.into_bytes())))
        .collect()
}

/// What is wrong with an answer. Traefik itself says 500 to some of what is no HTTP: what counts is
/// that no service does.
fn complaint(answer: &str, is_edge: bool) -> Option<String> {
    let line = answer.lines().next()?;
    // A method or a version that nobody knows is none of the server's faults.
    let is_fault =
        line.starts_with("HTTP/1.1 5") && !line.contains(" 501 ") && !line.contains(" 505 ");
    let is_a_services = !is_edge || answer.contains("application/problem+json");
    (is_fault && is_a_services).then(|| line.to_owned())
}

/// Sends the list to Traefik and to every service, and says what was answered with 500 or more, or
/// not at all while the connection stayed open.
pub(super) async fn send_list(stack: &Stack) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, address) in stack.http_addresses().into_iter().enumerate() {
        for (what, bytes) in list() {
            // Traefik is the first.
            if let Some(complaint) = send(&address, &bytes, number == 0).await {
                complaints.push(format!("{what} to {address}: {complaint}"));
            }
        }
    }
    complaints
}

async fn send(address: &str, bytes: &[u8], is_edge: bool) -> Option<String> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        // Who is refused half-way may find the connection closed.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Some(answer)
    };
    match timeout(PATIENCE, talk).await {
        Err(_elapsed) => Some(format!("the connection is open after {PATIENCE:?}")),
        Ok(None) => Some("nobody listens".to_owned()),
        Ok(Some(answer)) => complaint(&String::from_utf8_lossy(&answer), is_edge),
    }
}
