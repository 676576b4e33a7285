//! Who watches a channel and how many follow a stream, over all replicas. Each process says in Redis who watches there, again
//! and again; what it said holds for a while, so that one that died is forgotten by itself.

mod attendance;
mod followers;

use std::collections::HashSet;
use std::sync::LazyLock;

use sm_bus::{Bus, BusError, keys, redis};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::PresenceConfig;
use crate::hub::Hub;
use crate::topic::Topic;

pub(crate) use attendance::Attendance;
use followers::Followed;

static REPORT: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("report.lua")));

/// Says and asks who watches. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    bus: Bus,
    hub: Hub,
    config: PresenceConfig,
}

impl Presence {
    pub(crate) const fn new(bus: Bus, hub: Hub, config: PresenceConfig) -> Self {
        Self { bus, hub, config }
    }

    /// Who watches: here now, elsewhere as it was last said.
    pub(crate) async fn of(&self, topic: &Topic) -> Result<Attendance, BusError> {
        let texts = self.report(topic).await?;
        let key = keys::presence(&topic.stream, topic.channel);
        let parts = texts
            .iter()
            .map(|text| {
                serde_json::from_str(text).map_err(|source| BusError::Document {
                    key: key.clone(),
                    source,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Attendance::together(parts, self.config.people_max))
    }

    /// Says who watches, until the process stops.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut due = interval(self.config.report());
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = HashSet::new();
        let mut followed = Followed::default();
        while stop.run_until_cancelled(due.tick()).await.is_some() {
            self.report_all(&mut said).await;
            self.report_followers(&mut followed).await;
        }
        self.forget_followers(followed).await;
        for topic in said {
            // Forgotten soon by itself.
            drop(self.say(&topic, "").await);
        }
    }

    /// Says it of every channel that is watched here, or was when it was last said.
    async fn report_all(&self, said: &mut HashSet<Topic>) {
        let watched = self.hub.rooms();
        let watched: HashSet<_> = watched.iter().map(|room| room.topic().clone()).collect();
        for topic in said.union(&watched) {
            if let Err(error) = self.report(topic).await {
                tracing::debug!(%error, %topic, "nobody is told who watches");
            }
        }
        *said = watched;
    }

    async fn report(&self, topic: &Topic) -> Result<Vec<String>, BusError> {
        let here = self.hub.attendance(topic, self.config.people_max);
        if here.connections == 0 {
            return self.say(topic, "").await;
        }
        let text = serde_json::to_string(&here).map_err(BusError::Encode)?;
        self.say(topic, &text).await
    }

    async fn say(&self, topic: &Topic, text: &str) -> Result<Vec<String>, BusError> {
        let mut invocation = REPORT.prepare_invoke();
        invocation
            .key(keys::presence(&topic.stream, topic.channel))
            .arg(self.bus.instance().as_str())
            .arg(text)
            .arg(self.config.expiry_ms);
        self.bus.script(&invocation).await
    }
}
