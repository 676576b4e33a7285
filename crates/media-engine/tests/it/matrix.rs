//! Every kind of source and of output, through every fault. What these tests saw is a row of
//! `docs/reference/faults.md`: one that reads differently fails the test.

use std::fs;
use std::path::{Path, PathBuf};

use sm_common::output::{FileFormat, OutputStatus, SrtMode};
use sm_media_protocol::WantedOutput;
use tempfile::TempDir;

use crate::continuity::assert_regular;
use crate::outputs::{assert_delivered, recordings};
use crate::peers::{Peer, RtmpServer, file, free_udp_port, srt, srt_listener};
use crate::worker::Worker;

/// Where the rows are.
const REFERENCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/faults.md"
);

/// Fails unless the reference has this row.
#[track_caller]
pub(crate) fn assert_in_reference(cells: &[&str]) {
    let row = format!("| {} |", cells.join(" | "));
    let reference = fs::read_to_string(REFERENCE).unwrap();
    assert!(
        reference.lines().any(|line| line == row),
        "docs/reference/faults.md has no row that reads\n{row}"
    );
}

/// A state and its code, as the reference has them.
pub(crate) fn cell(state: &str, code: Option<&str>) -> String {
    code.map_or_else(|| state.to_owned(), |code| format!("{state}, `{code}`"))
}

/// One output of each kind, to which nothing happens while something happens to others.
pub(crate) struct Beside {
    folder: TempDir,
    server: RtmpServer,
    listener: Peer,
    outputs: [WantedOutput; 3],
}

impl Beside {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = RtmpServer::start();
        let port = free_udp_port();
        let listener = srt_listener(port, &folder.path().join("received.ts"), "");
        let outputs = [
            server.output("beside"),
            srt(port, SrtMode::Caller, None),
            file(FileFormat::Mp4),
        ];
        Self {
            folder,
            server,
            listener,
            outputs,
        }
    }

    pub(crate) fn outputs(&self) -> Vec<WantedOutput> {
        self.outputs.to_vec()
    }

    pub(crate) fn wait(&self, worker: &mut Worker) {
        for output in &self.outputs {
            worker.wait_for_output(&output.id, OutputStatus::Live);
        }
    }

    /// Ends the program. Everybody got all of it at regular times: the player, the server, the
    /// listener and the file.
    #[track_caller]
    pub(crate) fn stop(mut self, worker: &mut Worker) -> crate::recording::Recording {
        let played = worker.stop();
        assert_regular(&played, 30);
        for output in &self.outputs {
            let report = worker.wait_for_output(&output.id, OutputStatus::Stopped);
            assert_eq!((report.reconnects, report.code), (0, None));
        }
        self.listener.wait();
        for received in [
            only(&self.server.recordings()),
            self.folder.path().join("received.ts"),
            only(&recordings(worker, &self.outputs[2], "mp4")),
        ] {
            assert_delivered(&received);
        }
        played
    }
}

/// The one file there is: two would be two connections.
#[track_caller]
fn only(files: &[PathBuf]) -> PathBuf {
    let [file] = files else {
        panic!("one file: {files:?}");
    };
    file.clone()
}

/// Bytes that are no media, for those who take files.
pub(crate) fn noise_file(path: &Path) {
    fs::write(path, [0x47, 0xff, 0x13, 0x9a].repeat(5000)).unwrap();
}
