//! Telling clients apart that see a stream in different ways, without knowing who they are.
//!
//! A client is a network address with a program. Whoever counts a stream's clients makes a key and
//! gives it to those who see clients; each makes marks of what it sees, and marks that are made with
//! one key can be compared and say nothing else.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Bytes of a [`Mark`] as it travels.
const MARK_BYTES: usize = 8;

/// A client: what is compared of its address and of the program that it says it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client([u8; 16]);

/// A client as others than those that it is connected to may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(u64);

/// What marks are made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AudienceKey(Uuid);

impl Client {
    /// The client at an address with this `User-Agent`.
    pub fn new(address: IpAddr, user_agent: &str) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let digest = Sha256::new()
            .chain_update(address.octets())
            .chain_update(user_agent)
            .finalize();
        let mut client = [0; 16];
        client
            .iter_mut()
            .zip(digest)
            .for_each(|(byte, from)| *byte = from);
        Self(client)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl std::fmt::Debug for AudienceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AudienceKey")
    }
}

impl AudienceKey {
    /// A new key.
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }

    /// The mark of a client.
    pub fn mark(&self, client: &Client) -> Mark {
        let digest = Sha256::new()
            .chain_update(self.0.as_bytes())
            .chain_update(client.0)
            .finalize();
        let number = digest
            .iter()
            .take(MARK_BYTES)
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        Mark(number)
    }

    /// The key as it travels.
    pub fn as_text(&self) -> String {
        self.0.simple().to_string()
    }

    /// Reads a key that travelled.
    pub fn from_text(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl Mark {
    /// Marks as they travel.
    pub fn write_all(marks: &[Self]) -> Vec<u8> {
        marks.iter().flat_map(|mark| mark.0.to_be_bytes()).collect()
    }

    /// Reads marks that travelled; what is left of a torn one is none.
    pub fn read_all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let (marks, _torn) = bytes.as_chunks::<MARK_BYTES>();
        marks.iter().map(|bytes| Self(u64::from_be_bytes(*bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str, user_agent: &str) -> Client {
        Client::new(address.parse().unwrap(), user_agent)
    }

    #[test]
    fn a_client_has_one_mark_of_each_key() {
        let (key, other) = (AudienceKey::generate(), AudienceKey::generate());
        let here = client("192.0.2.1", "Firefox");
        assert_eq!(
            key.mark(&here),
            key.mark(&client("::ffff:192.0.2.1", "Firefox"))
        );
        assert_ne!(key.mark(&here), key.mark(&client("192.0.2.1", "VLC")));
        assert_ne!(key.mark(&here), key.mark(&client("192.0.2.2", "Firefox")));
        assert_ne!(key.mark(&here), other.mark(&here));
        assert_eq!(AudienceKey::from_text(&key.as_text()), Some(key));
        assert_eq!(AudienceKey::from_text("no key"), None);
    }

    #[test]
    fn marks_travel() {
        let key = AudienceKey::generate();
        let marks = ["a", "b", "c"].map(|name| key.mark(&client("192.0.2.1", name)));
        let mut bytes = Mark::write_all(&marks);
        assert_eq!(bytes.len(), 24);
        assert_eq!(Mark::read_all(&bytes).collect::<Vec<_>>(), marks);
        bytes.pop();
        assert_eq!(Mark::read_all(&bytes).count(), 2);
    }
}
