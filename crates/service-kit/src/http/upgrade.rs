//! Connections that go on in another protocol: the handler of a request takes its socket over.
//! Nothing of the HTTP server stays in memory for them.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::h1::{Codec, SendResponse};
use actix_http::{ConnectionType, HttpMessage as _, Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::body::{BoxBody, to_bytes_limited};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long a refused client may go on sending before its connection is dropped.
const LINGER: Duration = Duration::from_secs(1);
/// Largest answer to a request that asks for another protocol and is refused.
const REFUSAL_BYTES_MAX: usize = 1024 * 1024;

type Continuation = Box<dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()>>>>;

/// The connection of a request that asks to go on in another protocol.
#[derive(Clone, Default)]
pub struct Upgrade(Rc<RefCell<Option<Continuation>>>);

/// A connection that was taken over from HTTP.
#[derive(Debug)]
pub struct Upgraded {
    /// Its socket.
    pub stream: TcpStream,
    /// What the client has sent after its request.
    pub received: BytesMut,
}

impl std::fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upgrade")
    }
}

impl Upgrade {
    /// That of `request`; `None` where it has none, or the server takes no connection over (see
    /// [`serve_upgrading`](super::serve_upgrading)).
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Goes on with the connection like this once the client has the answer, where that is 101. The
    /// end of the process waits for it, within the shutdown timeout.
    pub fn then<F>(&self, go_on: impl FnOnce(Upgraded) -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let boxed: Continuation = Box::new(|upgraded| Box::pin(go_on(upgraded)));
        self.0.replace(Some(boxed));
    }
}

/// Serves requests that ask for another protocol by the same routes as all others. `connections`
/// tracks those that were taken over.
pub(super) fn upgrading<A, S>(
    app: A,
    connections: TaskTracker,
) -> impl ServiceFactory<
    (Request, Framed<TcpStream, Codec>),
    Config = (),
    Response = (),
    Error = Error,
    InitError = (),
>
where
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + 'static,
{
    let app = app.into_factory();
    fn_factory(move || {
        let starting = app.new_service(AppConfig::default());
        let connections = connections.clone();
        async move {
            let app = Rc::new(starting.await?);
            Ok(fn_service(move |(request, framed)| {
                answer(Rc::clone(&app), connections.clone(), request, framed)
            }))
        }
    })
}

async fn answer<S>(
    app: Rc<S>,
    connections: TaskTracker,
    request: Request,
    framed: Framed<TcpStream, Codec>,
) -> Result<(), Error>
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let upgrade = Upgrade::default();
    request.extensions_mut().insert(upgrade.clone());
    let response: Response<BoxBody> = match app.call(request).await {
        Ok(response) => response.into(),
        Err(error) => error.error_response().into(),
    };
    let (mut response, body) = response.into_parts();
    let is_upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !is_upgraded {
        let head = response.head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let body = match to_bytes_limited(body, REFUSAL_BYTES_MAX).await {
        Ok(read) => read?,
        Err(error) => return Err(ErrorInternalServerError(error)),
    };
    let answer = SendResponse::new(framed, response.set_body(body));
    let sent = answer.await?.into_parts();
    let go_on = upgrade.0.take().filter(|_| is_upgraded);
    let Some(go_on) = go_on else {
        drop(timeout(LINGER, leave(sent.io)).await);
        return Ok(());
    };
    let upgraded = Upgraded {
        stream: sent.io,
        // The buffer is larger than what a connection needs.
        received: BytesMut::from(sent.read_buf.as_ref()),
    };
    connections.spawn_local(go_on(upgraded));
    Ok(())
}

/// Lets the client read the answer before the connection ends.
async fn leave(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
