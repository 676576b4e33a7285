use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sm_common::output::SrtMode;
use url::{Host, Url};

/// Addresses from which clouds give out credentials, beside the link-local one.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Names under which they do.
const METADATA_NAMES: [&str; 2] = ["metadata.google.internal", "metadata.goog"];

/// An RTMP address, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RtmpAddress {
    /// Scheme, host, port and application.
    pub(super) url: String,
    /// What followed the application: the stream key.
    pub(super) key: Option<String>,
}

/// Reads an RTMP address. What follows the first part of the path is a stream key, with its query.
pub(super) fn rtmp(text: &str, allow_private: bool) -> Result<RtmpAddress, &'static str> {
    let url = parse(
        text,
        &["rtmp", "rtmps"],
        "must begin with rtmp:// or rtmps://",
    )?;
    let host = host(&url)?;
    guard(&host, allow_private)?;
    let path = url.path().trim_start_matches('/');
    let (app, key) = path.split_once('/').unwrap_or((path, ""));
    if app.is_empty() {
        return Err("must name the application after the host, such as rtmp://host/app");
    }
    let key = match (key, url.query()) {
        ("", None) => None,
        ("", Some(_)) => return Err("must not have a query; a token is part of the key"),
        (key, None) => Some(key.to_owned()),
        (key, Some(query)) => Some(format!("{key}?{query}")),
    };
    Ok(RtmpAddress {
        url: format!("{}://{}/{app}", url.scheme(), authority(&host, url.port())),
        key,
    })
}

/// Reads an SRT address. A listener may listen on every address of the host.
pub(super) fn srt(text: &str, mode: SrtMode, allow_private: bool) -> Result<String, &'static str> {
    let url = parse(text, &["srt"], "must begin with srt://")?;
    let host = host(&url)?;
    match (mode, &host) {
        (SrtMode::Caller, _) => guard(&host, allow_private)?,
        (SrtMode::Listener, Host::Domain(_)) => {
            return Err("must be an address to listen on, such as srt://0.0.0.0:9000");
        }
        (SrtMode::Listener, Host::Ipv4(_) | Host::Ipv6(_)) => {}
    }
    if url.port().is_none() {
        return Err("must have a port");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err("must end with the port; everything else has a field of its own");
    }
    Ok(format!("srt://{}", authority(&host, url.port())))
}

fn parse(text: &str, schemes: &[&str], wanted: &'static str) -> Result<Url, &'static str> {
    let url =
        Url::parse(text).map_err(|_invalid| "is no address: a host, or a port of 1 to 65535")?;
    if !schemes.contains(&url.scheme()) {
        return Err(wanted);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    if url.port() == Some(0) {
        return Err("must have a port of 1 to 65535");
    }
    Ok(url)
}

/// The host, read as browsers do: `2130706433` and `0x7f.1` are the address that they stand for.
fn host(url: &Url) -> Result<Host<String>, &'static str> {
    let text = url.host_str().filter(|host| !host.is_empty());
    let text = text.ok_or("must have a host")?;
    Host::parse(text).map_err(|_invalid| "must have a valid host")
}

fn authority(host: &Host<String>, port: Option<u16>) -> String {
    port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
}

/// Refuses addresses at which nobody takes a program, and which would be asked for something else.
/// A name is judged by itself: what it resolves to is for the engine's network to restrict.
fn guard(host: &Host<String>, allow_private: bool) -> Result<(), &'static str> {
    let address = match host {
        Host::Domain(name) => return guard_name(name, allow_private),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical(),
    };
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    if link_local || METADATA.contains(&address) {
        return Err("must not be a link-local or metadata address");
    }
    if address.is_multicast() || address.is_unspecified() {
        return Err("must not be a multicast or unspecified address");
    }
    let private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || is_shared(address),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    };
    if private && !allow_private {
        return Err("must not be an address of a private network here");
    }
    Ok(())
}

fn guard_name(name: &str, allow_private: bool) -> Result<(), &'static str> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if METADATA_NAMES.contains(&name.as_str()) {
        return Err("must not be a link-local or metadata address");
    }
    let local = name == "localhost" || name.ends_with(".localhost");
    if local && !allow_private {
        return Err("must not be an address of a private network here");
    }
    Ok(())
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
    fn an_rtmp_address_is_taken_apart() {
        let cases = [
            ("rtmp://a.example/app", "rtmp://a.example/app", None),
            (
                "rtmps://a.example:443/app/",
                "rtmps://a.example:443/app",
                None,
            ),
            ("rtmp://a.example/app/k", "rtmp://a.example/app", Some("k")),
            (
                "rtmp://a.example/app/k/l?t=1",
                "rtmp://a.example/app",
                Some("k/l?t=1"),
            ),
            ("rtmp://[::1]:1935/app", "rtmp://[::1]:1935/app", None),
            ("rtmp://2130706433/app", "rtmp://127.0.0.1/app", None),
        ];
        for (text, url, key) in cases {
            let address = rtmp(text, true).unwrap();
            assert_eq!((address.url.as_str(), address.key.as_deref()), (url, key));
        }
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for text in [
            "http://a.example/app",
            "rtmp:///app",
            "rtmp://a.example",
            "rtmp://a.example:0/app",
            "rtmp://a.example:70000/app",
            "rtmp://me:pw@a.example/app",
            "rtmp://a.example/app?token=1",
            "rtmp://a.example/app#x",
            "rtmp://169.254.169.254/app",
            "rtmp://0xa9fea9fe/app",
            "rtmp://[::ffff:169.254.169.254]/app",
            "rtmp://[fe80::1]/app",
            "rtmp://100.100.100.200/app",
            "rtmp://[fd00:ec2::254]/app",
            "rtmp://Metadata.google.internal./app",
            "rtmp://224.0.0.1/app",
            "rtmp://255.255.255.255/app",
            "rtmp://0.0.0.0/app",
            "rtmp://[::]/app",
            "not an address",
        ] {
            assert!(rtmp(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn private_networks_are_for_the_setting_to_allow() {
        for host in [
            "127.0.0.1",
            "localhost",
            "a.localhost",
            "10.0.0.1",
            "192.168.1.2",
            "100.64.0.1",
            "[::1]",
            "[fd12::1]",
        ] {
            let text = format!("rtmp://{host}/app");
            assert!(rtmp(&text, true).is_ok(), "{text}");
            assert!(rtmp(&text, false).is_err(), "{text}");
        }
        assert!(rtmp("rtmp://93.184.216.34/app", false).is_ok());
    }

    #[test]
    fn an_srt_address_is_host_and_port_and_a_listener_may_take_every_address() {
        let (caller, listener) = (SrtMode::Caller, SrtMode::Listener);
        assert!(srt("srt://a.example:9000", caller, true).is_ok());
        assert!(srt("srt://0.0.0.0:9000", listener, true).is_ok());
        for (text, mode) in [
            ("srt://0.0.0.0:9000", caller),
            ("srt://a.example", caller),
            ("srt://a.example:9000/x", caller),
            ("srt://a.example:9000?passphrase=x", caller),
            ("srt://a.example:9000", listener),
            ("rtmp://a.example:9000", caller),
        ] {
            assert!(srt(text, mode, true).is_err(), "{text}");
        }
    }
}
