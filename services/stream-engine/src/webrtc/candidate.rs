use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest wait for the address of a name. What takes longer is left out of the answer.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// An address at which viewers reach the UDP port: a host, by name or by address, and the port where
/// it is another than the one that is listened on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct CandidateAddress {
    host: String,
    port: Option<u16>,
}

/// The text is no such address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address for WebRTC: name a host, with or without a port")]
pub(crate) struct NotAnAddress(String);

impl FromStr for CandidateAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self {
                host: address.to_string(),
                port: None,
            });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                host: address.ip().to_string(),
                port: Some(address.port()),
            });
        }
        let wrong = || NotAnAddress(text.to_owned());
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_no_port| wrong())?)),
            None => (text, None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl TryFrom<String> for CandidateAddress {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        text.parse()
    }
}

impl From<CandidateAddress> for String {
    fn from(CandidateAddress { host, port }: CandidateAddress) -> Self {
        match (port, host.parse::<IpAddr>()) {
            (Some(port), Ok(address)) => SocketAddr::new(address, port).to_string(),
            (Some(port), Err(_name)) => format!("{host}:{port}"),
            (None, _) => host,
        }
    }
}

impl CandidateAddress {
    /// Where it leads now; `port` is used where it names none. Nothing where a name is not known.
    pub(super) async fn resolve(&self, port: u16) -> Vec<SocketAddr> {
        let port = self.port.unwrap_or(port);
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return vec![SocketAddr::new(address, port)];
        }
        let looking = tokio::net::lookup_host((self.host.as_str(), port));
        match tokio::time::timeout(LOOKUP_TIMEOUT, looking).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => {
                tracing::warn!(host = self.host, %error, "a WebRTC address is not known");
                Vec::new()
            }
            Err(_elapsed) => {
                tracing::warn!(
                    host = self.host,
                    "looking a WebRTC address up takes too long"
                );
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_may_be_a_port() {
        for text in [
            "192.0.2.7",
            "192.0.2.7:4210",
            "2001:db8::1",
            "[2001:db8::1]:4210",
            "live.example.org",
            "live.example.org:4210",
        ] {
            let read: CandidateAddress = text.parse().unwrap();
            assert_eq!(String::from(read), text);
        }
        for text in ["", ":1", "a:b", "a b", "http://a", "[::1"] {
            assert!(text.parse::<CandidateAddress>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn an_address_leads_to_the_port_it_names_or_to_ours() {
        let read = |text: &str| text.parse::<CandidateAddress>().unwrap();
        let ours = read("192.0.2.7").resolve(9).await;
        assert_eq!(ours, ["192.0.2.7:9".parse().unwrap()]);
        let named = read("[::1]:7").resolve(9).await;
        assert_eq!(named, ["[::1]:7".parse().unwrap()]);
        let local = read("localhost").resolve(9).await;
        assert!(local.contains(&"127.0.0.1:9".parse().unwrap()), "{local:?}");
    }
}
