//! Where a request comes from, as far as it is kept.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Bits of an address that name a network rather than somebody's device.
const IPV4_NETWORK_BITS: u8 = 24;
const IPV6_NETWORK_BITS: u8 = 48;

/// How much of an address is kept with a sign-in and in the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressPolicy {
    /// Nothing.
    None,
    /// The network: /24 of IPv4, /48 of IPv6.
    Network,
    /// All of it.
    Full,
}

impl AddressPolicy {
    /// What is kept of `address`.
    pub(crate) fn keep(self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        match self {
            Self::None => None,
            Self::Network => Some(match address {
                IpAddr::V4(address) => Ipv4Net::new_assert(address, IPV4_NETWORK_BITS)
                    .trunc()
                    .to_string(),
                IpAddr::V6(address) => Ipv6Net::new_assert(address, IPV6_NETWORK_BITS)
                    .trunc()
                    .to_string(),
            }),
            Self::Full => Some(address.to_string()),
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address, for limits; it is not kept.
    pub(crate) address: IpAddr,
    /// What is kept of it.
    pub(crate) network: Option<String>,
    /// The program, such as `Firefox on Linux`.
    pub(crate) client: String,
}

/// What one client is taken for: an IPv4 address, or the network that a site gets in IPv6.
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Programs by what their `User-Agent` holds. Many say that they are others too: the first found
/// counts.
const PROGRAMS: [(&str, &str); 16] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python", "Python"),
    ("Python", "Python"),
    ("node", "Node.js"),
    ("Go-http-client", "Go"),
    ("okhttp", "OkHttp"),
    ("VLC/", "VLC"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// The family of a program and its system, from a `User-Agent`: enough to know one's own device
/// by, and nothing that tells it from others of its kind.
pub(crate) fn program(user_agent: &str) -> String {
    let find = |names: &[(&str, &'static str)]| {
        names
            .iter()
            .find(|(mark, _)| user_agent.contains(mark))
            .map(|(_, name)| *name)
    };
    match (find(&PROGRAMS), find(&SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        (None, Some(system)) => format!("a program on {system}"),
        (None, None) => "unknown program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_far_as_the_policy_says() {
        for (policy, address, kept) in [
            (AddressPolicy::None, "192.0.2.77", None),
            (AddressPolicy::Network, "192.0.2.77", Some("192.0.2.0/24")),
            (
                AddressPolicy::Network,
                "::ffff:192.0.2.77",
                Some("192.0.2.0/24"),
            ),
            (
                AddressPolicy::Network,
                "2001:db8:1:2::9",
                Some("2001:db8:1::/48"),
            ),
            (AddressPolicy::Full, "192.0.2.77", Some("192.0.2.77")),
        ] {
            assert_eq!(policy.keep(address.parse().unwrap()).as_deref(), kept);
        }
    }

    #[test]
    fn an_ipv6_site_is_one_client_and_a_mapped_address_is_ipv4() {
        let parse = |text: &str| site(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2::1"), parse("2001:db8:1:2:ffff::9"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
    }

    #[test]
    fn a_program_is_known_by_its_family() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
                "Safari on iOS",
            ),
            ("curl/8.5.0", "curl"),
            ("", "unknown program"),
        ] {
            assert_eq!(program(agent), expected, "{agent}");
        }
    }
}
