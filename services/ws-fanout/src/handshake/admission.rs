use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sm_common::audience::Client;
use sm_common::id::UserId;
use tokio::sync::Notify;

use crate::config::WsConfig;
use crate::limit::Limit;
use crate::people::Spent;

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// This process holds as many connections as it may.
    Process,
    /// The address has as many as it may.
    Address,
    /// The person has as many as they may.
    Person,
}

impl From<Full> for Limit {
    fn from(full: Full) -> Self {
        match full {
            Full::Process => Self::Connections,
            Full::Address => Self::ConnectionsPerAddress,
            Full::Person => Self::ConnectionsPerUser,
        }
    }
}

/// Counts connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total_max: usize,
    per_address_max: usize,
    per_user_max: usize,
    counts: Mutex<Counts>,
    /// Somebody is among those who `left`.
    departure: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    addresses: HashMap<IpAddr, usize>,
    users: HashMap<UserId, usize>,
    /// Whose connections have ended since the others were told, and what they had spent.
    left: HashMap<UserId, Spent>,
}

/// A counted connection; counted until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Admission,
    address: IpAddr,
    client: Client,
    user: Option<UserId>,
    /// What the person has spent: on other connections at first, and on this one at its end.
    spent: Spent,
}

impl Admission {
    pub(crate) fn new(config: &WsConfig) -> Self {
        Self(Arc::new(Shared {
            total_max: config.connections_max,
            per_address_max: config.connections_per_address_max,
            per_user_max: config.connections_per_user_max,
            counts: Mutex::default(),
            departure: Notify::new(),
        }))
    }

    /// Counts a connection from `address` of the program that says it is `user_agent`.
    pub(crate) fn enter(&self, address: IpAddr, user_agent: &str) -> Result<Place, Full> {
        let client = Client::new(address, user_agent);
        let address = network(address);
        let mut counts = self.counts();
        if counts.total >= self.0.total_max {
            return Err(Full::Process);
        }
        if !raise(&mut counts.addresses, address, self.0.per_address_max) {
            return Err(Full::Address);
        }
        counts.total = counts.total.saturating_add(1);
        Ok(Place {
            admission: self.clone(),
            address,
            client,
            user: None,
            spent: Spent::default(),
        })
    }

    /// Everybody who has a connection here.
    pub(crate) fn users(&self) -> Vec<UserId> {
        self.counts().users.keys().copied().collect()
    }

    /// How many connections a person has here.
    pub(crate) fn connections_of(&self, user: UserId) -> usize {
        self.counts().users.get(&user).copied().unwrap_or_default()
    }

    /// Waits until a connection of a person has ended. Cancel-safe.
    pub(crate) async fn somebody_left(&self) {
        self.0.departure.notified().await;
    }

    /// Whose connections have ended since this was asked last, and what they had spent.
    pub(crate) fn take_left(&self) -> Vec<(UserId, Spent)> {
        self.counts().left.drain().collect()
    }

    /// What the lock guards stays whole whatever a panicking thread did.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Who is connected, as far as others than them may know it.
    pub(crate) const fn client(&self) -> Client {
        self.client
    }

    /// Whose it is, where it is known.
    pub(crate) const fn user(&self) -> Option<UserId> {
        self.user
    }

    /// Whether it is counted for this person.
    pub(crate) fn is_of(&self, user: UserId) -> bool {
        self.user == Some(user)
    }

    /// What the person has spent on other connections, once.
    pub(crate) fn take_spent(&mut self) -> Spent {
        std::mem::take(&mut self.spent)
    }

    /// What the person has spent: on other connections, or on this one at its end.
    pub(crate) fn bring(&mut self, spent: Spent) {
        self.spent = spent;
    }

    /// Counts the connection for nobody.
    pub(crate) fn belongs_to_nobody(&mut self) {
        if let Some(user) = self.user.take() {
            let mut counts = self.admission.counts();
            lower(&mut counts.users, &user);
            let left = counts.left.entry(user).or_default();
            *left = left.or(std::mem::take(&mut self.spent));
            drop(counts);
            self.admission.0.departure.notify_one();
        }
    }

    /// Counts the connection for a person too.
    pub(crate) fn belongs_to(&mut self, user: UserId) -> Result<(), Full> {
        if self.is_of(user) {
            return Ok(());
        }
        let Self { admission, .. } = self;
        if !raise(
            &mut admission.counts().users,
            user,
            admission.0.per_user_max,
        ) {
            return Err(Full::Person);
        }
        self.user = Some(user);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.belongs_to_nobody();
        let mut counts = self.admission.counts();
        counts.total = counts.total.saturating_sub(1);
        lower(&mut counts.addresses, &self.address);
    }
}

/// What counts as one address: a client owns a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

fn raise<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, max: usize) -> bool {
    let count = counts.entry(key).or_default();
    if *count >= max {
        return false;
    }
    *count = count.saturating_add(1);
    true
}

fn lower<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn admission(total_max: usize, per_address_max: usize, per_user_max: usize) -> Admission {
        Admission(Arc::new(Shared {
            total_max,
            per_address_max,
            per_user_max,
            counts: Mutex::default(),
            departure: Notify::new(),
        }))
    }

    #[test]
    fn each_limit_holds_until_a_connection_ends() {
        let admission = admission(3, 2, 1);
        let (a, b, c) = ("192.0.2.1", "192.0.2.2", "192.0.2.3");
        let enter = |address: &str| admission.enter(address.parse().unwrap(), "");
        let mut first = enter(a).unwrap();
        let mut second = enter(a).unwrap();
        assert_eq!(enter(a).unwrap_err(), Full::Address);
        let _third = enter(b).unwrap();
        assert_eq!(enter(c).unwrap_err(), Full::Process);
        let user = UserId::generate();
        assert_eq!(first.belongs_to(user), Ok(()));
        assert_eq!(first.belongs_to(user), Ok(()));
        assert_eq!(second.belongs_to(user), Err(Full::Person));
        drop(first);
        assert_eq!(second.belongs_to(user), Ok(()));
        assert!(enter(a).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_connections_that_ended() {
        let admission = admission(9, 9, 9);
        let user = UserId::generate();
        let spent = Spent::new([Duration::from_secs(1), Duration::ZERO, Duration::ZERO]);
        let mut place = admission.enter("192.0.2.1".parse().unwrap(), "").unwrap();
        place.belongs_to(user).unwrap();
        assert_eq!(admission.connections_of(user), 1);
        place.bring(spent);
        drop(place);
        assert_eq!(admission.take_left(), [(user, spent)]);
        assert!(admission.take_left().is_empty(), "told once");
        let counts = admission.counts();
        assert!(counts.addresses.is_empty() && counts.users.is_empty());
        assert_eq!(counts.total, 0);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff"));
        assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
    }
}
