use std::str::FromStr;

use serde::{Deserialize, Serialize};

const SCHEMES: [&str; 4] = ["stun", "stuns", "turn", "turns"];

/// A server that helps clients to find their way (RFC 7064, RFC 7065), without credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct IceServer(String);

/// The text is no address of an ICE server.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no ICE server: write stun:host, or turn:host:port")]
pub(crate) struct NotAServer(String);

impl IceServer {
    /// As a WHEP answer's `Link` header names it.
    pub(crate) fn link(&self) -> String {
        let Self(uri) = self;
        format!("<{uri}>; rel=\"ice-server\"")
    }
}

impl FromStr for IceServer {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let wrong = || NotAServer(text.to_owned());
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]?=".contains(c);
        if SCHEMES.contains(&scheme) && !rest.is_empty() && rest.chars().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(wrong())
        }
    }
}

impl TryFrom<String> for IceServer {
    type Error = NotAServer;

    fn try_from(text: String) -> Result<Self, NotAServer> {
        text.parse()
    }
}

impl From<IceServer> for String {
    fn from(IceServer(uri): IceServer) -> Self {
        uri
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_of_as_a_link() {
        let server: IceServer = "stun:stun.example.org:3478".parse().unwrap();
        assert_eq!(
            server.link(),
            "<stun:stun.example.org:3478>; rel=\"ice-server\""
        );
        for text in ["", "stun:", "http://a", "stun:a>; rel=b", "stun"] {
            assert!(text.parse::<IceServer>().is_err(), "{text}");
        }
    }
}
