//! Names are resolved here, once, and only what was checked is connected to.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sm_common::address::{NetworkPolicy, SourceUrl};

use crate::layer::failure::Failure;

/// A name leads nowhere, or where nothing may be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::layer) enum ResolveError {
    #[error("the name is unknown")]
    Unknown,
    #[error("the address is in a network that is not allowed")]
    Forbidden,
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Unknown => Self::unknown_host(),
            ResolveError::Forbidden => Self::forbidden(),
        }
    }
}

/// An address of the source's host that we may connect to. IPv4 comes first: more networks have it.
pub(in crate::layer) fn resolve(
    url: &SourceUrl,
    policy: &NetworkPolicy,
) -> Result<IpAddr, ResolveError> {
    let name = url.host().to_string();
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = permitted(name, policy)?;
    addresses.sort_by_key(|address| !address.is_ipv4());
    addresses
        .first()
        .map(SocketAddr::ip)
        .ok_or(ResolveError::Forbidden)
}

fn permitted(name: &str, policy: &NetworkPolicy) -> Result<Vec<SocketAddr>, ResolveError> {
    let found: Vec<SocketAddr> = (name, 0)
        .to_socket_addrs()
        .map_err(|_why| ResolveError::Unknown)?
        .collect();
    if found.is_empty() {
        return Err(ResolveError::Unknown);
    }
    let permitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| policy.permits(address.ip()))
        .collect();
    if permitted.is_empty() {
        return Err(ResolveError::Forbidden);
    }
    Ok(permitted)
}

/// The HTTP client's resolver. Hosts that are addresses do not come here: see [`super::fetch`].
#[derive(Debug)]
pub(super) struct GuardedResolver(pub(super) Arc<NetworkPolicy>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let found =
                tokio::task::spawn_blocking(move || permitted(name.as_str(), &policy)).await;
            let addresses = found.map_err(|_panic| ResolveError::Unknown)??;
            Ok::<Addrs, _>(Box::new(addresses.into_iter()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_to_this_host_is_refused_unless_that_is_allowed() {
        let url = SourceUrl::parse("rtmp://localhost/a/b").unwrap();
        let refused = resolve(&url, &NetworkPolicy::default());
        assert_eq!(refused, Err(ResolveError::Forbidden));
        let allowed = NetworkPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
        };
        assert!(resolve(&url, &allowed).unwrap().is_loopback());
        let literal = SourceUrl::parse("rtmp://[::1]/a/b").unwrap();
        assert_eq!(resolve(&literal, &allowed), Err(ResolveError::Forbidden));
    }
}
