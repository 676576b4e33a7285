use std::net::{SocketAddr, TcpListener};

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;

/// A server with one thread that answers `body` at `path` and does nothing else.
pub(crate) fn bare_route(path: &'static str, body: String) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("bind the peer")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let body = web::Bytes::from(body);
            let server = HttpServer::new(move || {
                let body = body.clone();
                let answer = move || {
                    let body = body.clone();
                    async move {
                        HttpResponse::Ok()
                            .insert_header((CONTENT_TYPE, "application/json"))
                            .body(body)
                    }
                };
                App::new().route(path, web::get().to(answer))
            })
            .workers(1)
            .listen(listener)?;
            server.run().await
        })
    });
    Ok(address)
}
