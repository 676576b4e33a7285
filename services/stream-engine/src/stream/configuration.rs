//! What a worker is told first.

use std::path::PathBuf;
use std::time::Duration;

use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{
    Command, HlsSettings, Hosting, LeaseTerms, RecordingSettings, WantedOutput,
};

use super::Surroundings;
use super::scenes::wanted_scene;
use super::screen::Canvas;
use crate::live::file_name::Run;
use crate::live::part::PartPlan;
use crate::supervisor::Employment;

/// What differs from one worker of a host to the next.
#[derive(Debug)]
pub(super) struct Brief<'a> {
    pub(super) run: &'a Run,
    pub(super) generation: u64,
    pub(super) program: &'a ProgramFormat,
    pub(super) ladder: Vec<Rendition>,
    pub(super) outputs: Vec<WantedOutput>,
    pub(super) canvas: &'a Canvas,
}

impl Surroundings {
    /// What a worker of this stream works under.
    pub(super) fn employ(&self, lease: LeaseTerms) -> Employment<'_> {
        Employment {
            config: &self.config.worker,
            stream: &self.stream,
            lease,
            clock: self.clock(),
            lifecycle: self.lifecycle(),
        }
    }

    /// The configuration of a worker; the number of its picture is 1.
    pub(super) fn configuration(&self, brief: Brief<'_>) -> Command {
        let Brief {
            run,
            generation,
            program,
            ladder,
            outputs,
            canvas,
        } = brief;
        Command::Configure {
            program: program.clone(),
            ladder,
            hls: self.hls(run, program),
            recordings: RecordingSettings {
                directory: self.recordings.clone(),
                reserve_bytes: self.config.recordings.reserve_bytes,
            },
            scene: wanted_scene(self, canvas, 1, program),
            outputs,
            hosting: Hosting {
                generation,
                orphan_ms: whole_ms(self.config.worker.orphan()),
            },
            network: self.config.sources.policy(),
            sprite: self.config.live.sprite().map(Box::new),
            targets: self.config.outputs.targets(),
            retry: self.config.sources.retry(),
            adaptive: Box::new(self.config.outputs.adaptive),
            web: self.config.web.settings().map(Box::new),
            feeds: self.place_for_feeds(),
        }
    }

    /// Where segments of `run` go in a program of this format.
    pub(super) fn hls(&self, run: &Run, program: &ProgramFormat) -> HlsSettings {
        let plan = PartPlan::of(program, self.config.live.part_ms);
        HlsSettings {
            directory: self.archive.directory().to_owned(),
            run: run.as_str().to_owned(),
            part_frames: plan.map_or(0, |plan| plan.frames),
        }
    }

    /// Where the worker takes feeds; without it the program is on air all the same.
    fn place_for_feeds(&self) -> Option<PathBuf> {
        let stream = &self.stream;
        self.feeds
            .prepare()
            .inspect_err(|error| {
                tracing::error!(stream.id = %stream, %error, "nobody can push to layers");
            })
            .ok()
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
