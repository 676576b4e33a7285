use sm_common::output::SrtMode;
use sm_common::target::TargetPolicy;
use url::{Host, Url};

/// An RTMP address, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RtmpAddress {
    /// Scheme, host, port and application.
    pub(super) url: String,
    /// What followed the application: the stream key.
    pub(super) key: Option<String>,
}

/// Reads an RTMP address. What follows the first part of the path is a stream key, with its query.
pub(super) fn rtmp(text: &str, policy: TargetPolicy) -> Result<RtmpAddress, String> {
    let url = parse(
        text,
        &["rtmp", "rtmps"],
        "must begin with rtmp:// or rtmps://",
    )?;
    let host = host(&url)?;
    guard(&host, policy)?;
    let path = url.path().trim_start_matches('/');
    let (app, key) = path.split_once('/').unwrap_or((path, ""));
    if app.is_empty() {
        return Err("must name the application after the host, such as rtmp://host/app".to_owned());
    }
    let key = match (key, url.query()) {
        ("", None) => None,
        ("", Some(_)) => return Err("must not have a query; a token is part of the key".to_owned()),
        (key, None) => Some(key.to_owned()),
        (key, Some(query)) => Some(format!("{key}?{query}")),
    };
    Ok(RtmpAddress {
        url: format!("{}://{}/{app}", url.scheme(), authority(&host, url.port())),
        key,
    })
}

/// Reads an SRT address. A listener may listen on every address of the host.
pub(super) fn srt(text: &str, mode: SrtMode, policy: TargetPolicy) -> Result<String, String> {
    let url = parse(text, &["srt"], "must begin with srt://")?;
    let host = host(&url)?;
    match (mode, &host) {
        (SrtMode::Caller, _) => guard(&host, policy)?,
        (SrtMode::Listener, Host::Domain(_)) => {
            return Err("must be an address to listen on, such as srt://0.0.0.0:9000".to_owned());
        }
        (SrtMode::Listener, Host::Ipv4(_) | Host::Ipv6(_)) => {}
    }
    if url.port().is_none() {
        return Err("must have a port".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err("must end with the port; everything else has a field of its own".to_owned());
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

fn guard(host: &Host<String>, policy: TargetPolicy) -> Result<(), String> {
    policy
        .judge_host(host)
        .map_err(|refused| refused.to_string())
}

/// Whether two addresses lead to the same server in the same way: what one of them was given in
/// confidence, the other may have.
pub(super) fn is_same_server(one: &str, other: &str) -> bool {
    let origin = |text: &str| {
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.to_ascii_lowercase();
        Some((url.scheme().to_owned(), host, url.port()))
    };
    origin(one).is_some_and(|one| origin(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: TargetPolicy = TargetPolicy {
        allow_private: true,
    };
    const CLOSED: TargetPolicy = TargetPolicy {
        allow_private: false,
    };

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
            let address = rtmp(text, OPEN).unwrap();
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
            assert!(rtmp(text, OPEN).is_err(), "{text}");
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
            assert!(rtmp(&text, OPEN).is_ok(), "{text}");
            assert!(rtmp(&text, CLOSED).is_err(), "{text}");
        }
        assert!(rtmp("rtmp://93.184.216.34/app", CLOSED).is_ok());
    }

    #[test]
    fn an_srt_address_is_host_and_port_and_a_listener_may_take_every_address() {
        let (caller, listener) = (SrtMode::Caller, SrtMode::Listener);
        assert!(srt("srt://a.example:9000", caller, OPEN).is_ok());
        assert!(srt("srt://0.0.0.0:9000", listener, OPEN).is_ok());
        for (text, mode) in [
            ("srt://0.0.0.0:9000", caller),
            ("srt://a.example", caller),
            ("srt://a.example:9000/x", caller),
            ("srt://a.example:9000?passphrase=x", caller),
            ("srt://a.example:9000", listener),
            ("rtmp://a.example:9000", caller),
        ] {
            assert!(srt(text, mode, OPEN).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_is_another_with_any_part_of_its_address() {
        let server = "rtmps://a.example:443/app";
        for same in ["rtmps://a.example:443/other", "rtmps://A.example:443/app"] {
            assert!(is_same_server(server, same), "{same}");
        }
        for other in [
            "rtmp://a.example:443/app",
            "rtmps://b.example:443/app",
            "rtmps://a.example:444/app",
            "rtmps://a.example/app",
            "nonsense",
        ] {
            assert!(!is_same_server(server, other), "{other}");
        }
        assert!(!is_same_server("nonsense", "nonsense"));
    }
}
