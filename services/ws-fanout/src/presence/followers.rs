//! Which clients follow a stream. Whoever holds the stream counts them, over all replicas and together
//! with the players, and tells in the state how many there are.

use std::collections::{HashMap, HashSet};

use sm_bus::BusError;
use sm_common::audience::AudienceKey;
use sm_common::id::StreamId;

use super::Presence;

/// What marks were made with when it was last said who follows a stream.
#[derive(Debug, Default)]
pub(super) struct Followed(HashMap<StreamId, Option<AudienceKey>>);

impl Presence {
    /// Says who follows each stream that is followed here, or was when it was last said.
    pub(super) async fn report_followers(&self, followed: &mut Followed) {
        let rooms = self.hub.rooms();
        let streams: HashSet<_> = rooms.iter().map(|room| &room.topic().stream).collect();
        for stream in &streams {
            followed.0.entry((*stream).clone()).or_default();
        }
        for (stream, key) in &mut followed.0 {
            match self.tell_followers(stream, *key).await {
                Ok(current) => *key = current,
                Err(error) => {
                    tracing::debug!(%error, stream.id = %stream, "nobody is told who follows");
                }
            }
        }
        followed.0.retain(|stream, _| streams.contains(stream));
    }

    /// Says that nobody follows here any more.
    pub(super) async fn forget_followers(&self, followed: Followed) {
        for stream in followed.0.into_keys() {
            // Forgotten soon by itself.
            drop(
                self.bus
                    .tell_followers(&stream, None, self.config.expiry())
                    .await,
            );
        }
    }

    /// Says who follows by marks of `key`, and once more where those are to be made with another one.
    async fn tell_followers(
        &self,
        stream: &StreamId,
        key: Option<AudienceKey>,
    ) -> Result<Option<AudienceKey>, BusError> {
        let clients = self.hub.clients(stream);
        let tell = async |key: Option<AudienceKey>| {
            let marks = |key: AudienceKey| -> Vec<_> {
                clients.iter().map(|client| key.mark(client)).collect()
            };
            let marks = key.map(|key| (key, marks(key)));
            let marks = marks.as_ref().map(|(key, marks)| (key, marks.as_slice()));
            let expiry = self.config.expiry();
            self.bus.tell_followers(stream, marks, expiry).await
        };
        let current = tell(key).await?;
        if current == key || current.is_none() {
            return Ok(current);
        }
        tell(current).await
    }
}
