use std::net::IpAddr;

use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use ipnet::IpNet;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which pages may connect: a browser says in `Origin` whose page it is, and lets no page lie.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    /// Origins besides the request's own.
    pub(crate) listed: Vec<String>,
    /// Networks whose `X-Forwarded-Host` and `X-Forwarded-Proto` are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl Origins {
    /// Refuses a page of another origin. A client that is no browser sends none, and passes.
    pub(crate) fn require(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<(), ApiProblem> {
        let origins: Vec<_> = headers.get_all(ORIGIN).collect();
        let allowed = match origins.as_slice() {
            [] => true,
            // Compared to the letter: browsers write an origin in one way only.
            [origin] => origin.to_str().is_ok_and(|origin| {
                self.listed.iter().any(|listed| listed == origin)
                    || self.own(headers, peer).iter().any(|own| own == origin)
            }),
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        Err(ApiProblem::new(ProblemCode::OriginForbidden)
            .detail("connect from a page of this host, or have its origin added to ws.origins"))
    }

    /// The origins of pages on the host that was asked.
    fn own(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Vec<String> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let proxied = peer.is_some_and(|peer| {
            self.trusted_proxies
                .iter()
                .any(|network| network.contains(&peer))
        });
        let proto = if proxied { text(FORWARDED_PROTO) } else { None };
        let scheme = match proto {
            Some("https" | "wss") => "https",
            Some(_) | None => "http",
        };
        let forwarded = if proxied { text(FORWARDED_HOST) } else { None };
        [text(HOST), forwarded]
            .into_iter()
            .flatten()
            .map(|host| format!("{scheme}://{host}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";
    const STRANGER: &str = "192.0.2.9";

    fn allows(peer: &str, headers: &[(&'static str, &str)]) -> bool {
        let origins = Origins {
            listed: vec!["https://listed.example".to_owned()],
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        origins.require(&map, Some(peer.parse().unwrap())).is_ok()
    }

    #[test]
    fn a_page_of_the_own_host_and_a_listed_one_may_connect() {
        let host = ("host", "studio.example");
        assert!(allows(STRANGER, &[host]));
        assert!(allows(
            STRANGER,
            &[host, ("origin", "http://studio.example")]
        ));
        assert!(allows(
            STRANGER,
            &[host, ("origin", "https://listed.example")]
        ));
        let port = [
            ("host", "127.0.0.1:8080"),
            ("origin", "http://127.0.0.1:8080"),
        ];
        assert!(allows(STRANGER, &port));
    }

    #[test]
    fn nine_hostile_forms_of_the_own_origin_are_refused() {
        for hostile in [
            "https://studio.example.evil.example",
            "https://evil-studio.example",
            "http://studio.example",
            "https://studio.example:8443",
            "null",
            "https://studio.example@evil.example",
            "https://STUDIO.example",
            "https://studio.example.",
            "https://studiо.example",
        ] {
            let headers = [
                ("host", "studio.example"),
                ("x-forwarded-proto", "wss"),
                ("origin", hostile),
            ];
            assert!(!allows(PROXY, &headers), "{hostile}");
        }
        let twice = [
            ("host", "studio.example"),
            ("origin", "http://studio.example"),
            ("origin", "http://studio.example"),
        ];
        assert!(!allows(STRANGER, &twice));
    }

    #[test]
    fn only_a_trusted_proxy_says_how_it_was_asked() {
        let headers = [
            ("host", "127.0.5.1:4201"),
            ("x-forwarded-host", "studio.example"),
            ("x-forwarded-proto", "wss"),
            ("origin", "https://studio.example"),
        ];
        assert!(allows(PROXY, &headers));
        assert!(!allows(STRANGER, &headers));
    }
}
