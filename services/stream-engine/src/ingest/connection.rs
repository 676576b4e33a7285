//! One publisher by RTMP, from its first byte to its last.

use std::net::IpAddr;
use std::time::Instant;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::door::{Admission, Door, Entrance, Goal, Refusal};
use super::flv::Tag;
use super::outlet::Outlet;
use super::relay::seed;
use super::rtmp::{Event, Server};
use super::{passage, proxy};

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// How a connection ended.
enum Ending {
    /// The publisher is done, or gone.
    Gone,
    /// It may not go on.
    Refused(Refusal),
}

impl From<std::io::Error> for Ending {
    fn from(_gone: std::io::Error) -> Self {
        Self::Gone
    }
}

impl<E: Into<Refusal>> From<E> for Ending
where
    E: IsRefusal,
{
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What can be a refusal.
trait IsRefusal {}
impl IsRefusal for Refusal {}
impl IsRefusal for super::rtmp::RtmpError {}
impl IsRefusal for super::flv::Unsupported {}

/// Serves the publisher on `stream`, which `peer` has connected.
pub(super) async fn serve(door: &Door, stream: TcpStream, peer: IpAddr) {
    // Small pieces go out at once.
    let _unset = stream.set_nodelay(true);
    let mut connection = Connection {
        door,
        stream,
        server: Server::new(door.way.limits, seed()),
        address: peer,
        buffer: vec![0; READ_BYTES],
    };
    if let Ending::Refused(refusal) = connection.run().await {
        let address = connection.address;
        door.metrics.refused(refusal.reason());
        tracing::info!(client = %address, reason = refusal.reason(), "publisher refused: {refusal}");
        connection.server.refuse(&refusal.status());
        let open = door.config.open_timeout();
        // Whoever does not read it sees the connection end.
        let _unheard = timeout(open, connection.say_and_end()).await;
    }
}

struct Connection<'a> {
    door: &'a Door,
    stream: TcpStream,
    server: Server,
    address: IpAddr,
    buffer: Vec<u8>,
}

impl Connection<'_> {
    async fn run(&mut self) -> Ending {
        match self.publish().await {
            Ok(never) => match never {},
            Err(ending) => ending,
        }
    }

    async fn publish(&mut self) -> Result<std::convert::Infallible, Ending> {
        let opening = self.door.config.open_timeout();
        let asked = timeout(opening, self.open()).await;
        let (application, key) = asked.map_err(|_elapsed| Refusal::Silent)??;
        let entrance = Entrance::Rtmp(application);
        let admitted = self.door.admit(&entrance, &key, Some(self.address)).await;
        if let Err(Refusal::Key) = admitted {
            // Guessing takes long.
            sleep(self.door.config.guess_delay()).await;
        }
        let admission = admitted?;
        let outlet = passage::open(self.door, &admission, &key).await?;
        self.server.accept();
        self.flush().await?;
        let Admission { key, goal, .. } = &admission;
        tracing::info!(
            stream.id = %key.stream, layer.id = %key.layer, client = %self.address,
            passed_on = *goal != Goal::Here, "publisher connected"
        );
        let _counted = self.door.metrics.publisher();
        let ended = self.carry(&admission, outlet).await;
        tracing::info!(stream.id = %key.stream, layer.id = %key.layer, "publisher gone");
        ended
    }

    /// From the first byte to the wish to publish.
    async fn open(&mut self) -> Result<(String, SecretString), Ending> {
        let mut read = Vec::new();
        let proxied = self
            .door
            .trusted_proxies
            .iter()
            .any(|network| network.contains(&self.address));
        if proxied && let Some(client) = proxy::client(&mut self.stream, &mut read).await? {
            self.address = client;
        }
        self.server.take(&read)?;
        loop {
            let event = self.server.next()?;
            self.flush().await?;
            match event {
                Some(Event::Publish { application, key }) => return Ok((application, key.into())),
                Some(Event::Done) => return Err(Ending::Gone),
                Some(Event::Media(_)) | None => self.read().await?,
            }
        }
    }

    /// Sends on what the publisher sends, for as long as it may.
    async fn carry(
        &mut self,
        admission: &Admission,
        mut outlet: Outlet,
    ) -> Result<std::convert::Infallible, Ending> {
        let Admission { key, seat, .. } = admission;
        let mut changes = self
            .door
            .changes(&key.stream)
            .ok_or(Ending::Refused(Refusal::NoHolder))?;
        loop {
            while let Some(event) = self.server.next()? {
                match event {
                    Event::Media(message) => {
                        self.door.metrics.bytes(message.payload.len());
                        if let Some(tag) = Tag::of(message)? {
                            outlet.offer(tag).map_err(|_closed| Refusal::SiblingGone)?;
                        }
                    }
                    Event::Done => return Err(Ending::Gone),
                    Event::Publish { .. } => return Err(Refusal::Key.into()),
                }
            }
            self.flush().await?;
            let silence = self.door.config.silence();
            tokio::select! {
                read = timeout(silence, self.stream.read(&mut self.buffer)) => {
                    let count = read.map_err(|_elapsed| Refusal::Silent)??;
                    if count == 0 {
                        return Err(Ending::Gone);
                    }
                    seat.heard(Instant::now());
                    self.server.take(self.buffer.get(..count).unwrap_or_default())?;
                }
                () = changes.next() => self.door.still_holds(admission).await?,
                () = seat.cut.cancelled() => return Err(Refusal::TakenOver.into()),
                () = self.door.lifecycle.closing().cancelled() => return Err(Refusal::Ending.into()),
            }
        }
    }

    async fn read(&mut self) -> Result<(), Ending> {
        let count = self.stream.read(&mut self.buffer).await?;
        if count == 0 {
            return Err(Ending::Gone);
        }
        self.server
            .take(self.buffer.get(..count).unwrap_or_default())?;
        Ok(())
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        let bytes = self.server.output();
        self.stream.write_all(&bytes).await
    }

    /// Says the last word, and waits until the publisher has ended the connection: it would not
    /// see the word if what it has sent in the meantime were never read.
    async fn say_and_end(&mut self) -> std::io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        while self.stream.read(&mut self.buffer).await? > 0 {}
        Ok(())
    }
}
