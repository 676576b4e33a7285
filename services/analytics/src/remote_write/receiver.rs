use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretSlice};
use url::Url;

/// The version of remote-write that is spoken.
const VERSION: (&str, &str) = ("x-prometheus-remote-write-version", "0.1.0");

/// Most of an answer that is read to tell why it is a refusal.
const REASON_MAX: usize = 200;

/// Whoever takes samples.
#[derive(Debug)]
pub(super) struct Receiver {
    client: Client,
    url: Url,
    bearer: Option<SecretSlice<u8>>,
}

/// What a receiver makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it.
    Taken,
    /// It will never take it: sending it again is of no use.
    Refused(String),
    /// It cannot take it now; how long it wants to be left alone, where it says so.
    Later(String, Option<Duration>),
}

impl Receiver {
    pub(super) fn new(
        url: Url,
        bearer: Option<SecretSlice<u8>>,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("stream-manager/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            url,
            bearer,
        })
    }

    pub(super) async fn send(&self, body: Vec<u8>) -> Answer {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, "snappy")
            .header(VERSION.0, VERSION.1)
            .body(body);
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(String::from_utf8_lossy(bearer.expose_secret()));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            // Without the address, which may hold a password.
            Err(error) => return Answer::Later(error.without_url().to_string(), None),
        };
        let (status, wait) = (answer.status(), wait_of(answer.headers()));
        if status.is_success() {
            return Answer::Taken;
        }
        let text = answer.text().await.unwrap_or_default();
        let line: String = text
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(REASON_MAX)
            .collect();
        judge(status, format!("{status}: {line}"), wait)
    }
}

/// Overload and faults pass; everything else is about the request.
fn judge(status: StatusCode, reason: String, wait: Option<Duration>) -> Answer {
    let may_pass = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        // A wrong token is put right by the operator; until then the samples wait.
        || status == StatusCode::UNAUTHORIZED
        || status == StatusCode::FORBIDDEN
        || status == StatusCode::NOT_FOUND
        || status.is_redirection();
    if may_pass {
        Answer::Later(reason, wait)
    } else {
        Answer::Refused(reason)
    }
}

/// The seconds of `Retry-After`.
fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_never_will_be_taken_is_given_up() {
        for (status, is_refused) in [
            (400, true),
            (413, true),
            (422, true),
            (401, false),
            (404, false),
            (429, false),
            (500, false),
            (503, false),
            (302, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = judge(status, String::new(), None);
            assert_eq!(matches!(answer, Answer::Refused(_)), is_refused, "{status}");
        }
    }
}
