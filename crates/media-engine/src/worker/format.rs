//! The program's format, and how it becomes another one.

use std::sync::Arc;

use sm_common::clock::SharedClock;
use sm_common::ladder::Rendition;
use sm_common::program::{FormatChange, ProgramFormat};
use sm_media_protocol::{HlsSettings, Report, WantedScene};

use super::{Air, Worker};
use crate::limits::check;
use crate::pipeline::{EncoderError, Fanout, Program, ProgramError, ProgramSettings};
use crate::timeline::Timeline;

/// A format that is about to take over.
pub(super) struct Next {
    program: Program,
    fanout: Fanout,
}

/// Why the program keeps the format it has.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nothing is on air yet")]
    NotOnAir,
    #[error(transparent)]
    Limits(#[from] crate::limits::Refused),
    #[error("this takes new encoders: {}", .0.join(", "))]
    NeedsEncoders(Vec<&'static str>),
    #[error(transparent)]
    Program(#[from] ProgramError),
}

impl Refusal {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotOnAir => "program.off-air",
            Self::Limits(_) => "program.limits",
            Self::NeedsEncoders(_) => "program.rebuild-needed",
            Self::Program(ProgramError::Encoders(EncoderError::Missing { .. })) => {
                "program.encoder.missing"
            }
            Self::Program(_) => "program.encoder.failed",
        }
    }
}

impl Air {
    /// The one that shows what comes, be it on air or about to be.
    pub(super) fn program_to_show(&mut self) -> &Program {
        if let Some(Next { program, fanout }) = self.next.take() {
            let mut former = std::mem::replace(&mut self.program, program);
            former.stop();
            self.former = Some(former);
            self.outputs.follow(fanout.clone());
            // Readers of the one before are given its rest, and come again.
            self.source.fanout = fanout;
            self.taps.on_air(self.source.clone());
        }
        &self.program
    }
}

impl Air {
    /// Makes these the further encodings, as soon as those of a former format have ended.
    pub(super) fn apply_ladder(&mut self, ladder: Vec<Rendition>) {
        self.ladder.clone_from(&ladder);
        if self.former.is_none() {
            self.program.apply_ladder(ladder);
        }
    }
}

impl Worker {
    pub(super) fn change_rates(&mut self, program: ProgramFormat) {
        match self.try_rates(&program) {
            Ok(report) => self.reports.send(report),
            Err(refusal) => self.refuse(program, &refusal),
        }
    }

    fn try_rates(&mut self, program: &ProgramFormat) -> Result<Report, Refusal> {
        self.settle_format();
        let air = self.air.as_mut().ok_or(Refusal::NotOnAir)?;
        check(program, air.program.hls())?;
        if let FormatChange::Rebuild { members } = air.program.format().change_to(program) {
            return Err(Refusal::NeedsEncoders(members));
        }
        air.program.set_rates(program)?;
        Ok(Report::ProgramChanged {
            program: program.clone(),
            hls: air.program.hls().clone(),
        })
    }

    /// Makes everything ready for another format, which takes over with the scene.
    pub(super) fn rebuild(&mut self, program: ProgramFormat, hls: HlsSettings, scene: WantedScene) {
        match self.try_rebuild(program.clone(), hls, scene) {
            // That it is on air is reported by the one who writes its segments.
            Ok(()) => self.show(),
            Err(refusal) => self.refuse(program, &refusal),
        }
    }

    fn try_rebuild(
        &mut self,
        format: ProgramFormat,
        hls: HlsSettings,
        scene: WantedScene,
    ) -> Result<(), Refusal> {
        self.settle_format();
        let air = self.air.as_mut().ok_or(Refusal::NotOnAir)?;
        check(&format, &hls)?;
        let fanout = Fanout::new(format.clone());
        let timeline = Timeline::new(format.framerate);
        let settings = ProgramSettings {
            number: air.program.number() + 1,
            format,
            // They begin when those of the former format have ended.
            renditions: Vec::new(),
            fanout: fanout.clone(),
            monitor: air.source.monitor.clone(),
            hls,
            clock: Arc::clone(&air.source.clock),
            wall: SharedClock::clone(&self.wall),
            events: self.events.clone(),
            reports: self.reports.clone(),
            sprite: air.sprite,
        };
        let program = air.program.succeed(settings, air.layers.stage())?;
        air.next = Some(Next { program, fanout });
        air.layers.retime(timeline);
        // The new encoders take over in any case, be it with the scene that is there.
        if let Err(refused) = air.layers.apply(scene) {
            self.warn("worker.scene.refused", refused.to_string());
        }
        Ok(())
    }

    /// A format that waits for its scene takes over now.
    fn settle_format(&mut self) {
        if let Some(air) = &mut self.air
            && air.next.is_some()
        {
            air.layers.settle();
            let stage = air.layers.stage();
            air.program_to_show().show(stage);
        }
    }

    /// Whether this is a format that the program has no more.
    pub(super) fn is_former(&self, program: u64) -> bool {
        let air = self.air.as_ref();
        air.is_some_and(|air| program < air.program.number())
    }

    /// The last segment of a former format is written, or never will be.
    pub(super) fn forget_former(&mut self, program: u64) {
        if let Some(air) = &mut self.air {
            let ended = air.former.take_if(|former| former.number() == program);
            if ended.is_some() {
                air.program.apply_ladder(air.ladder.clone());
            }
        }
    }

    fn refuse(&self, program: ProgramFormat, refusal: &Refusal) {
        let (code, message) = (refusal.code(), full(refusal));
        tracing::warn!(code, message, "the program keeps its format");
        self.reports.send(Report::ProgramRefused {
            program,
            code: code.to_owned(),
            message,
        });
    }
}

/// The error with all that caused it.
fn full(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
