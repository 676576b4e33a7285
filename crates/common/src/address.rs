//! Which addresses of others we connect to, and how sources are named by them. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Longest address of a source, in bytes.
pub const SOURCE_URL_BYTES_MAX: usize = 2048;

/// Networks that are not the public Internet: this host, private and shared ones, documentation,
/// multicast, and what is reserved.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Global unicast: everything outside of it is refused.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Parts of it that are special, or lead to an IPv4 address that is written inside.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Which addresses sources may be read from: those of the public Internet, and these networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Networks that the operator allows besides.
    #[serde(default)]
    pub allow: Vec<IpNet>,
}

impl NetworkPolicy {
    /// Whether we may connect to this address.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allow.iter().any(|network| network.contains(&address))
    }

    /// Whether the host may be asked for: names are, until they are resolved.
    pub fn permits_host(&self, host: &Host) -> bool {
        match host {
            Host::Domain(_) => true,
            Host::Ipv4(address) => self.permits(IpAddr::V4(*address)),
            Host::Ipv6(address) => self.permits(IpAddr::V6(*address)),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|(network, bits)| {
            shares(
                u128::from(address.to_bits()) << 96,
                u128::from(network.to_bits()) << 96,
                *bits,
            )
        }),
        IpAddr::V6(address) => {
            let within = |(network, bits): &(Ipv6Addr, u32)| {
                shares(address.to_bits(), network.to_bits(), *bits)
            };
            within(&PUBLIC_V6) && !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}

/// Whether the first `bits` of both are the same; `bits` is 1 to 128.
const fn shares(a: u128, b: u128, bits: u32) -> bool {
    (a ^ b) >> (128 - bits) == 0
}

/// How a source is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceScheme {
    /// From an RTMP server.
    Rtmp,
    /// The same, encrypted.
    Rtmps,
    /// From an RTSP server, such as a camera.
    Rtsp,
    /// The same, encrypted.
    Rtsps,
    /// MPEG-TS from an SRT listener.
    Srt,
    /// A file, a transport stream or an HLS playlist.
    Http,
    /// The same, encrypted.
    Https,
}

impl SourceScheme {
    /// Its name in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
            Self::Srt => "srt",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where the address names none; SRT has no usual one.
    const fn usual_port(self) -> Option<u16> {
        match self {
            Self::Rtmp => Some(1935),
            Self::Rtsp => Some(554),
            Self::Rtsps => Some(322),
            Self::Srt => None,
            Self::Http => Some(80),
            Self::Https | Self::Rtmps => Some(443),
        }
    }

    /// Whether it is encrypted on the way by TLS.
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Rtmps | Self::Rtsps | Self::Https => true,
            Self::Rtmp | Self::Rtsp | Self::Srt | Self::Http => false,
        }
    }

    /// Whether what comes is live, and ends only when something is wrong.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Rtmp | Self::Rtmps | Self::Rtsp | Self::Rtsps | Self::Srt => true,
            Self::Http | Self::Https => false,
        }
    }

    /// Whether its servers let people in by a user and a password.
    pub const fn takes_password(self) -> bool {
        !matches!(self, Self::Srt)
    }

    fn named(text: &str) -> Option<Self> {
        [
            Self::Rtmp,
            Self::Rtmps,
            Self::Rtsp,
            Self::Rtsps,
            Self::Srt,
            Self::Http,
            Self::Https,
        ]
        .into_iter()
        .find(|scheme| scheme.as_str() == text)
    }
}

/// The text is not an address of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceUrlError {
    /// Not a URL with a host.
    #[error("must be an address such as rtmp://host/app/stream")]
    Malformed,
    /// Over [`SOURCE_URL_BYTES_MAX`].
    #[error("must be at most {SOURCE_URL_BYTES_MAX} bytes long")]
    TooLong,
    /// A scheme that is not read.
    #[error("must begin with rtmp://, rtmps://, rtsp://, rtsps://, srt://, http:// or https://")]
    Scheme,
    /// A user or a password.
    #[error(
        "must not hold a user or a password, which have members of their own: everybody who sees \
         the layer sees its address"
    )]
    Credentials,
    /// No port, and the scheme has no usual one.
    #[error("must name a port")]
    Port,
    /// No application or stream.
    #[error("must name an application and a stream: rtmp://host/app/stream")]
    Stream,
    /// Members say what other programs put here.
    #[error("must end with the port")]
    Trailing,
}

/// The address of a source. Only its origin is ever shown: keys may be in the rest.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceUrl {
    scheme: SourceScheme,
    host: Host,
    port: u16,
    url: Url,
}

impl SourceUrl {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, SourceUrlError> {
        if text.len() > SOURCE_URL_BYTES_MAX {
            return Err(SourceUrlError::TooLong);
        }
        let url = Url::parse(text).map_err(|_syntax| SourceUrlError::Malformed)?;
        let scheme = SourceScheme::named(url.scheme()).ok_or(SourceUrlError::Scheme)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SourceUrlError::Credentials);
        }
        // Read again, because only web addresses come with their numbers in one spelling.
        let host = url
            .host_str()
            .and_then(|host| Host::parse(host).ok())
            .ok_or(SourceUrlError::Malformed)?;
        let port = url
            .port()
            .or(scheme.usual_port())
            .filter(|port| *port != 0)
            .ok_or(SourceUrlError::Port)?;
        let address = Self {
            scheme,
            host,
            port,
            url,
        };
        match scheme {
            SourceScheme::Rtmp | SourceScheme::Rtmps
                if address.application_and_stream().is_none() =>
            {
                Err(SourceUrlError::Stream)
            }
            SourceScheme::Srt if !address.is_bare() => Err(SourceUrlError::Trailing),
            SourceScheme::Rtmp
            | SourceScheme::Rtmps
            | SourceScheme::Rtsp
            | SourceScheme::Rtsps
            | SourceScheme::Srt
            | SourceScheme::Http
            | SourceScheme::Https => Ok(address),
        }
    }

    /// How it is fetched.
    pub const fn scheme(&self) -> SourceScheme {
        self.scheme
    }

    /// Where it is.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Scheme, host and port: the server that it leads to, and how.
    pub fn origin(&self) -> String {
        let Self {
            scheme, host, port, ..
        } = self;
        format!("{}://{host}:{port}", scheme.as_str())
    }

    /// All of it. Not for logs, reasons or answers.
    pub const fn expose(&self) -> &Url {
        &self.url
    }

    /// The application and the stream of an RTMP address.
    pub fn application_and_stream(&self) -> Option<(String, String)> {
        let (application, stream) = self.url.path().trim_start_matches('/').rsplit_once('/')?;
        if application.is_empty() || stream.is_empty() {
            return None;
        }
        let stream = match self.url.query() {
            Some(query) => format!("{stream}?{query}"),
            None => stream.to_owned(),
        };
        Some((application.to_owned(), stream))
    }

    fn is_bare(&self) -> bool {
        matches!(self.url.path(), "" | "/")
            && self.url.query().is_none()
            && self.url.fragment().is_none()
    }
}

/// The origin alone.
impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_permitted() {
        let policy = NetworkPolicy::default();
        for (address, permitted) in [
            ("1.1.1.1", true),
            ("99.255.255.255", true),
            ("172.32.0.1", true),
            ("223.255.255.255", true),
            ("2606:4700::1111", true),
            ("::ffff:1.1.1.1", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("239.1.2.3", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("fc00::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(policy.permits(address), permitted, "{address}");
        }
    }

    #[test]
    fn a_network_may_be_allowed_in_every_spelling() {
        let policy = NetworkPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        };
        for (address, permitted) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("fd12::1", true),
            ("::1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(
                policy.permits(address.parse().unwrap()),
                permitted,
                "{address}"
            );
        }
    }

    #[test]
    fn hosts_that_are_addresses_are_recognised_however_they_are_written() {
        let policy = NetworkPolicy::default();
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "017700000001",
            "127.1",
            "[::1]",
            "[::ffff:7f00:1]",
        ] {
            for scheme in ["rtmp", "rtmps", "rtsp", "rtsps", "http", "srt"] {
                let path = if scheme == "srt" { "" } else { "/a/b" };
                let url = SourceUrl::parse(&format!("{scheme}://{host}:99{path}")).unwrap();
                assert!(!policy.permits_host(url.host()), "{scheme} {host}");
            }
        }
        let named = SourceUrl::parse("http://example.com/a").unwrap();
        assert!(policy.permits_host(named.host()));
    }

    #[test]
    fn addresses_are_read_or_refused_for_a_reason() {
        use SourceUrlError as E;
        for (text, refused) in [
            ("rtmp://example.com/live/key", None),
            ("rtmp://example.com:1936/a/b/key?token=1", None),
            ("srt://example.com:9000", None),
            ("https://example.com/live.m3u8?token=1", None),
            ("rtmp://example.com/live", Some(E::Stream)),
            ("rtmp://example.com/live/", Some(E::Stream)),
            ("srt://example.com", Some(E::Port)),
            ("srt://example.com:0", Some(E::Port)),
            ("srt://example.com:9000?passphrase=abc", Some(E::Trailing)),
            ("srt://example.com:9000/a", Some(E::Trailing)),
            ("http://user@example.com/a", Some(E::Credentials)),
            ("http://:secret@example.com/a", Some(E::Credentials)),
            ("file:///etc/passwd", Some(E::Scheme)),
            ("rtsp://example.com/a?channel=1", None),
            ("rtsps://example.com", None),
            ("rtmps://example.com/live/key", None),
            ("rtmps://example.com/live", Some(E::Stream)),
            ("rtsp://user:secret@example.com/a", Some(E::Credentials)),
            ("rtspu://example.com/a", Some(E::Scheme)),
            ("gopher://example.com/a", Some(E::Scheme)),
            ("example.com", Some(E::Malformed)),
            ("http://", Some(E::Malformed)),
            ("srt://:9000", Some(E::Malformed)),
        ] {
            assert_eq!(SourceUrl::parse(text).err(), refused, "{text}");
        }
        let long = format!("http://example.com/{}", "a".repeat(SOURCE_URL_BYTES_MAX));
        assert_eq!(SourceUrl::parse(&long).err(), Some(E::TooLong));
    }

    #[test]
    fn each_scheme_has_its_port() {
        for (text, origin) in [
            ("rtmp://a.example/a/b", "rtmp://a.example:1935"),
            ("rtmps://a.example/a/b", "rtmps://a.example:443"),
            ("rtsp://A.example/a", "rtsp://a.example:554"),
            ("rtsps://a.example/a", "rtsps://a.example:322"),
            ("https://a.example:8443/a", "https://a.example:8443"),
            ("srt://[2001:0db8::1]:9000", "srt://[2001:db8::1]:9000"),
        ] {
            assert_eq!(SourceUrl::parse(text).unwrap().origin(), origin);
        }
    }

    #[test]
    fn only_the_origin_is_shown() {
        let url = SourceUrl::parse("rtmp://example.com/live/secret?token=secret").unwrap();
        assert_eq!(url.to_string(), "rtmp://example.com:1935/…");
        assert!(!format!("{url:?}").contains("secret"));
        let (application, stream) = url.application_and_stream().unwrap();
        assert_eq!(
            (application.as_str(), stream.as_str()),
            ("live", "secret?token=secret")
        );
    }
}
