//! Which scenes the worker is told to show, and what is said about them.

use std::sync::Arc;
use std::time::Instant;

use sm_common::event::{SceneTakeStarted, SceneTaken};
use sm_common::id::SceneId;
use sm_common::program::ProgramFormat;
use sm_common::scene::Scene;
use sm_common::stream::{DesiredStatus, ObservedState, SceneOnAir, Severity};
use sm_common::transition::Take;
use sm_media_protocol::{Command, WantedScene};

use super::Surroundings;
use super::errors::Problem;
use super::outbox::News;
use super::required::Turn;
use super::run::RunningWorker;
use super::screen::{Canvas, Screen, shot};
use super::tenure::Tenure;
use crate::reconcile::{self, Shots};
use crate::scene;

/// The scene must not be seen without a layer that fails.
const LAYER_LOST: &str = "scene.required-layer.lost";
/// The scene that is wanted on air is not there.
const MISSING: &str = "scene.missing";

impl Tenure {
    /// The newest scenes that are known.
    pub(super) fn shots(&self) -> Shots {
        Shots {
            program: self.wanted.scene.as_ref().map(shot),
            preview: self.wanted.preview.as_ref().map(shot),
            slate: self.wanted.slate.as_ref().map(shot),
        }
    }

    /// The picture that is wanted now.
    pub(super) fn canvas(&self) -> Canvas {
        let desired = self.wanted.desired.as_ref();
        let status = desired.map_or(DesiredStatus::Live, |desired| desired.status);
        let picture = reconcile::picture(status, self.shots(), self.required.is_lost());
        Canvas::of(picture, &self.wanted)
    }

    /// Sends the worker the picture that is wanted now. False when it does not read.
    pub(super) fn show(&mut self) -> bool {
        let canvas = self.canvas();
        let surroundings = Arc::clone(&self.surroundings);
        let wanted_take = self.take_of(canvas.program.as_ref());
        let Some(running) = &mut self.running else {
            return false;
        };
        let program = running.program.clone();
        let Some(screen) = running.screen() else {
            return false;
        };
        let next = screen.next();
        let from = screen.sent().program.as_ref().map(|scene| scene.id);
        let to = canvas.program.as_ref().map(|scene| scene.id);
        let take = wanted_take.filter(|_| from.is_some() && from != to);
        let mut scene = wanted_scene(&surroundings, &canvas, next, &program);
        scene.take = take.as_ref().map(|take| take.transition);
        if running.worker.send(Command::ApplyScene { scene }).is_err() {
            return false;
        }
        if let Some(screen) = running.screen_mut() {
            screen.send(canvas.clone());
        }
        if let Some(take) = take {
            self.news
                .push(News::TakeStarted(SceneTakeStarted { take, from }));
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
        running.previewed = preview.as_ref().map(shot);
        self.observation.preview = preview.as_deref().map(on_air);
        true
    }

    /// Looks after the layers that the scene must not be seen without, and says what is missing.
    pub(super) fn heed_scenes(&mut self) {
        self.note_missing();
        if self.wanted.desired.is_none() {
            // Nobody knows yet what is wanted, so nothing is to be forgotten.
            return;
        }
        let Some(scene) = self.wanted.scene.clone().filter(|_| self.is_wanted()) else {
            self.required.rest();
            return self.seen_again();
        };
        match self.required.look(&scene, Instant::now()) {
            Some(Turn::Lost(layer)) => {
                let name = scene.layers.iter().find(|known| known.id == layer);
                let name = name.map_or_else(String::new, |layer| layer.name.clone());
                let problem = Problem {
                    code: LAYER_LOST.to_owned(),
                    severity: Severity::Error,
                    component: component(scene.id),
                    message: format!(
                        "layer \"{name}\" fails, and the scene must not be seen without it; the slate is on air until it is back"
                    ),
                    recovering: true,
                };
                let now = self.surroundings.clock().now();
                self.raise(problem, now, None);
            }
            Some(Turn::Back) => self.seen_again(),
            None => {}
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
        let Some(Canvas { program, cover }) = shown.cloned() else {
            (self.observation.scene, self.observation.covered) = (None, None);
            return;
        };
        let scene = program.as_deref().map(on_air);
        (self.observation.scene, self.observation.covered) = match cover {
            None => (scene, None),
            Some(drape) => (drape.slate.as_deref().map(on_air), scene),
        };
        self.note_taken(program.as_ref());
    }

    /// Another scene than before is the program's.
    fn note_taken(&mut self, program: Option<&Arc<Scene>>) {
        let id = program.map(|scene| scene.id);
        let before = std::mem::replace(&mut self.observation.taken, id);
        if before.is_none() || before == id {
            return;
        }
        if let Some(take) = self.take_of(program) {
            self.news.push(News::Taken(SceneTaken {
                scene: take.scene,
                transition: take.transition,
                number: take.number,
            }));
        }
    }

    /// The latest take, where it is of this scene.
    fn take_of(&self, program: Option<&Arc<Scene>>) -> Option<Take> {
        let desired = self.wanted.desired.as_ref()?;
        let take = desired.chosen.take.clone()?;
        (Some(take.scene) == program.map(|scene| scene.id)).then_some(take)
    }

    /// Whether the worker shows the scenes that are wanted, whatever their revisions.
    pub(super) fn shows_what_is_wanted(&self, running: &RunningWorker) -> bool {
        let shown = running.screen().and_then(Screen::shown);
        let previewed = running.previewed.map(|(scene, _)| scene);
        let preview = self.wanted.preview.as_ref().map(|scene| scene.id);
        self.wanted.missing.is_none()
            && previewed == preview
            && shown.is_some_and(|shown| shown.picture().is_alike(&self.canvas().picture()))
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
    wanted.cover = canvas.cover.as_ref().map(|drape| match &drape.slate {
        None => scene::slate(&surroundings.config.slate, program),
        Some(scene) => scene::cover(scene, assets),
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

fn on_air(scene: &Scene) -> SceneOnAir {
    SceneOnAir {
        id: scene.id,
        name: scene.name.clone(),
        revision: scene.revision,
    }
}
