//! Which messages of a chat are in the picture, which are to be drawn, and how they come and go.
//! Pure: time is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::id::MessageId;
use sm_common::layer::{ChatEntrance, ChatOrder, ChatSource};
use sm_media_protocol::{ChatFeed, ChatLine};

use crate::number::{to_u64, to_usize};
use crate::picture::Picture;
use crate::pipeline::{Card, Layout, Ramp};
use crate::timeline::Timeline;

/// How much longer than its fading takes a message is kept: longer than the composer may be behind.
const FADE_MARGIN: Duration = Duration::from_millis(500);

/// A drawn message.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    pub(super) picture: Arc<Picture>,
    /// Distance from the layer's left edge.
    pub(super) x: u32,
}

/// A message that is to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blank {
    pub(super) line: ChatLine,
}

/// The messages of a chat layer.
#[derive(Debug)]
pub(super) struct Board {
    timeline: Timeline,
    source: ChatSource,
    width: u32,
    height: u32,
    /// Raised with every change after which messages look different.
    look: u64,
    /// The reading of the chat that the entries are from; `None` before the first.
    read_at: Option<Timestamp>,
    /// Oldest first.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    line: ChatLine,
    /// Whether it comes as `entrance` says, or was there before.
    enters: bool,
    /// What it looks like, and in which look.
    sheet: Option<(u64, Sheet)>,
    /// The look in which it is being drawn.
    drawing: Option<u64>,
    /// The look in which it cannot be drawn.
    undrawable: Option<u64>,
    coming: Arc<Ramp>,
    going: Option<Going>,
}

#[derive(Debug)]
struct Going {
    ramp: Arc<Ramp>,
    /// When it is gone from every frame.
    gone_at: Timestamp,
}

impl Board {
    /// A board that has heard nothing.
    pub(super) const fn new(timeline: Timeline, source: ChatSource, size: (u32, u32)) -> Self {
        Self {
            timeline,
            source,
            width: size.0,
            height: size.1,
            look: 0,
            read_at: None,
            entries: Vec::new(),
        }
    }

    /// Whether it was told of the chat.
    pub(super) const fn is_told(&self) -> bool {
        self.read_at.is_some()
    }

    /// How its messages look.
    pub(super) const fn source(&self) -> &ChatSource {
        &self.source
    }

    /// The layer's width and height.
    pub(super) const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The present look; comes back with what is drawn in it.
    pub(super) const fn look(&self) -> u64 {
        self.look
    }

    /// The layer changed. Whether messages that are in the picture look different now: they stay
    /// as they are until they are drawn anew.
    pub(super) fn restyle(&mut self, source: &ChatSource, (width, height): (u32, u32)) -> bool {
        let same = self.source.style == source.style
            && self.source.names == source.names
            && self.source.name_color == source.name_color
            && (self.width, self.height) == (width, height);
        self.source = source.clone();
        (self.width, self.height) = (width, height);
        if same {
            return false;
        }
        self.look += 1;
        self.entries.iter().any(|entry| entry.sheet.is_some())
    }

    /// Takes the chat as it is now. What was edited is to be drawn again, and is seen as it was until
    /// then. What was deleted is gone at once; so is, after the chat was
    /// read anew, what is not in it. What newer messages pushed out goes as `fade_ms` says, when
    /// those are drawn. Messages `enter` unless the layer is hidden.
    pub(super) fn hear(&mut self, feed: &ChatFeed, enter: bool) {
        let first = self.read_at.is_none();
        let anew = self.read_at.replace(feed.read_at) != Some(feed.read_at);
        let entries = std::mem::take(&mut self.entries).into_iter();
        let kept = entries.filter(|entry| !feed.deleted.contains(&entry.line.id));
        let (mut listed, passed): (BTreeMap<MessageId, Entry>, Vec<Entry>) = {
            let is_listed =
                |entry: &Entry| feed.messages.iter().any(|line| line.id == entry.line.id);
            let (listed, passed): (Vec<_>, Vec<_>) = kept.partition(is_listed);
            let listed = listed.into_iter().map(|entry| (entry.line.id, entry));
            (listed.collect(), passed)
        };
        let passed = passed
            .into_iter()
            .filter(|entry| !anew && (entry.sheet.is_some() || entry.drawing.is_some()));
        self.entries = passed.collect();
        let mut edited = false;
        for line in &feed.messages {
            let mut entry = listed
                .remove(&line.id)
                .unwrap_or_else(|| Entry::new(line.clone(), enter && !first));
            if entry.line != *line {
                entry.line.clone_from(line);
                edited = true;
            }
            self.entries.push(entry);
        }
        // What is being drawn may be the former text: a look of its own tells them apart.
        if edited {
            self.look += 1;
        }
    }

    /// The messages that are in the picture, or should be, and are not drawn as they look now,
    /// oldest first.
    pub(super) fn to_draw(&self, now: Timestamp) -> Vec<Blank> {
        let mut blanks = Vec::new();
        for entry in self.candidates(now) {
            let is_drawn = entry
                .sheet
                .as_ref()
                .is_some_and(|(look, _)| *look == self.look);
            if !is_drawn && entry.drawing != Some(self.look) {
                blanks.push(Blank {
                    line: entry.line.clone(),
                });
            }
        }
        blanks.reverse();
        blanks
    }

    /// Messages are being drawn in the present look.
    pub(super) fn ordered(&mut self, blanks: &[Blank]) {
        let look = self.look;
        for entry in &mut self.entries {
            if blanks.iter().any(|blank| blank.line.id == entry.line.id) {
                entry.drawing = Some(look);
            }
        }
    }

    /// Messages were drawn in this look; `None` where one cannot be. Those that were deleted
    /// meanwhile are forgotten.
    pub(super) fn drawn(&mut self, look: u64, drawn: Vec<(MessageId, Option<Sheet>)>) {
        let frames = match self.source.entrance {
            ChatEntrance::Slide | ChatEntrance::Fade => self.frames_in(self.source.entrance_ms),
            ChatEntrance::None => 0,
        };
        let shown = |entry: &Entry| entry.sheet.is_some();
        let newest = self.entries.iter().rposition(shown);
        for (id, sheet) in drawn {
            let mut entries = self.entries.iter_mut().enumerate();
            let Some((place, entry)) = entries.find(|(_, entry)| entry.line.id == id) else {
                continue;
            };
            if entry.drawing == Some(look) {
                entry.drawing = None;
            }
            let Some(sheet) = sheet else {
                entry.undrawable = Some(look);
                continue;
            };
            // One that comes back between others is there at once: it would slide over them.
            if entry.sheet.is_none() && entry.enters && newest.is_none_or(|newest| place > newest) {
                entry.coming = Arc::new(Ramp::new(frames));
            }
            entry.sheet = Some((look, sheet));
        }
    }

    /// Lets messages go that are too old or too many, and forgets those that have gone or been pushed
    /// so far that nobody sees them go.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let staying: Vec<bool> = self.staying(now);
        let frames = self.frames_in(self.source.fade_ms);
        let gone_at = now.plus(Duration::from_millis(self.source.fade_ms.into()) + FADE_MARGIN);
        for (entry, stays) in self.entries.iter_mut().zip(staying) {
            if stays {
                entry.going = None;
            } else if entry.going.is_none() && entry.sheet.is_some() {
                entry.going = Some(Going {
                    ramp: Arc::new(Ramp::new(frames)),
                    gone_at,
                });
            }
        }
        let far_beyond = 2 * u64::from(self.height);
        let gap = u64::from(self.source.gap);
        let mut filled = 0;
        for entry in self.entries.iter_mut().rev() {
            let Some((_, sheet)) = &entry.sheet else {
                continue;
            };
            let is_beyond = filled >= far_beyond;
            filled += to_u64(sheet.picture.height()) + gap;
            let going = entry.going.as_ref();
            if going.is_some_and(|going| is_beyond || going.gone_at <= now) {
                (entry.sheet, entry.going) = (None, None);
                entry.enters = false;
            }
        }
    }

    /// When a message becomes too old, or one that goes is gone.
    pub(super) fn changes_at(&self) -> Option<Timestamp> {
        let shown = self.entries.iter().filter(|entry| entry.sheet.is_some());
        shown
            .filter_map(|entry| match &entry.going {
                Some(going) => Some(going.gone_at),
                None => self.expires_at(entry),
            })
            .min()
    }

    /// The messages in the picture, oldest first.
    pub(super) fn cards(&self) -> Vec<Card> {
        let fades_in = self.source.entrance == ChatEntrance::Fade;
        let card = |entry: &Entry| {
            let (_, sheet) = entry.sheet.as_ref()?;
            Some(Card {
                picture: Arc::clone(&sheet.picture),
                x: sheet.x,
                coming: Arc::clone(&entry.coming),
                fades_in,
                going: entry.going.as_ref().map(|going| Arc::clone(&going.ramp)),
            })
        };
        self.entries.iter().filter_map(card).collect()
    }

    /// How they lie.
    pub(super) const fn layout(&self) -> Layout {
        Layout {
            timeline: self.timeline,
            gap: self.source.gap,
            newest_above: matches!(self.source.order, ChatOrder::NewestAbove),
        }
    }

    /// The newest messages that have room, newest first, drawn or not.
    fn candidates(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        let (mut count, mut filled) = (0, 0);
        self.entries
            .iter()
            .rev()
            .filter(move |entry| {
                entry.undrawable != Some(self.look)
                    && self.expires_at(entry).is_none_or(|moment| moment > now)
            })
            .take_while(move |entry| {
                let has_room = self.has_room(count, filled);
                count += 1;
                filled += self.extent(entry);
                has_room
            })
    }

    /// Of each message, whether it stays in the picture: it is drawn, not too old, and has room.
    fn staying(&self, now: Timestamp) -> Vec<bool> {
        let (mut count, mut filled) = (0, 0);
        let mut staying: Vec<bool> = self
            .entries
            .iter()
            .rev()
            .map(|entry| {
                let in_time = self.expires_at(entry).is_none_or(|moment| moment > now);
                let stays = entry.sheet.is_some() && in_time && self.has_room(count, filled);
                if entry.sheet.is_some() && in_time {
                    count += 1;
                    filled += self.extent(entry);
                }
                stays
            })
            .collect();
        staying.reverse();
        staying
    }

    fn has_room(&self, count: usize, filled: u64) -> bool {
        count < to_usize(self.source.max_messages.into()) && filled < u64::from(self.height)
    }

    /// How much of the layer's height it takes; a line at least while that is not known.
    fn extent(&self, entry: &Entry) -> u64 {
        let line = u64::from(self.source.style.size);
        let height = entry
            .sheet
            .as_ref()
            .map_or(line, |(_, sheet)| to_u64(sheet.picture.height()));
        height + u64::from(self.source.gap)
    }

    fn expires_at(&self, entry: &Entry) -> Option<Timestamp> {
        let age = Duration::from_secs(self.source.max_age_s?.into());
        Some(entry.line.sent_at.plus(age))
    }

    fn frames_in(&self, milliseconds: u32) -> u64 {
        let frames = u64::from(milliseconds) * u64::from(self.timeline.framerate());
        frames.div_ceil(1000)
    }
}

impl Entry {
    fn new(line: ChatLine, enters: bool) -> Self {
        Self {
            line,
            enters,
            sheet: None,
            drawing: None,
            undrawable: None,
            coming: Arc::new(Ramp::new(0)),
            going: None,
        }
    }
}

#[cfg(test)]
#[path = "chat_board_tests.rs"]
mod tests;
