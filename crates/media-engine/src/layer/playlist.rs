//! Files played one after another. The next one is opened while one plays, and begins at the very
//! moment at which that ends.

mod deck;
mod order;
mod picture;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use gstreamer as gst;
use sm_common::clock::Timestamp;
use sm_common::layer::{AtEnd, Playback, PlaybackAction, PlaybackState, PlaybackStatus};
use sm_media_protocol::{LayerContent, PlaylistEntry, SceneLayer};

use self::deck::{Deck, Room};
use self::order::Order;
use super::failure::Failure;
use super::player::{Playing, Props, Target};
use super::{Health, News, Source, Surroundings};
use crate::number::{to_u32, to_u64};
use crate::pipeline::{FrameSlot, Surface};
use crate::sound::SoundQueue;

/// How long a list in which nothing can be played waits before it tries again.
const RETRY_MS: i64 = 5_000;

pub(super) fn open(
    (entries, looping, shuffle): (&[PlaylistEntry], bool, bool),
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> PlaylistSource {
    let size = Rc::new(Cell::new((layer.transform.width, layer.transform.height)));
    let (timeline, matrix, now) = (surroundings.timeline, surroundings.matrix, Rc::clone(&size));
    let room = Room {
        program: Arc::clone(&surroundings.program),
        sound: Arc::<Mutex<SoundQueue>>::default(),
        slot: Box::new(move || FrameSlot::new(timeline, matrix, now.get().0, now.get().1)),
    };
    let seed = shuffle.then(|| surroundings.wall.now().as_unix_millis().unsigned_abs());
    let paused = layer.playback.filter(|command| command.paused);
    let mut source = PlaylistSource {
        room,
        size,
        props: Props::of(surroundings, layer.id),
        order: Order::new(entries.len(), looping, seed),
        entries: entries.to_vec(),
        seed,
        looping,
        at_end: at_end(layer),
        visible: layer.visible,
        paused: paused.is_some(),
        command: layer.playback,
        parts: 0,
        current: None,
        upcoming: None,
        flaws: BTreeMap::new(),
        retry_at: None,
    };
    if let Some(item) = paused.and_then(|command| command.item) {
        source.order.go_to(usize::try_from(item).unwrap_or(0));
    }
    source.open_current();
    if let Some(position) = paused.and_then(|command| command.position_ms) {
        source.seek(position);
    }
    source
}

fn at_end(layer: &SceneLayer) -> AtEnd {
    if let LayerContent::Playlist { at_end, .. } = layer.content {
        at_end
    } else {
        AtEnd::default()
    }
}

pub(super) struct PlaylistSource {
    room: Room,
    /// Width and height of the layer.
    size: Rc<Cell<(u32, u32)>>,
    props: Props,
    entries: Vec<PlaylistEntry>,
    order: Order,
    seed: Option<u64>,
    looping: bool,
    at_end: AtEnd,
    visible: bool,
    paused: bool,
    /// The last command that was carried out.
    command: Option<Playback>,
    /// Decks so far.
    parts: u64,
    /// What plays; at the end of the list, what has played last.
    current: Option<Deck>,
    upcoming: Option<Deck>,
    /// Files that could not be played when they were last tried.
    flaws: BTreeMap<usize, Failure>,
    /// When a list in which nothing can be played is tried again.
    retry_at: Option<Timestamp>,
}

impl PlaylistSource {
    fn deck(&mut self, item: usize, wishes: Option<(bool, bool)>) -> Option<Deck> {
        let entry = self.entries.get(item)?;
        self.parts += 1;
        let player = (self.parts, &self.props);
        Some(Deck::open((item, entry), player, &self.room, wishes))
    }

    /// Plays the file that the order names, from its beginning.
    fn open_current(&mut self) {
        self.upcoming = None;
        let wishes = Some((self.visible, self.paused));
        if let Some(item) = self.order.current() {
            self.current = self.deck(item, wishes);
        }
    }

    /// Opens the file that comes next, unless it is open.
    fn open_upcoming(&mut self) {
        let wanted = self.order.upcoming();
        if self.upcoming.as_ref().map(|deck| deck.item) == wanted {
            return;
        }
        self.upcoming = wanted.and_then(|item| self.deck(item, None));
    }

    /// Lets the next file begin when the current one ends, as soon as both are known.
    fn schedule(&mut self) {
        let ends_at = self.current.as_ref().and_then(|deck| deck.ends_at);
        if let (Some(ends_at), Some(upcoming)) = (ends_at, &mut self.upcoming) {
            upcoming.begin_at(ends_at);
        }
    }

    /// The current file does not end when it was thought to.
    fn unschedule(&mut self) {
        if let Some(current) = &mut self.current {
            current.ends_at = None;
        }
        if let Some(upcoming) = &mut self.upcoming {
            upcoming.wait();
        }
    }

    /// The current file has ended by itself.
    fn rotate(&mut self) {
        let before = self.order.current();
        self.order.advance();
        let Some(item) = self.order.current() else {
            // The last picture stays.
            self.upcoming = None;
            return;
        };
        // In a new round, what was broken may have been mended.
        if before.is_none_or(|before| item <= before) {
            self.order.mend();
        }
        match self.upcoming.take().filter(|deck| deck.item == item) {
            Some(mut deck) => {
                deck.take_stage(self.visible, self.paused);
                self.current = Some(deck);
            }
            None => self.open_current(),
        }
        if self.current.as_ref().is_some_and(|deck| deck.ready) {
            self.open_upcoming();
            self.schedule();
        }
    }

    fn seek(&mut self, position_ms: u64) {
        self.unschedule();
        if let Some(current) = &self.current {
            let position = gst::ClockTime::from_mseconds(position_ms);
            current.player.seek(Target::At(position));
        }
    }

    /// Goes to another file, and plays it from its beginning.
    fn go(&mut self, to: impl FnOnce(&mut Order)) {
        to(&mut self.order);
        self.open_current();
    }

    fn obey(&mut self, command: Playback) {
        self.paused = command.paused;
        match command.action {
            PlaybackAction::Restart => return self.go(Order::restart),
            PlaybackAction::Play if self.has_ended() => return self.go(Order::restart),
            PlaybackAction::Play | PlaybackAction::Pause => {}
            PlaybackAction::Seek => self.seek(command.position_ms.unwrap_or(0)),
            PlaybackAction::Next if self.order.upcoming().is_none() => {}
            PlaybackAction::Next => return self.go(Order::advance),
            PlaybackAction::Previous => return self.go(Order::back),
            PlaybackAction::Goto => {
                let item = usize::try_from(command.item.unwrap_or(0)).unwrap_or(0);
                return self.go(|order| order.go_to(item));
            }
        }
        if self.paused {
            self.unschedule();
        }
        if let Some(current) = &self.current {
            current.player.pause(self.paused);
        }
    }

    /// The list was edited. What plays goes on if it is still in it.
    fn edit(&mut self, entries: &[PlaylistEntry]) {
        let current = self.current.as_ref().map(|deck| deck.item);
        let playing = current.and_then(|item| self.entries.get(item));
        let place = playing.and_then(|playing| entries.iter().position(|entry| entry == playing));
        self.entries = entries.to_vec();
        self.order = Order::new(entries.len(), self.looping, self.seed);
        self.flaws.clear();
        self.retry_at = None;
        self.upcoming = None;
        if let (Some(place), Some(deck)) = (place, &mut self.current) {
            deck.item = place;
            self.order.go_to(place);
            if deck.ready {
                self.open_upcoming();
            }
        } else {
            // The one that has taken its place in the list.
            let last = entries.len().saturating_sub(1);
            let place = current.unwrap_or(0).min(last);
            self.go(|order| order.go_to(place));
        }
    }

    /// A file cannot be played: it is passed over.
    fn pass_over(&mut self, item: usize, is_current: bool, failure: Failure) {
        self.order.set_broken(item, true);
        self.flaws.insert(item, failure);
        if self.is_broken() {
            self.current = None;
            self.upcoming = None;
            let again = self.props.now().as_unix_millis().saturating_add(RETRY_MS);
            self.retry_at = Some(Timestamp::from_unix_millis(again));
        } else if is_current {
            self.rotate();
        } else {
            self.upcoming = None;
            self.open_upcoming();
        }
    }

    fn hear_deck(&mut self, part: u64, news: News) {
        let is_current = self.current.as_ref().is_some_and(|deck| deck.part == part);
        let deck = if is_current {
            self.current.as_mut()
        } else {
            self.upcoming.as_mut().filter(|deck| deck.part == part)
        };
        let Some(deck) = deck else {
            return;
        };
        match news {
            News::Flowing => {
                deck.ready = true;
                self.order.set_broken(deck.item, false);
                self.flaws.remove(&deck.item);
                if self.current.as_ref().is_some_and(|deck| deck.ready) {
                    self.open_upcoming();
                    self.schedule();
                }
            }
            News::Playback(Playing { status, ends_at }) => {
                deck.status = Some(status);
                deck.ends_at = ends_at;
                if is_current && status.state == PlaybackState::Ended {
                    self.rotate();
                } else if is_current {
                    self.schedule();
                }
            }
            News::Failed(failure) => {
                let item = deck.item;
                self.pass_over(item, is_current, failure);
            }
            News::Picture(_)
            | News::Outline(_)
            | News::Sheet(_)
            | News::Animation(_)
            | News::Drawn(_)
            | News::Part(..) => {}
        }
    }

    fn has_ended(&self) -> bool {
        self.order.current().is_none()
    }

    fn is_broken(&self) -> bool {
        self.order.is_broken()
    }
}

impl Source for PlaylistSource {
    fn update(&mut self, layer: &SceneLayer) {
        let size = (layer.transform.width, layer.transform.height);
        self.size.set(size);
        for deck in self.current.iter().chain(&self.upcoming) {
            deck.frames.resize(size.0, size.1);
        }
        if let LayerContent::Playlist { items, looping, .. } = &layer.content {
            self.at_end = at_end(layer);
            self.looping = *looping;
            self.order.set_looping(*looping);
            if self.entries != *items {
                self.edit(items);
            } else if self.current.as_ref().is_some_and(|deck| deck.ready) {
                self.open_upcoming();
            }
            self.schedule();
        }
        if self.visible != layer.visible {
            self.visible = layer.visible;
            self.unschedule();
            if layer.visible && self.has_ended() && self.at_end != AtEnd::Hold {
                self.begin();
            } else if let Some(current) = &self.current {
                current.player.show(layer.visible);
            }
        }
        if self.command != layer.playback {
            self.command = layer.playback;
            if let Some(command) = layer.playback {
                self.obey(command);
            }
        }
    }

    fn begin(&mut self) {
        self.order.restart();
        self.open_current();
    }

    fn hear(&mut self, news: News) {
        if let News::Part(part, news) = news {
            self.hear_deck(part, *news);
        }
    }

    fn changes_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    fn change(&mut self, now: Timestamp) {
        if self.retry_at.is_none_or(|moment| now < moment) {
            return;
        }
        self.retry_at = None;
        self.order.mend();
        self.begin();
    }

    fn surface(&self) -> Surface {
        self.current.as_ref().map_or(Surface::Empty, Deck::surface)
    }

    fn sound(&self) -> Option<&Arc<Mutex<SoundQueue>>> {
        Some(&self.room.sound)
    }

    fn playback(&self) -> Option<PlaybackStatus> {
        let deck = self.current.as_ref()?;
        Some(PlaybackStatus {
            item: Some(to_u32(to_u64(deck.item))),
            ..deck.status?
        })
    }

    fn health(&self) -> Health {
        let first = self.flaws.iter().next();
        match (&self.current, first) {
            (None, Some((_, failure))) if self.is_broken() => Health::Failing(failure.clone()),
            (_, Some((item, failure))) => {
                Health::Flawed(Failure::item(item + 1, self.flaws.len(), failure))
            }
            (Some(deck), None) if !deck.ready && deck.status.is_none() => Health::Loading,
            (Some(_) | None, None) => Health::Fine,
        }
    }
}
