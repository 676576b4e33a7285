use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use gstreamer as gst;
use sm_common::program::ProgramFormat;

use super::apart::{Apart, ApartError, ApartListener};
use super::encoded::Encoded;
use super::takers::WeakTakers;
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

/// The composed frames, for those who encode them once more.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    /// Their caps.
    pub(super) caps: gst::Caps,
    /// Gone with the program that composes them.
    pub(super) takers: WeakTakers,
}

struct Shared {
    /// The program's own.
    video_kbps: u32,
    frames: Option<Frames>,
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
        let shared = Shared {
            video_kbps: format.video_bitrate_kbps,
            frames: None,
            video: None,
            audio: None,
            listeners: Vec::new(),
        };
        Self {
            format,
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// The composed frames can be had from now on.
    pub(super) fn lend(&self, frames: Frames) {
        self.lock().frames = Some(frames);
    }

    /// The program's picture has this bitrate from now on, in kbit/s.
    pub(super) fn set_video_kbps(&self, kbps: u32) {
        self.lock().video_kbps = kbps;
    }

    /// The bitrate of the program's picture now, in kbit/s.
    pub(crate) fn video_kbps(&self) -> u32 {
        self.lock().video_kbps
    }

    /// Begins an encoding of the program for this listener alone, from the next frame on.
    pub(crate) fn encode_apart(
        &self,
        kbps: u32,
        listener: Weak<dyn ApartListener>,
    ) -> Result<Apart, ApartError> {
        let frames = self.lock().frames.clone().ok_or(ApartError::NoProgram)?;
        Apart::start((frames, &self.format), kbps, listener)
    }

    /// The format of the program as it began.
    pub(crate) fn format(&self) -> &ProgramFormat {
        &self.format
    }

    /// The tracks, once both encoders have described theirs.
    pub(crate) fn tracks(&self) -> Option<Tracks> {
        let shared = self.lock();
        let (video, audio) = (shared.video.as_ref()?, shared.audio.as_ref()?);
        Some(Tracks::new(
            &self.format,
            Arc::clone(video),
            Arc::clone(audio),
        ))
    }

    /// How to decode the sound, once its encoder has said so.
    pub(crate) fn audio_configuration(&self) -> Option<Arc<[u8]>> {
        self.lock().audio.clone()
    }

    /// Lets somebody listen for as long as it lives.
    pub(crate) fn add(&self, listener: Weak<dyn Listener>) {
        self.lock().listeners.push(listener);
    }

    fn offer(&self, encoded: &Encoded) {
        let mut shared = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
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
