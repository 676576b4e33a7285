use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::RenditionName;
use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;
use sm_media_protocol::{HlsSettings, Part, Report, Segment};

use super::encoded::Encoded;
use super::segmenter::{Origin, Piece, Segmenter};
use super::tracks::Tracks;
use crate::fmp4;
use crate::host::Reports;
use crate::number::to_u64;
use crate::timeline::Timeline;

/// Whose segments they are.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    /// The program's.
    Program,
    /// Those of a further encoding.
    Rendition(RenditionName),
}

/// Writes what the encoders make as files of an HLS stream, and reports every one of them.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    hls: HlsSettings,
    whose: Whose,
    format: ProgramFormat,
    timeline: Timeline,
    wall: SharedClock,
    reports: Reports,
    segmenter: Segmenter,
    /// The segment that is being made.
    growing: Growing,
    /// Fragments that were made.
    fragments: u64,
    video: Option<Arc<[u8]>>,
    audio: Option<Arc<[u8]>>,
}

/// What there is of a segment.
#[derive(Debug, Default)]
struct Growing {
    frames: u64,
    independent: bool,
    starts_at: Option<Timestamp>,
    bytes: Vec<u8>,
}

impl SegmentWriter {
    pub(super) fn new(
        (hls, whose): (HlsSettings, Whose),
        format: ProgramFormat,
        wall: SharedClock,
        reports: Reports,
    ) -> Self {
        let timeline = Timeline::new(format.framerate);
        Self {
            segmenter: Segmenter::new(timeline, hls.part_frames),
            growing: Growing::default(),
            fragments: 0,
            hls,
            whose,
            format,
            timeline,
            wall,
            reports,
            video: None,
            audio: None,
        }
    }

    /// Lets the first segment have this number.
    pub(super) fn beginning_at(mut self, segment: u64) -> Self {
        self.segmenter.begin_at(segment);
        self
    }

    /// Writes until both streams have ended. Where it `follows` another format of the program, that
    /// is told as soon as anything comes: what is stopped before has never been on air. What a
    /// rendition had begun when it was cut off is not what the program's segment is, and stays away.
    pub(super) fn run(mut self, encoded: &Receiver<Encoded>, follows: bool) {
        let mut untold = follows;
        let (mut video_ended, mut audio_ended) = (false, false);
        while !(video_ended && audio_ended)
            && let Ok(next) = encoded.recv()
        {
            if std::mem::take(&mut untold) {
                self.reports.send(Report::ProgramChanged {
                    program: self.format.clone(),
                    hls: self.hls.clone(),
                });
            }
            match next {
                Encoded::Video(frame) => self.segmenter.video(frame),
                Encoded::Audio(packet) => self.segmenter.audio(packet),
                Encoded::VideoConfiguration(configuration) => {
                    self.video = Some(configuration);
                    self.initialize();
                }
                Encoded::AudioConfiguration(configuration) => {
                    self.audio = Some(configuration);
                    self.initialize();
                }
                Encoded::VideoEnd => video_ended = true,
                Encoded::AudioEnd => {
                    audio_ended = true;
                    self.segmenter.audio_ended();
                }
            }
            self.write_complete();
        }
        let in_order = video_ended && audio_ended;
        if in_order || matches!(self.whose, Whose::Program) {
            self.segmenter.ended();
            self.write_complete();
        }
    }

    fn write_complete(&mut self) {
        while let Some(piece) = self.segmenter.next() {
            self.write(&piece);
        }
    }

    /// Writes the initialisation section once both streams are known.
    fn initialize(&self) {
        let (Some(video), Some(audio)) = (&self.video, &self.audio) else {
            return;
        };
        let tracks = Tracks::new(&self.format, Arc::clone(video), Arc::clone(audio));
        let file = format!("init-{}.mp4", self.hls.run);
        match put(
            &self.hls.directory,
            &file,
            &fmp4::initialization(&tracks.video, &tracks.audio),
        ) {
            Ok(()) => match self.whose {
                Whose::Program => self.reports.send(Report::InitWritten { file }),
                // Its name follows from that of the segments.
                Whose::Rendition(_) => {}
            },
            Err(error) => self.fail(&error),
        }
    }

    /// Writes a piece, and with the last one its segment, before either is reported: what is
    /// reported is there.
    fn write(&mut self, piece: &Piece) {
        self.fragments += 1;
        let bytes = piece.fragment(self.fragments, Origin::default());
        self.growing.add(piece, &bytes);
        let part = (self.hls.part_frames > 0).then(|| self.write_part(piece, &bytes));
        let segment = piece.last.then(|| self.write_segment(piece.segment));
        for written in [part, segment].into_iter().flatten() {
            match written {
                Ok(report) => self.reports.send(report),
                Err(error) => self.fail(&error),
            }
        }
    }

    fn write_part(&self, piece: &Piece, bytes: &[u8]) -> io::Result<Report> {
        let file = format!("{}-{}.{}.m4s", self.hls.run, piece.segment, piece.part);
        put(&self.hls.directory, &file, bytes)?;
        let part = Part {
            file,
            number: piece.segment,
            part: piece.part,
            duration_s: self.timeline.seconds(piece.frames),
            bytes: to_u64(bytes.len()),
            independent: piece.independent,
            starts_at: piece.starts_at.unwrap_or_else(|| self.wall.now()),
            last: piece.last,
        };
        Ok(match &self.whose {
            Whose::Program => Report::PartWritten(part),
            Whose::Rendition(name) => Report::RenditionPart {
                rendition: name.clone(),
                part,
            },
        })
    }

    fn write_segment(&mut self, number: u64) -> io::Result<Report> {
        let segment = std::mem::take(&mut self.growing);
        let file = format!("{}-{number}.m4s", self.hls.run);
        put(&self.hls.directory, &file, &segment.bytes)?;
        let segment = Segment {
            file,
            number,
            duration_s: self.timeline.seconds(segment.frames),
            bytes: to_u64(segment.bytes.len()),
            starts_at: segment.starts_at.unwrap_or_else(|| self.wall.now()),
            independent: segment.independent,
        };
        Ok(match &self.whose {
            Whose::Program => Report::SegmentWritten(segment),
            Whose::Rendition(name) => Report::RenditionSegment {
                rendition: name.clone(),
                segment,
            },
        })
    }

    fn fail(&self, error: &io::Error) {
        self.reports.send(Report::Fault {
            severity: Severity::Error,
            code: "hls.segment.unwritable".to_owned(),
            message: format!("a segment cannot be written: {}", error.kind()),
        });
    }
}

impl Growing {
    fn add(&mut self, piece: &Piece, bytes: &[u8]) {
        if self.bytes.is_empty() {
            self.independent = piece.independent;
            self.starts_at = piece.starts_at;
        }
        self.frames += piece.frames;
        self.bytes.extend_from_slice(bytes);
    }
}

/// Writes a file so that nobody ever sees a part of it.
pub(super) fn put(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let part: PathBuf = directory.join(format!(".{name}.part"));
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, directory.join(name)))
        .inspect_err(|_error| {
            // What is left of it is of no use to anybody.
            let _ = fs::remove_file(&part);
        })
}
