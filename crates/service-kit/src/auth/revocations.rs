use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sm_common::auth::{Identity, Revocation, Revoked};
use sm_common::clock::Timestamp;
use sm_common::id::{SessionId, UserId};
use tokio::sync::watch;

use crate::Kit;
use crate::health::Need;

/// Revocations that a process remembers; the oldest are forgotten first, and covered the least.
const REMEMBERED_MAX: usize = 50_000;
/// The component of the process's health that says whether revocations are heard.
pub const REVOCATIONS: &str = "revocations";

/// What was proven and holds no more, as far as this process has heard. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Revocations(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    known: RwLock<Known>,
    /// Changes after every addition.
    news: watch::Sender<u64>,
}

/// Revocations by person, and in the order in which they cease to cover anything.
#[derive(Debug, Default)]
struct Known {
    people: HashMap<UserId, Person>,
    order: VecDeque<(Timestamp, Revocation)>,
}

#[derive(Debug, Default)]
struct Person {
    sessions: Vec<SessionId>,
    standing: Option<Revoked>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self(Arc::new(Shared {
            known: RwLock::default(),
            news: watch::Sender::new(0),
        }))
    }
}

impl Revocations {
    /// What of `identity` is over, if anything is.
    pub fn covering(&self, identity: &Identity) -> Option<Revoked> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let person = known.people.get(&identity.user)?;
        // A sign-in that is over says more than a new standing that leaves it.
        if person.sessions.contains(&identity.session) {
            return Some(Revoked::Session {
                session: identity.session,
            });
        }
        person.standing.filter(|standing| standing.covers(identity))
    }

    /// Remembers revocations, each until the given moment, and forgets those whose moment has
    /// passed at `now`.
    pub fn add(&self, revocations: Vec<(Revocation, Timestamp)>, now: Timestamp) {
        let is_news = !revocations.is_empty();
        {
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            for (revocation, until) in revocations {
                known.add(revocation, until);
            }
            known.forget(now);
        }
        if is_news {
            self.0
                .news
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Tells when revocations have been added.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }
}

impl Known {
    fn add(&mut self, revocation: Revocation, until: Timestamp) {
        let person = self.people.entry(revocation.user).or_default();
        match revocation.what {
            Revoked::Session { session } => {
                if !person.sessions.contains(&session) {
                    person.sessions.push(session);
                }
            }
            Revoked::Standing { below, signed_out } => {
                let before = match person.standing {
                    Some(Revoked::Standing { below, signed_out }) => (below, signed_out),
                    Some(Revoked::Session { .. }) | None => (0, false),
                };
                // What ended the sign-ins once has ended them, whatever came afterwards.
                person.standing = Some(Revoked::Standing {
                    below: below.max(before.0),
                    signed_out: signed_out || before.1,
                });
            }
        }
        self.order.push_back((until, revocation));
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((until, _)) = self.order.front() {
            if *until > now && self.order.len() <= REMEMBERED_MAX {
                return;
            }
            let Some((_, gone)) = self.order.pop_front() else {
                return;
            };
            self.remove(&gone);
        }
    }

    fn remove(&mut self, gone: &Revocation) {
        let Some(person) = self.people.get_mut(&gone.user) else {
            return;
        };
        match gone.what {
            Revoked::Session { session } => person.sessions.retain(|known| *known != session),
            Revoked::Standing { below, .. } => {
                // A later one stays, and says everything that this one said.
                if let Some(Revoked::Standing { below: newest, .. }) = person.standing
                    && newest <= below
                {
                    person.standing = None;
                }
            }
        }
        if person.sessions.is_empty() && person.standing.is_none() {
            self.people.remove(&gone.user);
        }
    }
}

/// Hears of revocations until the process ends. `read` gives those after a mark, with the next
/// mark. The process is not ready before it has heard of all that there are; `need` says whether
/// that is so, or whether it serves without knowing of any.
///
/// While nothing can be read, what was heard still holds, and what was not heard ends with its
/// token: within a quarter of an hour.
pub fn follow_revocations<M, F, Fut, E>(
    kit: Kit,
    need: Need,
    read: F,
) -> impl Future<Output = ()> + Send
where
    M: Default + Send,
    F: Fn(M) -> Fut + Send,
    Fut: Future<Output = (M, Result<Vec<(Revocation, Timestamp)>, E>)> + Send,
    E: std::fmt::Display + Send,
{
    kit.health().component(REVOCATIONS, need);
    async move {
        let every = Duration::from_millis(kit.config().auth.revocations_every_ms.max(1));
        let known = kit.authenticator().revocations().clone();
        let stopping = kit.lifecycle().stopping().clone();
        let mut mark = M::default();
        while !stopping.is_cancelled() {
            let (next, outcome) = read(mark).await;
            mark = next;
            let told = outcome
                .map(|revocations| known.add(revocations, kit.clock().now()))
                .map_err(|error| error.to_string());
            kit.health().report(REVOCATIONS, told);
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stopping.cancelled() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::auth::Role;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000);
    const LATER: Timestamp = Timestamp::from_unix_millis(2_000);

    fn identity(standing: u64) -> Identity {
        Identity {
            user: UserId::generate(),
            name: "ada".to_owned(),
            role: Role::Viewer,
            session: SessionId::generate(),
            standing,
            scopes: None,
            expires_at: LATER,
        }
    }

    fn session(identity: &Identity) -> Revocation {
        Revocation {
            user: identity.user,
            what: Revoked::Session {
                session: identity.session,
            },
        }
    }

    fn standing(identity: &Identity, below: u64, signed_out: bool) -> Revocation {
        Revocation {
            user: identity.user,
            what: Revoked::Standing { below, signed_out },
        }
    }

    #[test]
    fn what_was_revoked_is_covered_until_nothing_of_it_can_be_left() {
        let revocations = Revocations::default();
        let (ada, bob) = (identity(0), identity(0));
        revocations.add(vec![(session(&ada), LATER)], NOW);
        assert!(revocations.covering(&ada).is_some());
        assert_eq!(revocations.covering(&bob), None);
        revocations.add(Vec::new(), LATER);
        assert_eq!(revocations.covering(&ada), None);
        assert!(revocations.0.known.read().unwrap().people.is_empty());
    }

    #[test]
    fn an_earlier_standing_is_covered_and_the_new_one_is_not() {
        let revocations = Revocations::default();
        let before = identity(1);
        let after = Identity {
            standing: 2,
            ..before.clone()
        };
        revocations.add(vec![(standing(&before, 2, false), LATER)], NOW);
        let covering = revocations.covering(&before).unwrap();
        assert!(!covering.is_signed_out());
        assert_eq!(revocations.covering(&after), None);
    }

    #[test]
    fn a_later_standing_does_not_bring_a_sign_in_back() {
        let revocations = Revocations::default();
        let before = identity(0);
        let added = vec![
            (standing(&before, 1, true), NOW),
            (standing(&before, 2, false), LATER),
        ];
        revocations.add(added, NOW);
        // The first has been forgotten, and what it said has not.
        assert!(revocations.covering(&before).unwrap().is_signed_out());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let revocations = Revocations::default();
        let first = identity(0);
        let many = (0..REMEMBERED_MAX).map(|_| (session(&identity(0)), LATER));
        let mut added = vec![(session(&first), LATER)];
        added.extend(many);
        revocations.add(added, NOW);
        assert_eq!(revocations.covering(&first), None);
        assert_eq!(
            revocations.0.known.read().unwrap().order.len(),
            REMEMBERED_MAX
        );
    }

    #[test]
    fn whoever_waits_hears_of_news() {
        let revocations = Revocations::default();
        let news = revocations.news();
        revocations.add(Vec::new(), NOW);
        assert!(!news.has_changed().unwrap());
        revocations.add(vec![(session(&identity(0)), LATER)], NOW);
        assert!(news.has_changed().unwrap());
    }
}
