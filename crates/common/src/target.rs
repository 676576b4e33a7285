//! Where outputs may be sent. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use url::Host;

/// Addresses from which clouds give out credentials, beside the link-local one.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Names under which they do.
const METADATA_NAMES: [&str; 2] = ["metadata.google.internal", "metadata.goog"];

/// Which addresses outputs may be sent to. Link-local, multicast and metadata addresses never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPolicy {
    /// Whether private networks and this host are allowed.
    pub allow_private: bool,
}

impl Default for TargetPolicy {
    /// A media server in the same network is what many people send to.
    fn default() -> Self {
        Self {
            allow_private: true,
        }
    }
}

/// Why an address is not sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefused {
    /// Where this host, or its cloud, gives out secrets.
    #[error("must not be a link-local or metadata address")]
    Metadata,
    /// Nobody in particular.
    #[error("must not be a multicast or unspecified address")]
    NoPeer,
    /// In a network that the operator keeps closed.
    #[error("must not be an address of a private network here")]
    Private,
}

impl TargetPolicy {
    /// Whether an address may be sent to.
    pub fn judge(self, address: IpAddr) -> Result<(), TargetRefused> {
        let address = address.to_canonical();
        let link_local = match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        if link_local || METADATA.contains(&address) {
            return Err(TargetRefused::Metadata);
        }
        if address.is_multicast() || address.is_unspecified() {
            return Err(TargetRefused::NoPeer);
        }
        let private = match address {
            IpAddr::V4(address) => {
                address.is_private() || address.is_loopback() || is_shared(address)
            }
            IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
        };
        if private && !self.allow_private {
            return Err(TargetRefused::Private);
        }
        Ok(())
    }

    /// Whether a host may be asked for. Of a name this says little: what it leads to is judged
    /// where it is connected to.
    pub fn judge_host(self, host: &Host) -> Result<(), TargetRefused> {
        match host {
            Host::Domain(name) => self.judge_name(name),
            Host::Ipv4(address) => self.judge(IpAddr::V4(*address)),
            Host::Ipv6(address) => self.judge(IpAddr::V6(*address)),
        }
    }

    fn judge_name(self, name: &str) -> Result<(), TargetRefused> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if METADATA_NAMES.contains(&name.as_str()) {
            return Err(TargetRefused::Metadata);
        }
        let local = name == "localhost" || name.ends_with(".localhost");
        if local && !self.allow_private {
            return Err(TargetRefused::Private);
        }
        Ok(())
    }
}

/// Addresses of a carrier's own network (RFC 6598).
const fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_refused_for_its_reason() {
        let (open, closed) = (
            TargetPolicy::default(),
            TargetPolicy {
                allow_private: false,
            },
        );
        for (address, in_open, in_closed) in [
            ("93.184.216.34", None, None),
            ("2606:2800:220:1::1", None, None),
            ("10.0.0.1", None, Some(TargetRefused::Private)),
            ("127.0.0.1", None, Some(TargetRefused::Private)),
            ("100.64.0.1", None, Some(TargetRefused::Private)),
            ("::ffff:192.168.0.1", None, Some(TargetRefused::Private)),
            ("fd12::1", None, Some(TargetRefused::Private)),
            (
                "169.254.169.254",
                Some(TargetRefused::Metadata),
                Some(TargetRefused::Metadata),
            ),
            (
                "::ffff:169.254.169.254",
                Some(TargetRefused::Metadata),
                Some(TargetRefused::Metadata),
            ),
            (
                "fd00:ec2::254",
                Some(TargetRefused::Metadata),
                Some(TargetRefused::Metadata),
            ),
            (
                "fe80::1",
                Some(TargetRefused::Metadata),
                Some(TargetRefused::Metadata),
            ),
            (
                "224.0.0.1",
                Some(TargetRefused::NoPeer),
                Some(TargetRefused::NoPeer),
            ),
            (
                "0.0.0.0",
                Some(TargetRefused::NoPeer),
                Some(TargetRefused::NoPeer),
            ),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(open.judge(parsed).err(), in_open, "{address}");
            assert_eq!(closed.judge(parsed).err(), in_closed, "{address}");
        }
    }
}
