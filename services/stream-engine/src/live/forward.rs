//! Passing a request on to the sibling that holds the stream, so that any replica can answer.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reqwest::{Client, Method, RequestBuilder, Response};

/// Says that a sibling passed the request on already: it is not passed on again.
const PASSED_ON: &str = "x-sm-passed-on-by";
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Request headers that the holder needs: who asks, for what, and for which trace.
const REQUEST_HEADERS: [&str; 11] = [
    "authorization",
    "content-type",
    "cookie",
    "range",
    "if-none-match",
    "accept",
    "user-agent",
    "origin",
    "x-forwarded-proto",
    "x-request-id",
    "traceparent",
];
/// Response headers that the player needs.
const RESPONSE_HEADERS: [&str; 9] = [
    "location",
    "content-type",
    "content-range",
    "accept-ranges",
    "cache-control",
    "etag",
    "retry-after",
    "www-authenticate",
    "vary",
];

/// The holder did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the engine that holds the stream does not answer")]
pub(crate) struct HolderSilent(#[source] reqwest::Error);

/// Whether the holder may let the request wait for what is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promptness {
    /// It answers at once.
    AtOnce,
    /// It may.
    MayWait,
}

/// Passes requests on.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder {
    prompt: Client,
    patient: Client,
    name: String,
}

impl Forwarder {
    /// `name` is this process's. An answer may take any time as a whole, but `between` bounds the
    /// wait for its next bytes; the holder may let requests wait for `wait` besides.
    pub(crate) fn new(
        name: String,
        connect: Duration,
        between: Duration,
        wait: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            prompt: client(connect, between)?,
            patient: client(connect, between.saturating_add(wait))?,
            name,
        })
    }

    /// Whether a sibling has passed this request on.
    pub(crate) fn was_passed_on(request: &HttpRequest) -> bool {
        request.headers().contains_key(PASSED_ON)
    }

    /// Asks the sibling at the base address `holder` the same.
    pub(crate) async fn pass_on(
        &self,
        request: &HttpRequest,
        holder: &str,
        promptness: Promptness,
    ) -> Result<HttpResponse, HolderSilent> {
        let client = match promptness {
            Promptness::AtOnce => &self.prompt,
            Promptness::MayWait => &self.patient,
        };
        let answer = self.ask(client, request, holder).send().await;
        Ok(relay(answer.map_err(HolderSilent)?))
    }

    /// The same for a request whose body was read.
    pub(crate) async fn pass_on_with(
        &self,
        request: &HttpRequest,
        holder: &str,
        body: impl Into<Bytes>,
    ) -> Result<HttpResponse, HolderSilent> {
        let asking = self.ask(&self.patient, request, holder);
        let answer = asking.body(body.into()).send().await;
        Ok(relay(answer.map_err(HolderSilent)?))
    }

    fn ask(&self, client: &Client, request: &HttpRequest, holder: &str) -> RequestBuilder {
        let method = match request.method().as_str() {
            "HEAD" => Method::HEAD,
            "DELETE" => Method::DELETE,
            "POST" => Method::POST,
            _ => Method::GET,
        };
        let mut asking = client
            .request(method, format!("{holder}{}", request.uri()))
            .header(PASSED_ON, &self.name);
        for name in REQUEST_HEADERS {
            if let Some(value) = request.headers().get(name) {
                asking = asking.header(name, value.as_bytes());
            }
        }
        if let Some(peer) = request.peer_addr() {
            asking = asking.header(FORWARDED_FOR, hops(request.headers(), peer.ip()));
        }
        asking
    }
}

fn client(connect: Duration, between: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(connect)
        .read_timeout(between)
        .redirect(reqwest::redirect::Policy::none())
        // Siblings are reached directly, whatever the environment says.
        .no_proxy()
        .build()
}

/// The way the request has come, this process's peer last.
fn hops(headers: &HeaderMap, peer: IpAddr) -> String {
    let before = headers
        .get_all(FORWARDED_FOR)
        .filter_map(|value| value.to_str().ok());
    let mut hops: Vec<String> = before.map(str::to_owned).collect();
    hops.push(peer.to_string());
    hops.join(", ")
}

fn relay(answer: Response) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut relayed = HttpResponse::build(status);
    for name in RESPONSE_HEADERS {
        if let Some(value) = answer.headers().get(name) {
            relayed.insert_header((name, value.as_bytes()));
        }
    }
    // There may be several of these.
    for link in answer.headers().get_all("link") {
        relayed.append_header(("link", link.as_bytes()));
    }
    let length = answer
        .headers()
        .get("content-length")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.bytes_stream().map_err(std::io::Error::other);
    match length {
        Some(length) => relayed.body(BoxBody::new(SizedStream::new(length, body))),
        None => relayed.streaming(body),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_peer_is_added_to_the_way_so_far() {
        let request = TestRequest::get()
            .insert_header((FORWARDED_FOR, "203.0.113.7, 10.0.0.2"))
            .to_http_request();
        let peer = "10.0.0.3".parse().unwrap();
        assert_eq!(
            hops(request.headers(), peer),
            "203.0.113.7, 10.0.0.2, 10.0.0.3"
        );
        let direct = TestRequest::get().to_http_request();
        assert_eq!(hops(direct.headers(), peer), "10.0.0.3");
    }
}
