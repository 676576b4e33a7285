use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use sm_common::clock::SharedClock;
use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;
use sm_media_protocol::{HlsSettings, Report, Segment};

use super::encoded::Encoded;
use super::segmenter::{Cut, Origin, Segmenter};
use super::tracks::Tracks;
use crate::fmp4;
use crate::host::Reports;
use crate::number::to_u64;
use crate::timeline::Timeline;

/// Writes what the encoders make as files of an HLS stream, and reports every one of them.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    hls: HlsSettings,
    format: ProgramFormat,
    wall: SharedClock,
    reports: Reports,
    segmenter: Segmenter,
    video: Option<Arc<[u8]>>,
    audio: Option<Arc<[u8]>>,
}

impl SegmentWriter {
    pub(super) fn new(
        hls: HlsSettings,
        format: ProgramFormat,
        wall: SharedClock,
        reports: Reports,
    ) -> Self {
        let segmenter = Segmenter::new(Timeline::new(format.framerate));
        Self {
            hls,
            format,
            wall,
            reports,
            segmenter,
            video: None,
            audio: None,
        }
    }

    /// Writes until both streams have ended.
    pub(super) fn run(mut self, encoded: &Receiver<Encoded>) {
        let (mut video_ended, mut audio_ended) = (false, false);
        while !(video_ended && audio_ended)
            && let Ok(next) = encoded.recv()
        {
            let cut = match next {
                Encoded::Video(frame) => self.segmenter.video(frame),
                Encoded::Audio(packet) => self.segmenter.audio(packet),
                Encoded::VideoConfiguration(configuration) => {
                    self.video = Some(configuration);
                    self.initialize();
                    None
                }
                Encoded::AudioConfiguration(configuration) => {
                    self.audio = Some(configuration);
                    self.initialize();
                    None
                }
                Encoded::VideoEnd => {
                    video_ended = true;
                    None
                }
                Encoded::AudioEnd => {
                    audio_ended = true;
                    self.segmenter.audio_ended()
                }
            };
            if let Some(cut) = cut {
                self.write(&cut);
            }
        }
        if let Some(rest) = self.segmenter.finish() {
            self.write(&rest);
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
            Ok(()) => self.reports.send(Report::InitWritten { file }),
            Err(error) => self.fail(&error),
        }
    }

    fn write(&self, cut: &Cut) {
        let file = format!("{}-{}.m4s", self.hls.run, cut.number);
        let bytes = cut.fragment(cut.number + 1, Origin::default());
        match put(&self.hls.directory, &file, &bytes) {
            Ok(()) => self.reports.send(Report::SegmentWritten(Segment {
                file,
                number: cut.number,
                duration_s: cut.duration_s,
                bytes: to_u64(bytes.len()),
                starts_at: cut.starts_at.unwrap_or_else(|| self.wall.now()),
                independent: cut.independent,
            })),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&self, error: &io::Error) {
        self.reports.send(Report::Fault {
            severity: Severity::Error,
            code: "hls.segment.unwritable".to_owned(),
            message: format!("a segment cannot be written: {}", error.kind()),
        });
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
