use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests under way at once.
const CONNECTIONS: usize = 16;

/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 4096;
/// Longest answer, with its head.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Requests a second that a server answers to the same GET over kept connections. Measured on the
/// machine that also makes the load, so that only ratios within one run mean anything.
pub(crate) async fn requests_per_second(
    address: &str,
    path: &str,
    headers: &str,
    duration: Duration,
) -> anyhow::Result<f64> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n");
    let until = Instant::now() + duration;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(client(address.to_owned(), request.clone(), until)))
        .collect();
    let mut answered: u32 = 0;
    for client in clients {
        answered += client.await.context("join a client")??;
    }
    Ok(f64::from(answered) / duration.as_secs_f64())
}

async fn client(address: String, request: String, until: Instant) -> anyhow::Result<u32> {
    let mut stream = TcpStream::connect(&address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    let mut answered = 0;
    while Instant::now() < until {
        stream.write_all(request.as_bytes()).await?;
        read_answer(&mut stream, &mut buffer).await?;
        answered += 1;
    }
    Ok(answered)
}

/// Reads one answer with a content length; anything but a 200 is an error.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    let mut wanted = usize::MAX;
    while filled < wanted {
        let room = buffer
            .get_mut(filled..)
            .context("the answer is larger than the buffer")?;
        let read = stream.read(room).await?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        filled += read;
        if wanted == usize::MAX {
            let head = buffer.get(..filled.min(HEAD_BYTES_MAX)).unwrap_or_default();
            let text = String::from_utf8_lossy(head).to_lowercase();
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                anyhow::ensure!(head.starts_with("http/1.1 200"), "{head}");
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length:"))
                    .context("the answer has a content length")?;
                wanted = head.len() + 4 + length.trim().parse::<usize>()?;
            }
        }
    }
    Ok(())
}
