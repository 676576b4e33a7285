//! Reads who follows a stream over WebSocket, while this process holds it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sm_bus::{Bus, Followers};
use sm_common::audience::Mark;
use sm_common::id::StreamId;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::lease::LeaseView;
use crate::live::viewers::Watching;

/// Distance between two looks, which is that of the samples.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long others make marks for this process after its last look.
const KEY_TTL: Duration = Duration::from_secs(10);

/// Keeps a stream's followers known.
pub(super) struct AudienceReader {
    pub(super) bus: Bus,
    pub(super) stream: StreamId,
    pub(super) watching: Arc<Watching>,
    pub(super) lease: watch::Receiver<LeaseView>,
}

impl AudienceReader {
    pub(super) async fn keep_current(self, stop: CancellationToken) {
        let mut due = interval(LOOK_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(due.tick()).await.is_some() {
            let is_holder = self.lease.borrow().holding().is_some();
            let followers = if is_holder { self.read().await } else { None };
            self.watching.followed_by(followers);
        }
    }

    async fn read(&self) -> Option<HashSet<Mark>> {
        let key = self.watching.key();
        match self.bus.followers(&self.stream, key, KEY_TTL).await {
            Ok(Followers::All(marks)) => Some(marks),
            Ok(Followers::Unsettled) => None,
            Err(error) => {
                tracing::debug!(stream.id = %self.stream, %error, "who follows is not known");
                None
            }
        }
    }
}
