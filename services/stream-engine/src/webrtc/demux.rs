//! Whose a datagram is. Pure.
//!
//! A viewer first sends a STUN binding request, which names the credentials of its session (RFC
//! 8445, 7.2.2); whatever else comes from the same address is that session's. Whether the request
//! is genuine is for the session to find out: it knows the password.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::mpsc;
use uuid::Uuid;

/// Addresses of one session that are remembered: one for each of a viewer's networks and address
/// families. Further ones are not answered.
const ADDRESSES_MAX: usize = 8;

const HEADER_BYTES: usize = 20;
const BINDING_REQUEST: u16 = 1;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 6;

/// What came from the network.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) source: SocketAddr,
    pub(super) bytes: Vec<u8>,
    pub(super) at: Instant,
}

/// Where a session takes its datagrams.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) session: Uuid,
    pub(super) inbox: mpsc::Sender<Datagram>,
}

/// Which session has which names and addresses.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_name: HashMap<String, Route>,
    by_address: HashMap<SocketAddr, Route>,
}

impl Routes {
    /// A session of this name is expected.
    pub(super) fn expect(&mut self, name: String, route: Route) {
        self.by_name.insert(name, route);
    }

    /// The session is over.
    pub(super) fn forget(&mut self, session: Uuid) {
        self.by_name.retain(|_, route| route.session != session);
        self.by_address.retain(|_, route| route.session != session);
    }

    /// The session that a datagram is for, where its address is known.
    pub(super) fn of_address(&self, source: SocketAddr) -> Option<&Route> {
        self.by_address.get(&source)
    }

    /// The session that a datagram from `source` asks for by name, and has from now on.
    pub(super) fn of_name(&mut self, name: &str, source: SocketAddr) -> Option<&Route> {
        let route = self.by_name.get(name)?;
        let known = self.by_address.get(&source);
        if known.is_none_or(|known| known.session != route.session) {
            let addresses = self.by_address.values();
            let count = addresses.filter(|other| other.session == route.session);
            if count.count() >= ADDRESSES_MAX {
                return None;
            }
            self.by_address.insert(source, route.clone());
        }
        Some(route)
    }
}

/// The name of the session that a STUN binding request is for; `None` for anything else.
pub(super) fn asked_for(datagram: &[u8]) -> Option<&str> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER_BYTES)?;
    let (&kind, rest) = header.split_first_chunk()?;
    let (_length, rest) = rest.split_first_chunk::<2>()?;
    let (&cookie, _transaction) = rest.split_first_chunk()?;
    if u16::from_be_bytes(kind) != BINDING_REQUEST || cookie != MAGIC_COOKIE {
        return None;
    }
    loop {
        let (&kind, rest) = attributes.split_first_chunk()?;
        let (&length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(length));
        let (value, _padding) = rest.split_at_checked(length)?;
        if u16::from_be_bytes(kind) == USERNAME {
            let (own, _peers) = std::str::from_utf8(value).ok()?.split_once(':')?;
            return Some(own);
        }
        attributes = rest.split_at_checked(length.next_multiple_of(4))?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend(MAGIC_COOKIE);
        bytes.extend([7; 12]);
        for (kind, value) in attributes {
            bytes.extend(kind.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn route(session: u128) -> Route {
        Route {
            session: Uuid::from_u128(session),
            inbox: mpsc::channel(1).0,
        }
    }

    #[test]
    fn a_binding_request_names_its_session_and_nothing_else_does() {
        let asked = request(&[(0x24, &[1, 2, 3]), (USERNAME, b"ours:theirs")]);
        assert_eq!(asked_for(&asked), Some("ours"));
        for end in 0..asked.len() - 1 {
            assert_eq!(asked_for(&asked[..end]), None, "{end}");
        }
        let mut answer = asked.clone();
        answer[0] = 1;
        let mut other = asked.clone();
        other[4] = 0;
        let nameless = request(&[(0x24, &[1])]);
        let odd = request(&[(USERNAME, &[0xff, b':'])]);
        for datagram in [answer, other, nameless, odd, vec![0x80; 60]] {
            assert_eq!(asked_for(&datagram), None, "{datagram:?}");
        }
    }

    #[test]
    fn an_address_is_the_session_s_that_it_asked_for_last() {
        let at = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
        let mut routes = Routes::default();
        routes.expect("one".to_owned(), route(1));
        routes.expect("two".to_owned(), route(2));
        assert!(routes.of_address(at(1)).is_none());
        assert!(routes.of_name("three", at(1)).is_none());
        assert_eq!(
            routes.of_name("one", at(1)).unwrap().session,
            route(1).session
        );
        assert_eq!(routes.of_address(at(1)).unwrap().session, route(1).session);
        assert!(routes.of_name("two", at(1)).is_some());
        assert_eq!(routes.of_address(at(1)).unwrap().session, route(2).session);
        routes.forget(route(2).session);
        assert!(routes.of_address(at(1)).is_none());
        assert!(routes.of_name("two", at(1)).is_none());
    }

    #[test]
    fn a_name_can_be_used_from_a_bounded_number_of_addresses() {
        let mut routes = Routes::default();
        routes.expect("one".to_owned(), route(1));
        for port in 0..8 {
            let source = SocketAddr::from(([192, 0, 2, 1], port));
            assert!(routes.of_name("one", source).is_some());
            assert!(routes.of_name("one", source).is_some(), "again");
        }
        let further = SocketAddr::from(([192, 0, 2, 2], 1));
        assert!(routes.of_name("one", further).is_none());
    }
}
