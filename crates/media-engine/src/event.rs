//! What the worker's loop hears, from every thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sm_common::clock::Timestamp;
use sm_common::id::OutputId;
use sm_media_protocol::Command;

use crate::layer::News;
use crate::output;

/// Events that may wait. Threads of the picture offer theirs and never wait.
const WAITING_MAX: usize = 1024;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The host says something.
    Command(Box<Command>),
    /// The host said something that is no command.
    Unreadable {
        /// Why not.
        message: String,
    },
    /// A host is on the line.
    HostCame {
        /// Which connection it is, counted from 1.
        connection: u64,
    },
    /// A connection ended.
    HostGone {
        /// Which one.
        connection: u64,
    },
    /// A layer's own thread has something to tell.
    Layer {
        /// Which opening of a source it is about; those of sources that have ended are stale.
        opening: u64,
        /// What it tells.
        news: News,
    },
    /// An output's own thread has something to tell.
    Output {
        /// The output.
        output: OutputId,
        /// Which run of the output it is about.
        run: u64,
        /// What it tells.
        news: output::News,
    },
    /// The first frame left the encoder.
    Playing,
    /// The first frame with a scene on the stage was composed.
    ActBegan {
        /// Its number.
        act: u64,
        /// When.
        at: Timestamp,
    },
    /// A scene has come so far that nothing is seen of those before it.
    ActSettled {
        /// Its number.
        act: u64,
    },
    /// A scene is in the picture, and no other.
    SceneShown {
        /// The scene's revision.
        revision: u64,
        /// When the first frame that shows it was composed.
        at: Timestamp,
    },
    /// The program's own pipeline failed.
    ProgramFailed {
        /// Which of its formats it had.
        program: u64,
        /// What failed.
        message: String,
    },
    /// The last segment of one of the program's formats is written.
    Ended {
        /// Which format.
        program: u64,
    },
}

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) struct Events(SyncSender<Event>);

impl Events {
    /// A queue of events.
    pub(crate) fn channel() -> (Self, Receiver<Event>) {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Tells, waiting for room; whether anybody still listens.
    pub(crate) fn send(&self, event: Event) -> bool {
        self.0.send(event).is_ok()
    }

    /// Tells if there is room.
    pub(crate) fn offer(&self, event: Event) -> bool {
        self.0.try_send(event).is_ok()
    }
}
