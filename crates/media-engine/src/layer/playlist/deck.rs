//! One file of a playlist, opened and ready to play.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gstreamer as gst;
use sm_common::layer::PlaybackStatus;
use sm_media_protocol::{Clip, PlaylistEntry};

use super::picture;
use crate::layer::audio;
use crate::layer::failure::Failure;
use crate::layer::file::{FileKind, kind_of};
use crate::layer::player::{Cut, Ending, Media, Player, Props, Recipe, Target, Watcher, Wishes};
use crate::layer::video::{self, Outlets};
use crate::pipeline::{FrameSlot, ProgramClock, Surface};
use crate::sound::SoundQueue;

/// Where the files of a list are heard, and how large they are seen.
pub(super) struct Room {
    pub(super) program: Arc<ProgramClock>,
    pub(super) sound: Arc<Mutex<SoundQueue>>,
    /// A slot for frames of the layer's size.
    pub(super) slot: Box<dyn Fn() -> FrameSlot>,
}

pub(super) struct Deck {
    /// Which file of the list it is.
    pub(super) item: usize,
    /// Which of the layer's players it is.
    pub(super) part: u64,
    pub(super) player: Player,
    /// It can be played at once.
    pub(super) ready: bool,
    pub(super) status: Option<PlaybackStatus>,
    /// When it ends, while it plays.
    pub(super) ends_at: Option<gst::ClockTime>,
    pub(super) frames: Arc<FrameSlot>,
    has_picture: Arc<AtomicBool>,
    /// It plays, or will at a moment that is known.
    begins: bool,
}

impl Deck {
    /// Opens a file, to be played at once or later.
    pub(super) fn open(
        (item, entry): (usize, &PlaylistEntry),
        (part, props): (u64, &Props),
        room: &Room,
        wishes: Option<(bool, bool)>,
    ) -> Self {
        let frames = Arc::new((room.slot)());
        let has_picture = Arc::new(AtomicBool::new(true));
        let outlets = Outlets {
            program: Arc::clone(&room.program),
            frames: Arc::clone(&frames),
            sound: Arc::clone(&room.sound),
        };
        let (file, seen) = (entry.clone(), Arc::clone(&has_picture));
        let clip = Clip {
            in_ms: entry.in_ms,
            out_ms: entry.out_ms,
            ..Clip::default()
        };
        let recipe = Recipe {
            name: "playlist",
            ending: Ending::File,
            cut: Cut::of(&clip, false),
            build: Box::new(move |watcher| build(&file, &outlets, &seen, watcher)),
        };
        let (visible, paused) = wishes.unwrap_or((false, false));
        let wishes_of_player = Wishes::of(recipe.cut, visible, paused);
        Self {
            item,
            part,
            player: Player::open(recipe, props.part(part), wishes_of_player),
            ready: false,
            status: None,
            ends_at: None,
            frames,
            has_picture,
            begins: wishes.is_some(),
        }
    }

    /// Begins at this moment of the clock, once it is ready.
    pub(super) fn begin_at(&mut self, moment: gst::ClockTime) {
        if self.ready && !self.begins {
            self.begins = true;
            self.player.start_at(moment);
        }
    }

    /// Does not begin by itself any more.
    pub(super) fn wait(&mut self) {
        if self.begins {
            self.begins = false;
            self.ready = false;
            self.player.show(false);
            self.player.seek(Target::Start);
        }
    }

    /// Is the one that plays from now on.
    pub(super) fn take_stage(&mut self, visible: bool, paused: bool) {
        if !self.begins || paused || !visible {
            self.begins = true;
            self.player.pause(paused);
            self.player.show(visible);
        }
    }

    pub(super) fn surface(&self) -> Surface {
        if self.has_picture.load(Ordering::Relaxed) {
            Surface::Moving(Arc::clone(&self.frames))
        } else {
            Surface::Empty
        }
    }
}

fn build(
    entry: &PlaylistEntry,
    outlets: &Outlets,
    has_picture: &AtomicBool,
    watcher: &Watcher,
) -> Result<Media, Failure> {
    let path = &entry.path;
    match kind_of(path)? {
        Some(FileKind::Mp4 | FileKind::Matroska) => video::build(path, outlets, watcher),
        Some(FileKind::Audio) => {
            has_picture.store(false, Ordering::Relaxed);
            audio::build(path, &outlets.program, &outlets.sound, watcher)
        }
        Some(
            kind @ (FileKind::Png
            | FileKind::Jpeg
            | FileKind::Webp
            | FileKind::Animation(_)
            | FileKind::Svg),
        ) => {
            let length = gst::ClockTime::from_mseconds(entry.duration_ms);
            picture::build((path, kind), length, outlets, watcher)
        }
        None => Err(Failure::unsupported(
            "the file is no video, picture or sound that can be played",
        )),
    }
}
