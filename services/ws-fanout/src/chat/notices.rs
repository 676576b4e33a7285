//! What the chat is told of the stream: once, whatever the number of replicas.
//!
//! Every replica hears what happens, and every one of them tries to say so. What was said last is in
//! Redis, and is guarded by the commit that says something new; whoever comes later sees it.

use std::collections::HashMap;

use sm_bus::{Bus, Commit, Guard, Heard, Published, keys, redis};
use sm_common::chat::{ChatMessage, ChatNotice};
use sm_common::event::{EventType, SceneTaken, StreamStateChanged};
use sm_common::id::{SceneId, StreamId};
use sm_common::scene::SceneDocument;
use sm_common::stream::StreamStatus;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stored::read;
use super::{ATTEMPTS_MAX, Chat, ChatError};

/// Most events that wait to be told. More come only when Redis answers slowly; then a state that is
/// passed over is made up for by the next.
const WAITING_MAX: usize = 64;

/// Takes in what happens to streams. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Notices(Option<mpsc::Sender<Heard>>);

impl Notices {
    /// A line to the task that tells the chat; without one when nothing is to be told.
    pub(crate) fn line(chat: &Chat) -> (Self, Option<Teller>) {
        if !chat.config.system_messages {
            return (Self(None), None);
        }
        let (sender, heard) = mpsc::channel(WAITING_MAX);
        let teller = Teller {
            chat: chat.clone(),
            heard,
            on_air: HashMap::new(),
        };
        (Self(Some(sender)), Some(teller))
    }

    /// Has the chat told of an event, where it is one to be told.
    pub(crate) fn heed(&self, event: &Heard) {
        let is_told = matches!(
            event.event.kind,
            EventType::StreamStateChanged | EventType::SceneTaken
        );
        if let Some(sender) = self.0.as_ref().filter(|_| is_told)
            && sender.try_send(Heard::clone(event)).is_err()
        {
            tracing::warn!(stream.id = %event.stream, "the chat is not told of an event");
        }
    }
}

/// Tells the chats what happens to their streams.
#[derive(Debug)]
pub(crate) struct Teller {
    chat: Chat,
    heard: mpsc::Receiver<Heard>,
    /// What each chat is known to have been told.
    on_air: HashMap<StreamId, bool>,
}

/// What was told last.
#[derive(Debug, Default)]
struct Told {
    on_air: Option<String>,
    take: Option<String>,
}

/// Whether the stream is on air, and by which event of `stream-state` the chat was told: a replica that
/// is behind must not tell old news after another one's newer ones.
#[derive(Debug, Default, PartialEq, Eq)]
struct LastTold {
    is_on_air: bool,
    epoch: String,
    offset: u64,
}

impl LastTold {
    fn write(&self) -> String {
        let flag = u8::from(self.is_on_air);
        format!("{flag} {} {}", self.offset, self.epoch)
    }

    /// Before positions were kept there was the flag alone.
    fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        Self {
            is_on_air: words.next() == Some("1"),
            offset: words.next().and_then(|word| word.parse().ok()).unwrap_or(0),
            epoch: words.next().unwrap_or_default().to_owned(),
        }
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.offset >= other.offset
    }
}

impl Teller {
    /// Tells what is heard until the process stops.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while let Some(Some(heard)) = stop.run_until_cancelled(self.heard.recv()).await {
            let stream = &heard.stream;
            // Boxed: a process that hears nothing has no room set aside for telling.
            if let Err(error) = Box::pin(self.tell(&heard)).await {
                let kind = heard.event.kind.as_str();
                tracing::warn!(stream.id = %stream, event = kind, %error, "the chat was not told");
            }
        }
    }

    async fn tell(&mut self, heard: &Published) -> Result<(), ChatError> {
        let (stream, event) = (&heard.stream, &heard.event);
        if event.kind == EventType::SceneTaken {
            let taken: SceneTaken = event.payload().map_err(sm_bus::BusError::Payload)?;
            return self.tell_taken(stream, taken.scene, taken.number).await;
        }
        let StreamStateChanged(state) = event.payload().map_err(sm_bus::BusError::Payload)?;
        let Some(on_air) = is_on_air(state.observed.status) else {
            return Ok(());
        };
        if self.on_air.get(stream) != Some(&on_air) {
            self.tell_on_air(heard, on_air).await?;
            self.on_air.insert(stream.clone(), on_air);
        }
        Ok(())
    }

    async fn tell_on_air(&self, heard: &Published, on_air: bool) -> Result<(), ChatError> {
        let stream = &heard.stream;
        let news = LastTold {
            is_on_air: on_air,
            epoch: heard.epoch.as_str().to_owned(),
            offset: heard.offset,
        };
        let notice = if on_air {
            ChatNotice::StreamLive
        } else {
            ChatNotice::StreamEnded
        };
        for _ in 0..ATTEMPTS_MAX {
            let told = self.told(stream).await?.on_air;
            // Whoever was told nothing yet knows a stream that is not on air.
            let last = told.as_deref().map(LastTold::read).unwrap_or_default();
            if last.is_on_air == on_air || last.is_newer_than(&news) {
                return Ok(());
            }
            let key = keys::chat_told(stream);
            let commit = Commit::new()
                .guard(Guard::field(key.clone(), "on_air", told.as_deref()))
                .hash_set(key, "on_air", news.write());
            if self.say(stream, notice.clone(), commit).await? {
                return Ok(());
            }
        }
        Err(ChatError::Contended)
    }

    async fn tell_taken(
        &self,
        stream: &StreamId,
        scene: SceneId,
        number: u64,
    ) -> Result<(), ChatError> {
        for _ in 0..ATTEMPTS_MAX {
            let told = self.told(stream).await?.take;
            let last = told.as_deref().and_then(|text| text.parse().ok());
            if last.unwrap_or(0_u64) >= number {
                return Ok(());
            }
            let Some(name) = self.name_of(stream, scene).await? else {
                return Ok(());
            };
            let key = keys::chat_told(stream);
            let commit = Commit::new()
                .guard(Guard::field(key.clone(), "take", told.as_deref()))
                .hash_set(key, "take", number.to_string());
            let notice = ChatNotice::SceneTaken { scene, name };
            if self.say(stream, notice, commit).await? {
                return Ok(());
            }
        }
        Err(ChatError::Contended)
    }

    async fn say(
        &self,
        stream: &StreamId,
        notice: ChatNotice,
        commit: Commit,
    ) -> Result<bool, ChatError> {
        let message = ChatMessage::system(notice, self.bus().clock().now());
        let commit = self.chat.write_message(stream, &message, commit)?;
        let event = self.bus().event(stream, &message, None)?;
        self.chat.committed(commit, vec![event]).await
    }

    async fn told(&self, stream: &StreamId) -> Result<Told, ChatError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(keys::chat_told(stream))
            .arg("on_air")
            .arg("take");
        let (on_air, take) = self.bus().query(&command).await?;
        Ok(Told { on_air, take })
    }

    async fn name_of(
        &self,
        stream: &StreamId,
        scene: SceneId,
    ) -> Result<Option<String>, ChatError> {
        let key = keys::scenes(stream);
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(keys::scene_document_field(scene));
        let text: Option<String> = self.bus().query(&command).await?;
        let document: Option<SceneDocument> = text.map(|text| read(&key, &text)).transpose()?;
        Ok(document.map(|document| document.name))
    }

    const fn bus(&self) -> &Bus {
        &self.chat.bus
    }
}

/// Whether people can see the program; `None` on the way there and away.
const fn is_on_air(status: StreamStatus) -> Option<bool> {
    match status {
        StreamStatus::Live
        | StreamStatus::Paused
        | StreamStatus::Degraded
        | StreamStatus::Reconnecting => Some(true),
        StreamStatus::Offline | StreamStatus::Failed => Some(false),
        StreamStatus::Starting | StreamStatus::Stopping => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_news_are_known_by_their_place_in_the_history() {
        let at = |epoch: &str, offset| LastTold {
            is_on_air: true,
            epoch: epoch.to_owned(),
            offset,
        };
        let told = at("a", 7);
        assert_eq!(LastTold::read(&told.write()), told);
        assert!(told.is_newer_than(&at("a", 3)));
        assert!(!told.is_newer_than(&at("a", 8)));
        assert!(!told.is_newer_than(&at("b", 3)), "another history");
        assert!(LastTold::read("1").is_on_air);
        assert!(!LastTold::read("0").is_newer_than(&at("a", 1)));
    }
}
