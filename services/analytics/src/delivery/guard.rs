use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use sm_common::address::NetworkPolicy;

/// A name leads to no address that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{name} leads to no address of the public Internet, or of [delivery] allow")]
struct Forbidden {
    name: String,
}

/// Resolves names, and forgets the addresses that nobody may be sent to: whoever names a receiver
/// could otherwise reach what only this host can reach.
struct Guarded(NetworkPolicy);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let permitted: Vec<SocketAddr> = found
                .filter(|address| policy.permits(address.ip()))
                .collect();
            if permitted.is_empty() {
                let error = Forbidden { name: host };
                return Err(Box::<dyn StdError + Send + Sync>::from(error));
            }
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}

/// A client that connects to permitted addresses alone: by names as they are resolved, and never to
/// where an answer sends it. Addresses in place of names are for the caller to check.
pub(crate) fn guarded_client(
    policy: NetworkPolicy,
    timeout: Duration,
) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .dns_resolver(Arc::new(Guarded(policy)))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .user_agent(concat!("stream-manager/", env!("CARGO_PKG_VERSION")))
        .build()
}
