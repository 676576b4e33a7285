//! What the name of a target leads to is judged before each attempt to connect to it.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use sm_common::target::TargetPolicy;

use super::failure::Failure;

/// Longest wait for the addresses of a name: shorter than what makes an output look lifeless.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// An address of the host that may be sent to. All that its name leads to must be allowed, because
/// whoever connects by the name may take any of them.
pub(super) fn resolve(host: &str, policy: TargetPolicy) -> Result<IpAddr, Failure> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_a_name) => look_up(host)?,
    };
    if addresses
        .iter()
        .any(|address| policy.judge(*address).is_err())
    {
        return Err(Failure::forbidden());
    }
    // IPv4 comes first: more networks have it.
    let first = addresses.iter().min_by_key(|address| !address.is_ipv4());
    first.copied().ok_or_else(unknown)
}

/// The addresses of a name. The system cannot be told how long to look, so that somebody else does.
fn look_up(name: &str) -> Result<Vec<IpAddr>, Failure> {
    let (tell, told) = sync_channel(1);
    let name = name.to_owned();
    thread::Builder::new()
        .name("resolve".to_owned())
        .spawn(move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            // Fails when nobody waits any more.
            let _ = tell.send(found.map(|found| found.map(|one| one.ip()).collect()));
        })
        .map_err(|_no_thread| Failure::engine())?;
    match told.recv_timeout(RESOLVE_TIMEOUT) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(_)) | Err(_) => Err(unknown()),
    }
}

const fn unknown() -> Failure {
    Failure::unreachable("the host's name is not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_by_what_it_leads_to() {
        let (open, closed) = (
            TargetPolicy::default(),
            TargetPolicy {
                allow_private: false,
            },
        );
        assert!(resolve("localhost", open).unwrap().is_loopback());
        for host in ["localhost", "127.0.0.1", "::1", "10.1.2.3"] {
            assert_eq!(
                resolve(host, closed).unwrap_err().code,
                "output.forbidden",
                "{host}"
            );
        }
        assert_eq!(
            resolve("169.254.169.254", open).unwrap_err().code,
            "output.forbidden"
        );
        let unknown = resolve("does-not-exist.invalid", open).unwrap_err();
        assert_eq!(unknown.code, "output.unreachable");
    }
}
