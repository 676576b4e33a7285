//! Which scenes the worker is told to show, and what is said about them.

use std::sync::Arc;
use std::time::Instant;

use sm_common::clock::Timestamp;
use sm_common::event::SceneTaken;
use sm_common::id::{LayerId, SceneId};
use sm_common::program::ProgramFormat;
use sm_common::stream::{DesiredStatus, LayerState, ObservedState, Severity};
use sm_media_protocol::{Command, CoverReason, ScenePicture, WantedScene};

use super::Surroundings;
use super::errors::Problem;
use super::outbox::News;
use super::required::{RequiredWatch, Turn};
use super::run::RunningWorker;
use super::screen::{Canvas, Screen, in_short, shot};
use super::tenure::Tenure;
use crate::reconcile::{self, Picture, Previewed, Shots};
use crate::scene;

/// The scene must not be seen without a layer that fails.
const LAYER_LOST: &str = "scene.required-layer.lost";
/// The scene that is wanted on air is not there.
const MISSING: &str = "scene.missing";

impl Tenure {
    /// The newest scenes that are known. While none is for the program, that is the one which the
    /// worker has from an earlier host.
    pub(super) fn shots(&self) -> Shots {
        let known = self.wanted.scene.as_ref().map(shot);
        Shots {
            program: known.or_else(|| self.running.as_ref().and_then(RunningWorker::scene)),
            preview: self.wanted.preview.as_ref().map(shot),
            slate: self.wanted.slate.as_ref().map(shot),
        }
    }

    /// The picture that is wanted now.
    fn picture(&self) -> Picture {
        let desired = self.wanted.desired.as_ref();
        let status = desired.map_or(DesiredStatus::Live, |desired| desired.status);
        reconcile::picture(status, self.shots(), self.required.is_lost())
    }

    /// The same, with the scenes that it is made of.
    pub(super) fn canvas(&self) -> Canvas {
        Canvas::of(self.picture(), &self.wanted)
    }

    /// Sends the worker the picture that is wanted now. False when it does not read.
    pub(super) fn show(&mut self) -> bool {
        let canvas = self.canvas();
        let surroundings = Arc::clone(&self.surroundings);
        let Some(running) = &mut self.running else {
            return false;
        };
        let program = running.program.clone();
        let Some(screen) = running.screen() else {
            return false;
        };
        let next = screen.next();
        let scene = wanted_scene(&surroundings, &canvas, next, &program);
        if running.worker.send(Command::ApplyScene { scene }).is_err() {
            return false;
        }
        if let Some(screen) = running.screen_mut() {
            let before = screen.send(canvas.clone());
            if let Some(before) = before {
                self.take_layers(&before.kinds(), &canvas.kinds());
            }
        }
        self.expect_layers(&canvas, false);
        true
    }

    /// Tells the worker which scene is in preview. False when it does not read.
    pub(super) fn show_preview(&mut self) -> bool {
        let preview = self.wanted.preview.clone();
        let Some(running) = &mut self.running else {
            return false;
        };
        let scene = preview
            .as_ref()
            .map(|scene| scene::wanted(scene, scene.revision, &self.surroundings.assets));
        if running
            .worker
            .send(Command::ApplyPreview { scene })
            .is_err()
        {
            return false;
        }
        running.previewed = Previewed::Told(preview.as_ref().map(shot));
        self.observation.preview = preview.as_deref().map(scene::on_air);
        let canvas = self.canvas();
        self.expect_layers(&canvas, false);
        true
    }

    /// The worker reports on the layers of this picture, and on those of the preview.
    pub(super) fn expect_layers(&mut self, canvas: &Canvas, anew: bool) {
        let shown = canvas.layers();
        let mut layers = shown.clone();
        layers.extend(self.previewed_layers());
        layers.sort_unstable();
        layers.dedup();
        let now = self.surroundings.clock().now();
        let news = self.observation.layers.expect(&layers, anew, now);
        self.news.extend(news.into_iter().map(News::Layer));
        let gone = self.observation.errors.clear(|error| {
            let layer = error.component.strip_prefix("layer:");
            layer.is_some_and(|id| !shown.iter().any(|layer| layer.to_string() == id))
        });
        self.note(gone);
        // What failed in preview is noticed now.
        let known = self.observation.errors.list();
        for status in self.observation.layers.list() {
            let component = format!("layer:{}", status.layer);
            let is_known = known.iter().any(|error| error.component == component);
            if status.state == LayerState::Failing && shown.contains(&status.layer) && !is_known {
                self.note_health(&status, now);
            }
        }
    }

    /// Whether the layer is beside the program and nowhere in it.
    pub(super) fn is_only_previewed(&self, layer: LayerId) -> bool {
        self.previewed_layers().contains(&layer) && !self.canvas().layers().contains(&layer)
    }

    fn previewed_layers(&self) -> Vec<LayerId> {
        let preview = self.wanted.preview.as_ref();
        let layers = preview.into_iter().flat_map(|scene| &scene.layers);
        layers.map(|layer| layer.id).collect()
    }

    /// Looks after the layers that the scene must not be seen without, and says what is missing.
    pub(super) fn heed_scenes(&mut self) {
        self.note_missing();
        self.note_taken();
        if self.wanted.desired.is_none() {
            // Nobody knows yet what is wanted, so nothing is to be forgotten.
            return;
        }
        let Some(scene) = self.wanted.scene.clone().filter(|_| self.is_wanted()) else {
            if self.is_wanted() && self.shots().program.is_some() {
                // An earlier host knew the scene that is on air; it stays as it is.
                return;
            }
            self.required.rest();
            return self.seen_again();
        };
        match self.required.look(&scene, Instant::now()) {
            Some(Turn::Lost(layer)) => {
                let name = scene.layers.iter().find(|known| known.id == layer);
                let name = name.map_or_else(String::new, |layer| layer.name.clone());
                let now = self.surroundings.clock().now();
                self.raise(lost(scene.id, &format!("layer \"{name}\"")), now, None);
            }
            Some(Turn::Back) => self.seen_again(),
            None => {}
        }
    }

    /// The adopted worker shows the slate because the scene must not be seen, also where the
    /// earlier host has not said so any more.
    pub(super) fn still_lost(&mut self, picture: &ScenePicture, now: Timestamp) {
        let is_covered = picture
            .cover
            .as_ref()
            .is_some_and(|cover| cover.why == CoverReason::LayerLost);
        if let Some(scene) = &picture.scene
            && is_covered
            && !self.required.is_lost()
        {
            let grace = self.surroundings.config.engine.required_grace();
            self.required = RequiredWatch::new(grace, Some(scene.id));
            self.raise(lost(scene.id, "a layer"), now, None);
        }
    }

    fn seen_again(&mut self) {
        let over = self
            .observation
            .errors
            .clear(|error| error.code == LAYER_LOST);
        self.note(over);
    }

    /// When to look at the required layers even if nothing happens.
    pub(super) fn looks_at_layers(&self) -> Option<Instant> {
        let scene = self.wanted.scene.as_ref()?;
        self.required.looks_at(scene)
    }

    /// A wanted scene that is not there is an error until there is one.
    fn note_missing(&mut self) {
        let missing = self.wanted.missing.filter(|_| self.is_wanted());
        let wanted = missing.map(component);
        let over = self
            .observation
            .errors
            .clear(|error| error.code == MISSING && Some(&error.component) != wanted.as_ref());
        self.note(over);
        let known = self.observation.errors.list();
        if let Some(component) = wanted
            && !known.iter().any(|error| error.code == MISSING)
        {
            let problem = Problem {
                code: MISSING.to_owned(),
                severity: Severity::Error,
                component,
                message: "the scene that is wanted on air does not exist; take another one"
                    .to_owned(),
                recovering: false,
            };
            let now = self.surroundings.clock().now();
            self.raise(problem, now, None);
        }
    }

    /// The scene in the picture is the one that the worker confirmed last.
    pub(super) fn note_scene(&mut self) {
        let running = self.running.as_ref();
        let shown = running
            .and_then(RunningWorker::screen)
            .and_then(Screen::shown);
        let Some(ScenePicture { scene, cover, .. }) = shown.cloned() else {
            (self.observation.scene, self.observation.covered) = (None, None);
            return;
        };
        (self.observation.scene, self.observation.covered) = match cover {
            None => (scene, None),
            Some(cover) => (cover.scene, scene),
        };
        self.note_taken();
    }

    /// Another scene than before is the program's. While nobody has said what is wanted, nothing
    /// is told, and so nothing is noted.
    fn note_taken(&mut self) {
        let running = self.running.as_ref();
        let shown = running
            .and_then(RunningWorker::screen)
            .and_then(Screen::shown);
        let Some(shown) = shown.filter(|_| self.wanted.desired.is_some()) else {
            return;
        };
        let id = shown.scene.as_ref().map(|scene| scene.id);
        let take = shown.take.clone();
        let before = std::mem::replace(&mut self.observation.taken, id);
        if before.is_none() || before == id {
            return;
        }
        if let Some(take) = take {
            self.news.push(News::Taken(SceneTaken {
                scene: take.scene,
                transition: take.transition,
                number: take.number,
            }));
        }
    }

    /// Whether the worker shows the scenes that are wanted, whatever their revisions.
    pub(super) fn shows_what_is_wanted(&self, running: &RunningWorker) -> bool {
        let shown = running.screen().and_then(Screen::shown);
        let preview = self.wanted.preview.as_ref().map(|scene| scene.id);
        let previews = match running.previewed {
            Previewed::Unknown => false,
            Previewed::Told(told) => told.map(|(scene, _)| scene) == preview,
        };
        self.wanted.missing.is_none()
            && previews
            && shown.is_some_and(|shown| in_short(shown).is_alike(&self.picture()))
    }
}

/// The picture as the worker needs it.
pub(super) fn wanted_scene(
    surroundings: &Surroundings,
    canvas: &Canvas,
    revision: u64,
    program: &ProgramFormat,
) -> WantedScene {
    let assets = &surroundings.assets;
    let mut wanted = match &canvas.program {
        None => scene::black(revision),
        Some(scene) => scene::wanted(scene, revision, assets),
    };
    wanted.take.clone_from(&canvas.take);
    wanted.cover = canvas.cover.as_ref().map(|drape| match &drape.slate {
        None => scene::slate(drape.why, &surroundings.config.slate, program),
        Some(scene) => scene::cover(drape.why, scene, assets),
    });
    wanted
}

/// The scene that could not be seen when another process last looked.
pub(super) fn lost_scene(previous: &ObservedState) -> Option<SceneId> {
    let lost = previous
        .errors
        .iter()
        .find(|error| error.code == LAYER_LOST)?;
    lost.component.strip_prefix("scene:")?.parse().ok()
}

fn component(scene: SceneId) -> String {
    format!("scene:{scene}")
}

fn lost(scene: SceneId, layer: &str) -> Problem {
    Problem {
        code: LAYER_LOST.to_owned(),
        severity: Severity::Error,
        component: component(scene),
        message: format!(
            "{layer} fails, and the scene must not be seen without it; the slate is on air until it is back"
        ),
        recovering: true,
    }
}
