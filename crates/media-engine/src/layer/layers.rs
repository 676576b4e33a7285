//! The scenes: the one on air, those that leave it, the one that comes, and the one in preview.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::{LayerId, SceneId};
use sm_common::layer::PlaybackStatus;
use sm_common::performance::LayerPerformance;
use sm_common::stream::LayerState;
use sm_common::transition::{SceneTransition, Take};
use sm_media_protocol::{
    CHAT_LINES_MAX, ChatFeed, LayerContent, LayerReport, TextValues, WantedScene,
};

use super::cast::Cast;
use super::seat::Role;
use super::text_renderer::TextRenderer;
use super::web::Pages;
use super::{Health, News, Source, SourceSettings, Surroundings};
use crate::event::Events;
use crate::number::{to_f64, to_i64};
use crate::picture::Matrix;
use crate::pipeline::{ProgramClock, Stage, Surface};
use crate::scene::{DuplicateLayer, difference, uncovered};
use crate::timeline::Timeline;

/// Longest time that a change waits for its text to be drawn, so that all of it shows on one frame.
const DRAWING_PATIENCE: Duration = Duration::from_millis(250);
/// Longest time that a take waits until everything in its scene has something to show.
const TAKE_PATIENCE: Duration = Duration::from_secs(1);
/// How long the sources of a scene that is not shown any more are kept: it may be the next one in
/// preview.
const LINGER: Duration = Duration::from_secs(1);
/// Scenes that may be leaving at a time. A take on top waits until one has left; a cut does not.
const LEAVING_MAX: usize = 3;

/// The layers of all scenes and their sources.
pub(crate) struct Layers {
    surroundings: Surroundings,
    /// Number of the newest scene.
    number: u64,
    program: Option<Cast>,
    /// What is to replace it, and how long that waits at most.
    next: Option<(Cast, Instant)>,
    /// The oldest first.
    leaving: Vec<Cast>,
    preview: Option<Cast>,
    /// Until when somebody looks at the preview.
    watched_until: Option<Instant>,
    /// Scenes that were shown, until when they are kept.
    gone: Vec<(Cast, Instant)>,
    /// Number of the last take.
    taken: Option<u64>,
    /// Until when the newest change waits for what is being drawn.
    settles_at: Option<Instant>,
    reported: BTreeMap<LayerId, (Health, Option<PlaybackStatus>)>,
    ended: Receiver<()>,
}

impl Layers {
    /// No layers yet, for a program `height` pixels high.
    pub(crate) fn new(
        program: Arc<ProgramClock>,
        timeline: Timeline,
        height: u32,
        wall: SharedClock,
        sources: SourceSettings,
        events: Events,
    ) -> Self {
        let (alive, ended) = sync_channel(0);
        Self {
            surroundings: Surroundings {
                program,
                timeline,
                matrix: Matrix::for_height(height),
                wall,
                text: std::rc::Rc::new(TextRenderer::start()),
                web: sources.web.map(Pages::new),
                program_height: height,
                chat: None,
                values: None,
                network: sources.network,
                retry: sources.retry,
                feeds: sources.feeds,
                events,
                alive,
                opening: 0,
            },
            number: 0,
            program: None,
            next: None,
            leaving: Vec::new(),
            preview: None,
            watched_until: None,
            gone: Vec::new(),
            taken: None,
            settles_at: None,
            reported: BTreeMap::new(),
            ended,
        }
    }

    /// Goes on in a program with this many frames a second. Sources stay open.
    pub(crate) fn retime(&mut self, timeline: Timeline) {
        self.surroundings.timeline = timeline;
        for (_, seat) in self.casts().flat_map(Cast::seats) {
            seat.tell(|source| source.retime(timeline));
        }
    }

    /// Makes `wanted` the scene on air, unless it cannot be one: at once where it is the same one
    /// with other layers, by its take where it is another. A take counts once.
    pub(crate) fn apply(&mut self, wanted: WantedScene) -> Result<(), DuplicateLayer> {
        let id = id_of(&wanted);
        let covered = wanted.cover.is_some();
        let was_covered = self.program.as_ref().is_some_and(|cast| cast.covered);
        let take = self.new_take(&wanted);
        let coming = self.next.take().filter(|(next, _)| next.id() == id);
        if let Some((mut next, until)) = coming {
            next.covered = covered;
            next.be_taken(take);
            let changed = self.change(&mut next, wanted, was_covered);
            self.next = Some((next, until));
            changed?;
        } else if let Some(mut program) = self.program.take_if(|program| program.id() == id) {
            let changed = self.change(&mut program, wanted, was_covered);
            if changed.is_ok() {
                program.covered = covered;
            }
            self.program = Some(program);
            changed?;
            if covered {
                self.dismiss_leaving();
            }
        } else {
            let mut next = self.cast(Role::Next, &wanted, covered);
            self.change(&mut next, wanted, was_covered)?;
            next.be_taken(take);
            self.next = Some((next, Instant::now() + TAKE_PATIENCE));
        }
        if !self.shows_chat() {
            // Nobody goes on telling what is deleted.
            self.surroundings.chat = None;
        }
        let now = Instant::now();
        self.settles_at = Some(now + DRAWING_PATIENCE);
        self.part_company();
        self.bring_on(now);
        Ok(())
    }

    /// Puts a scene beside the program, or none, unless it cannot be one.
    pub(crate) fn preview(&mut self, wanted: Option<WantedScene>) -> Result<(), DuplicateLayer> {
        let id = wanted.as_ref().map(id_of);
        let before = self.preview.take();
        let (same, other) = match before {
            Some(before) if Some(before.id()) == id => (Some(before), None),
            before => (None, before),
        };
        let mut changed = Ok(());
        if let Some(wanted) = wanted {
            let mut preview = match same {
                Some(same) => same,
                None => self.cast(Role::Preview, &wanted, false),
            };
            preview.set_role(Role::Preview, self.watched_until.is_some());
            changed = self.change(&mut preview, wanted, false);
            self.preview = Some(preview);
        }
        if let Some(other) = other {
            self.dismiss(other);
        }
        self.part_company();
        changed
    }

    /// Somebody looks at the preview: its files play for so long from now on.
    pub(crate) fn watch_preview(&mut self, patience: Duration) {
        if patience.is_zero() {
            return;
        }
        self.watched_until = Some(Instant::now() + patience);
        if let Some(preview) = &mut self.preview {
            preview.set_role(Role::Preview, true);
        }
    }

    /// Shows this chat in the layers that show the chat, now or with the next scene.
    pub(crate) fn converse(&mut self, mut chat: ChatFeed) {
        let too_many = chat.messages.len().saturating_sub(CHAT_LINES_MAX);
        chat.messages.drain(..too_many);
        for (_, seat) in self.casts().flat_map(Cast::seats) {
            seat.tell(|source| source.converse(&chat));
        }
        self.surroundings.chat = Some(chat);
    }

    /// Shows these values in the texts that name them, now or with the next scene.
    pub(crate) fn inform(&mut self, values: TextValues) {
        let values = Arc::new(values);
        for (_, seat) in self.casts().flat_map(Cast::seats) {
            seat.tell(|source| source.inform(&values));
        }
        self.surroundings.values = Some(values);
    }

    /// Whether any scene shows the chat.
    fn shows_chat(&self) -> bool {
        let mut layers = self.casts().flat_map(|cast| &cast.scene.layers);
        layers.any(|layer| matches!(layer.content, LayerContent::Chat { .. }))
    }

    /// Lets the next scene come on, those that are gone end, and files in preview wait, where it
    /// is time.
    pub(crate) fn bring_on(&mut self, now: Instant) {
        self.gone.retain(|(_, until)| *until > now);
        if self.watched_until.is_some_and(|until| until <= now) {
            self.watched_until = None;
            if let Some(preview) = &mut self.preview {
                preview.set_role(Role::Preview, false);
            }
        }
        if let Some((next, until)) = self.next.take() {
            if self.can_come(&next, now >= until) {
                self.come(next);
            } else {
                self.next = Some((next, until));
            }
        }
    }

    /// When to bring something on, or to show what waits for being drawn, at the latest.
    pub(crate) fn waits_until(&self) -> Option<Instant> {
        let now = Instant::now();
        // One that waits for room is brought on by what leaves.
        let next = self.next.iter().map(|(_, until)| *until);
        next.filter(|&until| until > now)
            .chain(self.gone.iter().map(|(_, until)| *until))
            .chain(self.watched_until)
            .chain(self.settles_at.filter(|_| self.is_settling()))
            .min()
    }

    /// Whether the newest change is not to be shown yet, because parts of it are being drawn.
    pub(crate) fn is_settling(&self) -> bool {
        let waits = self.settles_at.is_some_and(|until| Instant::now() < until);
        waits && self.program.as_ref().is_some_and(Cast::is_drawing)
    }

    /// The change is shown: what is drawn from now on shows when it is there.
    pub(crate) fn settle(&mut self) {
        self.settles_at = None;
    }

    /// The first frame of a scene was composed. Returns the take that brought it, and from which
    /// scene, where it did.
    pub(crate) fn began(&mut self, act: u64) -> Option<(Take, SceneId)> {
        let mut scenes = self.program.iter_mut().chain(&mut self.leaving);
        let scene = scenes.find(|scene| scene.number == act)?;
        Some((scene.take.take()?, scene.from?))
    }

    /// Nothing is seen any more of the scenes before this one.
    pub(crate) fn settled(&mut self, act: u64) {
        let (left, leaving): (Vec<_>, Vec<_>) = std::mem::take(&mut self.leaving)
            .into_iter()
            .partition(|scene| scene.number < act);
        self.leaving = leaving;
        for scene in left {
            self.dismiss(scene);
        }
        self.bring_on(Instant::now());
    }

    /// Passes news on to the source they are for.
    pub(crate) fn hear(&mut self, opening: u64, news: News) {
        let mut news = Some(news);
        let ended = self.casts().find_map(|cast| {
            let mut seats = cast.seats();
            seats.find_map(|(_, seat)| seat.hear(opening, &mut news))
        });
        if ended == Some(true) {
            self.end_turn(opening);
        }
    }

    /// A file has come to its end: on air its layer leaves the picture, if it is to.
    fn end_turn(&mut self, opening: u64) {
        let Some(mut program) = self.program.take() else {
            return;
        };
        if let Some(layer) = program.layer_of(opening)
            && let Some(told) = program.told.clone()
        {
            if let Some(next) = program.turns.end(layer, &told) {
                program.begin(next);
            }
            let covered = program.covered;
            // The layers are those of a scene that was shown: none is in it twice.
            let _ = self.change(&mut program, told, covered);
        }
        self.program = Some(program);
    }

    /// When a source next changes by itself.
    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        self.casts().filter_map(Cast::changes_at).min()
    }

    /// Lets the sources change whose moment has come; whether there were any.
    pub(crate) fn change_by_itself(&mut self, now: Timestamp) -> bool {
        let casts = self
            .program
            .iter_mut()
            .chain(self.next.iter_mut().map(|(next, _)| next))
            .chain(&mut self.leaving)
            .chain(&mut self.preview)
            .chain(self.gone.iter_mut().map(|(gone, _)| gone));
        casts.map(|cast| cast.change_by_itself(now)).max() == Some(true)
    }

    /// The program for the composer.
    pub(crate) fn stage(&self) -> Stage {
        Stage {
            revision: self.program.as_ref().map(|cast| cast.scene.revision),
            acts: self
                .leaving
                .iter()
                .chain(&self.program)
                .map(Cast::act)
                .collect(),
        }
    }

    /// The preview for who draws it; `None` when there is none.
    pub(crate) fn preview_stage(&self) -> Option<Stage> {
        self.preview.as_ref().map(|cast| Stage {
            revision: Some(cast.scene.revision),
            acts: vec![cast.act()],
        })
    }

    /// How the layers on air, to come and in preview do, where that changed since the last call.
    pub(crate) fn reports(&mut self) -> Vec<LayerReport> {
        let mut healths = BTreeMap::new();
        let next = self.next.iter().map(|(next, _)| next);
        // A layer in two of them is as it is on air.
        for cast in self.program.iter().chain(next).chain(&self.preview) {
            for (layer, seat) in cast.seats() {
                healths
                    .entry(layer)
                    .or_insert_with(|| (seat.health(), seat.playback()));
            }
        }
        let reports = healths
            .iter()
            .filter(|(layer, health)| self.reported.get(*layer) != Some(*health))
            .map(|(layer, (health, playback))| report(*layer, health, *playback))
            .collect();
        self.reported = healths;
        reports
    }

    /// What each visible layer on air delivered since the last call; layers that are still and
    /// silent are left out.
    pub(crate) fn performance(&self) -> Vec<LayerPerformance> {
        let now_ns = to_i64(self.surroundings.program.now_ns().unwrap_or(0));
        let visible = self.program.iter().flat_map(Cast::visible);
        visible
            .filter_map(|(layer, seat)| seat.ask(|source| performance(layer.id, source, now_ns)))
            .collect()
    }

    /// Ends all sources and waits for their threads, but no longer than `patience`; whether all
    /// have ended.
    pub(crate) fn close(self, patience: Duration) -> bool {
        let Self {
            surroundings,
            program,
            next,
            leaving,
            preview,
            gone,
            ended,
            ..
        } = self;
        drop((program, next, leaving, preview, gone));
        drop(surroundings);
        ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }

    fn casts(&self) -> impl Iterator<Item = &Cast> {
        self.program
            .iter()
            .chain(self.next.iter().map(|(next, _)| next))
            .chain(&self.leaving)
            .chain(&self.preview)
            .chain(self.gone.iter().map(|(gone, _)| gone))
    }

    fn cast(&mut self, role: Role, wanted: &WantedScene, covered: bool) -> Cast {
        self.number += 1;
        Cast::new(self.number, role, wanted, covered)
    }

    /// The take that brings this scene on air, unless it is an old one.
    fn new_take(&mut self, wanted: &WantedScene) -> Option<Take> {
        let take = wanted.take.as_ref()?;
        let is_new = self.taken.is_none_or(|taken| take.number > taken);
        let is_ours = id_of(wanted) == Some(take.scene);
        self.taken = self.taken.max(Some(take.number));
        (is_new && is_ours).then(|| take.clone())
    }

    /// Makes what is told of a scene that was taken out of where it is kept. `was_covered` is the
    /// program so far.
    fn change(
        &mut self,
        cast: &mut Cast,
        told: WantedScene,
        was_covered: bool,
    ) -> Result<(), DuplicateLayer> {
        let mut turns = cast.turns.clone();
        if let Some(before) = &cast.told {
            turns.follow(before, &told);
        }
        let wanted = uncovered(turns.taken(&told), was_covered);
        let difference = difference(&cast.scene.layers, &wanted.layers)?;
        let others: Vec<&Cast> = self
            .program
            .iter()
            .chain(self.next.iter().map(|(next, _)| next))
            .chain(&self.leaving)
            .chain(&self.preview)
            .chain(self.gone.iter().map(|(gone, _)| gone))
            .collect();
        cast.change(wanted, &difference, &others, &mut self.surroundings);
        (cast.turns, cast.told) = (turns, Some(told));
        Ok(())
    }

    /// Ends the sharing of sources whose layers do not show the same any more.
    fn part_company(&mut self) {
        let Self {
            surroundings,
            program,
            next,
            leaving,
            preview,
            ..
        } = self;
        let others: Vec<&Cast> = program.iter().collect();
        let next = next.iter_mut().map(|(next, _)| next);
        for cast in next.chain(preview).chain(leaving) {
            cast.part_company(&others, surroundings);
        }
    }

    /// Whether it is time for this scene to come on air.
    fn can_come(&self, next: &Cast, waited: bool) -> bool {
        if self.is_unseen(next) {
            return true;
        }
        let room = next.entrance.is_cut() || self.leaving.len() < LEAVING_MAX;
        room && (waited || !next.is_loading())
    }

    /// Whether nobody would see how it comes: it is the first one, or a cover is over either.
    fn is_unseen(&self, next: &Cast) -> bool {
        next.covered || self.program.as_ref().is_none_or(|program| program.covered)
    }

    fn come(&mut self, mut next: Cast) {
        if self.is_unseen(&next) {
            next.entrance = SceneTransition::default();
        }
        next.set_role(Role::Program, true);
        let at_once = next.entrance.is_cut();
        if let Some(mut before) = self.program.take() {
            next.from = before.id();
            before.set_role(Role::Leaving, true);
            self.leaving.push(before);
        }
        self.program = Some(next);
        if at_once {
            self.dismiss_leaving();
        }
    }

    fn dismiss_leaving(&mut self) {
        for scene in std::mem::take(&mut self.leaving) {
            self.dismiss(scene);
        }
    }

    fn dismiss(&mut self, mut scene: Cast) {
        scene.set_role(Role::Gone, false);
        self.gone.push((scene, Instant::now() + LINGER));
    }
}

fn id_of(wanted: &WantedScene) -> Option<SceneId> {
    wanted.scene.as_ref().map(|scene| scene.id)
}

fn performance(layer: LayerId, source: &dyn Source, now_ns: i64) -> Option<LayerPerformance> {
    let counts = match source.surface() {
        Surface::Moving(frames) => Some(frames.counts()),
        Surface::Empty
        | Surface::Solid(..)
        | Surface::Still(_)
        | Surface::Strip(_)
        | Surface::Stack(_)
        | Surface::Changing(_) => None,
    };
    let sound = source.sound();
    let feed = source.feed();
    if counts.is_none() && sound.is_none() {
        return None;
    }
    let level = sound.and_then(|queue| {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.take_level()
    });
    let shown_due_ns = counts.and_then(|counts| counts.shown_due_ns);
    Some(LayerPerformance {
        layer,
        frame_age_ms: shown_due_ns.map(|due_ns| milliseconds(now_ns - due_ns)),
        frames_total: counts.map(|counts| counts.came),
        frames_dropped: counts.map(|counts| counts.left_out),
        audio_peak_dbfs: level.map(|level| level.peak_dbfs),
        audio_rms_dbfs: level.map(|level| level.rms_dbfs),
        feed,
    })
}

fn milliseconds(ns: i64) -> f64 {
    to_f64(u64::try_from(ns).unwrap_or(0)) / 1e6
}

fn report(layer: LayerId, health: &Health, playback: Option<PlaybackStatus>) -> LayerReport {
    let (state, failure) = match health {
        Health::Loading => (LayerState::Loading, None),
        Health::Waiting(failure) => (LayerState::Loading, Some(failure)),
        Health::Fine => (LayerState::Ok, None),
        Health::Flawed(failure) => (LayerState::Ok, Some(failure)),
        Health::Failing(failure) => (LayerState::Failing, Some(failure)),
    };
    LayerReport {
        layer,
        state,
        code: failure.map(|failure| failure.code.to_owned()),
        reason: failure.map(|failure| failure.reason.clone()),
        attempts: failure.and_then(|failure| Some(failure.retry?.attempts)),
        next_attempt_at: failure.and_then(|failure| Some(failure.retry?.at)),
        playback,
    }
}
