//! A connection that we make ourselves, for what would connect to anywhere by itself: its other
//! end is a port of this host, which takes one caller.
//!
//! So it is connected to the address that was checked and to no other, a certificate is judged by
//! the name that was asked for, and no server can send faster than is read here.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::{IpAddr as TlsAddress, ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Host;

use crate::layer::failure::Failure;

/// Longest wait for a connection, for a secure one on top of it, and for who asked for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that are carried at a time, and pause after them: at most 16 MiB a second. What reads here
/// keeps all of a message, however long a server says it is.
const PIECE_BYTES: usize = 64 * 1024;
const PIECE_PAUSE: Duration = Duration::from_millis(4);

trait Way: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Way for T {}

/// Connects to `place`, by TLS to `name` where there is one, and returns the port on this host that
/// leads there.
pub(super) fn open(place: SocketAddr, name: Option<&Host>) -> Result<u16, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::engine(error.kind()))?;
    let far = runtime.block_on(connect(place, name))?;
    let listener = listen().map_err(|error| Failure::engine(error.kind()))?;
    let port = listener
        .local_addr()
        .map_err(|error| Failure::engine(error.kind()))?
        .port();
    thread::Builder::new()
        .name("relay".to_owned())
        .spawn(move || carry(&runtime, far, listener))
        .map_err(|error| Failure::engine(error.kind()))?;
    Ok(port)
}

fn listen() -> io::Result<StdListener> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn connect(place: SocketAddr, name: Option<&Host>) -> Result<Box<dyn Way>, Failure> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(place)).await;
    let stream = stream
        .ok()
        .and_then(Result::ok)
        .ok_or_else(Failure::unreachable)?;
    let Some(name) = name else {
        return Ok(Box::new(stream));
    };
    let connector = TlsConnector::from(Arc::new(tls_config()?));
    let secure = timeout(
        CONNECT_TIMEOUT,
        connector.connect(server_name(name)?, stream),
    )
    .await;
    match secure {
        Ok(Ok(secure)) => Ok(Box::new(secure)),
        Ok(Err(_)) | Err(_) => Err(Failure::tls()),
    }
}

/// The certificates that this system trusts, as for HTTPS.
fn tls_config() -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(Failure::engine)?;
    Ok(config.with_no_client_auth())
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_no| Failure::tls()),
        Host::Ipv4(address) => Ok(ServerName::IpAddress(TlsAddress::from(
            std::net::IpAddr::V4(*address),
        ))),
        Host::Ipv6(address) => Ok(ServerName::IpAddress(TlsAddress::from(
            std::net::IpAddr::V6(*address),
        ))),
    }
}

/// Carries until one side ends. What goes wrong is seen by whoever reads.
fn carry(runtime: &Runtime, far: Box<dyn Way>, listener: StdListener) {
    runtime.block_on(async move {
        let Ok(near) = accept(listener).await else {
            return;
        };
        let (mut from_near, mut to_near) = tokio::io::split(near);
        let (mut from_far, mut to_far) = tokio::io::split(far);
        tokio::select! {
            _over = pass(&mut from_far, &mut to_near) => {}
            _over = pass(&mut from_near, &mut to_far) => {}
        }
        // Whoever still listens hears that it is over.
        let _ = to_near.shutdown().await;
        let _ = to_far.shutdown().await;
    });
}

async fn accept(listener: StdListener) -> io::Result<TcpStream> {
    let listener = TcpListener::from_std(listener)?;
    let (stream, _address) = timeout(CONNECT_TIMEOUT, listener.accept()).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut carried = 0;
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(piece.get(..length).unwrap_or_default())
            .await?;
        to.flush().await?;
        carried += length;
        if carried >= PIECE_BYTES {
            carried = 0;
            tokio::time::sleep(PIECE_PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream as Near;

    use super::*;

    #[test]
    fn what_is_said_on_one_side_is_heard_on_the_other_until_one_hangs_up() {
        let server = StdListener::bind("127.0.0.1:0").unwrap();
        let port = open(server.local_addr().unwrap(), None).unwrap();
        let (mut far, _) = server.accept().unwrap();
        let mut near = Near::connect(("127.0.0.1", port)).unwrap();
        let mut heard = [0; 5];
        near.write_all(b"hello").unwrap();
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        far.write_all(b"world").unwrap();
        near.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"world");
        drop(far);
        assert_eq!(near.read(&mut heard).unwrap(), 0);
    }

    #[test]
    fn nobody_and_somebody_without_a_certificate_are_told_apart() {
        let gone = StdListener::bind("127.0.0.1:0").unwrap();
        let place = gone.local_addr().unwrap();
        drop(gone);
        let refused = open(place, None).unwrap_err();
        assert_eq!(refused.code, "layer.source.unreachable");
        let plain = StdListener::bind("127.0.0.1:0").unwrap();
        let place = plain.local_addr().unwrap();
        let speaker = thread::spawn(move || {
            let (mut stream, _) = plain.accept().unwrap();
            stream
                .write_all(b"RTSP/1.0 400 Bad Request\r\n\r\n")
                .unwrap();
        });
        let host = Host::Domain("localhost".to_owned());
        assert_eq!(
            open(place, Some(&host)).unwrap_err().code,
            "layer.source.tls"
        );
        speaker.join().unwrap();
    }
}
