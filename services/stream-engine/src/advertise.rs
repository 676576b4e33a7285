//! Where siblings reach this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};

use url::Url;

/// A documentation address (RFC 5737): nothing is ever sent there.
const SOMEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// The configured address, or one made of what is known: the bound address, or, when that stands
/// for every interface, the host's own.
pub(crate) fn advertised(configured: &str, bound: SocketAddr, redis: &str) -> String {
    if !configured.is_empty() {
        return configured.trim_end_matches('/').to_owned();
    }
    let host = if bound.ip().is_unspecified() {
        towards(redis).unwrap_or(bound.ip())
    } else {
        bound.ip()
    };
    format!("http://{}", SocketAddr::new(host, bound.port()))
}

/// The address with which this host reaches others.
pub(crate) fn own_address(redis: &str) -> Option<IpAddr> {
    towards(redis)
}

/// The address with which this host reaches Redis, which its siblings reach as well. When Redis
/// is on this very host, or unknown, the one with which it reaches anything else.
fn towards(redis: &str) -> Option<IpAddr> {
    let redis = Url::parse(redis).ok().and_then(|url| {
        let (host, port) = (url.host_str()?.to_owned(), url.port().unwrap_or(6379));
        (host, port).to_socket_addrs().ok()?.next()
    });
    let from = |target: SocketAddr| {
        let any: SocketAddr = if target.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(any).ok()?;
        // Chooses a route; a datagram socket sends nothing until it is told to.
        socket.connect(target).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    redis
        .and_then(from)
        .filter(|own| !own.is_loopback())
        .or_else(|| from(SOMEWHERE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_or_bound_is_advertised() {
        let bound: SocketAddr = "127.0.6.1:4200".parse().unwrap();
        let redis = "redis://127.0.0.1:6379/";
        assert_eq!(advertised("", bound, redis), "http://127.0.6.1:4200");
        assert_eq!(
            advertised("http://engine-1:4200/", bound, redis),
            "http://engine-1:4200"
        );
        let six: SocketAddr = "[::1]:7".parse().unwrap();
        assert_eq!(advertised("", six, redis), "http://[::1]:7");
    }

    #[test]
    fn a_wildcard_is_replaced_by_an_address_of_the_host() {
        let everywhere: SocketAddr = "0.0.0.0:4200".parse().unwrap();
        let own = advertised("", everywhere, "redis://127.0.0.1:6379/");
        assert!(
            own.starts_with("http://") && own.ends_with(":4200"),
            "{own}"
        );
    }
}
