//! What a host orders, once something is on air.

use std::path::PathBuf;
use std::time::Duration;

use sm_common::ladder::Rendition;
use sm_media_protocol::{
    ChatFeed, Command, FinishReason, Report, TextValues, WantedOutput, WantedScene,
};

use super::{Air, Wanted, Worker};
use crate::layer::SourceSettings;
use crate::memory::Note;

impl Worker {
    pub(super) fn obey(&mut self, command: Command) -> Option<FinishReason> {
        if let Some(note) = Note::of(&command, self.wall.now()) {
            self.reports.note(note);
        }
        match command {
            Command::Lease(terms) => {
                self.fence.set(terms.token);
                self.hosts.leased(terms);
            }
            Command::Configure {
                program,
                ladder,
                hls,
                scene,
                recordings,
                outputs,
                hosting,
                network,
                sprite,
                targets,
                retry,
                adaptive,
                web,
                feeds,
            } => {
                let wanted = Wanted {
                    ladder,
                    hls,
                    recordings,
                    scene,
                    outputs,
                    orphan: Duration::from_millis(hosting.orphan_ms),
                    sources: SourceSettings {
                        network,
                        retry,
                        feeds,
                        web: web.map(|web| *web),
                    },
                    sprite: sprite.map(|sprite| *sprite),
                    targets,
                    adaptive: *adaptive,
                };
                return self.configure(program, wanted);
            }
            Command::ChangeRates { program } => self.change_rates(program),
            Command::Rebuild {
                program,
                hls,
                scene,
            } => self.rebuild(program, hls, scene),
            Command::ApplyPreview { scene } => self.apply_preview(scene),
            Command::ApplyOutputs { outputs } => self.apply_outputs(outputs),
            Command::ApplyLadder { ladder } => self.apply_ladder(ladder),
            Command::ApplyScene { scene } => self.apply_scene(scene),
            Command::ApplyChat { chat } => self.apply_chat(chat),
            Command::ApplyValues { values } => self.apply_values(values),
            Command::Snapshot { id, path } => self.snapshot(id, path),
            Command::PreviewPicture {
                id,
                path,
                width_max,
                watched_ms,
            } => self.picture_of_preview((id, path), width_max, watched_ms),
            Command::Stop => return Some(FinishReason::Stopped),
        }
        None
    }

    /// What is on air. When it is nothing yet, `what` came too early.
    fn air_for(&mut self, what: &str) -> Option<&mut Air> {
        if self.air.is_none() {
            self.out_of_order(&format!("{what} came before the configuration"));
        }
        self.air.as_mut()
    }

    fn apply_scene(&mut self, scene: WantedScene) {
        let Some(air) = self.air_for("a scene") else {
            return;
        };
        match air.layers.apply(scene) {
            Ok(()) => self.show(),
            Err(refused) => self.warn("worker.scene.refused", refused.to_string()),
        }
    }

    fn apply_preview(&mut self, scene: Option<WantedScene>) {
        let Some(air) = self.air_for("a preview") else {
            return;
        };
        if let Err(refused) = air.layers.preview(scene) {
            self.warn("worker.preview.refused", refused.to_string());
        }
        self.show();
    }

    fn apply_outputs(&mut self, outputs: Vec<WantedOutput>) {
        if let Some(air) = self.air_for("outputs")
            && let Err(refused) = air.outputs.apply(outputs)
        {
            self.warn("worker.outputs.refused", refused.to_string());
        }
    }

    fn apply_ladder(&mut self, ladder: Vec<Rendition>) {
        if let Some(air) = self.air_for("a ladder") {
            air.apply_ladder(ladder);
        }
    }

    fn apply_chat(&mut self, chat: ChatFeed) {
        if let Some(air) = self.air_for("the chat") {
            air.layers.converse(chat);
            self.show();
        }
    }

    fn apply_values(&mut self, values: TextValues) {
        if let Some(air) = self.air_for("values") {
            air.layers.inform(values);
            self.show();
        }
    }

    fn snapshot(&self, id: u64, path: PathBuf) {
        match &self.air {
            Some(air) => air.program.snapshot(id, path),
            None => self.no_picture(id),
        }
    }

    fn picture_of_preview(&mut self, (id, path): (u64, PathBuf), width_max: u32, watched_ms: u32) {
        let Some(air) = &mut self.air else {
            return self.no_picture(id);
        };
        air.layers
            .watch_preview(Duration::from_millis(watched_ms.into()));
        air.program.picture_of_preview(id, path, width_max);
        self.show();
    }

    fn no_picture(&self, id: u64) {
        self.reports.send(Report::Snapshot {
            id,
            error: Some("nothing is on air yet".to_owned()),
        });
    }
}
