//! Passing a feed on to the sibling that holds the stream, so that a publisher may come to any
//! engine.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use super::outlet::Pieces;
use super::rtmp::{Client, Heard, Limits, Seed, Status};

/// The application of feeds that were passed on already: they are not passed on again.
pub(super) const PASSED_ON: &str = "passed-on";

/// How siblings are reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Where every engine listens for publishers.
    pub(super) port: u16,
    /// Longest wait for a connection.
    pub(super) connect: Duration,
    /// Longest wait for the sibling's answers.
    pub(super) answer: Duration,
    pub(super) limits: Limits,
}

/// A connection to the sibling, which has let us in.
#[derive(Debug)]
pub(super) struct Relay {
    stream: TcpStream,
    client: Client,
}

impl Relay {
    /// Publishes with `key` to the engine whose API is at `holder`; what it says if it refuses.
    pub(super) async fn open(
        holder: &str,
        key: &SecretString,
        way: Way,
        seed: Seed,
    ) -> Result<Self, Status> {
        let address = address(holder, way.port).ok_or_else(silent)?;
        let connecting = timeout(way.connect, TcpStream::connect(address.as_str()));
        let stream = connecting
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(silent)?;
        let client = Client::new(
            way.limits,
            seed,
            &format!("rtmp://{address}/{PASSED_ON}"),
            PASSED_ON,
            key.expose_secret(),
        );
        let mut relay = Self { stream, client };
        match timeout(way.answer, relay.wait()).await {
            Ok(Ok(Heard::Started)) => Ok(relay),
            Ok(Ok(Heard::Refused { code, description })) => Err(Status {
                code: code.into(),
                description,
            }),
            Ok(Err(_)) | Err(_) => Err(silent()),
        }
    }

    /// What the sibling says to the wish to publish.
    async fn wait(&mut self) -> std::io::Result<Heard> {
        loop {
            self.flush().await?;
            if let Some(heard) = self.client.heard() {
                return Ok(heard);
            }
            self.read().await?;
        }
    }

    /// Sends on what comes until the publisher is gone, or the sibling wants no more.
    pub(super) async fn pass_on(mut self, mut pieces: Pieces) {
        loop {
            let mut bytes = [0; 4096];
            tokio::select! {
                piece = pieces.next() => {
                    let Some(piece) = piece else { break };
                    if piece.after_gap {
                        let timestamp = piece.tag.message.timestamp;
                        for message in pieces.prelude.read().messages(timestamp) {
                            self.client.send(&message);
                        }
                    }
                    self.client.send(&piece.tag.message);
                }
                read = self.stream.read(&mut bytes) => {
                    let Some(bytes) = read.ok().and_then(|count| bytes.get(..count)) else { return };
                    let refused = bytes.is_empty()
                        || self.client.take(bytes).is_err()
                        || self.client.heard().is_some();
                    if refused {
                        return;
                    }
                }
            }
            if self.flush().await.is_err() {
                return;
            }
        }
        self.client.finish();
        // The end of the connection says the same.
        let _unsaid = self.flush().await;
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        let bytes = self.client.output();
        self.stream.write_all(&bytes).await
    }

    async fn read(&mut self) -> std::io::Result<()> {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.client
            .take(bytes.get(..count).unwrap_or_default())
            .map_err(std::io::Error::other)
    }
}

/// Where the engine whose API is at `holder` listens for publishers.
fn address(holder: &str, port: u16) -> Option<String> {
    let url = Url::parse(holder).ok()?;
    Some(match url.host()? {
        url::Host::Domain(name) => format!("{name}:{port}"),
        url::Host::Ipv4(address) => SocketAddr::new(address.into(), port).to_string(),
        url::Host::Ipv6(address) => SocketAddr::new(address.into(), port).to_string(),
    })
}

/// For a handshake. Nothing depends on its being secret.
pub(super) fn seed() -> Seed {
    Uuid::new_v4().into_bytes()
}

fn silent() -> Status {
    Status {
        code: "NetStream.Publish.Failed".into(),
        description: "the engine that holds the stream does not answer; try again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_siblings_door_is_on_the_host_of_its_api() {
        let at = |holder| address(holder, 1935);
        assert_eq!(at("http://127.0.6.2:4200").unwrap(), "127.0.6.2:1935");
        assert_eq!(at("http://engine-2:4200").unwrap(), "engine-2:1935");
        assert_eq!(at("http://[::1]:4200").unwrap(), "[::1]:1935");
        assert_eq!(at("nowhere"), None);
    }
}
