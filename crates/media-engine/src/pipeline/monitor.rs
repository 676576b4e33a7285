use std::sync::{Arc, Mutex, PoisonError, Weak};

use gstreamer as gst;

/// Somebody who hears the program as it is mixed, before any encoder. Must not wait for anything nor
/// take long: it is called on the composer's thread.
pub(crate) trait SoundListener: Send + Sync + std::fmt::Debug {
    /// The next piece of sound, in the caps of [`super::sound_caps`], with its place in the
    /// program.
    fn hear(&self, sound: &gst::Buffer);
}

/// Lets others hear the mixed program; they can come and go at any time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Monitor(Arc<Mutex<Vec<Weak<dyn SoundListener>>>>);

impl Monitor {
    /// Lets somebody hear the program for as long as it lives.
    pub(crate) fn add(&self, listener: Weak<dyn SoundListener>) {
        let Self(listeners) = self;
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.push(listener);
    }

    pub(super) fn offer(&self, sound: &gst::Buffer) {
        let Self(listeners) = self;
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let listener = listener.upgrade();
            if let Some(listener) = &listener {
                listener.hear(sound);
            }
            listener.is_some()
        });
    }
}
