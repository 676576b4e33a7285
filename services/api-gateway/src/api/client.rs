use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, USER_AGENT};
use actix_web::{FromRequest, HttpRequest};
use ipnet::IpNet;
use sm_service_kit::ApiProblem;
use sm_service_kit::config::ServiceConfig as _;
use sm_service_kit::http::client_address;

use crate::config::Config;
use crate::origin::{AddressPolicy, Origin, program};

/// Networks whose forwarding headers are believed.
#[derive(Clone, Debug)]
pub(super) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(super) fn new(config: &Config) -> Self {
        Self(config.kit().http.trusted_proxies)
    }
}

/// Where a request comes from, and how the client addressed us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// The client's address.
    pub(super) address: IpAddr,
    /// Whether the client speaks https.
    pub(super) https: bool,
    /// The path that everything of ours lies under for the client: `/`, or `/stream`.
    pub(super) base_path: String,
    /// The program, see [`program`].
    pub(super) program: String,
}

impl Client {
    /// Where it comes from, as far as that is kept.
    pub(super) fn origin(&self, policy: AddressPolicy) -> Origin {
        Origin {
            address: self.address,
            network: policy.keep(self.address),
            client: self.program.clone(),
        }
    }

    fn of(peer: IpAddr, headers: &HeaderMap, TrustedProxies(trusted): &TrustedProxies) -> Self {
        let by_proxy = trusted.iter().any(|network| network.contains(&peer));
        let forwarded = |name: &str| {
            headers
                .get(name)
                .filter(|_| by_proxy)
                .and_then(|value| value.to_str().ok())
        };
        Self {
            address: client_address(peer, headers, trusted),
            https: forwarded("x-forwarded-proto") == Some("https"),
            base_path: forwarded("x-forwarded-prefix")
                .filter(|prefix| is_path(prefix))
                .map_or_else(|| "/".to_owned(), str::to_owned),
            program: program(
                headers
                    .get(USER_AGENT)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default(),
            ),
        }
    }
}

/// Whether the text is a plain absolute path, so that nothing else can be said with it in a
/// cookie.
fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte))
}

impl FromRequest for Client {
    type Error = ApiProblem;
    type Future = Ready<Result<Self, ApiProblem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let client = request
            .peer_addr()
            .zip(request.app_data::<TrustedProxies>())
            .map(|(peer, trusted)| Self::of(peer.ip(), request.headers(), trusted))
            .ok_or_else(|| ApiProblem::internal("the connection has no address"));
        ready(client)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, forwarded: &[(&'static str, &str)]) -> Client {
        let mut headers = HeaderMap::new();
        for (name, value) in forwarded {
            let value = HeaderValue::from_str(value).unwrap();
            headers.insert(HeaderName::from_static(name), value);
        }
        let trusted = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()]);
        Client::of(peer.parse().unwrap(), &headers, &trusted)
    }

    #[test]
    fn only_a_trusted_proxy_says_how_we_were_addressed() {
        let forwarded = [
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/stream"),
        ];
        let behind = client("10.0.0.1", &forwarded);
        assert_eq!(behind.address.to_string(), "203.0.113.7");
        assert_eq!((behind.https, behind.base_path.as_str()), (true, "/stream"));
        let direct = client("192.0.2.1", &forwarded);
        assert_eq!(direct.address.to_string(), "192.0.2.1");
        assert_eq!((direct.https, direct.base_path.as_str()), (false, "/"));
    }

    #[test]
    fn a_prefix_that_is_no_plain_path_is_ignored() {
        for prefix in ["stream", "/a; Domain=evil", "/a b", "//é"] {
            let client = client("10.0.0.1", &[("x-forwarded-prefix", prefix)]);
            assert_eq!(client.base_path, "/", "{prefix}");
        }
    }
}
