//! Recordings: files that are playable at any moment, also after the worker was killed.

mod container;
mod file;
mod folder;

use std::time::Instant;

use sm_common::clock::{Clock as _, SystemClock};
use sm_common::output::FileTarget;

use super::delivery::{Delivery, Look, Surroundings};
use super::failure::Failure;
use super::queue::Item;
use crate::pipeline::{Origin, Piece, Segmenter};
use crate::timeline::Timeline;
use container::Container;
use file::RecordingFile;
use folder::Folder;

/// Writes the program into files, one after the other.
#[derive(Debug)]
pub(super) struct Recorder {
    target: FileTarget,
    folder: Folder,
    container: Container,
    timeline: Timeline,
    /// Without parts: every piece is a whole segment.
    segmenter: Segmenter,
    part: Option<Part>,
    bytes: u64,
    frames_waiting: u64,
}

/// The file that is being written.
#[derive(Debug)]
struct Part {
    file: RecordingFile,
    origin: Origin,
    fragments: u64,
    seconds: f64,
}

impl Recorder {
    /// Makes the folder and looks whether there is room. Files follow with the first keyframe.
    pub(super) fn begin(
        target: &FileTarget,
        surroundings: Surroundings<'_>,
    ) -> Result<Self, Failure> {
        let Surroundings {
            fanout,
            tracks,
            recordings,
            output,
            ..
        } = surroundings;
        let folder = Folder::open(
            &recordings.directory.join(output.to_string()),
            recordings.reserve_bytes,
        )?;
        let timeline = Timeline::new(fanout.format().framerate);
        Ok(Self {
            target: target.clone(),
            folder,
            container: Container::new(target.format, &tracks),
            timeline,
            segmenter: Segmenter::new(timeline, 0),
            part: None,
            bytes: 0,
            frames_waiting: 0,
        })
    }

    fn write_complete(&mut self) -> Result<(), Failure> {
        while let Some(segment) = self.segmenter.next() {
            self.write(&segment)?;
        }
        Ok(())
    }

    fn write(&mut self, piece: &Piece) -> Result<(), Failure> {
        self.folder.check_room()?;
        self.frames_waiting = 0;
        if self.is_full() {
            self.close()?;
        }
        if let Some(part) = &mut self.part {
            let bytes = self
                .container
                .fragment(piece, part.fragments, part.origin, self.timeline);
            part.file.append(&bytes).map_err(unwritable)?;
            part.fragments += 1;
            part.seconds += self.timeline.seconds(piece.frames);
            self.bytes += crate::number::to_u64(bytes.len());
            return Ok(());
        }
        let origin = Origin::at_frame(self.timeline, piece.start);
        let mut bytes = self.container.head().to_vec();
        bytes.extend(self.container.fragment(piece, 0, origin, self.timeline));
        let began = piece.starts_at.unwrap_or_else(|| SystemClock.now());
        let file = self
            .folder
            .create(began, self.container.format(), &bytes)
            .map_err(unwritable)?;
        self.bytes += crate::number::to_u64(bytes.len());
        self.part = Some(Part {
            file,
            origin,
            fragments: 1,
            seconds: self.timeline.seconds(piece.frames),
        });
        self.tidy();
        Ok(())
    }

    /// Whether the next keyframe begins another file.
    fn is_full(&self) -> bool {
        let Some(part) = &self.part else {
            return false;
        };
        let by_time = self
            .target
            .split_s
            .is_some_and(|limit| part.seconds >= f64::from(limit));
        let by_size = self
            .target
            .split_bytes
            .is_some_and(|limit| part.file.bytes() >= limit);
        by_time || by_size
    }

    fn close(&mut self) -> Result<(), Failure> {
        match self.part.take() {
            Some(part) => part.file.finish().map_err(unwritable),
            None => Ok(()),
        }
    }

    /// Deletes what is not to be kept.
    fn tidy(&self) {
        let current = self.part.as_ref().map(|part| part.file.path());
        let now = SystemClock.now();
        self.folder
            .tidy(current, self.target.keep_files, self.target.keep_s, now);
    }
}

impl Delivery for Recorder {
    fn has_room(&self) -> bool {
        true
    }

    fn give(&mut self, item: Item) -> Result<(), Failure> {
        match item {
            Item::Video(frame) => {
                self.frames_waiting += 1;
                self.segmenter.video(frame);
            }
            Item::Audio(packet) => self.segmenter.audio(packet),
        }
        self.write_complete()
    }

    fn look(&mut self) -> Result<Look, Failure> {
        Ok(Look {
            live: self.bytes > 0,
            bytes: self.bytes,
            acked: None,
            // What does not come back from writing says nothing here; the worker notices.
            must_move: false,
            frames_waiting: self.frames_waiting,
            bytes_waiting: 0,
            packets: 0,
            srt: None,
        })
    }

    fn finish(&mut self, _deadline: Instant) {
        self.segmenter.ended();
        let rest = self.write_complete();
        if let Err(failure) = rest.and_then(|()| self.close()) {
            tracing::warn!(%failure, "a recording is not finished");
        }
        self.tidy();
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "as map_err wants its functions"
)]
fn unwritable(error: std::io::Error) -> Failure {
    Failure::unwritable(&error)
}
