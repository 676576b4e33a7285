use std::net::IpAddr;

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The address of the client: the nearest one in `X-Forwarded-For` that is no trusted proxy, when
/// the connection comes from a trusted proxy; else the connection's own.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let mut client = peer;
    let forwarded = headers
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.parse() else { break };
        client = address;
        if !is_trusted(&address) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(forwarded: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-forwarded-for");
        headers.insert(name, HeaderValue::from_str(forwarded).unwrap());
        headers
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let stranger: IpAddr = "192.0.2.9".parse().unwrap();
        let forged = headers("198.51.100.1, 203.0.113.7");
        assert_eq!(client_address(stranger, &forged, &trusted), stranger);
        assert_eq!(
            client_address(proxy, &forged, &trusted).to_string(),
            "203.0.113.7"
        );
        let chain = headers("203.0.113.7, 10.0.0.2");
        assert_eq!(
            client_address(proxy, &chain, &trusted).to_string(),
            "203.0.113.7"
        );
        assert_eq!(client_address(proxy, &headers("rubbish"), &trusted), proxy);
    }
}
