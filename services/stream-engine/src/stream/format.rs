//! The program's format: told to the worker, and taken over once it is on air.

use std::sync::Arc;
use std::time::Duration;

use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;
use sm_media_protocol::{Command, HlsSettings};

use super::errors::Problem;
use super::scenes::wanted_scene;
use super::tenure::Tenure;
use crate::live::file_name::Run;
use crate::live::part::PartPlan;

/// The host has not enough CPU left for a format; the worker is not told of it.
const EXCEEDED: &str = "program.capacity.exceeded";
/// Where an error of the program's format is.
const PROGRAM: &str = "program";

impl Tenure {
    /// Tells the worker of the wanted rates. False when it does not read.
    pub(super) fn change_rates(&mut self) -> bool {
        let Some((program, running)) = self.wanted_program().zip(self.running.as_mut()) else {
            return false;
        };
        let command = Command::ChangeRates {
            program: program.clone(),
        };
        if running.worker.send(command).is_err() {
            return false;
        }
        running.program = program;
        true
    }

    /// Tells the worker to go on in the wanted format, with the picture that is wanted now. False
    /// when it does not read.
    pub(super) fn rebuild(&mut self) -> bool {
        let Some(program) = self.wanted_program() else {
            return false;
        };
        if let Some(refusal) = self.format_exceeds(&program) {
            let message = format!("this host cannot carry another one now: {refusal}");
            self.program_refused(program, EXCEEDED.to_owned(), &message);
            return true;
        }
        let canvas = self.canvas();
        let surroundings = Arc::clone(&self.surroundings);
        let hls = surroundings.hls(&Run::generate(), &program);
        let Some(running) = &mut self.running else {
            return false;
        };
        let Some(screen) = running.screen_mut() else {
            return false;
        };
        let command = Command::Rebuild {
            program: program.clone(),
            hls,
            scene: wanted_scene(&surroundings, &canvas, screen.next(), &program),
        };
        if running.worker.send(command).is_err() {
            return false;
        }
        if let Some(screen) = running.screen_mut() {
            screen.send(canvas.clone());
        }
        running.program = program;
        self.expect_layers(&canvas, false);
        true
    }

    /// The worker has this format on air. Where its run is another one, what was listed is
    /// followed by a discontinuity.
    pub(super) fn program_changed(&mut self, program: ProgramFormat, hls: &HlsSettings) {
        let Some(running) = &mut self.running else {
            return;
        };
        let Ok(run) = hls.run.parse::<Run>() else {
            tracing::warn!(stream.id = %self.surroundings.stream, "the worker names no run");
            return;
        };
        let is_new = running.run != run;
        running.run = run.clone();
        running.refused = None;
        tracing::info!(stream.id = %self.surroundings.stream, rebuilt = is_new, ?program, "program");
        if is_new {
            self.end_run();
            let segment = Duration::from_millis(program.keyframe_interval_ms.into());
            self.playlist.begin(run, segment);
            if let Some(plan) = PartPlan::found(hls.part_frames, &program) {
                self.playlist.expect_parts(plan.target_ms);
            }
            let ladder = self.running.as_ref();
            let ladder = ladder.and_then(|running| running.ladder.clone());
            self.expect_ladder(&program, &ladder.unwrap_or_default());
            self.publish_playlist();
        }
        self.observation.program = Some(program);
        self.format_is_fine();
    }

    /// The worker cannot have this format, and goes on in the one it has.
    pub(super) fn program_refused(&mut self, program: ProgramFormat, code: String, message: &str) {
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(on_air) = self.observation.program.clone() {
            running.program = on_air;
        }
        running.refused = Some(program);
        if code != EXCEEDED
            && let Some(screen) = running.screen_mut()
        {
            // The scene that came with it was refused as well.
            screen.forget_sent();
        }
        let problem = Problem {
            code,
            severity: Severity::Info,
            component: PROGRAM.to_owned(),
            message: format!("the program keeps its format: {message}"),
            recovering: false,
        };
        let now = self.surroundings.clock().now();
        self.format_is_fine();
        self.raise(problem, now, None);
    }

    /// Nothing is wrong with the format that is wanted now, as far as anybody has said.
    pub(super) fn format_is_fine(&mut self) {
        let over = self
            .observation
            .errors
            .clear(|error| error.component == PROGRAM);
        self.note(over);
    }

    /// The format that is wanted.
    fn wanted_program(&self) -> Option<ProgramFormat> {
        let desired = self.wanted.desired.as_ref()?;
        Some(desired.program.clone())
    }

    /// Whether viewers have the program in the format that is wanted, or never will.
    pub(super) fn has_wanted_format(&self, program: &ProgramFormat) -> bool {
        let refused = self
            .running
            .as_ref()
            .and_then(|running| running.refused.as_ref());
        self.observation.program.as_ref() == Some(program) || refused == Some(program)
    }
}
