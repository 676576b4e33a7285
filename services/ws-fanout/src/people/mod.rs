//! What one person may have and do over all replicas: how many connections, and how many messages
//! after the ones they sent on connections that have ended. Each process says in Redis what its
//! people have there; what it said holds for a while, so that one that died is forgotten by itself.
//! While Redis is away each process holds its people to the limits by what it knows itself.

mod spent;

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use sm_bus::{Bus, BusError, keys, redis};
use sm_common::id::UserId;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::WsConfig;
use crate::handshake::{Admission, Full, Place};

pub(crate) use spent::Spent;

static PERSON: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("person.lua")));
/// Reports that are under way at the same time.
const REPORTS_MAX: usize = 4;

/// Says and asks what people have. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct People {
    bus: Bus,
    admission: Admission,
    most: usize,
    report: Duration,
    expiry: Duration,
}

/// What the script answers.
type Answer = (u8, u64, u64, u64);

impl People {
    pub(crate) fn new(bus: Bus, admission: Admission, config: &WsConfig) -> Self {
        Self {
            bus,
            admission,
            most: config.connections_per_user_max,
            report: config.connections_report(),
            expiry: config.connections_expiry(),
        }
    }

    /// Counts a connection for a person, who brings along what they have spent on others.
    pub(crate) async fn admit(&self, place: &mut Place, user: UserId) -> Result<(), Full> {
        if place.is_of(user) {
            return Ok(());
        }
        place.belongs_to(user)?;
        let count = self.admission.connections_of(user);
        match self.tell(user, count, self.most, Spent::default()).await {
            Ok((true, spent)) => place.bring(spent),
            Ok((false, _)) => {
                place.belongs_to_nobody();
                return Err(Full::Person);
            }
            Err(error) => tracing::debug!(%error, "a person's other connections are not known"),
        }
        Ok(())
    }

    /// Keeps what a person has spent, now: whoever is closed for it may be back in an instant.
    pub(crate) async fn keep_spent(&self, place: &Place, spent: Spent) {
        let Some(user) = place.user() else { return };
        let count = self.admission.connections_of(user);
        if let Err(error) = self.tell(user, count, 0, spent).await {
            tracing::debug!(%error, "what a person has spent is forgotten");
        }
    }

    /// Says what people have here, until the process stops.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut due = interval(self.report);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reporting = async {
            loop {
                let people = tokio::select! {
                    () = self.admission.somebody_left() => self.admission.take_left(),
                    _ = due.tick() => self.people(),
                };
                self.report(people, |user| self.admission.connections_of(user))
                    .await;
            }
        };
        let _ended: Option<()> = stop.run_until_cancelled(reporting).await;
        let mut people = self.people();
        people.extend(self.admission.take_left());
        self.report(people, |_nobody_stays| 0).await;
    }

    /// Everybody who has a connection here.
    fn people(&self) -> Vec<(UserId, Spent)> {
        let users = self.admission.users().into_iter();
        users.map(|user| (user, Spent::default())).collect()
    }

    /// Says of people how many connections they have here, and what they have spent; up to the first
    /// of whom it cannot be said, because the others would wait as long for nothing.
    async fn report(&self, people: Vec<(UserId, Spent)>, count: impl Fn(UserId) -> usize) {
        let count = &count;
        let reporting = stream::iter(people.into_iter().map(Ok::<_, BusError>))
            .try_for_each_concurrent(REPORTS_MAX, |(user, spent)| {
                let telling = self.tell(user, count(user), 0, spent);
                async { telling.await.map(drop) }
            });
        // What is not said now is said with the next report, or forgotten soon by itself.
        if let Err(error) = reporting.await {
            tracing::debug!(%error, "nobody is told of people's connections");
        }
    }

    /// Says what a person has here. Returns whether they may have so many of `most`, where that is
    /// not 0, and what they have spent anywhere.
    async fn tell(
        &self,
        user: UserId,
        count: usize,
        most: usize,
        spent: Spent,
    ) -> Result<(bool, Spent), BusError> {
        let mut invocation = PERSON.prepare_invoke();
        invocation
            .key(keys::person_connections(user))
            .key(keys::person_spent(user))
            .arg(self.bus.instance().as_str())
            .arg(count)
            .arg(millis(self.expiry))
            .arg(most);
        for left in spent.as_millis() {
            invocation.arg(left);
        }
        let (has_room, messages, refusals, unreadable): Answer =
            self.bus.script(&invocation).await?;
        let spent = Spent::from_millis([messages, refusals, unreadable]);
        Ok((has_room == 1, spent))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
