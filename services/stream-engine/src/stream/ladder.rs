//! The further encodings of the program: which are wanted, and how they do.

use sm_common::id::RenditionName;
use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;
use sm_media_protocol::{Command, Part, RenditionReport, Segment};

use super::errors::Problem;
use super::tenure::Tenure;

/// Failures that only another command ends.
const FINAL: [&str; 2] = ["rendition.name-used", "rendition.refused"];

impl Tenure {
    /// The worker delivers these from now on. Errors of others are over.
    pub(super) fn expect_ladder(&mut self, program: &ProgramFormat, ladder: &[Rendition]) {
        self.playlist.expect_ladder(program, ladder);
        let over = self.observation.errors.clear(|error| {
            let rendition = error.component.strip_prefix("rendition:");
            rendition.is_some_and(|name| !ladder.iter().any(|one| one.name.as_str() == name))
        });
        self.note(over);
    }

    /// Tells the worker of the encodings that are wanted now. False when it does not read.
    pub(super) fn apply_ladder(&mut self) -> bool {
        let desired = self.wanted.desired.as_deref();
        let ladder = desired.map_or_else(Vec::new, |desired| desired.ladder.clone());
        let Some(running) = &mut self.running else {
            return false;
        };
        let command = Command::ApplyLadder {
            ladder: ladder.clone(),
        };
        if running.worker.send(command).is_err() {
            return false;
        }
        running.ladder = Some(ladder.clone());
        let program = running.program.clone();
        self.expect_ladder(&program, &ladder);
        self.publish_playlist();
        true
    }

    /// A rendition began to deliver, or failed: it is offered to players, or no more.
    pub(super) fn rendition_changed(&mut self, report: &RenditionReport) {
        let RenditionReport { rendition, failure } = report;
        if self.playlist.offer(rendition, failure.is_none()) {
            self.publish_playlist();
        }
        let component = format!("rendition:{rendition}");
        let code = failure.as_ref().map(|failure| failure.code.clone());
        let over = self
            .observation
            .errors
            .clear(|error| error.component == component && Some(&error.code) != code.as_ref());
        self.note(over);
        if let Some(failure) = failure {
            let now = self.surroundings.clock().now();
            let problem = Problem {
                code: failure.code.clone(),
                severity: Severity::Warning,
                component,
                message: failure.reason.clone(),
                recovering: !FINAL.contains(&failure.code.as_str()),
            };
            self.raise(problem, now, None);
        }
    }

    pub(super) fn rendition_segment_written(&mut self, report: (&RenditionName, &Segment)) {
        let (rendition, segment) = report;
        match self.playlist.push_rendition(rendition, segment) {
            Ok(()) => self.publish_playlist(),
            Err(error) => {
                let stream = &self.surroundings.stream;
                tracing::warn!(stream.id = %stream, %error, file = segment.file);
            }
        }
    }

    pub(super) fn rendition_part_written(&mut self, report: (&RenditionName, &Part)) {
        let (rendition, part) = report;
        match self.playlist.push_rendition_part(rendition, part) {
            Ok(listed) if listed && !part.last => self.publish_playlist(),
            Ok(_) => {}
            Err(error) => {
                let stream = &self.surroundings.stream;
                tracing::warn!(stream.id = %stream, %error, file = part.file);
            }
        }
    }

    /// What renditions have left of the segment that becomes a short one.
    pub(super) fn finish_renditions(&mut self) {
        for (rendition, unfinished) in self.playlist.unfinished_renditions() {
            match self.surroundings.archive.finish(&unfinished) {
                Ok(()) => self
                    .playlist
                    .finished_rendition(&rendition, unfinished.segment),
                Err(error) => {
                    let stream = &self.surroundings.stream;
                    tracing::warn!(stream.id = %stream, %rendition, %error, "a segment is lost");
                }
            }
        }
    }
}
