use std::collections::HashSet;
use std::net::SocketAddr;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use serde::Serialize;
use utoipa::ToSchema;

/// A socket that this process really listens on, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListeningSocket {
    /// Address and port.
    #[schema(value_type = String)]
    pub address: SocketAddr,
    /// What it is for, where the port is one of the configured ones.
    pub purpose: Option<&'static str>,
}

/// The sockets that this process listens on, from `/proc/self`. `purposes` names ports.
pub fn listening_sockets(purposes: &[(u16, &'static str)]) -> Vec<ListeningSocket> {
    read(purposes).unwrap_or_default()
}

fn read(purposes: &[(u16, &'static str)]) -> procfs::ProcResult<Vec<ListeningSocket>> {
    let me = Process::myself()?;
    let mut own = HashSet::new();
    for descriptor in me.fd()?.flatten() {
        if let FDTarget::Socket(inode) = descriptor.target {
            own.insert(inode);
        }
    }
    // A host without IPv6 has no tcp6 table.
    let tables = me.tcp()?.into_iter().chain(me.tcp6().unwrap_or_default());
    let mut sockets: Vec<ListeningSocket> = tables
        .filter(|entry| entry.state == TcpState::Listen && own.contains(&entry.inode))
        .map(|entry| {
            let port = entry.local_address.port();
            let purpose = purposes
                .iter()
                .find(|(known, _)| *known == port)
                .map(|(_, name)| *name);
            ListeningSocket {
                address: entry.local_address,
                purpose,
            }
        })
        .collect();
    sockets.sort_by_key(|socket| socket.address);
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_bound_socket_is_listed_with_its_purpose() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = listening_sockets(&[(address.port(), "api")]);
        assert!(
            found.contains(&ListeningSocket {
                address,
                purpose: Some("api")
            }),
            "{found:?}"
        );
    }
}
