//! The tap: the program as its encoders make it, for readers on this machine that want it now.
//!
//! Architecture invariant: a reader holds nothing up. It has a thread, a bounded queue and an
//! encoder of its own, and what it does not take in time is left out. The sound is encoded a second
//! time, for browsers, only while somebody reads; the picture never is.

mod annex_b;
mod opus;
mod reader;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::pipeline::{Fanout, Monitor, ProgramClock};

/// Most readers at a time: the host has one, and its successor may come before that one has ended.
const READERS_MAX: usize = 4;

/// The program that is tapped.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) fanout: Fanout,
    pub(crate) monitor: Monitor,
    pub(crate) clock: Arc<ProgramClock>,
}

/// Lets readers have the program. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taps(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    source: Option<Source>,
    readers: usize,
}

/// Why a reader gets nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapRefused {
    #[error("nothing is on air yet")]
    NothingOnAir,
    #[error("there are {READERS_MAX} readers of the tap already")]
    Full,
    #[error("the system gives no thread")]
    Thread(#[from] io::Error),
}

impl Taps {
    /// This is the program from now on.
    pub(crate) fn on_air(&self, source: Source) {
        self.lock().source = Some(source);
    }

    /// Gives a reader the program, on a thread of its own, until either is gone.
    pub(crate) fn serve(&self, line: UnixStream) -> Result<(), TapRefused> {
        let source = self.admit()?;
        let place = Place(self.clone());
        thread::Builder::new()
            .name("tap".to_owned())
            .spawn(move || {
                match reader::serve(line, &source) {
                    Ok(()) => tracing::info!("the tap ends with the program"),
                    Err(error) => tracing::info!(%error, "a reader of the tap is gone"),
                }
                drop(place);
            })?;
        Ok(())
    }

    fn admit(&self) -> Result<Source, TapRefused> {
        let mut shared = self.lock();
        let source = shared.source.clone().ok_or(TapRefused::NothingOnAir)?;
        if shared.readers >= READERS_MAX {
            return Err(TapRefused::Full);
        }
        shared.readers += 1;
        Ok(source)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader's place, free again when this is dropped.
struct Place(Taps);

impl Drop for Place {
    fn drop(&mut self) {
        let Self(taps) = self;
        taps.lock().readers -= 1;
    }
}
