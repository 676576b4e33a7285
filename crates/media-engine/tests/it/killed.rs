//! Recordings of workers that are killed at any moment.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use sm_common::output::{FileFormat, OutputStatus};
use sm_media_protocol::WantedOutput;

use crate::outputs::{assert_plays, recordings, still};
use crate::peers::{file, wait_until};
use crate::worker::Worker;

/// Workers that are killed in each test.
const KILLS: u64 = 10;
/// From a recording's first fragment to the kill, at most: more than one fragment takes.
const LIFE_MAX_MS: u64 = 1500;

/// Another number every time.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

struct Recorder {
    worker: Worker,
    output: WantedOutput,
    life: Duration,
}

impl Recorder {
    fn start(format: FileFormat) -> Self {
        let output = file(format);
        Self {
            worker: Worker::sending(still(), std::slice::from_ref(&output), 0),
            output,
            life: Duration::from_millis(chance() % LIFE_MAX_MS),
        }
    }

    fn kill_at_its_moment(&mut self, extension: &str) {
        self.worker
            .wait_for_output(&self.output.id, OutputStatus::Live);
        wait_until("the recording's first fragment", || {
            let written = recordings(&self.worker, &self.output, extension);
            let length = written.first().and_then(|path| path.metadata().ok());
            length.is_some_and(|metadata| metadata.len() > 0)
        });
        let moment = Instant::now() + self.life;
        wait_until("the moment of the kill", || Instant::now() >= moment);
        self.worker.kill();
    }
}

fn killed_recordings_play(format: FileFormat, extension: &str) {
    let mut recorders: Vec<Recorder> = (0..KILLS).map(|_| Recorder::start(format)).collect();
    for recorder in &mut recorders {
        recorder.kill_at_its_moment(extension);
    }
    for recorder in &recorders {
        let written = recordings(&recorder.worker, &recorder.output, extension);
        assert_eq!(written.len(), 1, "{written:?}");
        // Fragments are whole seconds: none of what was written is lost.
        let frames = assert_plays(&written[0]);
        assert!(
            frames > 0 && frames.is_multiple_of(30),
            "{frames} after {:?}",
            recorder.life
        );
    }
}

#[test]
fn ten_mp4_recordings_killed_at_any_moment_play_to_their_last_fragment() {
    killed_recordings_play(FileFormat::Mp4, "mp4");
}

#[test]
fn ten_mkv_recordings_killed_at_any_moment_play_to_their_last_fragment() {
    killed_recordings_play(FileFormat::Mkv, "mkv");
}
