use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sm_common::program::ProgramFormat;

use super::encoded::Encoded;
use super::tracks::Tracks;

/// Somebody who takes what the encoders make, beside the segments. Must not wait for anything
/// nor take long: it is called on the encoders' threads.
pub(crate) trait Listener: Send + Sync {
    /// Something left the encoders.
    fn offer(&self, encoded: &Encoded);
}

/// Gives what the encoders make to all who listen, who can come and go at any time.
#[derive(Clone, Debug)]
pub(crate) struct Fanout {
    format: ProgramFormat,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    video: Option<Arc<[u8]>>,
    audio: Option<Arc<[u8]>>,
    listeners: Vec<Weak<dyn Listener>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("listeners", &self.listeners.len())
            .finish_non_exhaustive()
    }
}

impl Fanout {
    /// Nobody listens yet.
    pub(crate) fn new(format: ProgramFormat) -> Self {
        Self {
            format,
            shared: Arc::default(),
        }
    }

    /// The format of the program.
    pub(crate) fn format(&self) -> &ProgramFormat {
        &self.format
    }

    /// The tracks, once both encoders have described theirs.
    pub(crate) fn tracks(&self) -> Option<Tracks> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (video, audio) = (shared.video.as_ref()?, shared.audio.as_ref()?);
        Some(Tracks::new(
            &self.format,
            Arc::clone(video),
            Arc::clone(audio),
        ))
    }

    /// How to decode the sound, once its encoder has said so.
    pub(crate) fn audio_configuration(&self) -> Option<Arc<[u8]>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.audio.clone()
    }

    /// Lets somebody listen for as long as it lives.
    pub(crate) fn add(&self, listener: Weak<dyn Listener>) {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .listeners
            .push(listener);
    }

    fn offer(&self, encoded: &Encoded) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match encoded {
            Encoded::VideoConfiguration(video) => shared.video = Some(Arc::clone(video)),
            Encoded::AudioConfiguration(audio) => shared.audio = Some(Arc::clone(audio)),
            Encoded::Video(_) | Encoded::Audio(_) | Encoded::VideoEnd | Encoded::AudioEnd => {}
        }
        shared.listeners.retain(|listener| {
            let listener = listener.upgrade();
            if let Some(listener) = &listener {
                listener.offer(encoded);
            }
            listener.is_some()
        });
    }
}

/// Where an encoder leaves what it makes: with the segments, and, if it is the program's, with all
/// who listen.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    pub(super) fanout: Option<Fanout>,
    pub(super) segments: SyncSender<Encoded>,
}

impl Distribution {
    /// Gives it to everybody; waits for the segments alone. Whether those still take it.
    pub(super) fn send(&self, encoded: Encoded) -> bool {
        if let Some(fanout) = &self.fanout {
            fanout.offer(&encoded);
        }
        self.segments.send(encoded).is_ok()
    }
}
